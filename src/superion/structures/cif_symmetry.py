"""Symmetry operations of a CIF: those it lists, else those of the space group it names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import gemmi
import numpy as np

Array = np.ndarray
LISTED = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
NAMES = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m_full")
HALL = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
NUMBERS = ("_space_group_it_number", "_symmetry_int_tables_number")
ORIGINS = {"1": "2", "2": "1"}
Tags = Mapping[str, list[str]]


class SymmetryError(ValueError):
    """Operations or a space group that cannot be understood; the text is a clause on the file."""


@dataclass(frozen=True, slots=True)
class Symmetry:
    """Operations x → W x + w: rotations (G, 3, 3), translations (G, 3); `notes` on what was guessed."""

    rotations: Array
    translations: Array
    notes: tuple[str, ...] = ()


def symmetries(tags: Tags, alpha: float, gamma: float) -> list[Symmetry]:
    """The readings of what a file says of its symmetry, the likeliest first.

    There is one, but for groups that are named without the choice of origin. alpha, gamma: angles of the
    cell in degrees, which tell hexagonal axes from rhombohedral ones. Raises SymmetryError.
    """
    named = _named(tags, alpha, gamma)
    listed = [text for tag in LISTED for text in tags.get(tag, ()) if text not in "?."]
    if listed:
        operations = [_operation(text) for text in listed]
        _check_group(operations)
        return [_symmetry(operations, _compared(operations, named))]
    if named is None:
        return [_symmetry([gemmi.Op("x,y,z")], ("it gives no symmetry: P 1 is taken",))]
    if isinstance(named, gemmi.SpaceGroup) and named.ext in ORIGINS and not _states_origin(tags):
        other = gemmi.find_spacegroup_by_name(f"{named.hm}:{ORIGINS[named.ext]}")
        readings = []
        for group in (named, other):
            note = f"it does not say which origin {named.hm} has: choice {group.ext} is taken"
            readings.append(_symmetry(list(group.operations()), (note,)))
        return readings
    operations = list(named.operations() if isinstance(named, gemmi.SpaceGroup) else named)
    return [_symmetry(operations, ())]


def _first(tags: Tags, names: Sequence[str]) -> str | None:
    for name in names:
        for value in tags.get(name, ()):
            if value.strip() not in ("", "?", "."):
                return value.strip()
    return None


def _named(tags: Tags, alpha: float, gamma: float) -> gemmi.SpaceGroup | gemmi.GroupOps | None:
    """The group that the file names by a symbol of Hall, of Hermann and Mauguin, or by its number."""
    hall, name, text = _first(tags, HALL), _first(tags, NAMES), _first(tags, NUMBERS)
    number = int(text) if text and re.fullmatch(r"\d{1,3}", text) else None
    if text and (number is None or not 1 <= number <= 230):
        raise SymmetryError(f"its space group has the number {text!r}, which is not one of 1 to 230")
    group = _by_name(name, alpha, gamma) if name else None
    if group is None and hall:
        try:
            operations = gemmi.symops_from_hall(hall)
        except (RuntimeError, ValueError):
            operations = None
        if operations is not None:
            return gemmi.find_spacegroup_by_ops(operations) or operations
    if group is None and number is not None:
        group = gemmi.find_spacegroup_by_number(number)
        if abs(alpha - gamma) < 0.5 and abs(gamma - 120) > 1:
            group = gemmi.find_spacegroup_by_name(f"{group.hm}:R") or group
    if group is None and name and not any(tags.get(tag) for tag in LISTED):
        raise SymmetryError(f"its space group {name!r} is not known")
    if group is not None and number is not None and group.number != number:
        raise SymmetryError(
            f"it names the space group {name!r}, which is number {group.number}, "
            f"but gives the number {number}"
        )
    return group


def _by_name(name: str, alpha: float, gamma: float) -> gemmi.SpaceGroup | None:
    """A group by its symbol in the spellings that are met: brackets, underscores, S and Z for origins."""
    plain = re.sub(r"\((\d+)\)", r"\1", name.replace("~", ""))
    spellings = [plain, plain.replace(" ", ""), re.sub(r"\s*\(.*\)$", "", name)]
    for suffix, origin in (("S", "1"), ("Z", "2")):
        if re.search(rf"[\s:]{suffix}$", plain):
            spellings.append(f"{plain[:-1].rstrip(' :')}:{origin}")
    spellings += [re.sub(r"\s*[:(]?\s*origin choice (\d)\)?$", r":\1", plain, flags=re.IGNORECASE)]
    for spelling in spellings:
        try:
            group = gemmi.find_spacegroup_by_name(spelling, alpha, gamma)
        except (RuntimeError, ValueError):
            continue
        if group is not None:
            return group
    return None


def _states_origin(tags: Tags) -> bool:
    name = _first(tags, NAMES) or ""
    setting = _first(tags, ("_symmetry_space_group_setting", "_space_group_it_coordinate_system_code"))
    return (
        bool(re.search(r"[:\s][12SZ]$|origin choice", name))
        or setting is not None
        or (not name and _first(tags, HALL) is not None)
    )


def _operation(text: str) -> gemmi.Op:
    plain = text.strip().strip("'\"").replace(" ", "").replace(";", ",").lower()
    parts = plain.split(",")
    if len(parts) == 4 and parts[3] in ("+1", "-1", "1"):
        plain = ",".join(parts[:3])
    try:
        return gemmi.Op(plain).wrap()
    except (RuntimeError, ValueError):
        raise SymmetryError(f"its symmetry operation {text!r} cannot be understood") from None


def _symmetry(operations: Sequence[gemmi.Op], notes: tuple[str, ...]) -> Symmetry:
    unique = list(dict.fromkeys((tuple(map(tuple, op.rot)), tuple(op.wrap().tran)) for op in operations))
    rotations = np.array([rotation for rotation, _ in unique], dtype=float) / gemmi.Op.DEN
    translations = np.array([translation for _, translation in unique], dtype=float) / gemmi.Op.DEN
    return Symmetry(rotations, translations, notes)


def _compared(
    operations: Sequence[gemmi.Op], named: gemmi.SpaceGroup | gemmi.GroupOps | None
) -> tuple[str, ...]:
    """What to say if the list and the name do not ask for as many operations."""
    if named is None:
        return ()
    whole = named.operations() if isinstance(named, gemmi.SpaceGroup) else named
    listed = {str(op.rot) for op in operations}
    wanted = {str(op.rot) for op in whole}
    if len(listed) == len(wanted):
        return ()
    name = named.hm if isinstance(named, gemmi.SpaceGroup) else "its space group"
    return (
        f"it lists {len(operations)} symmetry operations, where {name} has {len(list(whole))}: "
        "those of the list are taken",
    )


def _check_group(operations: Sequence[gemmi.Op]) -> None:
    """Raise SymmetryError unless the product of any two operations is one of them."""
    den = gemmi.Op.DEN
    entries = np.array([op.rot for op in operations])
    translations = np.array([op.tran for op in operations])
    rotations = entries // den
    for op, rotation, entry in zip(operations, rotations, entries, strict=True):
        if (rotation * den != entry).any() or abs(round(np.linalg.det(rotation))) != 1:
            raise SymmetryError(f"its symmetry operation {op.triplet()!r} is none of a crystal")
    product = np.einsum("aij,bjk->abik", rotations, rotations)
    moved = (np.einsum("aij,bj->abi", rotations, translations) + translations[:, None]) % den
    missing = ~np.isin(_codes(product, moved), _codes(rotations, translations % den))
    if missing.any():
        a, b = np.argwhere(missing)[0].tolist()
        raise SymmetryError(
            f"its {len(operations)} symmetry operations are not a group: "
            f"{(operations[a] * operations[b]).wrap().triplet()!r}, the product of "
            f"{operations[a].triplet()!r} and {operations[b].triplet()!r}, is not listed"
        )


def _codes(rotations: Array, translations: Array) -> Array:
    """One integer for each operation: entries of rotations are −3 to 4, of translations 0 to 23."""
    entries = (rotations + 3).reshape(*rotations.shape[:-2], 9)
    powers = 8 ** np.arange(9, dtype=np.int64)
    return np.asarray(entries @ powers * 32**3 + translations @ (32 ** np.arange(3)))
