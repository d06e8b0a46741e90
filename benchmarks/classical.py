"""Classical force fields fitted to first-principles labels: rigid or polarizable ions, bonds or none.

    OMP_NUM_THREADS=1 python benchmarks/classical.py [--every N] [--starts N] [--picoseconds X] [--kelvin X]

Fitted to the frames of two trajectories of Li7P3S11 and strained ones, tested on the third trajectory (the
split of examples/li7p3s11.yaml). Prints JSON after each force field: errors, parameters, processor time of
the fit and of one evaluation of 42, 168 and 504 atoms, and how dynamics of 42 atoms went: drift of the
conserved quantity, displacements, and how many P–S bonds (shorter than 2.6 Å) there are before and after.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read

from superion import Calculator, Potential, read_frames
from superion.analysis.accuracy import errors
from superion.errors import SimulationError
from superion.neighbours import neighbour_pairs
from superion.potentials import ClassicalSettings, fit_classical
from superion.simulation import MDSettings, run_md
from superion.structures.split import split_by_trajectory

DATA = Path(__file__).parents[1] / "data" / "lps"
TEST = "Li7P3S11-800K-s1"
FIELDS: dict[str, dict[str, Any]] = {
    "rigid ions": {"polarizabilities": {}},
    "rigid ions, P-S bonds": {"polarizabilities": {}, "bonds": ["P-S"]},
    "polarizable ions": {},
    "polarizable ions, P-S bonds": {"bonds": ["P-S"]},
}
BOND = 2.6  # Å, between the two shells of P–S distances
TIMESTEP = 2.0  # fs


def bonds(atoms: Atoms) -> int:
    """P–S pairs closer than BOND."""
    pairs = neighbour_pairs(atoms, BOND)
    return int(((atoms.numbers[pairs.i] == 15) & (atoms.numbers[pairs.j] == 16)).sum())


def dynamics(potential: Potential, atoms: Atoms, picoseconds: float, kelvin: float) -> dict[str, Any]:
    """What became of a run, from the last structure that it wrote."""
    steps = 50 * round(1000 * picoseconds / TIMESTEP / 50)
    settings = MDSettings(
        ensemble="nvt", temperature=kelvin, timestep=TIMESTEP, steps=steps, sample_every=50, seed=1
    )
    frames: list[Atoms] = []
    outcome: dict[str, Any] = {"stopped": None}
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = run_md(
                atoms,
                Calculator(potential),
                settings,
                folder,
                progress=False,
                watch=lambda _, a: frames.append(a),
            )
            outcome |= {"drift, meV/(atom ps)": round(1e3 * (result.drift or 0.0), 3)}
        except SimulationError as error:
            outcome["stopped"] = error.problem
    moved = np.sqrt(((frames[-1].positions - frames[0].positions) ** 2).sum(axis=1))
    by_species = {s: round(float(moved[atoms.symbols == s].mean()), 2) for s in ("Li", "P", "S")}
    times = f"after {(len(frames) - 1) * 50 * TIMESTEP / 1000:.1f} ps"
    return outcome | {
        "P-S bonds before": bonds(frames[0]),
        f"P-S bonds {times}": bonds(frames[-1]),
        f"mean displacement {times}, Å": by_species,
    }


def evaluation_ms(potential: Potential, atoms: Atoms) -> float:
    """Median processor time of energy, forces and virial."""
    seconds = []
    for _ in range(4):
        started = time.process_time()
        potential.evaluate(atoms)
        seconds.append(time.process_time() - started)
    return round(1e3 * float(np.median(seconds[1:])), 1)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--every", type=int, default=1, help="fit to every n-th frame")
    words.add_argument("--starts", type=int, default=3)
    words.add_argument("--picoseconds", type=float, default=10.0, help="0: no dynamics")
    words.add_argument("--kelvin", type=float, default=800.0, help="temperature of dynamics")
    words.add_argument("--fields", nargs="+", choices=FIELDS, default=list(FIELDS))
    options = words.parse_args()
    frames = [a for name in ("train", "strained") for a in read_frames(DATA / f"{name}.extxyz")]
    train, test = split_by_trajectory(frames, test=[TEST])
    crystal = read(DATA / "Li7P3S11.vasp")
    for name in options.fields:
        settings = ClassicalSettings(starts=options.starts, **FIELDS[name])
        started = time.process_time()
        terms = fit_classical(train[:: options.every], settings)
        seconds = time.process_time() - started
        potential = Potential(terms)
        result: dict[str, Any] = {
            "fit seconds": round(seconds, 1),
            "frames": len(train[:: options.every]),
            "test": errors(test, [potential.evaluate(a) for a in test]),
            "evaluation ms": {
                len(a): evaluation_ms(potential, a)
                for a in (crystal.repeat(n) for n in ((1, 1, 1), (2, 2, 1), (3, 2, 2)))
            },
            "terms": [term.settings() for term in terms[:2]],
        }
        if options.picoseconds:
            result["dynamics"] = dynamics(potential, crystal, options.picoseconds, options.kelvin)
        print(json.dumps({name: result}, indent=2, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
