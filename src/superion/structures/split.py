"""Dividing frames into training and test set by whole trajectories."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from ase import Atoms

from superion.errors import InputError, suggest
from superion.structures.duplicates import duplicate_groups, frame_name
from superion.structures.labels import is_isolated


def trajectory_of(atoms: Atoms) -> str:
    """The trajectory of a frame: its own word, else its frame_id without the counter, else its file.

    Two frames of one trajectory always get one name; frames of different trajectories may share a
    name if nothing tells them apart, which is safe for a split.
    """
    named = str(atoms.info.get("trajectory", "")).strip()
    if named:
        return named
    stem = re.sub(r"[-_.:#/ ]*\d+(\.\d+)?$", "", str(atoms.info.get("frame_id", "")).strip())
    return stem or str(atoms.info.get("source", "unnamed")).rpartition("#")[0] or "unnamed"


def split_by_trajectory(
    frames: Sequence[Atoms],
    *,
    test: Sequence[str] | float,
    rng: np.random.Generator | None = None,
) -> tuple[list[Atoms], list[Atoms]]:
    """Training and test frames, in their order, so that no trajectory is in both.

    test: names of the test trajectories, or the fraction of frames (0 < test < 1) that whole
        trajectories, drawn with `rng`, come closest to. Isolated atoms are always trained on.

    Raises InputError for unknown names, for a set that would be empty, and for identical
    structures on both sides.
    """
    sizes: dict[str, int] = {}
    for atoms in frames:
        if not is_isolated(atoms):
            name = trajectory_of(atoms)
            sizes[name] = sizes.get(name, 0) + 1
    if isinstance(test, int | float):
        chosen = _draw(sizes, float(test), rng)
    else:
        chosen = {test} if isinstance(test, str) else set(test)
    for name in sorted(chosen - set(sizes)):
        raise InputError(
            f"there is no trajectory {name!r} to test on.{suggest(name, sizes)}",
            remedy=f"trajectories are {', '.join(sizes) or 'none'}; isolated atoms are always trained on.",
        )
    if not chosen or chosen == set(sizes):
        raise InputError(
            f"the {'test' if not chosen else 'training'} set would be empty.",
            remedy="hold out at least one trajectory and keep at least one.",
        )
    held_out = [not is_isolated(atoms) and trajectory_of(atoms) in chosen for atoms in frames]
    _require_clean(frames, held_out)
    train = [atoms for atoms, out in zip(frames, held_out, strict=True) if not out]
    return train, [atoms for atoms, out in zip(frames, held_out, strict=True) if out]


def _draw(sizes: dict[str, int], fraction: float, rng: np.random.Generator | None) -> set[str]:
    if not 0 < fraction < 1:
        raise InputError(
            f"the test fraction is {fraction}; expected a number between 0 and 1.",
            remedy="give for example 0.2, or the names of the test trajectories.",
        )
    if rng is None:
        raise InputError(
            "a random split needs a random generator.", remedy="pass rng=numpy.random.default_rng(seed)."
        )
    if len(sizes) < 2:
        raise InputError(
            f"all frames belong to {len(sizes)} trajectory: nothing independent is left to test on.",
            remedy="name independent trajectories with a trajectory=... key, or give a separate test file.",
        )
    names, target = sorted(sizes), fraction * sum(sizes.values())
    chosen: set[str] = set()
    held = 0
    for k in rng.permutation(len(names)):
        size = sizes[names[k]]
        if abs(held + size - target) < abs(held - target) and len(chosen) < len(names) - 1:
            chosen.add(names[k])
            held += size
    return chosen or {min(names, key=lambda name: sizes[name])}


def hold_out(
    frames: Sequence[Atoms], fraction: float, rng: np.random.Generator
) -> tuple[list[Atoms], list[Atoms], str]:
    """Training and test frames, and how they were divided, for a fraction of frames to test on.

    Whole trajectories, drawn with `rng`, where some come close to the fraction; else the end of each one as a
    block. Never single frames at random, whose neighbours would be trained on. Isolated atoms are trained on.

    Raises InputError for a fraction that is not between 0 and 1, too few frames, and identical structures on
    both sides.
    """
    bulk = [atoms for atoms in frames if not is_isolated(atoms)]
    names = sorted({trajectory_of(atoms) for atoms in bulk})
    if len(names) > 1 or not 0 < fraction < 1:
        train, test = split_by_trajectory(frames, test=fraction, rng=rng)
        if 0.5 * fraction < len(test) / len(bulk) < 1.5 * fraction:
            held = sorted({trajectory_of(atoms) for atoms in test})
            return train, test, f"{len(test)} frames of whole trajectories: {', '.join(held)}"
    held_out: set[int] = set()
    for name in names:
        members = [k for k, a in enumerate(frames) if not is_isolated(a) and trajectory_of(a) == name]
        count = round(fraction * len(members))
        held_out |= set(members[len(members) - count :])
    if not held_out or len(held_out) == len(bulk):
        raise InputError(
            f"{len(bulk)} frames of {len(names)} trajectories cannot be divided into training and test set.",
            remedy="give more frames, a larger fraction, or a separate test file.",
        )
    _require_clean(frames, [k in held_out for k in range(len(frames))])
    train = [atoms for k, atoms in enumerate(frames) if k not in held_out]
    test = [frames[k] for k in sorted(held_out)]
    which = f"trajectory {names[0]}" if len(names) == 1 else f"each of {len(names)} trajectories"
    return (
        train,
        test,
        (
            f"{len(test)} frames, the last block of {which}; frames at its edge are like some trained on, so "
            "that other trajectories may have larger errors"
        ),
    )


def _require_clean(frames: Sequence[Atoms], held_out: Sequence[bool]) -> None:
    """InputError where a structure is on both sides."""
    for group in duplicate_groups(frames):
        sides = {held_out[k] for k in group}
        if len(sides) == 2:
            names = ", ".join(frame_name(frames[k], k) for k in group)
            raise InputError(
                f"these frames are one structure, but would be divided between training and test: {names}.",
                remedy="remove the copies (superion census FRAMES --drop-duplicates FILE), or give them the "
                "same trajectory=... key.",
            )
