"""Relaxed structures: zero forces, and the stress asked for where the cell may change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS, FIRE, LBFGS

from superion.errors import MAKE_CRYSTAL, InputError, SimulationError

Array = np.ndarray
FMAX = 1e-3
"""Largest force on an atom of a relaxed structure, in eV/Å; of the cell, strain derivative per atom in eV."""
STEPS = 1000
FAINTEST = 1e-9
"""eV/Å: rounding of forces is hardly below."""
HIGHEST = 100.0
"""eV/Å³, 16 TPa: of a pressure."""
SHORTEST, LONGEST = 1e-5, 5.0
SWELL = 3.0
"""How many times larger or smaller a cell may become before it is said to have burst or collapsed."""
MANY = 300
"""Atoms above which BFGS, which solves for all of them at once, is slower than what it saves."""

Freedom = Literal["none", "volume", "shape", "full"]
FREEDOMS: dict[Freedom, dict[str, bool]] = {
    "none": {},
    "volume": {"hydrostatic_strain": True},
    "shape": {"constant_volume": True},
    "full": {},
}
"""What of the cell relaxes: nothing; its volume, the shape kept; its shape, the volume kept; all of it."""
OPTIMISERS: dict[str, Any] = {"bfgs": BFGS, "lbfgs": LBFGS, "fire": FIRE}


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Where a relaxation ended.

    atoms: the structure, with its calculator. converged: whether it is relaxed. reason: why it stopped.
    steps: taken. force: eV/Å, the largest left on an atom that may move. energies: eV, of every step; the
    enthalpy under pressure.
    """

    atoms: Atoms
    converged: bool
    reason: str
    steps: int
    force: float
    energies: tuple[float, ...]


def relax(
    atoms: Atoms,
    calculator: Calculator,
    *,
    cell: Freedom = "none",
    pressure: float = 0.0,
    fmax: float = FMAX,
    steps: int = STEPS,
    longest: float = 0.2,
    optimiser: str | None = None,
    watch: Callable[[int, Atoms, float], None] | None = None,
) -> Relaxation:
    """A copy relaxed under its own constraints, or as far as `steps` go.

    cell: what of it relaxes too. pressure: eV/Å³, hydrostatic, for cells whose volume is free. fmax: eV/Å; of
    the cell, eV of strain derivative per atom. longest: Å that an atom may move in one step. optimiser: bfgs,
    lbfgs or fire; None: bfgs, and lbfgs for many atoms. watch: called with each step, its structure and its
    largest force. Raises SimulationError with the step where energy or forces are no longer finite, or where
    the cell bursts or collapses.
    """
    if not (np.isfinite(fmax) and fmax >= FAINTEST and steps >= 0 and abs(pressure) <= HIGHEST):
        raise InputError(
            f"relaxation needs a positive force of at least {FAINTEST:g} eV/Å, steps ≥ 0 and a pressure of "
            f"at most {HIGHEST:g} eV/Å³, found {fmax} eV/Å, {steps} and {pressure} eV/Å³."
        )
    if not SHORTEST <= longest <= LONGEST:
        raise InputError(
            f"the longest step of an atom must be {SHORTEST:g} to {LONGEST:g} Å, found {longest}.",
            remedy="0.2 is customary, 0.05 careful.",
        )
    if cell != "none" and not (atoms.pbc.all() and atoms.cell.rank == 3):
        raise InputError(
            "the cell cannot relax: the structure is not periodic along three axes.",
            remedy=f"{MAKE_CRYSTAL} Or keep the cell: --cell none of `superion relax`.",
        )
    if pressure and cell in ("none", "shape"):
        raise InputError(
            "a pressure acts on cells whose volume is free.", remedy="let it be: volume or full."
        )
    moved = atoms.copy()
    moved.calc = calculator
    target: Any = moved
    if cell != "none":
        target = FrechetCellFilter(moved, scalar_pressure=pressure, **FREEDOMS[cell])
    kind = OPTIMISERS[optimiser or ("bfgs" if len(atoms) <= MANY else "lbfgs")]
    volume = abs(float(np.linalg.det(atoms.cell.array)))
    energies: list[float] = []
    step, converged = 0, False
    try:
        search = kind(target, logfile=None, maxstep=longest)
        for found in search.irun(fmax=fmax, steps=steps):
            converged, step = bool(found), search.nsteps
            energies.append(float(target.get_potential_energy()))
            force = _largest(moved)
            _check(moved, energies[-1], force, volume, step)
            if watch is not None:
                watch(step, moved, force)
    except PropertyNotImplementedError as error:
        raise InputError(
            f"the calculator does not give what relaxation needs ({error}).",
            remedy="use one that gives forces, and stress if the cell is to relax.",
        ) from error
    except (np.linalg.LinAlgError, FloatingPointError) as error:
        raise SimulationError(
            f"the relaxation of {atoms.get_chemical_formula()} failed at step {step} ({error}).",
            remedy="start from a structure closer to a minimum, or use another model.",
        ) from error
    left = _largest(moved)
    reason = f"relaxed after {step} steps" if converged else f"not relaxed after {step} steps"
    return Relaxation(moved, converged, reason, step, left, tuple(energies))


def relaxed(
    atoms: Atoms,
    calculator: Calculator,
    *,
    cell: bool = False,
    fmax: float = FMAX,
    steps: int = STEPS,
    longest: float = 0.2,
) -> Atoms:
    """A relaxed copy that keeps `calculator`, its cell relaxed as well with `cell`.

    BFGS as in ASE (Larsen et al., J. Phys.: Condens. Matter 29, 273002, 2017). SimulationError with the force
    that is left if `steps` do not suffice: a structure that did not relax is never returned. longest: Å that
    an atom may move in one step.
    """
    found = relax(
        atoms,
        calculator,
        cell="full" if cell else "none",
        fmax=fmax,
        steps=steps,
        longest=longest,
        optimiser="bfgs",
    )
    if not found.converged:
        raise SimulationError(
            f"{atoms.get_chemical_formula()} is not relaxed after {steps} steps: left are "
            f"{left_over(found.atoms, cell=cell)}; wanted at most {fmax:g} eV/Å.",
            remedy="allow more steps or a larger force, or start from a structure closer to a minimum.",
        )
    return found.atoms


def left_over(atoms: Atoms, *, cell: bool = False) -> str:
    """The largest force left, and the stress."""
    forces = np.linalg.norm(atoms.get_forces(), axis=1)
    worst = int(np.argmax(forces))
    rest = f"{forces[worst]:.3g} eV/Å on atom {worst} ({atoms.symbols[worst]})"
    return rest + (f", and a stress of up to {np.abs(atoms.get_stress()).max():.3g} eV/Å³" if cell else "")


def _largest(atoms: Atoms) -> float:
    return float(np.linalg.norm(atoms.get_forces(), axis=1).max(initial=0.0))


def _check(atoms: Atoms, energy: float, force: float, volume: float, step: int) -> None:
    """SimulationError where a relaxation has left what means anything."""
    problem = ""
    if not (np.isfinite(energy) and np.isfinite(force)):
        problem = f"energy {energy} eV and the largest force {force} eV/Å are not finite"
    elif volume:
        ratio = abs(float(np.linalg.det(atoms.cell.array))) / volume
        if not 1 / SWELL < ratio < SWELL:
            problem = f"the cell has {ratio:.2g} times the volume it began with"
    if problem:
        raise SimulationError(
            f"the relaxation of {atoms.get_chemical_formula()} stopped at step {step}: {problem}.",
            remedy="start closer to a minimum, or use a model that knows structures like this.",
        )
