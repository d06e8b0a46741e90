"""Crystals whose sites are occupied in part, as crystallographic files describe them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.cif import CIFBlock, parse_cif
from scipy.spatial import cKDTree

from superion.errors import InputError
from superion.structures.cif import check_formula, cif_number, cif_sites
from superion.structures.xyz import read_bytes

Array = np.ndarray
SAME_SITE = 0.05
"""Å; positions closer than this are one site (coordinates in files are rounded)."""
FULL = 0.999
"""Occupancy from which on a site counts as full."""


@dataclass(frozen=True, slots=True)
class Orbit:
    """Symmetry-equivalent sites: their label, occupancy by element, and (M,) indices into the crystal."""

    label: str
    occupancy: dict[str, float]
    sites: Array

    @property
    def ordered(self) -> bool:
        """Whether one element fills every site."""
        return len(self.occupancy) == 1 and sum(self.occupancy.values()) >= FULL


@dataclass(frozen=True, slots=True)
class DisorderedCrystal:
    """S sites in a cell, divided into orbits, and the symmetry that maps the sites onto each other.

    cell: (3, 3) Å, rows are lattice vectors. fractional: (S, 3). rotations (G, 3, 3) and translations (G, 3)
    act on fractional coordinates, x → W x + w.
    """

    cell: Array
    fractional: Array
    orbits: tuple[Orbit, ...]
    rotations: Array
    translations: Array

    @property
    def positions(self) -> Array:
        """(S, 3) Å."""
        return np.asarray(self.fractional @ self.cell)

    def formula(self) -> dict[str, float]:
        """Mean number of atoms of each element in the cell."""
        amount: dict[str, float] = {}
        for orbit in self.orbits:
            for element, share in orbit.occupancy.items():
                amount[element] = amount.get(element, 0.0) + share * len(orbit.sites)
        return amount

    def repeat(self, supercell: tuple[int, int, int]) -> DisorderedCrystal:
        """The supercell, with the operations that keep it, all lattice translations among them."""
        n = np.array(supercell)
        steps = np.stack(np.meshgrid(*map(np.arange, supercell), indexing="ij"), axis=-1).reshape(-1, 3)
        count = len(self.fractional)
        first = count * np.arange(len(steps))[:, None]
        kept, moved = [], []
        for rotation, translation in zip(self.rotations, self.translations, strict=True):
            scaled = rotation * n[None, :] / n[:, None]
            if np.allclose(scaled, np.rint(scaled)):
                kept.append(np.broadcast_to(np.rint(scaled), (len(steps), 3, 3)))
                moved.append((translation + steps) / n)
        return replace(
            self,
            cell=self.cell * n[:, None],
            fractional=((self.fractional + steps[:, None]) / n).reshape(-1, 3),
            orbits=tuple(replace(o, sites=(o.sites + first).ravel()) for o in self.orbits),
            rotations=np.concatenate(kept),
            translations=np.concatenate(moved),
        )

    def permutations(self) -> Array:
        """(G, S) int32, distinct: operation g moves the content of site `[g, s]` to site s."""
        tree = cKDTree(_wrap(self.fractional), boxsize=1.0)
        found = np.empty((len(self.rotations), len(self.fractional)), dtype=np.int32)
        for g, (rotation, translation) in enumerate(zip(self.rotations, self.translations, strict=True)):
            _, image = tree.query(_wrap(self.fractional @ rotation.T + translation))
            found[g, image] = np.arange(len(image))
            if len(np.unique(image)) < len(image):
                raise InputError(
                    "a symmetry operation of the crystal maps two of its sites onto one.",
                    remedy="check the coordinates and the symmetry operations of the file.",
                )
        return np.unique(found, axis=0)

    def atoms(self, symbols: list[str]) -> Atoms:
        """Periodic structure with `symbols[s]` on site s; "" leaves it empty."""
        filled = [s for s, symbol in enumerate(symbols) if symbol]
        return Atoms([symbols[s] for s in filled], positions=self.positions[filled], cell=self.cell, pbc=True)


def read_disordered(path: str | Path) -> DisorderedCrystal:
    """The first crystal of a CIF, with occupancies, on all sites of the conventional cell.

    Sites of several elements may be listed on one or on equivalent positions. Raises InputError for files
    without a complete cell, with occupancies beyond 1, or with a formula that the sites do not add up to.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("there is no such file.", file=path, remedy="check the path.")
    try:
        block = next((b for b in parse_cif(BytesIO(read_bytes(path))) if b.has_structure()), None)
        group = None if block is None else block.get_spacegroup(True)
    except Exception as error:  # the parser raises many kinds
        raise InputError(
            f"cannot be read as a CIF ({type(error).__name__}: {error}).", file=path, remedy="check the file."
        ) from error
    if block is None or group is None or block.get_cell().rank < 3:
        raise InputError(
            "holds no crystal with a complete cell and sites.",
            file=path,
            remedy="give _cell_length_*, _cell_angle_* and a loop of _atom_site_*.",
        )
    operations = np.concatenate([np.hstack([w.ravel(), t % 1]) for w, t in zip(*group.get_op(), strict=True)])
    operations = np.unique(operations.reshape(-1, 12).round(9), axis=0)
    rotations, translations = operations[:, :9].reshape(-1, 3, 3), operations[:, 9:]
    fractional, orbits = _orbits(block, rotations, translations, path)
    crystal = DisorderedCrystal(block.get_cell().array, fractional, orbits, rotations, translations)
    check_formula(str(block.get("_chemical_formula_sum") or ""), crystal.formula(), path)
    return crystal


