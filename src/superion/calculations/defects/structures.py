"""Defects of a crystal: Frenkel pairs, vacancies and interstitials, each symmetry-inequivalent one once.

A defect belongs to the crystal, not to a supercell, so that several supercells hold the same one. Atoms keep
their order and are never wrapped: the atom of a Frenkel pair is moved by `displacement`, which makes the
dipole of the pair unambiguous.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ase import Atoms
from ase.geometry import find_mic, minkowski_reduce

from superion.calculations.defects.environments import Distinct, Environments
from superion.calculations.defects.settings import DefectSettings, Kind
from superion.errors import InputError
from superion.structures.bare import bare, repeated
from superion.structures.contacts import check_contacts, limit_from
from superion.structures.interstitials import interstitial_sites

Array = np.ndarray
ANIONS = ("N", "O", "F", "S", "Cl", "Se", "Br", "Te", "I")
BEYOND = 6.0
"""Å; pairs are looked for up to this much beyond the smallest separation."""


class Named(Protocol):
    """What has a name."""

    @property
    def name(self) -> str:
        """The name."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Defect:
    """One defect.

    name: unique among those of a crystal. vacancy: index in the given cell of the atom that is missing, or
    None. site: (3,) Å, where an atom is added, or None; of a pair the image that the atom reaches by
    `displacement`. equivalent: how many such places were met in the search.
    """

    name: str
    kind: Kind
    species: str
    vacancy: int | None
    site: Array | None
    displacement: Array | None = None
    equivalent: int = 1

    @property
    def separation(self) -> float | None:
        """Å from the vacancy to the interstitial, of a pair."""
        return None if self.displacement is None else float(np.linalg.norm(self.displacement))

    def atoms(self, crystal: Atoms, supercell: Sequence[int] = (1, 1, 1)) -> Atoms:
        """The unrelaxed defect in a supercell: atoms in the order of `repeated(crystal, supercell)`.

        A pair has its atom displaced, a vacancy lacks it, an interstitial is appended.
        """
        atoms = repeated(bare(crystal), supercell)
        if self.displacement is not None:
            assert self.vacancy is not None
            atoms.positions[self.vacancy] += self.displacement
        elif self.vacancy is not None:
            del atoms[self.vacancy]
        else:
            assert self.site is not None
            atoms += Atoms(self.species, positions=[self.site])
        return atoms

    def homes(self, sites: int) -> Array:
        """(N,) which of `sites` lattice sites each atom of `atoms` comes from; −1 for an added atom."""
        here = np.arange(sites)
        if self.kind == "vacancy" and self.vacancy is not None:
            return np.delete(here, self.vacancy)
        return np.append(here, -1) if self.kind == "interstitial" else here


def defects_of(crystal: Atoms, settings: DefectSettings) -> list[Defect]:
    """The defects that `settings` ask for, the same ones for every model.

    crystal: the structure itself, not a supercell. Raises InputError for a cell that is not periodic along
    three axes, a species that is not there, supercells that hold no such pair, and added atoms that touch
    others.
    """
    if not (crystal.pbc.all() and crystal.cell.rank == 3):
        raise InputError(
            f"a crystal must be periodic along all three axes for defects, found pbc {crystal.pbc.tolist()}.",
            remedy="give a crystal; of a cluster or a slab there is no perfect supercell to compare with.",
        )
    if settings.species not in set(crystal.symbols):
        raise InputError(
            f"the crystal has no {settings.species}; it has {', '.join(sorted(set(crystal.symbols)))}.",
            remedy="name the element whose defects are meant with --species.",
        )
    made: list[Defect] = []
    for kind in settings.kinds:
        if kind == "frenkel":
            made += frenkel_pairs_of(crystal, settings)
        else:
            made += (vacancies_of if kind == "vacancy" else interstitials_of)(crystal, settings)
    limit = limit_from(crystal)
    for defect in made:
        atoms = defect.atoms(crystal, settings.supercells[0])
        check_contacts(atoms, f"the defect {defect.name}", "raise --clearance.", limit)
    return made


