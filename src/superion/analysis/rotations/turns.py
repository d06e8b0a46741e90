"""Turns and librations: an anion turns when it leaves the orientation that it had and stays elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superion.analysis.rotations.orientations import Orientations, angle

Array = np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Turns:
    """T turns. unit: (T,). time: (T,) frames, half-way. angles: (T,) degrees from the old orientation on.

    libration: (U,) degrees, root mean square angle about the orientation that an anion has at a time.
    """

    unit: Array
    time: Array
    angles: Array
    libration: Array


def turns_of(found: Orientations, turn: float, residence: float) -> Turns:
    """Turns beyond `turn` degrees that last for `residence` frames."""
    stay = max(int(np.ceil(residence)), 1)
    unit, time, angles, libration = [], [], [], []
    for k in range(len(found.units)):
        own = found.rotations[:, k]
        events, spread = _of_one(own, turn, stay)
        unit += [k] * len(events)
        time += [event[0] for event in events]
        angles += [event[1] for event in events]
        libration.append(spread)
    order = np.argsort(time, kind="stable")
    return Turns(
        np.array(unit, dtype=int)[order], np.array(time)[order], np.array(angles)[order], np.array(libration)
    )


def _of_one(rotations: Array, turn: float, stay: int) -> tuple[list[tuple[float, float]], float]:
    """(frame, angle) of every turn of one anion, and degrees of its librations."""
    events: list[tuple[float, float]] = []
    squares, count, begin = 0.0, 0, 0
    home = _mean(rotations[:stay])
    while True:
        off = angle(rotations[begin:], home)
        away = off > turn
        run = np.convolve(away, np.ones(stay, dtype=int), mode="valid") == stay
        steady = np.flatnonzero(run)
        end = begin + int(steady[0]) if len(steady) else len(rotations)
        if end > begin:
            home_now = _mean(rotations[begin:end])
            inside = angle(rotations[begin:end], home_now)
            squares += float((inside[inside < turn] ** 2).sum())
            count += int((inside < turn).sum())
        if not len(steady):
            break
        there = _mean(rotations[end : end + stay])
        last = (
            begin + int(np.flatnonzero(off[: steady[0] + 1] < turn / 2)[-1])
            if (off[: steady[0] + 1] < turn / 2).any()
            else end - 1
        )
        arrived = np.flatnonzero(angle(rotations[end:], there) < turn / 2)
        first = end + (int(arrived[0]) if len(arrived) else 0)
        events.append((0.5 * (last + first), float(angle(home, there))))
        home, begin = there, end
    return events, float(np.sqrt(squares / max(count, 1)))


def _mean(rotations: Array) -> Array:
    """The rotation closest to several (n, 3, 3)."""
    u, _, vt = np.linalg.svd(rotations.mean(axis=0))
    u[:, -1] *= np.linalg.det(u @ vt)
    return np.asarray(u @ vt)
