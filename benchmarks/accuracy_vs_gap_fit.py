"""Errors on held-out trajectories: superion beside gap_fit, same split, same hyper-parameters.

    OMP_NUM_THREADS=2 python benchmarks/accuracy_vs_gap_fit.py

Needs `quippy-ase` (in the `test` extra). Labels minus the electrostatic baseline are handed to gap_fit as
they are to our own fit. Prints one JSON object.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.io import write
from quippy.potential import Potential as Quip

from superion.analysis.accuracy import errors
from superion.potentials.fit import ISOLATED, fit
from superion.potentials.potential import Potential
from superion.structures.read import read_frames
from superion.structures.split import split_by_trajectory
from superion.study.config import read_study
from superion.study.presets import fixed_terms
from superion.terms import Evaluation

ROOT = Path(__file__).parents[1]


def quip_arguments(settings, species: list[str], energies: dict[str, float]) -> list[str]:
    """The same model in gap_fit's words. A pair counts twice in QUIP, hence half the delta."""
    pair, soap, sigma = settings.pair, settings.soap, settings.sigma
    numbers = " ".join(str(atomic_numbers[s]) for s in species)
    descriptors = [
        f"distance_2b cutoff={pair.cutoff} cutoff_transition_width={pair.cutoff_width} "
        f"covariance_type=ard_se delta={pair.delta / 2} theta_uniform={pair.lengthscale} "
        f"sparse_method=uniform n_sparse={pair.sparse_points} add_species=T",
        *(
            f"soap cutoff={soap.cutoff} cutoff_transition_width={soap.cutoff_width} n_max={soap.n_max} "
            f"l_max={soap.l_max} atom_sigma={soap.atom_sigma} zeta={soap.zeta} delta={soap.delta} "
            f"covariance_type=dot_product n_sparse={soap.sparse_points} sparse_method=cur_points "
            f"n_species={len(species)} species_Z={{{{{numbers}}}}} Z={atomic_numbers[s]} add_species=F"
            for s in species
        ),
    ]
    e0 = ":".join(f"{s}:{e}" for s, e in energies.items())
    return [
        "gap={" + " : ".join(descriptors) + "}",
        f"e0={{{e0}}}",
        f"default_sigma={{{sigma.energy} {sigma.force} {sigma.virial} 0}}",
        "energy_parameter_name=target_energy",
        "force_parameter_name=target_forces",
        "virial_parameter_name=target_virial",
        "do_copy_at_file=F",
        "sparse_separate_file=T",
        "rnd_seed=1",
    ]


def main() -> None:
    study = read_study(ROOT / "examples" / "li7p3s11.yaml")
    frames = [atoms for path in study.data.files for atoms in read_frames(path)]
    train, test = split_by_trajectory(frames, test=study.data.test)
    targets = {name: fixed_terms(name, train) for name in ("gap", "es-gap")}
    same = study.fit.model_copy(update={"soap": study.fit.soap.model_copy(update={"components": None})})
    ours, results = {}, {}
    for label, settings in (("as gap_fit", same), ("as in the example", study.fit)):
        started = time.perf_counter()
        fitted = fit(train, settings, targets, workers=2)
        results[f"superion seconds, both potentials, {label}"] = round(time.perf_counter() - started, 1)
        ours[label] = {name: Potential(terms) for name, terms in fitted.items()}
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    results["superion peak memory GB, whole process"] = round(own, 2)
    for name, terms in targets.items():
        fixed = [Potential(terms)] if terms else []
        gp = ours["as gap_fit"][name].terms[-1]
        with tempfile.TemporaryDirectory() as folder:
            targets_file = []
            for atoms in train:
                lone = atoms.info.get("config_type") == ISOLATED
                base = Evaluation.zero(len(atoms)) if lone or not fixed else fixed[0].evaluate(atoms)
                copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
                copy.info["target_energy"] = atoms.info["REF_energy"] - base.energy
                copy.arrays["target_forces"] = atoms.arrays["REF_forces"] - base.forces
                if "REF_stress" in atoms.info:
                    xx, yy, zz, yz, xz, xy = -atoms.info["REF_stress"] * atoms.get_volume()
                    virial = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) - base.virial
                    copy.info["target_virial"] = virial.ravel()
                targets_file.append(copy)
            write(Path(folder) / "train.extxyz", targets_file)
            arguments = quip_arguments(same, gp.species, gp.baseline)
            started = time.perf_counter()
            command = [
                str(Path(sys.executable).parent / "gap_fit"),
                "at_file=train.extxyz",
                "gp_file=gap.xml",
            ]
            done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
            seconds = time.perf_counter() - started
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
            quip = Quip("IP GAP", param_filename=str(Path(folder) / "gap.xml"))

            def peer(atoms: Atoms, fixed=fixed, quip=quip) -> Evaluation:
                copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
                copy.calc = quip
                base = fixed[0].evaluate(atoms) if fixed else Evaluation.zero(len(atoms))
                virial = -copy.get_stress(voigt=False) * atoms.get_volume()
                energy = copy.get_potential_energy()
                return base + Evaluation(energy, np.zeros(len(atoms)), copy.get_forces(), virial)

            results[name] = {
                **{
                    f"superion, {label}": errors(test, [fits[name].evaluate(a) for a in test])
                    for label, fits in ours.items()
                },
                "gap_fit": errors(test, [peer(a) for a in test]),
                "gap_fit seconds": round(seconds, 1),
                "gap_fit peak memory GB": round(peak, 2),
            }
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
