"""Structures in which everything but the environment of chosen atoms is displaced at random.

The test of Deringer and Csányi, Phys. Rev. B 95, 094203, 2017: atoms within a radius of a reference atom stay
where they are, all others move, and the force on the reference atom tells how far it feels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from ase import Atoms
from ase.geometry import minkowski_reduce
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, field_validator

from superion.errors import InputError, suggest
from superion.structures.bare import bare
from superion.structures.perturb import rattle

Array = np.ndarray
NEIGHBOURS = 12
"""Distances to so many neighbours of each element tell two environments apart."""
ALIKE = 1e-3
"""Å; environments whose distances differ by less are equivalent."""
DIGITS = 8
"""Decimals of positions (Å) that extended XYZ and the label store keep."""


class LocalitySettings(BaseModel):
    """What is displaced how often."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    radii: list[PositiveFloat] = Field(min_length=1, description="radii of the spheres that stay, in Å")
    reference: dict[str, PositiveInt] = Field(
        min_length=1, description="how many inequivalent atoms of each element the force is looked at of"
    )
    perturbations: PositiveInt = Field(10, description="random displacements for each atom and radius")
    displacement: PositiveFloat = Field(
        0.1, description="standard deviation of a displacement along each axis, in Å"
    )
    shared: bool = Field(
        False,
        description="let spheres that do not overlap share structures: fewer labels, but more atoms stay",
    )
    seed: int = Field(0, ge=0, description="seed of the choice of atoms and of the displacements")

    @field_validator("radii")
    @classmethod
    def _sorted(cls, radii: list[float]) -> list[float]:
        if len(set(radii)) < len(radii):
            raise ValueError(f"radii are repeated: {radii}")
        return sorted(radii)


@dataclass(frozen=True, slots=True)
class Series:
    """Structures with the same atoms in place. centres: indices of reference atoms. moving: (K,) indices."""

    radius: float
    centres: tuple[int, ...]
    moving: Array

    @property
    def name(self) -> str:
        """Such as `R6-12+40`: radius in Å and indices of the centres."""
        return f"R{self.radius:g}-{'+'.join(map(str, self.centres))}"


def shortest_translation(atoms: Atoms) -> float:
    """Length (Å) of the shortest vector by which the structure repeats; infinite for a cluster."""
    if not atoms.pbc.any():
        return np.inf
    reduced, _ = minkowski_reduce(atoms.cell.array, pbc=atoms.pbc)
    return float(np.linalg.norm(reduced[atoms.pbc], axis=1).min())


def check_cell(atoms: Atoms, radius: float) -> None:
    """InputError, naming the supercell that would do, unless a sphere and its images are apart.

    Where they overlap, atoms beyond the radius stay because they belong to the sphere of an image, and the
    force varies too little.
    """
    shortest = shortest_translation(atoms)
    if shortest >= 2 * radius:
        return
    spans = [
        range(1, 2 + int(2 * radius / h)) if p else range(1, 2)
        for h, p in zip(_heights(atoms), atoms.pbc, strict=True)
    ]
    for repeat in sorted(product(*spans), key=lambda n: (np.prod(n), max(n), n)):
        scaled = Atoms(cell=atoms.cell.array * np.array(repeat)[:, None], pbc=atoms.pbc)
        if shortest_translation(scaled) >= 2 * radius:
            break
    text = "x".join(map(str, repeat))
    raise InputError(
        f"spheres of radius {radius:g} Å overlap with their periodic images, {shortest:.2f} Å away.",
        remedy=f"use a supercell of {len(atoms) * int(np.prod(repeat))} atoms (--supercell {text}), or "
        f"radii up to {np.floor(50 * shortest) / 100:.2f} Å (--radii).",
    )


