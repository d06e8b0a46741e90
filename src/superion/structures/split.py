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
    for group in duplicate_groups(frames):
        sides = {held_out[k] for k in group}
        if len(sides) == 2:
            names = ", ".join(frame_name(frames[k], k) for k in group)
            raise InputError(
                f"these frames are one structure, but would be divided between training and test: {names}.",
                remedy="remove the copies, or give them the same trajectory=... key.",
            )
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