def frenkel_pairs_of(crystal: Atoms, settings: DefectSettings) -> list[Defect]:
    """Inequivalent Frenkel pairs that fit all supercells of `settings`, of smallest separation first."""
    sites = sites_of(crystal, settings)
    here = np.flatnonzero(np.asarray(crystal.symbols) == settings.species)
    farthest = settings.separation + BEYOND
    vacancy, vector = reachable(crystal.positions[here], sites, crystal.cell.array, farthest)
    length = np.linalg.norm(vector, axis=1)
    wanted = length >= settings.separation - 1e-6
    for supercell in settings.supercells:
        shortest = find_mic(vector, crystal.cell.array * np.array(supercell)[:, None], pbc=True)[1]
        wanted &= shortest > length - 1e-6
    if not wanted.any():
        largest = " and ".join("x".join(map(str, n)) for n in settings.supercells)
        raise InputError(
            f"no Frenkel pair of {settings.species} of {settings.separation:g} to {farthest:g} Å fits into "
            f"{largest}: of {len(sites)} sites none, or all are closer to an image of the vacancy.",
            remedy="take a larger supercell, a smaller --separation, another --framework or --clearance.",
        )
    order = np.lexsort((*np.round(vector.T[::-1], 3), here[vacancy], np.round(length, 3)))
    around, distinct = Environments(crystal, farthest), Distinct()
    made: list[Defect] = []
    for k in order[wanted[order]].tolist():
        atom = int(here[vacancy[k]])
        start = crystal.positions[atom]
        if len(made) == settings.count and length[k] > (made[-1].separation or 0.0) + 0.01:
            break
        if not distinct.add(around.around(start, start + vector[k])) or len(made) == settings.count:
            continue
        name = f"{settings.species}{atom}-pair-{length[k]:.2f}"
        made.append(
            Defect(unique(name, made), "frenkel", settings.species, atom, start + vector[k], vector[k].copy())
        )
    return [_counted(defect, n) for defect, n in zip(made, distinct.met, strict=False)]


def vacancies_of(crystal: Atoms, settings: DefectSettings) -> list[Defect]:
    """Inequivalent vacancies, in the order of the atoms."""
    around, distinct = Environments(crystal, 0.0), Distinct()
    made = []
    for atom in np.flatnonzero(np.asarray(crystal.symbols) == settings.species).tolist():
        if distinct.add(around.around(crystal.positions[atom])):
            name = f"{settings.species}{atom}-vacancy"
            made.append(Defect(name, "vacancy", settings.species, atom, None))
    return [_counted(defect, n) for defect, n in zip(made, distinct.met, strict=True)][: settings.count]


def interstitials_of(crystal: Atoms, settings: DefectSettings) -> list[Defect]:
    """Inequivalent interstitials, the most spacious site first."""
    around, distinct = Environments(crystal, 0.0), Distinct()
    made = []
    for k, site in enumerate(sites_of(crystal, settings)):
        if distinct.add(around.around(site)):
            name = f"{settings.species}-interstitial-{k}"
            made.append(Defect(name, "interstitial", settings.species, None, site))
    return [_counted(defect, n) for defect, n in zip(made, distinct.met, strict=True)][: settings.count]


def image_distance(cell: Array) -> float:
    """Å from a defect to its nearest periodic image in a cell (3, 3)."""
    return float(np.linalg.norm(minkowski_reduce(cell, True)[0], axis=1).min())


def _counted(defect: Defect, equivalent: int) -> Defect:
    return Defect(
        defect.name, defect.kind, defect.species, defect.vacancy, defect.site, defect.displacement, equivalent
    )


def unique(name: str, made: Iterable[Named]) -> str:
    """The name, with a letter if another thing has it."""
    taken = {defect.name for defect in made}
    return next(n for n in (name, *(f"{name}{c}" for c in "bcdefghijklmnopqrstuvwxyz")) if n not in taken)


def sites_of(crystal: Atoms, settings: DefectSettings) -> Array:
    """(M, 3) Å, Voronoi sites of the framework that are far enough from all atoms."""
    present = set(crystal.symbols)
    framework = settings.framework or [s for s in ANIONS if s in present and s != settings.species]
    framework = framework or sorted(present - {settings.species}) or [settings.species]
    others = dict.fromkeys(present - set(framework), settings.clearance)
    found = interstitial_sites(crystal, list(framework), min_distances=others)
    return found.positions[found.radius >= settings.clearance]


def reachable(atoms: Array, sites: Array, cell: Array, farthest: float) -> tuple[Array, Array]:
    """Which atom, and the vector (P, 3) from it to a site, of all images up to `farthest` Å."""
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    reach = np.ceil(farthest / heights).astype(int) + 1
    steps = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1)
    shifts = steps.reshape(-1, 3) @ cell
    vector = sites[None, :, None] + shifts - atoms[:, None, None]
    atom, site, shift = np.nonzero(np.linalg.norm(vector, axis=3) <= farthest)
    return atom, vector[atom, site, shift]
