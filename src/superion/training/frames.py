"""Structures on disk between two steps: extended XYZ, written atomically."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from ase import Atoms
from ase.io import write

from superion.files import write_atomic
from superion.structures import read_frames


def write_frames(path: str | Path, frames: Sequence[Atoms]) -> None:
    """Write structures with their labels; positions are rounded to 1e-8 Å. No frames make an empty file."""
    text = io.StringIO()
    copies = [atoms.copy() for atoms in frames]
    for atoms in copies:
        for key in ("source", "unmapped_labels"):
            atoms.info.pop(key, None)
    if copies:
        write(text, copies, format="extxyz")
    write_atomic(path, text.getvalue())


def load_frames(path: str | Path) -> list[Atoms]:
    """Structures that `write_frames` wrote; none for an empty file."""
    path = Path(path)
    return read_frames(path) if path.stat().st_size else []
