"""Charge equilibration: the charges of a structure are those of least energy.

    E(q) = Σ_i (χ_i q_i + ½ J_i q_i²) + E_Coulomb(q) − Σ_i q_i r_i·E,   Σ_{i in fragment} q_i = Q_fragment

with electronegativities χ (V), hardnesses J (eV/e²) and an electric field E (V/Å): Mortier, Ghosh and
Shankar, J. Am. Chem. Soc. 108, 4315, 1986; Rappé and Goddard, J. Phys. Chem. 95, 3358, 1991. Both χ and J are
atomic properties, so that constants by element (QEq) and learned functions of the environment (CENT, kQEq)
are the same model. J is the whole second derivative of the energy of a lone atom: E_Coulomb leaves the
interaction of an atom with itself out. Where a publication gives J without it, as CENT and kQEq do, add
`densities.self_interaction`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms

from superion.electrostatics.bounded import Bounds, held_at, levels, within
from superion.electrostatics.charge_constraints import checked_field, constraints_of
from superion.electrostatics.charge_transfer import warn_of_transfer
from superion.electrostatics.charged_cells import restored, stored
from superion.electrostatics.charges import CHARGE_MODELS
from superion.electrostatics.coulomb_operator import CoulombOperator, coulomb_operator, difference, scaled
from superion.electrostatics.densities import (
    Density,
    by_element,
    checked_accuracy,
    density_kinds,
    density_settings,
    restore_density,
)
from superion.electrostatics.equilibration import Constraints, DirectResponse, Response, equilibrate
from superion.electrostatics.iterative_response import IterativeResponse
from superion.electrostatics.lattice import Sums
from superion.electrostatics.properties import (
    AtomicProperty,
    ElementValues,
    Vjp,
    part_of,
    prefixed,
    restore_property,
)
from superion.errors import InputError, ModelError, naming, suggest

Array = np.ndarray
SOLVERS = ("auto", "direct", "iterative")
DIRECT = {2: 1000, 3: 350}
"""Atoms up to which the direct solution is faster, by the number of periodic axes; measured."""
ITERATIONS = 30
"""How many sums an iterative solution takes, about."""


@dataclass(frozen=True, slots=True)
class Equilibrium:
    """Charges of one structure of N atoms, and how they came about.

    charges: (N,) e. electronegativity: (N,) V. hardness: (N,) eV/e². external: (N,) V, −r·E. times: of
    charges (N,) e, what matrix and hardness make of them, (N,) V. held: (N,) bool, atoms at a bound, which do
    not respond.
    """

    charges: Array
    electronegativity: Array
    hardness: Array
    external: Array
    constraints: Constraints
    operator: CoulombOperator
    response: Response
    times: Callable[[Array], Array]
    held: Array

    def coulomb(self) -> Sums:
        """Potential, forces and virial of the charges; eV, Å, e."""
        return self.operator.sums(self.charges)


class ChargeEquilibration:
    """Charges of least energy, see the head of this module: a charge model."""

    kind: ClassVar[str] = "equilibration"

    def __init__(
        self,
        electronegativity: AtomicProperty | Mapping[str, float],
        hardness: AtomicProperty | Mapping[str, float],
        densities: Mapping[str, Density] | Density,
        total_charge: float | None = None,
        *,
        field: Sequence[float] = (0.0, 0.0, 0.0),
        background: bool | None = None,
        neutral_parts: bool = False,
        accuracy: float = 1e-8,
        solver: str = "auto",
        tolerance: float = 1e-11,
        warn: bool = True,
        bounds: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        """Set up the model.

        electronegativity: V, hardness: eV/e²; by element symbol, or properties. densities: one for all
        elements, or one for each symbol. total_charge: Q (e) of structures without `info["total_charge"]`;
        None refuses those. field: (3,) V/Å, without periodic axes or across a slab. background: a uniform one
        that neutralises charged periodic cells: True; None to warn of it as well; False to refuse such cells.
        neutral_parts: keep each bonded
        part of a neutral cluster neutral where it states no fragments; the energy jumps where a bond breaks.
        accuracy: of periodic sums, relative to a bare pair interaction. solver: "direct" (time N³),
        "iterative" (N log N in periodic structures), or "auto", the faster of both. tolerance: of iterations,
        relative. warn: `ChargeTransferWarning` where parts of a cluster that are not bonded exchange charge.
        bounds: smallest and largest charge (e) by element symbol, see `bounded`; other elements have none.
        Raises InputError for numbers that mean nothing.
        """
        self.electronegativity = _property(electronegativity, "electronegativity")
        self.hardness = _property(hardness, "hardness")
        self.densities = by_element(densities)
        self.distinct: tuple[Density, ...] = tuple(dict.fromkeys(self.densities.values()))
        self.total_charge = None if total_charge is None else float(total_charge)
        self.field = np.asarray(field, dtype=np.float64)
        if self.field.shape != (3,) or not np.isfinite(self.field).all():
            raise InputError(f"a field has three finite components in V/Å, found {field!r}.")
        self.background = None if background is None else bool(background)
        self.accuracy, self.warn = checked_accuracy(accuracy), bool(warn)
        self.neutral_parts = bool(neutral_parts)
        if solver not in SOLVERS:
            raise InputError(
                f"unknown solver {solver!r} of charges.{suggest(str(solver), SOLVERS)}",
                remedy=f"choose one of {', '.join(SOLVERS)}.",
            )
        if not 1e-15 <= tolerance < 1:
            raise InputError(
                f"the tolerance of iterations must lie between 1e-15 and 1, found {tolerance!r}.",
                remedy="use the default 1e-11.",
            )
        self.solver, self.tolerance = solver, float(tolerance)
        self.bounds = {symbol: _range(symbol, given) for symbol, given in (bounds or {}).items()}
        self._last: tuple[tuple[bytes, ...], Equilibrium] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_last": None}

    def with_field(self, field: Sequence[float]) -> Self:
        """The same model in another field (V/Å)."""
        settings = self.settings() | {"field": [float(value) for value in field]}
        return type(self).restore(settings, self.arrays())

    def with_background(self, background: bool | None) -> Self:
        """The same model, which does something else with charged cells."""
        other = copy(self)
        other.background, other._last = background, None
        return other

    def charges(self, atoms: Atoms) -> Array:
        """(N,) e. Errors: see `equilibrium`."""
        return self.equilibrium(atoms).charges.copy()

    def chemical_potentials(self, atoms: Atoms) -> Array:
        """(F,) V of each fragment: the derivative of the least energy by its charge."""
        found = self.equilibrium(atoms)
        slope = found.electronegativity + found.external + found.times(found.charges)
        return levels(slope, found.constraints, found.held)

    def polarizability(self, atoms: Atoms) -> Array:
        """(3, 3) e·Å²/V, the derivative of the dipole by the field; without periodic axes only."""
        if atoms.pbc.any():
            raise InputError(
                f"a polarizability needs a structure without periodic axes, found {atoms.pbc.tolist()}.",
                remedy='cut a cluster out, with pbc="F F F" in its file (in Python atoms.pbc = False).',
            )
        response = self.equilibrium(atoms).response
        columns = [response.solve(np.ascontiguousarray(axis)) for axis in atoms.positions.T]
        found = atoms.positions.T @ np.reshape(columns, (3, -1)).T
        return 0.5 * (found + found.T)

    def vjp(self, atoms: Atoms, slope: Array) -> Vjp:
        """Forces (N, 3) eV/Å and virial (3, 3) eV of Σ_i slope_i q_i at constant slope (N,) eV/e.

        By implicit differentiation: one more solution of the linear equations, whatever the number of atoms.
        """
        found = self.equilibrium(atoms)
        if len(atoms) == 0:
            return np.zeros((0, 3)), np.zeros((3, 3))
        answer = found.response.solve(np.asarray(slope, dtype=np.float64))
        parts = [
            self.electronegativity.vjp(atoms, -answer),
            self.hardness.vjp(atoms, -answer * found.charges),
            self.external_vjp(atoms, -answer),
        ]
        size, scale = (float(np.linalg.norm(x)) for x in (answer, found.charges))
        if size > 0:  # answerᵀMq from two quadratic forms of like magnitude
            unit = answer * ((scale or 1.0) / size)
            ends = (found.operator.sums(found.charges + sign * unit) for sign in (1, -1))
            mixed = scaled(difference(*ends), -0.5 * size / (scale or 1.0))
            parts.append((mixed.forces, mixed.virial))
        return sum(f for f, _ in parts), sum(v for _, v in parts)  # type: ignore[return-value]

    def external_vjp(self, atoms: Atoms, charges: Array) -> Vjp:
        """Forces and virial of the energy of fixed charges (N,) e in the field."""
        work = np.outer(charges @ atoms.positions, self.field)
        return charges[:, None] * self.field, 0.5 * (work + work.T)

    def equilibrium(self, atoms: Atoms, electronegativity: Array | None = None) -> Equilibrium:
        """Charges and what they follow from; the last answer is remembered.

        electronegativity: (N,) V, in the place of the model's own.
        Raises ModelError for elements without a parameter, where nobody states the total charge, and for a
        hardness that does not keep charge from flowing without end, naming the atoms; InputError for one
        periodic axis, a charged periodic structure, a field along a periodic axis, fragments that are not
        described, overlapping atoms and numbers that are not finite.
        """
        chi = self.electronegativity.values(atoms) if electronegativity is None else electronegativity
        hardness = self.hardness.values(atoms)
        with naming(atoms.info.get("source")):
            constraints = constraints_of(atoms, self.total_charge, self.background, self.neutral_parts)
        external = -atoms.positions @ checked_field(self.field, atoms)
        geometry = atoms.positions, atoms.cell.array, atoms.pbc, atoms.numbers
        inputs = (*geometry, chi, hardness, external, constraints.groups, constraints.totals)
        key = tuple(np.ascontiguousarray(array).tobytes() for array in inputs)
        if self._last is None or self._last[0] != key:
            kinds = density_kinds(atoms, self.densities)
            operator = coulomb_operator(atoms, self.distinct, kinds, self.accuracy)
            _check_values(atoms, chi, hardness)
            times, q, response, held = self._solution(atoms, operator, hardness, chi + external, constraints)
            found = Equilibrium(q, chi, hardness, external, constraints, operator, response, times, held)
            self._last = key, found
        found = self._last[1]
        if self.warn:
            warn_of_transfer(atoms, found.charges, constraints)
        return found

    def _solution(
        self,
        atoms: Atoms,
        operator: CoulombOperator,
        hardness: Array,
        slope: Array,
        constraints: Constraints,
    ) -> tuple[Callable[[Array], Array], Array, Response, Array]:
        """What charges make, the charges of least energy, how they respond, and which are held at a bound."""
        times, respond = self._equations(atoms, operator, hardness)

        def solve(under: Constraints) -> Array:
            return equilibrate(respond(under), times, slope, under)

        bounds = Bounds.of(atoms, self.bounds)
        if bounds is None or len(atoms) == 0:
            response = respond(constraints)
            held = np.zeros(len(atoms), dtype=bool)
            return times, equilibrate(response, times, slope, constraints), response, held
        q, held = within(solve, lambda charges: slope + times(charges), constraints, bounds)
        return times, q, respond(held_at(constraints, held, q)), held

    def _equations(
        self, atoms: Atoms, operator: CoulombOperator, hardness: Array
    ) -> tuple[Callable[[Array], Array], Callable[[Constraints], Response]]:
        symbols = atoms.get_chemical_symbols()
        most = DIRECT.get(int(atoms.pbc.sum()), len(atoms))
        if self.solver == "direct" or (self.solver == "auto" and len(atoms) <= most):
            matrix = operator.matrix() + np.diag(hardness)
            return matrix.dot, lambda under: DirectResponse(matrix, under, symbols)
        interaction = operator.repeated(ITERATIONS)

        def times(q: Array) -> Array:
            return interaction(q) + hardness * q

        precondition = operator.preconditioner(hardness)
        return times, lambda under: IterativeResponse(times, precondition, under, symbols, self.tolerance)

    def settings(self) -> dict[str, Any]:
        """Everything but arrays, as JSON-ready values."""
        return {
            "kind": self.kind,
            "electronegativity": self.electronegativity.settings(),
            "hardness": self.hardness.settings(),
            "densities": {symbol: density_settings(d) for symbol, d in self.densities.items()},
            "total_charge": self.total_charge,
            "field": self.field.tolist(),
            "charged_cells": stored(self.background),
            "neutral_parts": self.neutral_parts,
            "accuracy": self.accuracy,
            "solver": self.solver,
            "tolerance": self.tolerance,
            "warn": self.warn,
            "bounds": {symbol: list(given) for symbol, given in self.bounds.items()},
        }

    def arrays(self) -> dict[str, Array]:
        """The arrays of both properties."""
        return prefixed("electronegativity", self.electronegativity.arrays()) | prefixed(
            "hardness", self.hardness.arrays()
        )

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from what `settings` and `arrays` returned."""
        chi, hardness = (
            restore_property(settings[name], part_of(name, arrays))
            for name in ("electronegativity", "hardness")
        )
        densities = {symbol: restore_density(d) for symbol, d in settings["densities"].items()}
        names = ("field", "accuracy", "solver", "tolerance", "warn")
        options = {name: settings[name] for name in names}
        options["background"], options["bounds"] = restored(settings), settings.get("bounds")
        options["neutral_parts"] = settings.get("neutral_parts", False)  # files of older versions lack it
        return cls(chi, hardness, densities, settings["total_charge"], **options)


def _property(given: AtomicProperty | Mapping[str, float], name: str) -> AtomicProperty:
    return ElementValues(given, name) if isinstance(given, Mapping) else given


def _range(symbol: str, given: Sequence[float]) -> tuple[float, float]:
    low, high = (float(value) for value in given) if len(given) == 2 else (np.nan, np.nan)
    if not low <= high:
        raise InputError(
            f"the bounds of the charge of {symbol} are {given!r}.",
            remedy="give the smallest and the largest, in e.",
        )
    return low, high


def _check_values(atoms: Atoms, chi: Array, hardness: Array) -> None:
    for name, values in (("electronegativity", chi), ("hardness", hardness)):
        if values.shape != (len(atoms),) or not np.isfinite(values).all():
            raise ModelError(
                f"the {name} has shape {values.shape} for {len(atoms)} atoms, or numbers not finite.",
                remedy="a property gives one finite number for each atom.",
            )


CHARGE_MODELS.add(ChargeEquilibration)
