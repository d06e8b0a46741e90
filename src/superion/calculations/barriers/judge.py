"""What a path says, and what casts doubt on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase.geometry import find_mic
from scipy.stats import t as student

from superion.calculations.barriers.band import Band
from superion.calculations.barriers.hops import Hop
from superion.calculations.barriers.settings import PathSettings

Array = np.ndarray
ONE = 0.3
"""Å; end points of which no atom differs by more are one structure."""
ASTRAY = 0.8
"""Å; an atom that is farther than this from where an end point had it has changed its place."""
DIP = 0.005
"""eV by which an image must lie below both sides to be a minimum of its own."""
FEWEST = 3
"""Fits that say something about their spread."""
LEVEL = 0.95


def merged(hop: Hop, start: Array, end: Array) -> str | None:
    """Why two relaxed end points (N, 3) are no hop: they are one structure."""
    way = find_mic(end - start, hop.initial.cell, hop.initial.pbc)[1]
    if way.max(initial=0.0) > ONE:
        return None
    return f"both end points relax to the same structure, within {way.max(initial=0.0):.2g} Å"


def strayed(hop: Hop, start: Array, end: Array) -> Iterator[str]:
    """Flags for end points that relaxed to other states than were meant."""
    for name, given, found in (("initial", hop.initial, start), ("final", hop.final, end)):
        way = np.linalg.norm(found - given.positions, axis=1)
        if way.max(initial=0.0) > ASTRAY:
            atom = int(way.argmax())
            yield (
                f"the {name} state relaxed to another: atom {atom} ({given.symbols[atom]}) moved by "
                f"{way[atom]:.2g} Å; the path is that of another hop"
            )


def along(band: Band) -> tuple[Array, Array]:
    """(M,) Å, the length of the path up to each image, and (M,) eV/Å, the slope of the energy along it."""
    steps = np.diff(band.positions, axis=0)
    length = np.concatenate([[0.0], np.cumsum(np.sqrt((steps**2).sum(axis=(1, 2))))])
    if not (np.diff(length) > 0).all():  # two images are one
        return length, np.zeros(len(length))
    tangents = np.gradient(band.positions, length, axis=0)
    tangents = tangents / np.sqrt((tangents**2).sum(axis=(1, 2)))[:, None, None]
    return length, -np.einsum("mna,mna->m", band.forces, tangents)


def doubts(band: Band, settings: PathSettings) -> Iterator[str]:
    """What the shape of a path says."""
    if not band.converged:
        yield (
            f"the path is not found after {band.steps} steps: {band.left:.2g} eV/Å left across it, "
            f"{settings.fmax:g} wanted"
        )
    energies = band.energies
    top = int(energies.argmax())
    if top in (0, len(energies) - 1):
        side = "initial" if top == 0 else "final"
        yield f"no saddle between the end points: the {side} state is the highest"
    for k in range(1, len(energies) - 1):
        depth = min(energies[:k].max(), energies[k + 1 :].max()) - energies[k]
        lowest = energies[k] <= min(energies[k - 1], energies[k + 1])
        if lowest and depth > DIP:
            yield (
                f"image {k} lies in a minimum of its own, {depth:.2g} eV deep: the way is two hops, and the "
                "barrier is that of the higher one"
            )


def untrusted(grades: Sequence[float], deviations: Sequence[float], settings: PathSettings) -> Iterator[str]:
    """Flags for images beyond what a model was fitted to."""
    worst = max(grades, default=0.0)
    if worst > settings.grade_limit:
        image = list(grades).index(worst)
        yield f"image {image}: extrapolation grade {worst:.2g} > {settings.grade_limit:g}"
    limit, largest = settings.deviation_limit, max(deviations, default=0.0)
    if limit is not None and largest > limit:
        image = list(deviations).index(largest)
        yield f"image {image}: predicted force deviation {largest:.2g} eV/Å > {limit:g}"


def interval(value: float, fits: Sequence[float]) -> list[float] | None:
    """95 % interval (eV) of a barrier from those of fits to resampled data; None of fewer than three.

    The spread of resampled fits is the standard error of the main one; Student's t for how few they are.
    """
    if len(fits) < FEWEST:
        return None
    half = float(student.ppf(0.5 + LEVEL / 2, len(fits) - 1)) * float(np.std(fits, ddof=1))
    return [value - half, value + half]
