"""Hops: an initial and a final state, of a crystal or of files; atoms keep their order, never wrapped."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from scipy.optimize import linear_sum_assignment

from superion.calculations.barriers.settings import BarrierSettings
from superion.calculations.defects.environments import Distinct, Environments
from superion.calculations.defects.settings import DefectSettings
from superion.calculations.defects.structures import reachable, sites_of, unique
from superion.errors import InputError
from superion.structures.bare import bare, repeated
from superion.structures.contacts import check_contacts, limit_from

Array = np.ndarray
SAME = 0.05
"""Å; places that are closer are one."""
NARROW = np.cos(np.pi / 6)
"""Of the angle between a hop and the direction that is asked for."""
HOP, END = "hop", "end"
"""Keys of `info` by which a file names hops and their ends, initial or final."""


@dataclass(frozen=True, slots=True, eq=False)
class Hop:
    """From `initial` to `final`, N atoms in the same order and cell; name: unique in a run."""

    name: str
    initial: Atoms
    final: Atoms

    @property
    def way(self) -> Array:
        """(N,) Å that each atom moves."""
        return np.asarray(np.linalg.norm(self.final.positions - self.initial.positions, axis=1))

    @property
    def mover(self) -> int:
        """The atom that moves most."""
        return int(self.way.argmax())


def hop_between(initial: Atoms, final: Atoms, name: str = "path") -> Hop:
    """The hop between two structures, every atom by the nearest image.

    Atoms of another order are matched by the shortest ways, with a warning. Raises InputError where the two
    are not of the same atoms and cell.
    """
    initial, final = bare(initial, constraints=True), bare(final)
    if sorted(initial.numbers) != sorted(final.numbers):
        raise InputError(
            f"{name}: the end points are of different atoms, {initial.get_chemical_formula()} and "
            f"{final.get_chemical_formula()}.",
            remedy="give two structures of the same atoms.",
        )
    if not np.array_equal(initial.pbc, final.pbc) or not np.allclose(
        initial.cell.array, final.cell.array, atol=1e-4
    ):
        raise InputError(
            f"{name}: the end points have different cells.",
            remedy="relax both in one cell: `superion relax` with --cell none, which is the default.",
        )
    vector = find_mic(final.positions - initial.positions, initial.cell, initial.pbc)[0]
    order = np.arange(len(initial))
    if not np.array_equal(initial.numbers, final.numbers):
        order = _matched(initial, final)
        warnings.warn(
            f"{name}: atoms of the end points stand in different orders; they were matched by the shortest "
            "ways. Give both in one order if others are meant.",
            stacklevel=2,
        )
        vector = find_mic(final.positions[order] - initial.positions, initial.cell, initial.pbc)[0]
    end = initial.copy()
    end.positions[:] = initial.positions + vector
    if np.linalg.norm(vector, axis=1).max(initial=0.0) < SAME:
        raise InputError(
            f"{name}: the end points are the same structure, no atom moves by {SAME:g} Å.",
            remedy="give the state before a hop and the state after it.",
        )
    return Hop(name, initial, end)


def hops_in(frames: Sequence[Atoms]) -> list[Hop]:
    """The hops that frames name (`info`: hop, and end, initial or final), as `superion hops` writes them."""
    ends: dict[str, dict[str, Atoms]] = {}
    for atoms in frames:
        ends.setdefault(str(atoms.info.get(HOP, "")), {})[str(atoms.info.get(END, ""))] = atoms
    lacking = [name for name, both in ends.items() if set(both) != {"initial", "final"}]
    if lacking:
        raise InputError(
            f"frames name no hops: of {lacking[0] or 'frames without a name'!r} there are not exactly an "
            "initial and a final state.",
            remedy=f'give two files, START END; or frames with info["{HOP}"], a name, and info["{END}"], '
            "initial or final.",
        )
    return [hop_between(both["initial"], both["final"], name) for name, both in ends.items()]


def hops_of(crystal: Atoms, settings: BarrierSettings) -> list[Hop]:
    """Inequivalent hops of a crystal, shortest first; the same ones for every model.

    crystal: the structure itself, not the supercell. Raises InputError for a species or a hop that is not
    there.
    """
    if not (crystal.pbc.all() and crystal.cell.rank == 3):
        raise InputError(
            f"a crystal must be periodic along all three axes for hops, found pbc {crystal.pbc.tolist()}.",
            remedy="give both end points instead: superion neb MODEL START END.",
        )
    if settings.species not in set(crystal.symbols):
        raise InputError(
            f"the crystal has no {settings.species}; it has {', '.join(sorted(set(crystal.symbols)))}.",
            remedy="name the element that hops with --species.",
        )
    make = {"vacancy": _vacancy, "interstitial": _interstitial, "interstitialcy": _interstitialcy}
    made: list[Hop] = []
    around, distinct = Environments(crystal, 2 * settings.reach), Distinct()
    for hop, first, second in make[settings.hop](crystal, settings):
        if not _along(second - first, crystal, settings):
            continue
        histograms = around.around(first, second), around.around(second, first)
        if not distinct.add(histograms[0]):
            continue
        if not np.allclose(*histograms):  # the way back is the same path
            distinct.add(histograms[1])
        check_contacts(hop.final, f"the hop {hop.name}", "raise --clearance.", limit_from(crystal))
        made.append(replace(hop, name=unique(hop.name, made)))
        if len(made) == settings.count:
            break
    if not made:
        raise InputError(
            f"no {settings.hop} hop of {settings.species} of at most {settings.reach:g} Å fits into "
            f"{'x'.join(map(str, settings.supercell))}.",
            remedy="allow longer hops (--reach), another direction (--along), or a larger --supercell.",
        )
    return made


Found = Iterator[tuple[Hop, Array, Array]]
"""Hops, shortest first, with where they begin and end in the crystal."""


def _vacancy(crystal: Atoms, settings: BarrierSettings) -> Found:
    """An ion hops into the site that lacks one."""
    whole = repeated(bare(crystal), settings.supercell)
    mobile = np.flatnonzero(np.asarray(whole.symbols) == settings.species)
    vacancies = mobile[mobile < len(crystal)]
    found = []
    for vacancy, atom in product(vacancies.tolist(), mobile.tolist()):
        if atom != vacancy:
            away = whole.positions[vacancy] - whole.positions[atom]
            (vector,), (length,) = find_mic(away[None], whole.cell, whole.pbc)
            if length <= settings.reach:
                found.append((round(float(length), 3), vacancy, atom, vector))
    for length, vacancy, atom, vector in sorted(found, key=lambda one: one[:3]):
        initial = whole[[k for k in range(len(whole)) if k != vacancy]]
        initial.info = dict(whole.info)
        final = initial.copy()
        final.positions[atom - (atom > vacancy)] += vector
        name = f"{settings.species}{atom}-to-{vacancy}-{length:.2f}"
        first = whole.positions[atom]
        yield Hop(name, initial, final), first, first + vector


def _interstitial(crystal: Atoms, settings: BarrierSettings) -> Found:
    """An added ion hops from site to site."""
    sites = _sites(crystal, settings)
    whole = repeated(bare(crystal), settings.supercell)
    start, vector = reachable(sites, sites, crystal.cell.array, settings.reach)
    for length, k in _ordered(vector, whole):
        first = sites[start[k]]
        initial, final = (
            whole + Atoms(settings.species, positions=[place]) for place in (first, first + vector[k])
        )
        yield Hop(f"{settings.species}-site{start[k]}-{length:.2f}", initial, final), first, first + vector[k]


def _interstitialcy(crystal: Atoms, settings: BarrierSettings) -> Found:
    """An added ion takes the site of another, which goes on to the next interstitial site."""
    sites = _sites(crystal, settings)
    whole = repeated(bare(crystal), settings.supercell)
    mobile = np.flatnonzero(np.asarray(crystal.symbols) == settings.species)
    atom, vector = reachable(crystal.positions[mobile], sites, crystal.cell.array, settings.reach)
    both = []
    for a, b in product(range(len(atom)), repeat=2):
        straight = -float(vector[a] @ vector[b])
        lengths = np.linalg.norm(vector[a]), np.linalg.norm(vector[b])
        if atom[a] == atom[b] and a != b and straight > 0.5 * lengths[0] * lengths[1]:
            both.append((a, b))
    ways = np.array([vector[b] - vector[a] for a, b in both]).reshape(-1, 3)
    for length, k in _ordered(ways, whole):
        a, b = both[k]
        pushed = int(mobile[atom[a]])
        home = crystal.positions[pushed]
        initial, final = (
            whole + Atoms(settings.species, positions=[place]) for place in (home + vector[a], home)
        )
        final.positions[pushed] += vector[b]
        name = f"{settings.species}{pushed}-pushed-{length:.2f}"
        yield Hop(name, initial, final), home + vector[a], home + vector[b]


def _sites(crystal: Atoms, settings: BarrierSettings) -> Array:
    """(M, 3) Å, interstitial sites as `superion defect` has them."""
    wanted = DefectSettings(
        species=settings.species, framework=settings.framework, clearance=max(settings.clearance, 1e-6)
    )
    return sites_of(crystal, wanted)


def _ordered(vectors: Array, whole: Atoms) -> Iterator[tuple[float, int]]:
    """Length in Å and index of each hop, shortest first, of those that are no longer than to an image."""
    lengths = np.round(np.linalg.norm(vectors, axis=1), 3)
    shortest = find_mic(vectors, whole.cell, whole.pbc)[1] if len(vectors) else lengths
    for k in np.lexsort((*np.round(vectors.T, 3), lengths)).tolist():
        if lengths[k] > SAME and shortest[k] > lengths[k] - 1e-2:
            yield float(lengths[k]), k


def _along(vector: Array, crystal: Atoms, settings: BarrierSettings) -> bool:
    if settings.along is None:
        return True
    wanted = np.array(settings.along) @ crystal.cell.array
    return abs(float(vector @ wanted)) >= NARROW * float(np.linalg.norm(vector) * np.linalg.norm(wanted))


def _matched(initial: Atoms, final: Atoms) -> Array:
    """(N,) the atom of `final` that each of `initial` becomes."""
    order = np.empty(len(initial), dtype=int)
    for z in np.unique(initial.numbers):
        here, there = np.flatnonzero(initial.numbers == z), np.flatnonzero(final.numbers == z)
        away = final.positions[there][None] - initial.positions[here][:, None]
        length = find_mic(away.reshape(-1, 3), initial.cell, initial.pbc)[1].reshape(len(here), -1)
        rows, columns = linear_sum_assignment(length**2)
        order[here[rows]] = there[columns]
    return order
