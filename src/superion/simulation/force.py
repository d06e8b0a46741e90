"""One evaluation of an ASE calculator per step, without the bookkeeping of `Atoms`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.calculators.calculator import all_changes

from superion.errors import InputError
from superion.model import named
from superion.simulation.electric import FieldCoupling
from superion.simulation.state import State

Array = np.ndarray


class ForceField:
    """Fills the energy, forces, stress and extra results of a state from an ASE calculator.

    The net force is taken off, weighted by mass, so that the centre of mass stays at rest. Models that
    are invariant to translation lose only rounding by it; the others gain a conserved momentum. Fixed atoms
    feel no force, and take up the momentum of the others. With a field, energy and forces are those in it;
    the stress is that without.

    After `forget` the calculator is told that everything has changed. A run forgets wherever it could be
    resumed, so that neighbour lists with a memory do not make a resumed run differ from an unbroken one.
    """

    def __init__(
        self,
        atoms: Atoms,
        calculator: object,
        extra: tuple[str, ...],
        *,
        stress: bool,
        electric: FieldCoupling | None = None,
        fixed: Sequence[int] = (),
    ) -> None:
        """stress: whether it is needed; else it is taken where the calculator knows it in any case."""
        names = ["energy", "forces", *(["stress"] if stress else []), *extra]
        known = getattr(calculator, "implemented_properties", [])
        missing = [name for name in names if name not in known]
        if missing or not callable(getattr(calculator, "calculate", None)):
            raise InputError(
                f"the calculator {named(calculator)} must have calculate() and give {names}; "
                f"it lacks {missing or 'calculate()'}.",
                remedy="use another calculator, another ensemble (--ensemble nvt needs no stress), or record "
                "less (--record).",
            )
        self._calculate = calculator.calculate  # type: ignore[attr-defined]
        self._calculator = calculator
        self._atoms = atoms.copy()
        self._atoms.calc = None
        self._names, self._stress = names, stress
        known_anyway = bool(getattr(calculator, "always_stress", False))
        self.has_stress = stress or (known_anyway and bool(atoms.pbc.all()) and atoms.cell.rank == 3)
        self._extra, self._electric = extra, electric
        masses = atoms.get_masses()[:, None]
        self._share = masses / masses.sum()
        self._fixed = list(fixed)
        self.forget()

    def forget(self) -> None:
        """Make the next evaluation independent of all earlier ones."""
        self._changes = list(all_changes)

    def __call__(self, state: State) -> None:
        """Evaluate at the positions and cell of `state`."""
        self._atoms.arrays["positions"][:] = state.positions
        self._atoms.cell.array[:] = state.cell
        self._calculate(self._atoms, self._names, self._changes)
        self._changes = ["positions", "cell"] if self._stress else ["positions"]
        results = self._calculator.results  # type: ignore[attr-defined]
        missing = [name for name in self._names if results.get(name) is None]
        if missing:
            raise InputError(
                f"the calculator {named(self._calculator)} gave no {', '.join(missing)}.",
                remedy="leave them out of record (--record), or use a model that has them.",
            )
        forces = np.asarray(results["forces"], dtype=np.float64)
        state.energy = float(results["energy"])
        if self._electric is not None:
            forces = forces + self._electric(state, self._atoms)
        if self._fixed:
            state.forces = np.array(forces)
            state.forces[self._fixed] = 0.0
        else:
            state.forces = forces - self._share * forces.sum(axis=0)
        if self.has_stress:
            state.stress = np.array(results["stress"], dtype=np.float64)
        state.extra = {name: np.array(results[name], dtype=np.float64) for name in self._extra}
