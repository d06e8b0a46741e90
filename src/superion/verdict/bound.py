"""What a locality test says of forces: how much of a local model's error long-range knowledge could remove.

Forces on an atom vary by b, root mean square, when only atoms beyond a radius move. No function of what is
inside the radius follows that (Deringer and Csányi, Phys. Rev. B 95, 094203, 2017), and the rest of the error
e of a model is uncorrelated with it: whoever knew all about the atoms outside still erred by √(e² − b²).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from superion.calculations.locality.results import LocalityFile, SpreadRow
from superion.verdict.uncertain import Part, Uncertain

PREFIX = "forces of "
ROUNDING = 1e-12
"""eV/Å, the least spread that a comparison sees."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How much forces on a species vary when atoms beyond `radius` (Å) move.

    spread: eV/Å. logarithm: that of the spread, with the error from perturbations and from reference atoms.
    """

    species: str
    radius: float
    spread: float
    logarithm: Uncertain

    def removable(self, error: Uncertain, fraction: float) -> float:
        """p-value of the claim that less than `fraction` of an error is removable; error: its logarithm.

        e − √(e² − b²) < f·e where b/e < √(1 − (1 − f)²).
        """
        limit = math.log(1 - (1 - fraction) ** 2) / 2
        parts = {**error.parts, **self.logarithm.parts}
        return Uncertain(self.logarithm.value - error.value, parts).below(limit)


def removed(error: float, spread: float) -> float:
    """The fraction of an error that is gone when all that varies by `spread` is known; 1 at most."""
    return 1 - math.sqrt(max(1 - (spread / error) ** 2, 0.0))


def bounds(result: LocalityFile, cutoff: float) -> dict[str, Bound]:
    """Bounds by row name for models of a cutoff (Å) from the result of `superion locality`.

    Of all radii tested the largest that is not beyond the cutoff counts, which never makes the bound too low;
    species without one are left out.
    """
    found = {}
    for species, rows in result.forces.items():
        inside = [row for row in rows if row.radius <= cutoff + 1e-9]
        if inside:
            found[PREFIX + species] = _bound(species, max(inside, key=lambda row: row.radius))
    return found


def _bound(species: str, row: SpreadRow) -> Bound:
    """The logarithm of a spread from n squares has the variance 1/2n; drawing other atoms may add to it.

    Forces that depend on nothing beyond the radius have no spread; it then counts as the rounding of forces.
    """
    spread, freedom, atoms = row.spread, row.freedom, len(row.atoms)
    part = Part(1 / (2 * freedom), freedom)
    if row.error is not None and atoms > 1:
        between = Part((row.error / max(spread, ROUNDING)) ** 2, atoms - 1)
        part = max(part, between, key=lambda p: p.variance)
    logarithm = math.log(max(spread, ROUNDING))
    return Bound(species, row.radius, spread, Uncertain(logarithm, {"locality test": part}))
