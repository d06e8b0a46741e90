"""Finding frames that hold the same structure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from ase import Atoms

from superion.structures.bare import total_of
from superion.structures.labels import LABELS, get_label
from superion.structures.spool import Part

GRID = 1e-6


def frame_name(atoms: Atoms, index: int) -> str:
    """How messages call a frame: its frame_id, else its source, else its index."""
    return str(atoms.info.get("frame_id") or atoms.info.get("source") or f"#{index}")


def structure_hash(atoms: Atoms) -> str:
    """A hash of elements, cell, periodicity, positions (to 1e-6 Å) and total charge, in any order of atoms.

    Periodic images of an atom count as equal; rotated or shifted copies do not. Labels do not enter. A
    structure that does not state its total charge is as one without.
    """
    cell = atoms.cell.complete().array
    scaled = np.linalg.solve(cell.T, atoms.positions.T).T
    steps = np.maximum(np.rint(np.linalg.norm(cell, axis=1) / GRID), 1).astype(np.int64)
    grid = np.rint(scaled * steps).astype(np.int64)
    grid[:, atoms.pbc] %= steps[atoms.pbc]
    rows = np.column_stack([atoms.numbers.astype(np.int64), grid])
    rows = rows[np.lexsort(rows.T[::-1])]
    digest = hashlib.sha256(np.asarray(atoms.pbc, dtype=np.uint8).tobytes())
    digest.update((np.rint(atoms.cell.array / GRID).astype(np.int64)).tobytes())
    digest.update(np.ascontiguousarray(rows).tobytes())
    if charge := total_of(atoms):
        digest.update(f"{charge:+.6f}".encode())
    return digest.hexdigest()


def duplicate_groups(frames: Sequence[Atoms]) -> list[list[int]]:
    """Indices of frames that hold the same structure, one list per structure found twice or more."""
    first: dict[bytes, int] = {}
    groups: dict[int, list[int]] = {}
    for k, atoms in enumerate(frames):
        known = first.setdefault(bytes.fromhex(structure_hash(atoms)), k)
        if known != k:
            groups.setdefault(known, [known]).append(k)
    return [groups[known] for known in sorted(groups)]


def without_duplicates(frames: Sequence[Atoms]) -> Part[Atoms]:
    """The frames in their order, of each structure the first with the most labels."""
    dropped: set[int] = set()
    for group in duplicate_groups(frames):
        kept = max(group, key=lambda k: sum(get_label(frames[k], name) is not None for name in LABELS))
        dropped |= {k for k in group if k != kept}
    return Part(frames, (k for k in range(len(frames)) if k not in dropped))
