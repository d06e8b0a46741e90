"""How much memory a fit takes, known before it starts.

It does not grow with the number of frames beyond `soap.CANDIDATES` atoms of a species: what counts are the
number of sparse points M (M² numbers, a few times), the spectra of the candidates, and the largest frame per
worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
from ase import Atoms

from superion.errors import InputError
from superion.potentials.few_body import angle
from superion.potentials.gap.calibration import most_held
from superion.potentials.gap.settings import FitSettings
from superion.potentials.gap.tsqr import BATCH
from superion.potentials.many_body import soap
from superion.sizes import available_memory

LIBRARIES = 600e6  # bytes of the interpreter and libraries, while loops are compiled for the first time
SLACK = 1.25  # for what the allocator cannot give back


def estimate_memory(
    settings: FitSettings, frames: Sequence[Atoms], workers: int = 1, targets: int = 1
) -> int:
    """Upper bound in bytes of the memory that `fit` takes, libraries included, without the frames themselves.

    It is counted from the arrays of the three stages, of which the largest counts: choosing sparse points,
    reducing rows, solving. Each process of an executor takes as much as the second with one worker.
    """
    from superion.potentials.many_body import design as soap_design
    from superion.potentials.many_body import evaluate as soap_evaluate

    numbers = np.concatenate([atoms.numbers for atoms in frames])
    counts = {int(z): int(np.count_nonzero(numbers == z)) for z in np.unique(numbers)}
    largest = max(len(atoms) for atoms in frames)
    species, unknowns, chosen, choosing, block = len(counts), 0, 0.0, 0.0, 0.0
    if settings.pair is not None:
        unknowns += comb(species + 1, 2) * settings.pair.sparse_points
    if settings.angle is not None:
        classes, points = species * comb(species + 1, 2), settings.angle.sparse_points
        unknowns += classes * points
        choosing = angle.CANDIDATES * (4.0 * classes + points)
    for hyper in settings.soaps:
        channels = hyper.channels or species * hyper.n_max
        lms, length = (hyper.l_max + 1) ** 2, (hyper.l_max + 1) * comb(channels + 1, 2)
        every = hyper.sparse_method == "all"
        candidates = {z: n if every else min(n, soap.CANDIDATES) for z, n in counts.items()}
        own = {z: n if every else min(n, hyper.sparse_points) for z, n in candidates.items()}
        unknowns += sum(own.values())
        chosen += sum(own.values()) * length
        most = max(candidates.values())
        width = max(max(own.values()), hyper.components or 0) + 20
        decomposed = 0.0 if every and hyper.components is None else 4.0 * max(most, length) * width
        copied = most * length if hyper.sparse_method == "farthest" else 0
        choosing = max(choosing, sum(candidates.values()) * length + chosen + copied + decomposed)
        needed = (
            1.0 * channels * (channels * (hyper.l_max + 1) + lms * soap_design.ATOMS) * soap_design.POINTS
        )
        needed += 1.5 * soap_evaluate.CHUNK * (length + lms * channels) + soap_design.JACOBIANS / 8
        needed += max(own.values()) * length if hyper.components is not None else 0
        block = max(block, needed)
    square = float(unknowns + targets) ** 2
    rows = 4.0 * largest * unknowns
    reducing = (
        chosen + square + 2.0 * BATCH * (unknowns + targets) + workers * (block + 3 * rows) + workers * rows
    )
    solving = chosen + 4 * square
    if settings.uncertainty:
        held = float(min(most_held(unknowns), sum(3 * len(atoms) + 7 for atoms in frames))) * unknowns
        reducing, solving = reducing + held, solving + 3 * held
    return int(LIBRARIES + 8 * SLACK * max(choosing, reducing, solving))


def check_memory(settings: FitSettings, frames: Sequence[Atoms], workers: int, targets: int) -> None:
    """Raise InputError if a fit needs more memory than there is."""
    needed, free = estimate_memory(settings, frames, workers, targets), available_memory()
    if free is not None and needed - LIBRARIES > free:
        raise InputError(
            f"the fit will use up to {needed / 1e9:.1f} GB, of which {free / 1e9:.1f} GB are available.",
            remedy="use fewer sparse points, a smaller n_max or l_max, or fewer workers.",
        )
