"""Reading structures and their labels from any file, with explicit keys and units."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as MappingABC
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import all_properties
from ase.io.formats import string2index

from superion.errors import InputError, naming
from superion.structures.bare import FRAGMENT, FRAGMENT_CHARGES, TOTAL, check_total, fragment_charges
from superion.structures.candidates import UNMAPPED, guess_label, ranked
from superion.structures.checks import check_structure
from superion.structures.convergence import not_converged
from superion.structures.foreign import Foreign
from superion.structures.formats import Reader, Source, reader_of
from superion.structures.labels import ISOLATED, LABELS, VOIGT, Mapping, canonical_value, states_order

_CANONICAL = {label.key: Mapping(label, label.key, order=VOIGT) for label in LABELS.values()}
_STRUCTURAL = ("momenta", "masses", "tags", FRAGMENT)
_ASIDE = ("source", UNMAPPED, FRAGMENT_CHARGES)
_SPELT = (*(key for key in _CANONICAL if key not in ("trajectory", "frame_id")), FRAGMENT, FRAGMENT_CHARGES)
_FITTED = {LABELS[name].key for name in ("energy", "forces", "stress", "charges", "dipole")}
_CONVERGED = re.compile(r"(is_|scf_|electronic_|electronically_|dft_)*converged")
Keys = Sequence[str] | MappingABC[str, str] | Foreign


def read_frames(
    path: str | Path, keys: Keys = (), index: str = ":", *, min_distance: float = 0.3
) -> list[Atoms]:
    """Structures of a file with their labels under the keys of the conventions.

    Extended XYZ, CIF, POSCAR, CONTCAR, XDATCAR, OUTCAR, vasprun.xml, input.data of RuNNer and n2p2, dumps and
    data files of LAMMPS, folders of DeePMD-kit, outputs of CP2K, JSON of pymatgen, and all else that
    `ase.io.read` knows by its name; each file also compressed (`.gz`).

    keys: mappings `label=key[:unit][:order]` of foreign keys, as a list, or `{label: "key[:unit]"}`, see
        `structures.labels`. A mapped key wins over a canonical one, which is read where the mapped one is
        missing. Foreign labels that are not mapped are dropped, and their names kept, with what they are
        like, in `info["unmapped_labels"]` for the census. A `Foreign` says more of files, and checks its
        mappings over all of them, when its owner calls `check`.
    index: which frames, in ASE's notation, such as ":", "-1" or "::10".
    min_distance: Å; frames with atoms closer than this are refused.

    `info["source"]` of each frame is `<file>#<index>`. Fixed atoms stay fixed (`atoms.constraints`);
    calculators are dropped. Warns, once for each file, of names that resemble those of the conventions, of
    calculations that did not converge, and of weights. Raises InputError, naming file, frame and atom, for
    all that cannot be used as it is.
    """
    foreign = keys if isinstance(keys, Foreign) else Foreign.of(keys)
    frames = list(each_frame(path, foreign, index, min_distance=min_distance))
    if foreign is not keys:
        foreign.check()
    return frames


def each_frame(
    path: str | Path, foreign: Foreign, index: str = ":", *, min_distance: float = 0.3
) -> Iterator[Atoms]:
    """The structures of `read_frames`, one after another; those of extended XYZ are never all in memory."""
    path = Path(path)
    doubts: dict[str, list[int]] = {}
    seen: set[str] = set()
    count = 0
    for number, atoms in _each(path, index, foreign):
        check_structure(atoms, min_distance, file=path, frame=number)
        seen |= _values(atoms).keys()
        count += 1
        yield _canonical(atoms, foreign, path, number, doubts)
    foreign.saw(path, seen)
    for text, numbers in doubts.items():
        warnings.warn(f"{path}, {_named(numbers, count)}: {text}", stacklevel=3)


def read_raw(path: str | Path, foreign: Foreign | None = None) -> list[Atoms]:
    """Structures of a file with all they hold, unchecked, under the names that the file gives."""
    return [atoms for _, atoms in _each(Path(path), ":", foreign or Foreign())]


def read_structure(path: str | Path, index: str | None = None, keys: Keys = ()) -> Atoms:
    """The one structure of a file, or the frame `index` of a file with several."""
    frames = read_frames(path, keys, index=index or ":")
    if len(frames) != 1:
        raise InputError(
            f"one structure is needed, but the file has {len(frames)} frames.",
            file=path,
            remedy="give a file with one frame, or say which one (the last one is index -1).",
        )
    return frames[0]


def _named(numbers: list[int], count: int) -> str:
    if len(numbers) == count > 1:
        return "all frames"
    shown = ", ".join(str(number) for number in numbers[:8])
    return f"frame{'s' if len(numbers) > 1 else ''} {shown}{' …' if len(numbers) > 8 else ''}"


def _each(path: Path, index: str, foreign: Foreign) -> Iterator[tuple[int, Atoms]]:
    """Chosen frames with their numbers in the file, with all that the file says of them, one after another.

    A reader that parses frames as they are asked for (`XyzFrames`) never has them all in memory here.
    """
    source = _source(path, foreign)
    reader = reader_of(source)
    try:
        images = reader.read(source)
    except InputError:
        raise
    except Exception as error:  # the parsers raise many kinds
        raise _unreadable(path, reader, error) from error
    if not len(images):
        raise InputError("the file holds no structure.", file=path, remedy=reader.hint)
    chosen = _chosen(index, len(images), path)
    failed = set() if reader.lazy else set(not_converged(source, len(images)))
    for k in chosen:
        atoms = images[k]
        if k in failed:
            atoms.info.setdefault("scf_converged", False)
        yield k, atoms


def _source(path: Path, foreign: Foreign) -> Source:
    if not path.exists():
        raise InputError("there is no such file.", file=path, remedy="check the path.")
    if path.is_dir() and not any(path.rglob("type.raw")):
        raise InputError(
            "this is a folder, not a file, and holds no data of DeePMD-kit.",
            file=path,
            remedy="check the path.",
        )
    return Source(path, path.name.removesuffix(".gz").lower(), b"" if path.is_dir() else None, foreign)


def _unreadable(path: Path, reader: Reader, error: Exception) -> InputError:
    return InputError(
        f"cannot be read as {reader.name} ({type(error).__name__}: {error}).", file=path, remedy=reader.hint
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


def _canonical(
    atoms: Atoms, foreign: Foreign, path: Path, number: int, doubts: dict[str, list[int]]
) -> Atoms:
    values = _values(atoms)
    mappings = foreign.mappings
    mapped = {m.key for m in mappings}
    clean = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    for name in _STRUCTURAL:
        if name in atoms.arrays:
            clean.set_array(name, atoms.arrays[name])
    clean.set_constraint(atoms.constraints)
    chosen = {key: m for key, m in _CANONICAL.items() if key in values}
    chosen |= {m.label.key: m for m in mappings if m.key in values}
    unwanted = {m.label.key for m in mappings if not m.key}
    failed = _states_failure(values) if _FITTED & set(chosen) else []
    for text in _misspelt(values, mappings) + failed:
        doubts.setdefault(text, []).append(number)
    if FRAGMENT_CHARGES in atoms.info:
        clean.info[FRAGMENT_CHARGES] = atoms.info[FRAGMENT_CHARGES]
        with naming(f"{path}#{number}"):
            fragment_charges(clean)
    for key, mapping in chosen.items():
        if key in unwanted:
            continue
        value = canonical_value(mapping, values[mapping.key], clean, file=path, frame=number)
        if mapping.label.where == "arrays":
            clean.arrays[key] = np.ascontiguousarray(value)
        else:
            clean.info[key] = value
        if not states_order(mapping, values[mapping.key], atoms):
            text = (
                f"the six numbers of {mapping.key} are taken in the order {' '.join(VOIGT)}; state the order "
                f"to be sure: --key {mapping.label.name}={mapping.key}:UNIT:voigt, or vasp "
                "(xx yy zz xy yz zx), lammps (xx yy zz xy xz yz), rows (xx xy xz yy yz zz)."
            )
            doubts.setdefault(text, []).append(number)
    if foreign.total_charge is not None and TOTAL not in clean.info and FRAGMENT_CHARGES not in clean.info:
        clean.info[TOTAL] = foreign.total_charge
    with naming(f"{path}#{number}"):
        check_total(clean)
    _check_isolated(clean, path, number)
    left = {k for k in set(values) - mapped - set(chosen) if _label_key(k) not in unwanted}
    unmapped = {k for k in left if guess_label(k) or (k in atoms.arrays and values[k].dtype.kind == "f")}
    kept = (str, bool, int, float, list, np.ndarray, np.generic)
    for key, value in atoms.info.items():
        if key in left - unmapped and isinstance(value, kept):
            clean.info[key] = value.item() if isinstance(value, np.generic) else value
    if unmapped:
        beside = {key: value for key, value in values.items() if key in unmapped or isinstance(value, str)}
        likely = ranked(beside, len(atoms))
        clean.info[UNMAPPED] = {key: like for key, like in likely.items() if key in unmapped}
    clean.info["source"] = f"{path}#{number}"
    return clean


def _label_key(name: str) -> str | None:
    """Key of the label that a foreign name seems to hold."""
    guess = guess_label(name)
    return None if guess is None else LABELS["stress" if guess == "virial" else guess].key


def _misspelt(values: dict[str, Any], mappings: Sequence[Mapping]) -> list[str]:
    """Names that are almost those of the conventions, unless the label is there or mapped.

    Properties as ASE names them are no misspellings.
    """
    settled = {m.key for m in mappings} | {m.label.key for m in mappings} | set(values) & set(_SPELT)
    found = []
    for name in sorted(set(values) - set(_SPELT) - set(all_properties) - settled):
        closest = _closest(name)
        if closest is None or closest in settled:
            continue
        label = _CANONICAL[closest].label.name if closest in _CANONICAL else None
        found.append(
            f"{name!r} is not read. Did you mean {closest!r}? Rename it"
            + (f", or map it with --key {label}={name}." if label else ".")
        )
    return found


@cache
def _closest(name: str) -> str | None:
    """The key of the conventions that a name resembles; it begins alike: `pred_energy` is no `REF_energy`."""
    likeness = {
        key: SequenceMatcher(None, name.lower(), key.lower()).ratio()
        for key in _SPELT
        if name[:1].lower() == key[:1].lower()
    }
    closest = max(likeness, key=lambda key: likeness[key], default="")
    return closest if closest and likeness[closest] > 0.85 else None


def _states_failure(values: dict[str, Any]) -> list[str]:
    """Keys that say that a calculation did not converge."""
    names = [
        name
        for name, value in values.items()
        if _CONVERGED.fullmatch(name.lower()) and str(value).lower() in ("false", "f", "0", "no")
    ]
    if not names:
        return []
    return [
        f"the calculation did not converge ({names[0]} is false): its labels are used, but may be wrong "
        "by far. Leave these frames out, or label them again."
    ]


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
