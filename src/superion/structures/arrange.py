"""Ordered structures of a disordered crystal: the lowest distinct ones of all, or of a Monte-Carlo search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units

from superion.errors import InputError
from superion.progress import track
from superion.structures.enumeration import LIMIT, enumerate_arrangements
from superion.structures.montecarlo import ArrangementEnergy, allowed_start, metropolis
from superion.structures.sites import SiteModel
from superion.structures.symmetry import Canonical

Array = np.ndarray
PROBES = 200
"""Trials from which the first temperature of an annealing is taken."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """One ordered structure: its energy (eV), and how many arrangements are equivalent to it."""

    atoms: Atoms
    energy: float
    degeneracy: int


@dataclass(frozen=True, slots=True)
class Annealing:
    """Simulated annealing (Kirkpatrick, Gelatt and Vecchi, Science 220, 671, 1983).

    The temperature falls geometrically. replicas: independent runs. sweeps: trials of each run for each site
    that changes. start, end: K; by default, a third of the mean change by a random move, and 1/30 of that.
    """

    replicas: int = 4
    sweeps: int = 2000
    start: float | None = None
    end: float | None = None

    def __post_init__(self) -> None:
        if self.replicas < 1 or self.sweeps < 1:
            raise InputError(f"replicas and sweeps must be positive, found {self.replicas}, {self.sweeps}.")
        for name, value in (("start", self.start), ("end", self.end)):
            if value is not None and not (np.isfinite(value) and value > 0):
                raise InputError(f"the temperature at the {name} must be positive (K), found {value}.")
        if self.start is not None and self.end is not None and self.end > self.start:
            raise InputError(
                f"annealing goes from high to low, found {self.start} to {self.end} K.",
                remedy="exchange the temperatures.",
            )


def enumerate_lowest(
    model: SiteModel, energy: ArrangementEnergy, count: int, *, limit: int = LIMIT, progress: bool = False
) -> list[Arrangement]:
    """The `count` inequivalent arrangements of lowest energy, of all that there are, lowest first.

    limit: of inequivalent arrangements; InputError beyond it.
    """
    found = enumerate_arrangements(model, limit)
    shown = track(found, "energies", len(found), show=progress)
    energies = [energy.start(arrangement) for arrangement in shown]
    order = np.argsort(energies, kind="stable")[:count]
    return _arrangements(model, ((energies[k], found[k]) for k in order), Canonical(model))


def anneal(
    model: SiteModel,
    energy: ArrangementEnergy,
    count: int,
    settings: Annealing,
    rng: np.random.Generator,
    *,
    progress: bool = False,
) -> list[Arrangement]:
    """The `count` distinct arrangements of lowest energy that annealing visits, lowest first.

    Equivalent ones are counted once; there may be fewer. The same seed gives the same result.
    """
    if not model.groups:
        return enumerate_lowest(model, energy, count)
    canonical = Canonical(model)
    kept: dict[bytes, tuple[float, Array]] = {}
    trials = settings.sweeps * len(canonical.free)
    steps = track(
        _runs(model, energy, settings, trials, rng), "Monte Carlo", settings.replicas * trials, show=progress
    )
    worst = np.inf
    for value, accepted, arrangement in steps:
        if not accepted or value >= worst:
            continue
        key = canonical.key(arrangement)
        if key in kept:
            continue
        kept[key] = value, arrangement.copy()
        if len(kept) > count:
            del kept[max(kept, key=lambda k: kept[k][0])]
            worst = max(pair[0] for pair in kept.values())
    exact = sorted(((energy.start(a), a) for _, a in kept.values()), key=lambda pair: pair[0])
    return _arrangements(model, exact, canonical)


def _runs(
    model: SiteModel,
    energy: ArrangementEnergy,
    settings: Annealing,
    trials: int,
    rng: np.random.Generator,
) -> Iterator[tuple[float, bool, Array]]:
    """Energy, whether the trial was accepted, and the arrangement, trial by trial, replica by replica."""
    for stream in rng.spawn(settings.replicas):
        arrangement = allowed_start(model, stream)
        start = settings.start or _typical_change(model, arrangement.copy(), energy, stream) / (3 * units.kB)
        end = settings.end or start / 30
        temperatures = np.geomspace(max(start, end), end, trials)
        first = True
        for value, accepted in metropolis(model, arrangement, energy, temperatures, stream):
            yield value, accepted or first, arrangement
            first = False


def _typical_change(
    model: SiteModel, arrangement: Array, energy: ArrangementEnergy, rng: np.random.Generator
) -> float:
    """Mean magnitude (eV) of the changes on a walk that accepts everything; at least 1 meV."""
    trials = min(PROBES, 10 * len(model.free))
    walk = metropolis(model, arrangement, energy, np.full(trials, np.inf), rng)
    energies = np.array([value for value, accepted in walk if accepted])
    return max(float(np.abs(np.diff(energies)).mean()) if len(energies) > 1 else 0.0, 1e-3)


def _arrangements(
    model: SiteModel, chosen: Iterable[tuple[float, Array]], canonical: Canonical
) -> list[Arrangement]:
    return [Arrangement(model.atoms(a), float(e), canonical.degeneracy(a)) for e, a in chosen]
