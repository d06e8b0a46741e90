"""JSON of pymatgen: structures, molecules, entries with energies, and collections of them by any names.

Whatever stands beside a structure (`energy`, `force`, `stress`) is kept under its name, like other labels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from superion.errors import InputError
from superion.structures.formats.base import Reader, Source


def _mine(source: Source) -> bool:
    return source.name.endswith(".json") and b'"@class"' in source.data and b"pymatgen" in source.data


def _read(source: Source) -> list[Atoms]:
    found: list[Atoms] = []
    for name, beside, structure in _structures(json.loads(source.text), ""):
        atoms = _atoms(structure, source, len(found))
        for key, value in beside.items():
            _keep(atoms, key, value)
        if name:
            atoms.info.setdefault("frame_id", name)
        found.append(atoms)
    return found


def _structures(value: Any, name: str) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Each structure with its name and what stands beside it."""
    if isinstance(value, list):
        for item in value:
            yield from _structures(item, "")
    elif isinstance(value, dict):
        inner = value.get("structure", value.get("molecule"))
        if isinstance(inner, dict) and "sites" in inner:
            yield name, {key: item for key, item in value.items() if item is not inner}, inner
        elif "sites" in value:
            yield name, {}, value
        else:
            for key, item in value.items():
                yield from _structures(item, f"{name}-{key}".strip("-"))


def _atoms(structure: Mapping[str, Any], source: Source, frame: int) -> Atoms:
    sites = structure["sites"]
    numbers = [_number(site, k, source, frame) for k, site in enumerate(sites)]
    lattice = structure.get("lattice")
    if lattice:
        atoms = Atoms(numbers, cell=lattice["matrix"], pbc=lattice.get("pbc") or True)
        atoms.set_scaled_positions([site["abc"] for site in sites])
    else:
        atoms = Atoms(numbers, positions=[site["xyz"] for site in sites])
    charge = structure.get("charge")
    if charge:
        atoms.info["total_charge"] = float(charge)
    names = set.intersection(*(set(site.get("properties") or {}) for site in sites)) if sites else set()
    for name in sorted(names):
        _keep(atoms, name, [site["properties"][name] for site in sites])
    return atoms


def _number(site: Mapping[str, Any], index: int, source: Source, frame: int) -> int:
    species = site["species"]
    if len(species) != 1 or float(species[0].get("occu", 1)) < 0.999:
        raise InputError(
            f"site {index} is not fully occupied by one element: {species}.",
            file=source.path,
            frame=frame,
            remedy="supply an ordered structure; `superion arrange` makes some from a CIF of the crystal.",
        )
    symbol = str(species[0]["element"])
    symbol = "H" if symbol in ("D", "T") else symbol
    if symbol not in atomic_numbers:
        raise InputError(f"site {index} is no element but {symbol!r}.", file=source.path, frame=frame)
    return atomic_numbers[symbol]


def _keep(atoms: Atoms, key: str, value: Any) -> None:
    """A number, a text, or numbers, for each atom where there are so many."""
    if key.startswith("@") or isinstance(value, dict) or value is None:
        return
    if isinstance(value, str | bool | int | float):
        atoms.info[key] = value
        return
    try:
        numbers = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        return
    if numbers.ndim and len(numbers) == len(atoms) and (numbers.ndim == 1 or numbers.shape != (3, 3)):
        atoms.set_array(key, numbers)
    elif numbers.size:
        atoms.info[key] = numbers


PYMATGEN = Reader("JSON of pymatgen", _mine, _read)
