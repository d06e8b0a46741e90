"""How sure a model is of what it is shown during a run: predicted standard deviations, from time to time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from math import nan

import numpy as np
from ase import Atoms

from superion.compiled import missing
from superion.errors import ModelError
from superion.model import model_of, terms_of
from superion.simulation.settings import MDSettings
from superion.simulation.state import State

Array = np.ndarray

EVERY, GUARDED = 2000, 500
"""Steps between two looks, rounded up to whole frames, and between those that may stop the run. A look takes
the time of some 20 steps."""
LARGEST = 2000
"""Atoms of the largest structure that is looked at: the covariances of all pairs of atoms are needed."""
GROWTH = 5.0
"""Deviations that grow by more than this factor from the first two looks are flagged. Along trajectories of
Li7P3S11 that stay within the data, those of forces grow 2 to 3 times from the crystal at rest to 1200 K."""


UNSURE = 2.0
"""Forces are flagged above so many expected deviations; the energy of an atom is above one."""


@dataclass(frozen=True, slots=True)
class Sigmas:
    """Deviations that the fit expects: eV per atom, eV/Å.

    They are what it took for the errors of its labels, forces as calibrated.
    """

    energy: float
    force: float


class Trust:
    """Looks at the predicted standard deviations of energy (eV) and forces (largest length, eV/Å)."""

    def __init__(self, atoms: Atoms, calculator: object, settings: MDSettings) -> None:
        """Raises ModelError if the run is to stop by deviations that the model does not have."""
        self._potential = model_of(calculator)
        self._atoms = atoms.copy()
        steps = EVERY if settings.max_deviation is None else GUARDED
        self._every = settings.sample_every * math.ceil(steps / settings.sample_every)
        self._start: tuple[float, float] | None = None
        self._origin = settings.equilibrate
        elsewhere = getattr(calculator, "device", "cpu") != "cpu" and settings.max_deviation is None
        if len(atoms) > LARGEST or elsewhere or missing():  # they are computed on the CPU, by compiled loops
            self._potential = None
        if self._potential is not None:
            try:
                self._start = self._measure()
            except ModelError:
                self._potential = None
        if self._potential is None and settings.max_deviation is not None:
            raise ModelError(
                "max_deviation is set, but no standard deviation of a force is predicted: the model has "
                f"none, or the structure ({len(atoms)} atoms) more than {LARGEST} atoms.",
                remedy="leave it out, or use a model that was fitted with `uncertainty: true`.",
            )

    def __call__(self, state: State) -> tuple[float, float] | None:
        """Deviations of energy and force at `state`: NaN between looks, None if the model has none."""
        if self._potential is None:
            return None
        if (state.step + self._origin) % self._every:
            return nan, nan
        still = np.array_equal(self._atoms.positions, state.positions)
        if self._start is not None and still and np.array_equal(self._atoms.cell.array, state.cell):
            return self._start
        self._start = None
        self._atoms.positions[:] = state.positions
        self._atoms.cell.array[:] = state.cell
        return self._measure()

    def _measure(self) -> tuple[float, float]:
        assert self._potential is not None
        found = self._potential.deviation(self._atoms)
        return float(found.energy), float(np.linalg.norm(found.forces, axis=1).max())


def sigmas_of(calculator: object) -> Sigmas | None:
    """The deviations that the fit of the model of a calculator expects, if its file tells.

    That of a force is the error of its label times the largest factor that forces are calibrated with.
    """
    potential = model_of(calculator)
    if potential is None:
        return None
    value: object = potential.provenance
    for key in ("settings", "fit", "sigma"):
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        return None
    known = (getattr(term, "calibration", None) for term in terms_of(potential))
    factor = max((f for each in known if each is not None for f in each.factors.values()), default=1.0)
    try:
        return Sigmas(float(value["energy"]), factor * float(value["force"]))
    except (KeyError, TypeError, ValueError):
        return None


def doubts(energy: Array, force: Array, atoms: int, sigmas: Sigmas | None) -> list[str]:
    """What deviations along a run (L,), of energy in eV and forces in eV/Å, say against it; [] if nothing."""
    seen = np.isfinite(energy) & np.isfinite(force)
    if not seen.any():
        return []
    energy, force = energy[seen], force[seen]
    found = []
    for name, values, unit in (("energy", energy, "eV"), ("forces", force, "eV/Å")):
        first = values[:2].max()  # that of forces vanishes by symmetry in many crystals at rest
        if values.max() > GROWTH * first > 0:
            found.append(
                f"the predicted standard deviation of the {name} grew from {first:.3g} to "
                f"{values.max():.3g} {unit}: the run has left the training data"
            )
    if found or sigmas is None:
        return found
    usual = float(np.median(energy)) / atoms, float(np.median(force))
    if usual[0] > sigmas.energy or usual[1] > UNSURE * sigmas.force:
        found.append(
            f"the predicted standard deviations of energy and forces, {1000 * usual[0]:.3g} meV/atom and "
            f"{usual[1]:.3g} eV/Å, are large beside those that the fit expects "
            f"({1000 * sigmas.energy:.3g} and {sigmas.force:.3g}): the structure is unlike the training data"
        )
    return found
