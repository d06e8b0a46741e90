"""How far atoms lie from their mean places, and whether a locality test displaced atoms by as much.

What atoms beyond a sphere do to a force grows with how far they move. A bound from a locality test holds for
structures that are about as disordered as those of the test.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

Array = np.ndarray
FEWEST = 4
"""Frames of the same atoms, below which mean places are not known."""
ALIKE = 2.0
"""Factor between two amplitudes that are about the same."""


def disorder(frames: Sequence[Atoms]) -> float | None:
    """Standard deviation (Å) along one axis of atoms about their mean places; None if no mean is known.

    Frames of the same atoms and the same `trajectory` are taken together, in fractional coordinates, without
    the drift of all atoms. The median of all atoms counts, so that a few that wander do not.
    """
    groups: dict[tuple[str, bytes], list[Atoms]] = {}
    for atoms in frames:
        groups.setdefault((str(atoms.info.get("trajectory", "")), atoms.numbers.tobytes()), []).append(atoms)
    found = [_amplitudes(group) for group in groups.values() if len(group) >= FEWEST]
    return float(np.median(np.concatenate(found))) if found else None


def _amplitudes(frames: Sequence[Atoms]) -> Array:
    """(N,) Å."""
    cell = np.mean([atoms.cell.complete().array for atoms in frames], axis=0)
    scaled = np.array([np.linalg.solve(a.cell.complete().array.T, a.positions.T).T for a in frames])
    moves = scaled - scaled[0]
    moves -= np.where(frames[0].pbc, np.round(moves), 0.0)
    moves = moves @ cell
    moves -= moves.mean(axis=1, keepdims=True)
    moves -= moves.mean(axis=0)
    return np.sqrt((moves**2).sum(axis=(0, 2)) / (3 * (len(frames) - 1)))


def unlike(displaced: float | None, frames: Sequence[Atoms]) -> str | None:
    """Why a bound from a locality test does not hold for test frames; None if it does.

    displaced: Å, by how much the test moved atoms along each axis; None if it does not say.
    """
    if displaced is None:
        return "the locality test does not say how far it displaced atoms: as far as in the test frames?"
    found = disorder(frames)
    if found is None:
        return (
            f"whether the test frames are as disordered as the {displaced:.2g} Å of the locality test cannot "
            f"be determined: no {FEWEST} of them are of one trajectory and the same atoms"
        )
    if displaced / ALIKE <= found <= displaced * ALIKE:
        return None
    return (
        f"atoms of the test frames lie {found:.2g} Å from their mean places along each axis, the locality "
        f"test displaced them by {displaced:.2g} Å: what it says of removable errors does not hold for these "
        f"frames; repeat it with --displacement {found:.2g}"
    )
