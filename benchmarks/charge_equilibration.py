"""Charge equilibration: time of energy, forces and stress, direct and iterative, and how both grow.

    OMP_NUM_THREADS=1 python benchmarks/charge_equilibration.py [--largest 32768]

Two kinds of periodic structures: rock salt, thermally displaced, with Gaussian densities; and supercells of
Li7P3S11 with the parameters and Slater densities of Rappé and Goddard. Times are the best of three of process
time on one thread and include everything; tables of densities are made once. `largest_charge_difference`
compares the solvers at the same settings. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from ase.io import read

from superion.electrostatics import ChargeEquilibration, EquilibrationTerm, Gaussian, rappe_goddard
from superion.electrostatics.iterative_response import IterativeResponse

STRUCTURE = Path(__file__).parents[1] / "data" / "lps" / "Li7P3S11.vasp"
DIRECT_UP_TO = 2000


def rock_salt() -> tuple[list[Atoms], dict]:
    structures = [bulk("NaCl", "rocksalt", a=5.64, cubic=True) * (n, n, n) for n in (2, 3, 4, 6, 8, 11, 16)]
    model = ChargeEquilibration(
        {"Na": 2.843, "Cl": 8.564}, {"Na": 8.6, "Cl": 9.892}, {"Na": Gaussian(1.2), "Cl": Gaussian(0.9)}, 0.0
    )
    return structures, model.settings()


def thiophosphate() -> tuple[list[Atoms], dict]:
    cell = read(STRUCTURE)
    structures = [cell * n for n in ((1, 1, 1), (2, 2, 1), (3, 2, 2), (4, 3, 3), (6, 5, 4), (8, 7, 5))]
    return structures, rappe_goddard(["Li", "P", "S"], total_charge=0.0).settings()


def measure(settings: dict, solver: str, atoms: Atoms) -> dict:
    """Best of three, each from the start."""
    times = []
    for _ in range(3):
        model = ChargeEquilibration.restore(settings | {"solver": solver}, {})
        start = time.process_time()
        found = EquilibrationTerm(model).evaluate(atoms)
        times.append(time.process_time() - start)
    response = model.equilibrium(atoms).response
    steps = {"iterations": response.iterations} if isinstance(response, IterativeResponse) else {}
    return {"s": float(f"{min(times):.3g}")} | steps | {"found": found}


def rows(name: str, structures: list[Atoms], settings: dict, largest: int) -> list[dict]:
    found = []
    for atoms in structures:
        if len(atoms) > largest:
            continue
        atoms.rattle(0.1, seed=1)
        row: dict = {"structure": name, "atoms": len(atoms)}
        charges = {}
        for solver in ("direct", "iterative"):
            if solver == "direct" and len(atoms) > DIRECT_UP_TO:
                continue
            result = measure(settings, solver, atoms)
            charges[solver] = result.pop("found").charges
            row[solver] = result
        if len(charges) == 2:
            row["largest_charge_difference"] = float(
                f"{np.abs(charges['direct'] - charges['iterative']).max():.2g}"
            )
        found.append(row)
        print(row, file=sys.stderr, flush=True)
    return found


def growth(found: list[dict], beyond: int = 350) -> float:
    """Exponent of the time of the iterative solver with the number of atoms, least squares."""
    points = [(row["atoms"], row["iterative"]["s"]) for row in found if row["atoms"] > beyond]
    return round(float(np.polyfit(*np.log(np.array(points)).T, 1)[0]), 2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--largest", type=int, default=32768, help="leave out larger structures")
    largest = parser.parse_args().largest
    torch.set_num_threads(1)
    results, exponents = [], {}
    for name, case in (("NaCl, Gaussian", rock_salt), ("Li7P3S11, Slater", thiophosphate)):
        found = rows(name, *case(), largest)
        results += found
        exponents[name] = growth(found)
    packages = ("superion", "torch", "numpy", "numba")
    machine = {"processor": platform.processor() or platform.machine(), "threads": torch.get_num_threads()}
    print(
        json.dumps(
            {
                "machine": machine | {"system": platform.platform(), "python": platform.python_version()},
                "versions": {package: version(package) for package in packages},
                "exponent_of_the_iterative_solver": exponents,
                "results": results,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
