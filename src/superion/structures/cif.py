"""Crystallographic files, with everything refused that would silently give another crystal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.io.cif import CIFBlock, parse_cif

from superion.errors import InputError


def read_cif(data: bytes, file: Path) -> list[Atoms]:
    """The ordered structures of a CIF.

    Raises InputError for partially occupied or shared sites, a missing cell, and sites that do not
    add up to the chemical formula the file states.
    """
    check_cif_occupancies(data, file)
    images = list(ase.io.iread(BytesIO(data), index=":", format="cif"))
    blocks = [block for block in parse_cif(BytesIO(data)) if block.has_structure()]
    for block, atoms in zip(blocks, images, strict=True):
        if atoms.cell.rank < 3:
            raise InputError(
                "the CIF does not give a complete cell.",
                file=file,
                remedy="give _cell_length_a, b, c and _cell_angle_alpha, beta, gamma.",
            )
        check_formula(
            str(block.get("_chemical_formula_sum") or ""), Counter(atoms.get_chemical_symbols()), file
        )
    return images


def check_formula(stated: str, found: Mapping[str, float], file: Path) -> None:
    """InputError if amounts by element are not in the proportion of the formula that the file states."""
    parts = re.findall(r"([A-Z][a-z]?)\s*(\d*\.?\d*)", stated)
    formula: dict[str, float] = {}
    for symbol, count in parts:
        element = "H" if symbol == "D" else symbol
        formula[element] = formula.get(element, 0.0) + float(count or 1)
    total = sum(formula.values())
    if not total:
        return
    count = sum(found.values())
    if any(
        abs(found.get(s, 0.0) / count - formula.get(s, 0.0) / total) > 0.02
        for s in formula.keys() | found.keys()
    ):
        sites = " ".join(f"{s}{n:g}" if n != 1 else s for s, n in sorted(found.items()))
        raise InputError(
            f"the sites give {sites}, but the file says {stated}.",
            file=file,
            remedy="the file is truncated or lacks sites: complete it, or correct _chemical_formula_sum.",
        )


def check_cif_occupancies(data: bytes, file: Path) -> None:
    """InputError if a CIF has partially occupied sites or two atoms listed on one site."""
    remedy = (
        "supply an ordered structure in which every site is occupied once, "
        "or make some with `superion arrange`."
    )
    for block in parse_cif(BytesIO(data)):
        for site, value in zip(cif_sites(block), block.get("_atom_site_occupancy") or (), strict=False):
            occupancy = cif_number(value)
            if occupancy is not None and occupancy < 0.999:
                raise InputError(
                    f"site {site} is partially occupied (occupancy {occupancy:g}).", file=file, remedy=remedy
                )
        columns = [block.get(f"_atom_site_fract_{axis}") for axis in "xyz"]
        if any(column is None for column in columns):
            continue
        fractional = np.array([[cif_number(v) for v in column] for column in columns], dtype=float).T
        offset = fractional[:, None] - fractional[None]
        shared = (np.abs(offset - np.round(offset)) < 1e-3).all(axis=2)
        for i, j in np.argwhere(np.triu(shared, 1)):
            raise InputError(
                f"sites {cif_sites(block)[i]} and {cif_sites(block)[j]} share one position.",
                file=file,
                remedy=remedy,
            )


def cif_sites(block: CIFBlock) -> list[str]:
    """Labels of the listed sites, else their elements."""
    names = block.get("_atom_site_label") or block.get("_atom_site_type_symbol")
    return [str(name) for name in names or ()]


def cif_number(value: object) -> float | None:
    """A CIF number, with or without a standard uncertainty in brackets; None for '.' and '?'."""
    match = re.match(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?", str(value))
    return float(match[0]) if match and match[0] != "." else None
