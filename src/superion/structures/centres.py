"""Reading structures with the centres of their Wannier functions, atoms of the element X in XYZ files.

So CP2K writes them (`WANNIER_CENTERS` with `IONS+CENTERS`), one file for each step or all in one, and
Wannier90 (`seedname_centres.xyz`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from superion.errors import InputError
from superion.structures.bare import state, stated
from superion.structures.labels import LABELS
from superion.structures.read import read_raw

Array = np.ndarray


def read_centres(
    files: Sequence[str | Path],
    more: Sequence[str | Path] = (),
    cell: Sequence[Sequence[float]] | None = None,
) -> tuple[list[Atoms], list[Array]]:
    """Structures, without centres but with labels of the conventions, and centres (K, 3) Å of each.

    files: in the order of the numbers in their names (9 before 10). more: files of further centres, frame
    by frame: those of the other spin, or all, if `files` hold none. cell: (3, 3) Å for files that do not
    name one; all three axes are then periodic. Raises InputError for files that do not fit each other.
    """
    raw = _read(files)
    other = _read(more)
    if more and len(other) != len(raw):
        raise InputError(
            f"there are {len(raw)} structures, but {len(other)} sets of further centres.",
            remedy="give one for each.",
        )
    frames, centres = [], []
    for k, (path, whole) in enumerate(raw):
        is_centre = whole.numbers == 0
        points = [whole.positions[is_centre]]
        if more:
            points.append(other[k][1].positions[other[k][1].numbers == 0])
        atoms = _clean(whole[~is_centre])
        if not len(atoms):
            raise InputError("it holds centres and no atoms.", file=path, frame=k, remedy="give atoms, too.")
        atoms.info["source"] = f"{path}#{k}"
        if cell is not None:
            _agree(atoms, cell, path, k)
            atoms.set_cell(cell)
            atoms.pbc = True
        if not atoms.cell.any():
            raise InputError(
                "it names no cell.", file=path, frame=k, remedy="give the cell: --cell 10,10,12."
            )
        frames.append(atoms)
        centres.append(np.concatenate(points))
    return frames, centres


def _agree(atoms: Atoms, cell: Sequence[Sequence[float]], path: Path, frame: int) -> None:
    """InputError for a file that names another cell than the one given for files without."""
    if atoms.cell.any() and not np.allclose(atoms.cell.array, cell, atol=1e-4):
        raise InputError(
            f"it names the cell {np.round(atoms.cell.array, 4).tolist()} Å, another one than was given.",
            file=path,
            frame=frame,
            remedy="leave out --cell, or correct it; dipoles are followed at one constant cell.",
        )


def _read(files: Sequence[str | Path]) -> list[tuple[Path, Atoms]]:
    ordered = sorted((Path(file) for file in files), key=_numbers)
    return [(path, atoms) for path in ordered for atoms in read_raw(path)]


def _numbers(path: Path) -> list[tuple[int, str]]:
    """What sorts file names by the numbers in them."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _clean(atoms: Atoms) -> Atoms:
    made = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    for label in LABELS.values():
        if label.where == "info" and label.key in atoms.info:
            made.info[label.key] = atoms.info[label.key]
        elif label.where == "arrays" and label.key in atoms.arrays:
            made.set_array(label.key, atoms.arrays[label.key])
    state(made, stated(atoms))
    return made
