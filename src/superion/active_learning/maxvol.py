"""Selection by extrapolation: frames whose environments lie farthest outside of what is known.

The grade is that of `potentials.maxvol`.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms

from superion.active_learning.pool import Pool, Selection
from superion.potentials.many_body.soap import SoapBlock
from superion.potentials.points.maxvol import active_sets, grade

Array = np.ndarray


class ExtrapolationGrade:
    """Largest extrapolation grade of a structure against the environments of training frames."""

    def __init__(self, training: Pool) -> None:
        self._block: SoapBlock = training.descriptor
        self._active = active_sets(training.by_species("training"))

    def __call__(self, atoms: Atoms) -> float:
        """Grade of one structure, without unit; above 1 an environment lies outside the data."""
        known = all(int(z) in self._active for z in atoms.numbers)
        return grade(self._active, atoms, self._block.spectra(atoms)) if known else np.inf


def extrapolation(pool: Pool, count: int, rng: np.random.Generator) -> Selection:
    """Frames that extrapolate most. Score: their extrapolation grade when they are chosen.

    After each choice its environments join the known ones, and the active sets are made anew. Without
    training frames the first is drawn at random and scores infinity.
    """
    spectra = pool.environments("pool")
    known = pool.by_species("training")
    chosen: list[int] = []
    scores: list[float] = []
    for _ in range(min(count, len(pool.frames))):
        active = active_sets(known)
        grades = np.array(
            [grade(active, atoms, rows) for atoms, rows in zip(pool.frames, spectra, strict=True)]
        )
        grades[chosen] = -np.inf
        k = int(grades.argmax()) if active else int(rng.integers(len(pool.frames)))
        chosen.append(k)
        scores.append(float(grades[k]))
        for z in pool.species:
            known[z] = np.concatenate([known[z], spectra[k][pool.frames[k].numbers == z]])
    return Selection(np.array(chosen, dtype=np.int64), np.array(scores))
