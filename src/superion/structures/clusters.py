"""Which frames are independent of each other: those of different trajectories, and the points of a scan.

Neighbouring frames of a trajectory tell nearly the same, and all of them share its start, its temperature and
its rare events; what is drawn or left out to learn about errors is therefore a whole trajectory (cluster
sampling: Cochran, Sampling Techniques, 1977, chapter 9). The points of a scan, such as volumes of a crystal
or distances of two molecules, were chosen one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.geometry import get_distances
from scipy.sparse.csgraph import connected_components

from superion.structures.duplicates import frame_name
from superion.structures.split import trajectory_of

BLOCKS = 10
"""Pieces in time of the only trajectory of its kind."""
_FEWEST = 3
_LARGEST = 300  # atoms of a pair of molecules; what is larger is no scan of distances
_STRAIN = 0.02  # range of the volumes of a scan; that of dynamics at constant pressure is in disorder
_RIGID = 0.02  # Å
_BOND = 1.25  # of the sum of covalent radii


def is_scan(frames: Sequence[Atoms]) -> bool:
    """Whether frames are points of one structure: at volumes that only rise or fall, or two rigid molecules.

    Of dynamics neither is true, whatever it is that it keeps constant.
    """
    if len(frames) < _FEWEST or len({str(atoms.symbols) for atoms in frames}) > 1:
        return False
    return _volumes(frames) or _distances(frames)


def drawn_apart(frames: Sequence[Atoms]) -> bool:
    """Whether every trajectory is a scan of two rigid molecules at several distances."""
    members: dict[str, list[Atoms]] = {}
    for atoms in frames:
        members.setdefault(trajectory_of(atoms), []).append(atoms)
    return bool(members) and all(len(own) >= _FEWEST and _distances(own) for own in members.values())


def _volumes(frames: Sequence[Atoms]) -> bool:
    if len(frames) <= _FEWEST or not all(atoms.cell.rank == 3 for atoms in frames):
        return False
    steps = np.diff([atoms.get_volume() for atoms in frames])
    extent = abs(steps.sum()) / frames[0].get_volume()
    return bool((np.all(steps > 0) or np.all(steps < 0)) and extent > _STRAIN)


def _distances(frames: Sequence[Atoms]) -> bool:
    first = frames[0]
    if len(first) > _LARGEST:
        return False
    radii = covalent_radii[first.numbers]
    near = _inner(first) < _BOND * (radii[:, None] + radii)
    count, part = connected_components(near, directed=False)
    if count != 2:
        return False
    same = part[:, None] == part
    reference, others = _inner(first), [_inner(atoms) for atoms in frames[1:]]
    rigid = all(np.abs(own - reference)[same].max() < _RIGID for own in others)
    return rigid and any(np.abs(own - reference)[~same].max() > _RIGID for own in others)


def _inner(atoms: Atoms) -> np.ndarray:
    return np.asarray(get_distances(atoms.positions, cell=atoms.cell, pbc=atoms.pbc)[1])


def clusters_of(frames: Sequence[Atoms]) -> list[str]:
    """Of every frame, what it belongs to: its trajectory, or itself if it is a point of a scan."""
    members: dict[str, list[int]] = {}
    for k, atoms in enumerate(frames):
        members.setdefault(trajectory_of(atoms), []).append(k)
    found = [""] * len(frames)
    for name, own in members.items():
        scan = is_scan([frames[k] for k in own])
        for k in own:
            found[k] = f"{name}: {frame_name(frames[k], k)}" if scan else name
    return found


@dataclass(frozen=True, slots=True)
class Stratum:
    """Units that are drawn for each other: indices of frames in each. of: "trajectory", "block", "point"."""

    of: str
    name: str
    units: tuple[tuple[int, ...], ...]

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return sum(map(len, self.units))


def strata(frames: Sequence[Atoms], by: str = "trajectories") -> list[Stratum]:
    """The frames as units, those of one kind together: what takes the place of what in another sample.

    Trajectories of one composition; of the only one of its kind contiguous blocks; the points of each scan.
    by: "frames" takes every frame for a unit of its own, which holds where none knows of another.
    """
    if by == "frames":
        return [Stratum("frame", "all frames", tuple((k,) for k in range(len(frames))))] if frames else []
    members: dict[str, list[int]] = {}
    for k, atoms in enumerate(frames):
        members.setdefault(trajectory_of(atoms), []).append(k)
    found: list[Stratum] = []
    alike: dict[tuple[str, ...], dict[str, list[int]]] = {}
    for name, own in members.items():
        if is_scan([frames[k] for k in own]):
            found.append(Stratum("point", name, tuple((k,) for k in own)))
            continue
        kinds = {frames[k].symbols.formula.reduce()[0].format("hill") for k in own}
        alike.setdefault(tuple(sorted(kinds)), {})[name] = own
    for group in alike.values():
        if len(group) > 1:
            found.append(Stratum("trajectory", ", ".join(group), tuple(map(tuple, group.values()))))
        else:
            ((name, own),) = group.items()
            parts = np.array_split(np.array(own), min(BLOCKS, len(own)))
            found.append(Stratum("block", name, tuple(tuple(part.tolist()) for part in parts)))
    return found


def freedom(found: Sequence[Stratum]) -> float:
    """Degrees of freedom of the variance of what is summed over all strata (Satterthwaite, 1946).

    As if frames of all strata scattered alike; strata of one unit, which cannot be drawn, do not count.
    """
    own = [(each.frames**2 / len(each.units), len(each.units) - 1) for each in found if len(each.units) > 1]
    if not own:
        return 0.0
    return sum(v for v, _ in own) ** 2 / sum(v * v / nu for v, nu in own)


def shared(frames: Sequence[Atoms], others: Sequence[Atoms]) -> list[str]:
    """Names of trajectories that are in both."""
    known = {trajectory_of(atoms) for atoms in others}
    return sorted({trajectory_of(atoms) for atoms in frames} & known)
