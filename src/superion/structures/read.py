"""Reading structures and their labels from any file, with explicit keys and units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.io.formats import string2index

from superion.errors import InputError, naming, suggest
from superion.structures.bare import FRAGMENT, FRAGMENT_CHARGES, fragment_charges
from superion.structures.checks import check_structure
from superion.structures.cif import read_cif
from superion.structures.labels import (
    ISOLATED,
    LABELS,
    Mapping,
    canonical_value,
    fits,
    guess_label,
    parse_mappings,
)
from superion.structures.runner import is_runner, read_runner
from superion.structures.xyz import parse_xyz, read_bytes, xyz_frames

_CANONICAL = {label.key: Mapping(label, label.key) for label in LABELS.values()}
_STRUCTURAL = ("momenta", "masses", "tags", FRAGMENT)
_DUMPED = re.compile(rb"^ITEM: ATOMS(.*)$", re.MULTILINE)
_ASIDE = ("source", "unmapped_labels", FRAGMENT_CHARGES)


def read_frames(
    path: str | Path, keys: Sequence[str] = (), index: str = ":", *, min_distance: float = 0.3
) -> list[Atoms]:
    """Structures of a file with their labels under the keys of the conventions.

    Extended XYZ, CIF, POSCAR, CONTCAR, XDATCAR, input.data of RuNNer and n2p2, and all else that
    `ase.io.read` knows by its name, each also compressed (`.gz`).

    keys: mappings `label=key[:unit]` of foreign keys, see `structures.labels`. A mapped key wins
        over a canonical one. Foreign labels that are not mapped are dropped, and their names kept
        in `info["unmapped_labels"]` for the census.
    index: which frames, in ASE's notation, such as ":", "-1" or "::10".
    min_distance: Å; frames with atoms closer than this are refused.

    `info["source"]` of each frame is `<file>#<index>`. Constraints and calculators are dropped.
    Raises InputError, naming file, frame and atom, for all that cannot be used as it is.
    """
    path = Path(path)
    mappings = parse_mappings(keys)
    if not path.is_file():
        raise InputError(
            "there is no such file." if not path.exists() else "this is a folder, not a file.",
            file=path,
            remedy="check the path.",
        )
    raw = _read_all(path, index)
    frames = []
    for number, atoms in raw:
        check_structure(atoms, min_distance, file=path, frame=number)
        frames.append(_canonical(atoms, mappings, path, number))
    for mapping in mappings:
        if not any(mapping.key in _values(atoms) for _, atoms in raw):
            present = sorted(set().union(*(_values(atoms) for _, atoms in raw)))
            raise InputError(
                f"no frame has the key {mapping.key!r} that is mapped to {mapping.label.name}."
                f"{suggest(mapping.key, present)}",
                file=path,
                remedy=f"keys in the file: {', '.join(present) or 'none'}.",
            )
    return frames


def read_raw(path: str | Path) -> list[Atoms]:
    """Structures of a file with all they hold, unchecked, under the names that the file gives."""
    return [atoms for _, atoms in _read_all(Path(path), ":")]


def read_structure(path: str | Path, index: str | None = None) -> Atoms:
    """The one structure of a file, or the frame `index` of a file with several."""
    frames = read_frames(path, index=index or ":")
    if len(frames) != 1:
        raise InputError(
            f"one structure is needed, but the file has {len(frames)} frames.",
            file=path,
            remedy="give a file with one frame, or say which one (the last one is index -1).",
        )
    return frames[0]


def _read_all(path: Path, index: str) -> list[tuple[int, Atoms]]:
    """Chosen frames with their numbers in the file, as ASE reads them."""
    name = path.name.removesuffix(".gz").lower()
    if name.endswith((".xyz", ".extxyz")):
        texts = xyz_frames(path)
        return [(k, parse_xyz(texts[k], path, k)) for k in _chosen(index, len(texts), path)]
    data = read_bytes(path)
    if is_runner(name, data):
        images = read_runner(data, path)
    elif name.endswith(".cif"):
        try:
            images = read_cif(data, path)
        except InputError:
            raise
        except Exception as error:  # the parser raises many kinds
            raise _unreadable(path, error) from error
    else:
        _refuse_numbered_types(data, path)
        try:
            format = "vasp" if name.endswith(".vasp") else None
            images = list(ase.io.iread(path, index=":", format=format, do_not_split_by_at_sign=True))
        except Exception as error:  # the parsers raise many kinds
            raise _unreadable(path, error) from error
    if not images:
        raise InputError("the file holds no structure.", file=path, remedy="check the file.")
    return [(k, images[k]) for k in _chosen(index, len(images), path)]


def _refuse_numbered_types(data: bytes, path: Path) -> None:
    """InputError for a dump of LAMMPS without elements, whose types would pass for atomic numbers."""
    columns = _DUMPED.search(data) if data.lstrip().startswith(b"ITEM:") else None
    if columns is not None and not {b"element", b"mass"} & set(columns[1].split()):
        raise InputError(
            "the dump of LAMMPS has no column `element`: types are numbers that name no element.",
            file=path,
            remedy="write it with `dump 1 all custom 100 run.lammpstrj id element xu yu zu` and "
            "`dump_modify 1 element Li P S`, elements in the order of the types.",
        )


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"cannot be read as a structure file ({type(error).__name__}: {error}).",
        file=path,
        remedy="the file is damaged or its name does not say its format; extended XYZ (.extxyz), CIF (.cif), "
        "VASP (.vasp, POSCAR, XDATCAR) and RuNNer (input.data) always work.",
    )


def _chosen(index: str, count: int, path: Path) -> list[int]:
    try:
        where = string2index(index)
        chosen = np.arange(count)[where]  # type: ignore[index]  # a text index raises IndexError
    except (ValueError, IndexError) as error:
        raise InputError(
            f"index {index!r} does not choose from {count} frames.",
            file=path,
            remedy="use ASE's notation: ':' for all, '-1' for the last, '::10' for every tenth.",
        ) from error
    if chosen.size == 0:
        raise InputError(
            f"index {index!r} chooses none of {count} frames.", file=path, remedy="use ':' for all."
        )
    return [int(k) for k in np.atleast_1d(chosen)]


def _values(atoms: Atoms) -> dict[str, Any]:
    """Everything a frame holds beside its structure, by name."""
    values: dict[str, Any] = dict(atoms.calc.results) if atoms.calc is not None else {}
    values |= {k: v for k, v in atoms.arrays.items() if k not in ("numbers", "positions", *_STRUCTURAL)}
    return values | {k: v for k, v in atoms.info.items() if k not in _ASIDE}


def _canonical(atoms: Atoms, mappings: list[Mapping], path: Path, number: int) -> Atoms:
    values = _values(atoms)
    mapped = {m.key for m in mappings}
    _refuse_misspelt(values, mapped, path, number)
    clean = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    for name in _STRUCTURAL:
        if name in atoms.arrays:
            clean.set_array(name, atoms.arrays[name])
    chosen = {key: m for key, m in _CANONICAL.items() if key in values}
    chosen |= {m.label.key: m for m in mappings if m.key in values}
    if FRAGMENT_CHARGES in atoms.info:
        clean.info[FRAGMENT_CHARGES] = atoms.info[FRAGMENT_CHARGES]
        with naming(f"{path}#{number}"):
            fragment_charges(clean)
    for key, mapping in chosen.items():
        value = canonical_value(mapping, values[mapping.key], clean, file=path, frame=number)
        if mapping.label.where == "arrays":
            clean.arrays[key] = np.ascontiguousarray(value)
        else:
            clean.info[key] = value
    _check_isolated(clean, path, number)
    left = set(values) - mapped - set(chosen)
    foreign = {k for k in left if guess_label(k) or (k in atoms.arrays and values[k].dtype.kind == "f")}
    kept = (str, bool, int, float, list, np.ndarray, np.generic)
    for key, value in atoms.info.items():
        if key in left - foreign and isinstance(value, kept):
            clean.info[key] = value.item() if isinstance(value, np.generic) else value
    if foreign:
        likely = sorted(foreign, key=lambda k: (not fits(k, values[k], len(atoms)), k))
        clean.info["unmapped_labels"] = likely
    clean.info["source"] = f"{path}#{number}"
    return clean


def _refuse_misspelt(values: dict[str, Any], mapped: set[str], path: Path, number: int) -> None:
    """A key that is almost canonical is a mistake, not a foreign key."""
    known = [key for key in _CANONICAL if key not in ("trajectory", "frame_id")]
    known += [FRAGMENT, FRAGMENT_CHARGES]
    for name in values:
        if name in known or name in mapped:
            continue
        likeness = {key: SequenceMatcher(None, name.lower(), key.lower()).ratio() for key in known}
        closest = max(likeness, key=lambda key: likeness[key])
        if likeness[closest] > 0.85 and closest not in values:
            label = _CANONICAL[closest].label.name if closest in _CANONICAL else ""
            raise InputError(
                f"unknown key {name!r}. Did you mean {closest!r}?",
                file=path,
                frame=number,
                remedy="rename it" + (f", or read it with --key {label}={name}." if label else "."),
            )


def _check_isolated(atoms: Atoms, path: Path, number: int) -> None:
    """Other spellings of IsolatedAtom become the canonical one; such a frame has one atom."""
    kind = str(atoms.info.get("config_type", ""))
    if kind.lower().replace("_", "").replace("-", "") != ISOLATED.lower():
        return
    if len(atoms) != 1:
        raise InputError(
            f"config_type is {kind}, but the frame has {len(atoms)} atoms.",
            file=path,
            frame=number,
            remedy="an isolated atom is one atom in a large box; give this frame another config_type.",
        )
    atoms.info["config_type"] = ISOLATED
