"""Errors on held-out trajectories: superion beside gap_fit, same split, same hyper-parameters.

    python benchmarks/accuracy_vs_gap_fit.py

Labels minus the electrostatic baseline are handed to gap_fit as they are to our own fit. Prints JSON.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from ase import Atoms
from gap_fit import arguments, gap_fit, target

from superion.analysis.accuracy import errors
from superion.potentials.gap.fit import ISOLATED
from superion.potentials.potential import Potential
from superion.recipes.base import Job, Options, fit_jobs
from superion.recipes.registry import fit_preset
from superion.structures.read import read_frames
from superion.structures.split import split_by_trajectory
from superion.study.config import read_study
from superion.terms import Evaluation, Term

ROOT = Path(__file__).parents[1]


def baseline(terms: list[Term], atoms: Atoms) -> Evaluation:
    """Sum of the fixed terms; they vanish for an isolated atom, as in the fit."""
    if atoms.info.get("config_type") == ISOLATED:
        return Evaluation.zero(len(atoms))
    return Potential(terms).evaluate(atoms)


def main() -> None:
    study = read_study(ROOT / "examples" / "li7p3s11.yaml")
    frames = [atoms for path in study.data.files for atoms in read_frames(path)]
    train, test = split_by_trajectory(frames, test=study.data.test)
    same = study.fit.model_copy(
        update={"soap": study.fit.soap.model_copy(update={"channels": None, "components": None})}
    )
    ours, results = {}, {}
    for label, settings in (("as gap_fit", same), ("as in the example", study.fit)):
        started = time.perf_counter()
        jobs = {name: Job(fit_preset(name), settings, Options(workers=2)) for name in ("gap", "es-gap")}
        fitted = fit_jobs(train, jobs)
        results[f"superion seconds, both potentials, {label}"] = round(time.perf_counter() - started, 1)
        ours[label] = {name: Potential(terms) for name, terms in fitted.items()}
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    results["superion peak memory GB, whole process"] = round(own, 2)
    for name, potential in ours["as gap_fit"].items():
        *terms, gp = potential.terms
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            words = arguments(same, gp.species, gp.baseline)
            quip = gap_fit([target(a, baseline(terms, a)) for a in train], words, Path(folder))
            seconds = time.perf_counter() - started

            def peer(atoms: Atoms, terms=terms, quip=quip) -> Evaluation:
                copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
                copy.calc = quip
                virial = -copy.get_stress(voigt=False) * atoms.get_volume()
                energy = copy.get_potential_energy()
                local = Evaluation(energy, np.zeros(len(atoms)), copy.get_forces(), virial)
                return baseline(terms, atoms) + local

            results[name] = {
                **{
                    f"superion, {label}": errors(test, [fits[name].evaluate(a) for a in test])
                    for label, fits in ours.items()
                },
                "gap_fit": errors(test, [peer(a) for a in test]),
                "gap_fit seconds": round(seconds, 1),
                "gap_fit peak memory GB": round(
                    resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6, 2
                ),
            }
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
