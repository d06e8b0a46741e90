"""The labelled frames as extended XYZ, in the order of the input."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from ase import Atoms
from ase.io.extxyz import write_xyz

from superion.errors import StorageError
from superion.files import write_atomic
from superion.reference.store import Entry


def labelled(frames: Sequence[Atoms], entries: Sequence[Entry]) -> list[Atoms]:
    """Copies of the frames that have labels, with all they had but REF_ labels of before."""
    made = []
    for atoms, entry in zip(frames, entries, strict=True):
        if entry.labels is None:
            continue
        copy = atoms.copy()
        entry.labels.write_to(copy, entry.kind)
        made.append(copy)
    return made


def export(path: Path, frames: Sequence[Atoms], entries: Sequence[Entry]) -> list[Atoms]:
    """Write the labelled frames, atomically, and return them; the same labels give the same bytes."""
    made = labelled(frames, entries)
    text = StringIO()
    for atoms in made:
        write_xyz(text, [atoms])
    try:
        write_atomic(path, text.getvalue())
    except OSError as error:
        raise StorageError(
            f"cannot be written ({error.strerror or error}).",
            file=path,
            remedy="make room or name another file, then run the same command again: the labels are safe.",
        ) from error
    return made