def reference_atoms(atoms: Atoms, wanted: Mapping[str, int], rng: np.random.Generator) -> list[int]:
    """Indices of so many inequivalent atoms of each element, drawn at random.

    Two atoms are equivalent if the distances to their nearest neighbours of every element are the same.
    Raises InputError where there are fewer.
    """
    symbols = np.asarray(atoms.symbols)
    chosen: list[int] = []
    for symbol, count in sorted(wanted.items()):
        own = np.flatnonzero(symbols == symbol)
        if not len(own):
            raise InputError(
                f"the structure has no {symbol}.{suggest(symbol, symbols.tolist())}",
                remedy=f"choose reference atoms among {', '.join(sorted(set(symbols.tolist())))}.",
            )
        found: list[tuple[int, Array]] = []
        for atom in rng.permutation(own).tolist():
            print_ = _environment(atoms, symbols, atom)
            if not any(np.abs(print_ - other).max(initial=0.0) < ALIKE for _, other in found):
                found.append((atom, print_))
        if len(found) < count:
            raise InputError(
                f"{count} inequivalent atoms of {symbol} are wanted, and there are {len(found)}.",
                remedy=f"ask for {symbol}:{len(found)} and for more perturbations.",
            )
        chosen += [atom for atom, _ in found[:count]]
    return chosen


def make_series(atoms: Atoms, centres: Sequence[int], settings: LocalitySettings) -> list[Series]:
    """One series for each radius and centre, or for several centres whose spheres are apart.

    Raises InputError if the cell is too small, or if no atom is beyond a radius.
    """
    check_cell(atoms, max(settings.radii))
    everyone = np.arange(len(atoms))
    away = {k: atoms.get_distances(k, everyone, mic=bool(atoms.pbc.any())) for k in centres}
    series = []
    for radius in settings.radii:
        groups: list[list[int]] = []
        for centre in centres:
            room = (g for g in groups if settings.shared and (away[centre][g] >= 2 * radius).all())
            group = next(room, None)
            if group is None:
                groups.append([centre])
            else:
                group.append(centre)
        for group in groups:
            moving = np.flatnonzero(np.all([away[k] > radius for k in group], axis=0))
            if not len(moving):
                raise InputError(
                    f"no atom is more than {radius:g} Å from atom {group[0]}.",
                    remedy="use a larger structure, or smaller radii.",
                )
            series.append(Series(radius, tuple(group), moving))
    return series


def displaced(atoms: Atoms, series: Sequence[Series], settings: LocalitySettings) -> Iterator[Atoms]:
    """The structure itself, then perturbation 0 of every series, 1 of every series, and so on.

    Displacements depend on the seed, the series and the number of the perturbation only, so that more can be
    added. Frames carry `frame_id`, `trajectory`, `locality_radius` (Å) and `locality_centres`.
    """
    start = bare(atoms)
    start.positions = np.round(start.positions, DIGITS)
    start.info |= {"frame_id": "unperturbed", "trajectory": "unperturbed"}
    yield start
    for number in range(settings.perturbations):
        for one in series:
            rng = np.random.default_rng([settings.seed, number, round(1e6 * one.radius), *one.centres])
            frame = rattle(start, settings.displacement, rng, moving=one.moving)
            frame.positions = np.round(frame.positions, DIGITS)
            frame.info |= {
                "frame_id": f"{one.name}-p{number}",
                "trajectory": one.name,
                "locality_radius": one.radius,
                "locality_centres": np.array(one.centres),
            }
            yield frame


def _environment(atoms: Atoms, symbols: Array, atom: int) -> Array:
    """Sorted distances (Å) to the nearest neighbours of each element, padded with infinity replaced by 0."""
    distances = atoms.get_distances(atom, np.arange(len(atoms)), mic=bool(atoms.pbc.any()))
    distances[atom] = np.inf
    rows = []
    for symbol in np.unique(symbols):
        near = np.sort(distances[symbols == symbol])[:NEIGHBOURS]
        near = near[np.isfinite(near)]
        rows.append(np.pad(near, (0, NEIGHBOURS - len(near))))
    return np.concatenate(rows)


def _heights(atoms: Atoms) -> Array:
    """(3,) Å, distance of opposite faces of the cell."""
    return 1 / np.linalg.norm(atoms.cell.reciprocal().array, axis=1)
