"""The labelled structures of a study or a fit, divided into training and test set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from superion.structures import (
    census,
    is_isolated,
    require_labels,
    split_by_trajectory,
    structure_hash,
    trajectory_of,
)
from superion.structures.clusters import drawn_apart
from superion.structures.duplicates import frame_name
from superion.structures.foreign import Foreign
from superion.structures.read import Keys, each_frame
from superion.structures.split import hold_out


@dataclass(frozen=True, slots=True)
class Dataset:
    """Frames in the order of the files; the indices in `train` and `test` divide them."""

    frames: list[Atoms]
    train: list[int]
    test: list[int]
    divided: str = ""
    """How, where no whole trajectory could be held out; else empty."""

    def part(self, name: str) -> list[Atoms]:
        """The frames of "train" or "test"."""
        return [self.frames[k] for k in (self.train if name == "train" else self.test)]


def read_files(paths: Sequence[str | Path], keys: Keys = ()) -> list[Atoms]:
    """Frames of several files in turn, each named in messages by file name and index.

    A mapped key must occur in one of them; in one of all files of a `Foreign`, whose owner checks that.
    """
    foreign = keys if isinstance(keys, Foreign) else Foreign.of(keys)
    frames = list(each_of_files(paths, foreign))
    if foreign is not keys:
        foreign.check()
    return frames


def each_of_files(paths: Sequence[str | Path], foreign: Foreign) -> Iterator[Atoms]:
    """The frames of `read_files` one after another, of which a file may hold more than memory."""
    for path in paths:
        for atoms in each_frame(path, foreign):
            atoms.info["source"] = f"{Path(path).name}#{str(atoms.info['source']).rpartition('#')[2]}"
            yield atoms


def load_dataset(paths: Sequence[Path], keys: Keys, test: Sequence[str] | float | None, seed: int) -> Dataset:
    """Read, check and divide the data; test None trains on everything.

    Raises InputError for unreadable files, missing labels and splits that are not clean.
    """
    frames = read_files(paths, keys)
    require_labels(frames)
    if test is None:
        return Dataset(frames, list(range(len(frames))), [])
    bulk, rng, divided = [a for a in frames if not is_isolated(a)], np.random.default_rng(seed), ""
    if isinstance(test, int | float) and len(bulk) > 1 and len({trajectory_of(a) for a in bulk}) == 1:
        held_out, divided = _of_the_only(frames, bulk, float(test), rng)
    else:
        _, held_out = split_by_trajectory(frames, test=test, rng=rng)
    chosen = {id(atoms) for atoms in held_out}
    inside = [id(atoms) in chosen for atoms in frames]
    return Dataset(
        frames,
        [k for k, out in enumerate(inside) if not out],
        [k for k, out in enumerate(inside) if out],
        divided,
    )


def _of_the_only(
    frames: list[Atoms], bulk: list[Atoms], fraction: float, rng: np.random.Generator
) -> tuple[list[Atoms], str]:
    """Test frames of the only trajectory, and what they are: its largest distances, or its end."""
    if not drawn_apart(bulk):
        _, held_out, how = hold_out(frames, fraction, rng)
        return held_out, how
    reach = [float(atoms.get_all_distances(mic=bool(atoms.pbc.any())).max()) for atoms in bulk]
    count = min(max(round(fraction * len(bulk)), 1), len(bulk) - 1)
    far = [bulk[k] for k in np.argsort(reach)[len(bulk) - count :]]
    return far, f"{count} frames, the largest distances of two molecules, of which there is one scan"


def doubts(train: Sequence[Atoms], test: Sequence[Atoms]) -> list[str]:
    """What looks wrong with the data of a fit: unit slips, duplicates, frames on both sides."""
    found = census(train).warnings + (census(test).warnings if test else [])
    known = {structure_hash(atoms): frame_name(atoms, k) for k, atoms in enumerate(train)}
    shared = [
        f"{known[digest]} = {frame_name(atoms, k)}"
        for k, atoms in enumerate(test)
        if not is_isolated(atoms) and (digest := structure_hash(atoms)) in known
    ]
    if shared:
        more = f" and {len(shared) - 5} more" if len(shared) > 5 else ""
        found.append(
            f"training and test set share {len(shared)} structures, whose errors say nothing about others: "
            f"{', '.join(shared[:5])}{more}."
        )
    return found
