"""Folders of DeePMD-kit: arrays of NumPy with labels in eV and Å, one composition or padded ones.

    type.raw  type_map.raw  [nopbc]  set.000/coord.npy, box.npy, energy.npy, force.npy, virial.npy
    (mixed types: set.000/real_atom_types.npy, with −1 for no atom)

Source: DeePMD-kit, https://docs.deepmodeling.com/projects/deepmd, data of systems.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.stress import full_3x3_to_voigt_6_stress

from superion.errors import InputError
from superion.structures.formats.base import Reader, Source


def _systems(folder: Path) -> list[Path]:
    """The folder itself, or all below it that hold a system."""
    return [path.parent for path in sorted(folder.rglob("type.raw")) if list(path.parent.glob("set.*"))]


def _read(source: Source) -> list[Atoms]:
    return [atoms for folder in _systems(source.path) for atoms in _system(folder, source.foreign.elements)]


def _system(folder: Path, elements: tuple[str, ...]) -> list[Atoms]:
    names = folder / "type_map.raw"
    symbols = tuple(names.read_text(encoding="utf-8").split()) if names.exists() else elements
    try:
        types = np.array((folder / "type.raw").read_text(encoding="utf-8").split(), dtype=np.int64)
    except ValueError as error:
        raise InputError(f"a type is no number ({error}).", file=folder / "type.raw") from error
    frames = []
    for part in sorted(folder.glob("set.*")):
        arrays = {path.stem: _array(path) for path in sorted(part.glob("*.npy"))}
        if "coord" not in arrays:
            raise InputError("the set has no coord.npy.", file=part, remedy="copy the folder again.")
        for k in range(len(arrays["coord"])):
            frames.append(_frame({name: _row(value, k, part, name) for name, value in arrays.items()}, types))
            kinds = frames[-1].info.pop("types")
            frames[-1].set_atomic_numbers(_numbers(kinds, symbols, folder))
            frames[-1].pbc = not (folder / "nopbc").exists() and frames[-1].cell.rank == 3
    return frames


def _array(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(
            f"is no array of numbers ({error}).", file=path, remedy="copy the folder again."
        ) from error


def _row(value: np.ndarray, frame: int, part: Path, name: str) -> Any:
    if frame >= len(value):
        raise InputError(
            f"{name}.npy has {len(value)} frames, coord.npy more.", file=part, remedy="copy the folder again."
        )
    return value[frame]


def _frame(row: dict[str, Any], types: np.ndarray) -> Atoms:
    """One frame; its atoms have numbers of types under `info["types"]`."""
    kinds = np.asarray(row.get("real_atom_types", types), dtype=np.int64)
    real = kinds >= 0
    atoms = Atoms(numbers=np.ones(real.sum()), positions=row["coord"].reshape(-1, 3)[real])
    if "box" in row:
        atoms.cell = row["box"].reshape(3, 3)
    if "energy" in row:
        atoms.info["REF_energy"] = float(np.ravel(row["energy"])[0])
    if "force" in row:
        atoms.arrays["REF_forces"] = row["force"].reshape(-1, 3)[real].astype(np.float64)
    if "virial" in row and atoms.cell.rank == 3:
        stress = -row["virial"].reshape(3, 3) / atoms.cell.volume
        atoms.info["REF_stress"] = full_3x3_to_voigt_6_stress(0.5 * (stress + stress.T))
    atoms.info["types"] = kinds[real]
    return atoms


def _numbers(kinds: np.ndarray, symbols: tuple[str, ...], folder: Path) -> list[int]:
    unknown = [symbol for symbol in symbols if symbol not in atomic_numbers]
    if unknown or not symbols or int(kinds.max()) >= len(symbols):
        raise InputError(
            f"{unknown[0]!r} is not an element."
            if unknown
            else f"type {int(kinds.max())} has no element; named are {', '.join(symbols) or 'none'}.",
            file=folder,
            remedy="write the elements, in the order of the types from 0, into type_map.raw, or give "
            "--elements Li,P,S where there is no such file.",
        )
    return [atomic_numbers[symbols[kind]] for kind in kinds]


DEEPMD = Reader(
    "folder of DeePMD-kit",
    lambda source: source.path.is_dir(),
    _read,
    "coord.npy, box.npy, energy.npy, force.npy and virial.npy of a set must fit each other and type.raw.",
)
