"""Structures brought to rest: zero forces, and zero stress where the cell may change."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from superion.errors import InputError, SimulationError

FMAX = 1e-3
"""Largest force on an atom that is taken for rest, in eV/Å; of the cell, strain derivative per atom in eV."""
STEPS = 1000


def relaxed(
    atoms: Atoms,
    calculator: Calculator,
    *,
    cell: bool = False,
    fmax: float = FMAX,
    steps: int = STEPS,
    longest: float = 0.2,
) -> Atoms:
    """A copy at rest that keeps `calculator`, its cell relaxed as well with `cell`.

    longest: Å that an atom may move in one step.

    BFGS as in ASE (Larsen et al., J. Phys.: Condens. Matter 29, 273002, 2017). SimulationError with the force
    that is left if `steps` do not suffice: a structure that did not relax is never returned.
    """
    if not (np.isfinite(fmax) and fmax > 0 and steps >= 0):
        raise InputError(f"relaxation needs a positive force and steps ≥ 0, found {fmax} eV/Å and {steps}.")
    if cell and not (atoms.pbc.all() and atoms.cell.rank == 3):
        raise InputError(
            "the cell cannot relax: the structure is not periodic along three axes.",
            remedy="give the structure a cell and set its periodicity, or keep the cell.",
        )
    moved = atoms.copy()
    moved.calc = calculator
    target: Any = FrechetCellFilter(moved) if cell else moved
    try:
        converged = BFGS(target, logfile=None, maxstep=longest).run(fmax=fmax, steps=steps)
    except PropertyNotImplementedError as error:
        raise InputError(
            f"the calculator does not give what relaxation needs ({error}).",
            remedy="use one that gives forces, and stress if the cell is to relax.",
        ) from error
    except (np.linalg.LinAlgError, FloatingPointError) as error:
        raise SimulationError(
            f"the relaxation of {atoms.get_chemical_formula()} failed ({error}).",
            remedy="start from a structure closer to rest, or use another model.",
        ) from error
    forces = np.linalg.norm(moved.get_forces(), axis=1)
    if not converged or not np.isfinite(forces).all():
        worst = int(np.argmax(forces))
        rest = f"{forces[worst]:.3g} eV/Å on atom {worst} ({moved.symbols[worst]})"
        if cell:
            rest += f", and a stress of up to {np.abs(moved.get_stress()).max():.3g} eV/Å³"
        raise SimulationError(
            f"{atoms.get_chemical_formula()} is not at rest after {steps} steps: left are {rest}; "
            f"wanted at most {fmax:g} eV/Å.",
            remedy="allow more steps or a larger force, or start from a structure closer to rest.",
        )
    return moved
