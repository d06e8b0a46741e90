"""Stops a run that has left the range where the potential means anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite, sqrt
from pathlib import Path

import numpy as np
from ase import Atoms, units

from superion.errors import InputError, LabelError, ModelError, SimulationError, SuperionError
from superion.neighbours import neighbour_pairs
from superion.simulation.fixed import degrees_of_freedom, fixed_atoms
from superion.simulation.integrators import twice_kinetic
from superion.simulation.settings import MDSettings
from superion.simulation.state import State

Array = np.ndarray

_MARGIN = 1.0
"""How much further than the limit a search looks (Å), so that it holds for many frames."""

_REMEDY = (
    "look at the last frames (all frames up to here can be read); shorten the time step, lower the "
    "temperature, or fit the model with structures like these and start in a new folder."
)


class Guard:
    """Checks of one run: every step for finite numbers and heat, every frame for close atoms."""

    def __init__(self, atoms: Atoms, settings: MDSettings, folder: Path) -> None:
        fixed = len(fixed_atoms(atoms))
        self._atoms = atoms.copy()
        self._atoms.set_constraint()
        self._masses = atoms.get_masses()[:, None]
        self._settings, self._folder = settings, folder
        self._slack = 0.0
        self._per_kelvin = degrees_of_freedom(len(atoms), fixed) * units.kB

    @contextmanager
    def explained(self, state: State, *, moved: bool = True) -> Iterator[None]:
        """Turn what a calculator raises into a SimulationError that names the step.

        moved: whether dynamics made the structure. What a calculator says of the one that was given is an
        error of the input, whose kind stays as it is.
        """
        try:
            yield
        except (ArithmeticError, np.linalg.LinAlgError) as error:  # some of which are ValueErrors
            raise self._broke(state, error) from error
        except (InputError, LabelError, ModelError, ValueError) as error:
            if not moved:
                raise
            if isinstance(error, SuperionError):
                raise self.failure(state, error.problem) from error
            raise self._broke(state, error) from error  # numpy and scipy of what is infinite or NaN

    def _broke(self, state: State, error: Exception) -> SimulationError:
        """The error for arithmetic that broke down within a step: what `every_step` says, or that it did."""
        try:
            with np.errstate(all="ignore"):
                self.every_step(state)
        except SimulationError as found:
            return found
        return self.failure(state, f"the numbers left the range of floating point ({error}).")

    def every_step(self, state: State) -> None:
        """Raise SimulationError if energy or forces are not finite or the atoms are too hot."""
        if not (isfinite(state.energy) and isfinite(float(state.forces.sum()))):
            bad = np.flatnonzero(~np.isfinite(state.forces).all(axis=1))
            self._stop(
                state,
                f"energy and forces must be finite, found energy {state.energy} eV and forces that are not "
                f"finite on {len(bad)} atoms (first: {bad[:5].tolist()}).",
            )
        temperature = twice_kinetic(state, self._masses) / self._per_kelvin
        limit = self._settings.temperature_limit
        if not temperature <= limit:
            speed = np.abs(state.momenta / self._masses).max(axis=1)
            self._stop(
                state,
                f"the temperature is {temperature:.0f} K, above the limit of {limit:.0f} K; "
                f"fastest atom {speed.argmax()} ({self._symbol(int(speed.argmax()))}).",
            )

    def every_frame(self, state: State) -> None:
        """Raise SimulationError if two atoms are closer than `min_distance`."""
        limit = self._settings.min_distance
        if limit is None or self._still_apart(state):
            return
        self._atoms.positions[:] = state.positions
        self._atoms.cell.array[:] = state.cell
        try:
            pairs = neighbour_pairs(self._atoms, limit + _MARGIN)
        except InputError as error:
            raise self.failure(state, error.problem) from error
        self._slack = float(pairs.distance.min(initial=limit + _MARGIN)) - limit
        if self._slack >= 0:
            return
        once = np.flatnonzero((pairs.i <= pairs.j) & (pairs.distance < limit))
        nearest = once[np.argsort(pairs.distance[once])][:3]
        found = ", ".join(
            f"{self._symbol(pairs.i[k])}{pairs.i[k]}-{self._symbol(pairs.j[k])}{pairs.j[k]} "
            f"{pairs.distance[k]:.3f} Å"
            for k in nearest
        )
        self._stop(state, f"atoms are closer than {limit} Å: {found}.")

    def every_look(self, state: State, deviation: tuple[float, float] | None) -> None:
        """Raise SimulationError if the predicted deviation of a force (eV/Å) exceeds `max_deviation`."""
        limit = self._settings.max_deviation
        if limit is not None and deviation is not None and deviation[1] > limit:
            self._stop(
                state,
                f"the predicted standard deviation of a force is {deviation[1]:.3g} eV/Å, above the limit "
                f"of {limit:g} eV/Å.",
            )

    def _still_apart(self, state: State) -> bool:
        """Whether all has moved too little since the last search for the closest pair to reach the limit."""
        moved = state.positions - self._atoms.positions
        nearer = 2 * sqrt((moved * moved).sum(axis=1).max())
        return nearer < self._slack and np.array_equal(state.cell, self._atoms.cell.array)

    def failure(self, state: State, problem: str) -> SimulationError:
        """The error that says at which step `problem` stopped the run."""
        return SimulationError(f"stopped at step {state.step}: {problem}", file=self._folder, remedy=_REMEDY)

    def _stop(self, state: State, problem: str) -> None:
        raise self.failure(state, problem)

    def _symbol(self, atom: int) -> str:
        return str(self._atoms.symbols[atom])