def _orbits(
    block: CIFBlock, rotations: Array, translations: Array, file: Path
) -> tuple[Array, tuple[Orbit, ...]]:
    """Fractional coordinates of all sites, and their orbits."""
    cell = block.get_cell().array
    listed = block.get_unsymmetrized_structure().get_scaled_positions(wrap=False)
    labels, symbols = cif_sites(block), block.get_symbols()
    shares = [cif_number(v) for v in block.get("_atom_site_occupancy") or ["1"] * len(listed)]
    places: list[Array] = []
    found: list[tuple[list[str], dict[str, float]]] = []
    for where, label, symbol, share in zip(listed, labels, symbols, shares, strict=True):
        images = _wrap(rotations @ where + translations)
        occupancy = 1.0 if share is None else share
        for place, (names, elements) in zip(places, found, strict=True):
            if _distance(place, images[0], cell).min() < SAME_SITE:
                names.append(label)
                elements[symbol] = elements.get(symbol, 0.0) + occupancy
                break
        else:
            places.append(_expand(where, rotations, translations, cell))
            found.append(([label], {symbol: occupancy}))
    orbits, start = [], 0
    for place, (names, elements) in zip(places, found, strict=True):
        name, total = "/".join(names), sum(elements.values())
        if total > 1.02 or min(elements.values()) < 0:
            raise InputError(
                f"the occupancies of site {name} add up to {total:g} ({elements}).",
                file=file,
                remedy="occupancies lie between 0 and 1, those of one site together too; correct them.",
            )
        elements = {s: o / max(total, 1.0) for s, o in elements.items() if o > 0}
        orbits.append(Orbit(name, elements, np.arange(start, start + len(place))))
        start += len(place)
    return np.concatenate(places), tuple(orbits)


def _expand(where: Array, rotations: Array, translations: Array, cell: Array) -> Array:
    """(M, 3) fractional coordinates of the orbit of a site, put exactly where its symmetry wants it."""
    images = rotations @ where + translations
    same = _distance(images, where, cell) < SAME_SITE
    exact = where + np.mean([d - np.rint(d) for d in images[same] - where], axis=0)
    orbit: list[Array] = []
    for image in _wrap(rotations @ exact + translations):
        if not orbit or _distance(np.array(orbit), image, cell).min() > SAME_SITE:
            orbit.append(image)
    return np.array(orbit)


def _distance(places: Array, where: Array, cell: Array) -> Array:
    """(M,) Å to the nearest image, exact for short distances."""
    offset = places - where
    return np.linalg.norm((offset - np.rint(offset)) @ cell, axis=1)


def _wrap(fractional: Array) -> Array:
    """Fractional coordinates from 0 up to, not including, 1."""
    wrapped = fractional % 1.0
    wrapped[wrapped > 1 - 1e-9] = 0.0
    return wrapped
