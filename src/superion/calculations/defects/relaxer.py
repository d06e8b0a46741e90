"""One structure relaxed in one field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from ase import Atoms
from ase.optimize import LBFGS

from superion.calculations.defects.dipoles import dipole_change
from superion.calculations.defects.settings import DefectSettings
from superion.electrostatics import ChargeModel, UniformField
from superion.errors import SuperionError
from superion.model import Model
from superion.potentials.trust import Trust
from superion.structures.bare import bare

Array = np.ndarray
LONGEST = 0.1
"""Å, the longest step of an atom in one step of a relaxation, so that ions do not jump over barriers."""


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A relaxed structure.

    positions: (N, 3) Å, never wrapped. energy: eV, of the potential without the field. dipole: (3,) e·Å,
    counted from that of the relaxed crystal without field; None without charges. dipole_error: e·Å, of the
    path along which it was followed. force: eV/Å, the largest that is left. failure: why there is no energy,
    or "". grade: extrapolation grade; deviation: predicted, of a force, eV/Å.
    """

    positions: Array
    energy: float | None
    dipole: Array | None = None
    dipole_error: float = 0.0
    steps: int = 0
    force: float = 0.0
    converged: bool = False
    failure: str = ""
    grade: float | None = None
    deviation: float | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, all digits kept."""
        return {
            "positions": self.positions.tolist(),
            "energy": self.energy,
            "dipole": None if self.dipole is None else self.dipole.tolist(),
            "dipole_error": self.dipole_error,
            "steps": self.steps,
            "force": self.force,
            "converged": self.converged,
            "failure": self.failure,
            "grade": self.grade,
            "deviation": self.deviation,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` gave."""
        dipole = value["dipole"]
        arrays = {"positions": np.array(value["positions"]).reshape(-1, 3)}
        return cls(**(value | arrays | {"dipole": None if dipole is None else np.array(dipole)}))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a relaxation starts: the structure, and where its dipole is counted from.

    anchor: (N, 3) positions of a structure whose dipole (3,) is known.
    """

    atoms: Atoms
    field: tuple[float, float, float] = (0.0, 0.0, 0.0)
    anchor: Array | None = None
    dipole: Array | None = None


class Relaxer:
    """Relaxes structures with one model."""

    def __init__(self, potential: Model, charges: ChargeModel | None, settings: DefectSettings) -> None:
        self.potential, self.charges, self.settings = potential.in_background(), charges, settings
        self._trust = Trust(potential)

    def __call__(self, place: Place) -> Relaxed:
        """The relaxed structure; errors of the model and numbers that are not finite are its `failure`."""
        atoms = bare(place.atoms)
        potential = self.potential
        if any(place.field):
            assert self.charges is not None
            field = UniformField(place.field, self.charges, self.settings.charge_scale)
            potential = potential.with_terms(field)
        atoms.calc = potential.calculator()
        optimiser: Any = LBFGS(atoms, logfile=None, maxstep=LONGEST)  # type: ignore[arg-type]
        try:
            for _ in optimiser.irun(fmax=self.settings.fmax, steps=self.settings.steps):
                if not np.isfinite(atoms.get_forces()).all():
                    break
            force = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
            atoms.calc = None
            energy = self.potential.evaluate(atoms).energy
            if not (np.isfinite(energy) and np.isfinite(force) and np.isfinite(atoms.positions).all()):
                return self._failed(place, f"energy or forces are not finite after {optimiser.nsteps} steps")
            dipole, error = self._dipole(place, atoms)
            return Relaxed(
                atoms.positions,
                float(energy),
                dipole,
                error,
                optimiser.nsteps,
                force,
                force < self.settings.fmax,
                "",
                self._trust.grade(atoms),
                None if any(place.field) else self._trust.deviation(atoms),
            )
        except (SuperionError, np.linalg.LinAlgError, FloatingPointError) as failure:
            reason = failure.problem if isinstance(failure, SuperionError) else str(failure)
            return self._failed(place, f"the relaxation failed: {reason}")

    def _dipole(self, place: Place, atoms: Atoms) -> tuple[Array | None, float]:
        if self.charges is None or place.anchor is None:
            return None, 0.0
        start = bare(atoms)
        start.positions[:] = place.anchor
        change, error = dipole_change(start, atoms.positions, self.charges)
        scale = self.settings.charge_scale
        return (np.zeros(3) if place.dipole is None else place.dipole) + scale * change, scale * error

    @staticmethod
    def _failed(place: Place, reason: str) -> Relaxed:
        return Relaxed(place.atoms.positions.copy(), None, failure=reason)
