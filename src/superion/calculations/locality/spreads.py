"""How much the force on an atom changes when only atoms far from it move.

A force that depends on nothing beyond a radius has no spread there; what is left is a lower bound on the
error of every model that sees no further (Deringer and Csányi, Phys. Rev. B 95, 094203, 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import chdtri

from superion.errors import InputError

Array = np.ndarray
About = Literal["unperturbed", "mean"]
CONFIDENCE = 0.95
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Response:
    """Forces on one reference atom while atoms beyond `radius` (Å) are displaced.

    forces: (P, 3) eV/Å, one row for each perturbation. unperturbed: (3,) eV/Å, in the structure itself.
    """

    species: str
    atom: int
    radius: float
    forces: Array
    unperturbed: Array

    def deviations(self, about: About) -> tuple[Array, int]:
        """(P, 3) eV/Å from the force in the unperturbed structure or from the mean; degrees of freedom."""
        if about == "mean":
            return self.forces - self.forces.mean(axis=0), 3 * (len(self.forces) - 1)
        return self.forces - self.unperturbed, 3 * len(self.forces)


@dataclass(frozen=True, slots=True)
class Spread:
    """Root mean square, over reference atoms and Cartesian components, of the change of the force (eV/Å).

    low, high: its 95 % interval from the number of perturbations, for these atoms. error: standard error
    from a bootstrap over atoms; None for a single atom. atoms: spread by atom.
    mean_force: mean length of the mean force on an atom. freedom: degrees of freedom.
    """

    species: str
    radius: float
    value: float
    low: float
    high: float
    error: float | None
    mean_force: float
    freedom: int
    atoms: dict[int, float]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "radius": self.radius,
            "spread": self.value,
            "low": self.low,
            "high": self.high,
            "error": self.error,
            "mean_force": self.mean_force,
            "freedom": self.freedom,
            "atoms": {str(atom): value for atom, value in self.atoms.items()},
        }


def spreads(
    responses: Sequence[Response], about: About = "unperturbed", seed: int = 0
) -> dict[str, list[Spread]]:
    """Spreads by species, in order of radius.

    about: what changes are counted from. The mean, as published, needs at least two perturbations; the force
    in the unperturbed structure is exact and costs one calculation for all atoms and radii. Both agree as
    long as the mean force stays what it was. Raises InputError for too few perturbations.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, list[Spread]] = {}
    for species in sorted({r.species for r in responses}):
        own = [r for r in responses if r.species == species]
        found[species] = [
            _spread([r for r in own if r.radius == radius], about, rng)
            for radius in sorted({r.radius for r in own})
        ]
    return found


def _spread(responses: Sequence[Response], about: About, rng: np.random.Generator) -> Spread:
    parts = [r.deviations(about) for r in responses]
    squares = np.array([(deviation**2).sum() for deviation, _ in parts])
    freedom = np.array([n for _, n in parts])
    first = responses[0]
    if freedom.min() < 1:
        raise InputError(
            f"atom {first.atom} ({first.species}) has one perturbation at {first.radius:g} Å; "
            "a spread about the mean needs two.",
            remedy="make more perturbations, or count from the unperturbed structure.",
        )
    total, n = float(squares.sum()), int(freedom.sum())
    tail = (1 - CONFIDENCE) / 2
    return Spread(
        species=first.species,
        radius=first.radius,
        value=float(np.sqrt(total / n)),
        low=float(np.sqrt(total / chdtri(n, tail))),
        high=float(np.sqrt(total / chdtri(n, 1 - tail))),
        error=_bootstrap(squares, freedom, rng) if len(responses) > 1 else None,
        mean_force=float(np.mean([np.linalg.norm(r.forces.mean(axis=0)) for r in responses])),
        freedom=n,
        atoms={r.atom: float(np.sqrt(s / k)) for r, s, k in zip(responses, squares, freedom, strict=True)},
    )


def _bootstrap(squares: Array, freedom: Array, rng: np.random.Generator) -> float:
    """Standard error of a spread when atoms are drawn anew, each with all its perturbations."""
    drawn = rng.integers(len(squares), size=(RESAMPLES, len(squares)))
    values = np.sqrt(squares[drawn].sum(axis=1) / freedom[drawn].sum(axis=1))
    return float(values.std(ddof=1))
