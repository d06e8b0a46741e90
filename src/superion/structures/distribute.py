"""Mobile ions distributed over crystal and interstitial sites: starts with Frenkel-like defects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ase import Atoms

from superion.errors import InputError
from superion.structures.contacts import check_contacts, limit_from, without_contacts
from superion.structures.montecarlo import StructureEnergy, allowed_start, metropolis
from superion.structures.sites import MIN_DISTANCE, VACANT, Group, SiteModel, exclusions

Array = np.ndarray


def mobile_sites(
    atoms: Atoms,
    species: str,
    sites: Array,
    *,
    interstitials: int | None = None,
    min_distance: float = MIN_DISTANCE,
) -> SiteModel:
    """The sites that the mobile ions of a structure can be on; all other atoms stay.

    species: element of the mobile ions; where they are now are crystal sites. sites: (M, 3) Å, interstitial
    ones; those on which an ion would touch an atom that stays are left out with a warning. interstitials: how
    many ions are on those; None lets crystal and interstitial sites exchange ions. min_distance: Å between
    two mobile ions.
    """
    sites = without_contacts(atoms, species, sites)
    mobile = np.flatnonzero(np.asarray(atoms.symbols) == species)
    total, extra = len(mobile), len(sites)
    if total == 0 or extra == 0:
        raise InputError(
            f"there are {total} atoms of {species} and {extra} interstitial sites; both are needed."
        )
    if interstitials is not None and not 0 <= interstitials <= min(total, extra):
        raise InputError(
            f"cannot put {interstitials} of {total} {species} on {extra} interstitial sites.",
            remedy=f"choose 0 to {min(total, extra)}.",
        )
    kinds = ("", *sorted(set(atoms.get_chemical_symbols())))
    fixed = np.array([kinds.index(s) for s in atoms.symbols] + [VACANT] * extra, dtype=np.uint8)
    fixed[mobile] = VACANT
    added = np.arange(len(atoms), len(atoms) + extra)

    def group(where: Array, ions: int) -> Group:
        counts = np.zeros(len(kinds), dtype=np.int64)
        counts[[VACANT, kinds.index(species)]] = len(where) - ions, ions
        return Group(where, counts)

    free = np.concatenate([mobile, added])
    groups: list[Group] = [group(free, total)]
    if interstitials is not None:
        groups = [group(mobile, total - interstitials), group(added, interstitials)]
    positions = np.concatenate([atoms.positions, sites])
    return SiteModel(
        atoms.cell.array,
        positions,
        kinds,
        fixed,
        tuple(groups),
        exclusions(positions, atoms.cell.array, free, min_distance),
        np.arange(len(positions), dtype=np.int32)[None],
        tuple(
            [f"{s} {k}" for k, s in enumerate(atoms.symbols)] + [f"interstitial {k}" for k in range(extra)]
        ),
    )


def distribute(
    atoms: Atoms,
    species: str,
    sites: Array,
    rng: np.random.Generator,
    *,
    interstitials: int | None = None,
    energy: Callable[[Atoms], float] | None = None,
    temperature: float | None = None,
    sweeps: int = 20,
    min_distance: float = MIN_DISTANCE,
) -> Atoms:
    """A structure with the ions of one element distributed by chance over crystal and interstitial sites.

    Either `interstitials` says how many ions leave the crystal sites, or they follow from an `energy` (eV)
    at a `temperature` (K), sampled for `sweeps` trials for each site; both together sample
    distributions with that number. sites, min_distance: see `mobile_sites`. Raises InputError if the ions
    cannot be kept apart.
    """
    if (energy is None) != (temperature is None) or (energy is None and interstitials is None):
        raise InputError(
            "a distribution needs a number of interstitials, or an energy and a temperature, or all three.",
            remedy="give interstitials=2, for example.",
        )
    model = mobile_sites(atoms, species, sites, interstitials=interstitials, min_distance=min_distance)
    arrangement = allowed_start(model, rng)
    if energy is not None and temperature is not None:
        if not (np.isfinite(temperature) and temperature > 0):
            raise InputError(f"the temperature must be positive (K), found {temperature}.")
        trials = np.full(sweeps * len(model.free), float(temperature))
        for _ in metropolis(model, arrangement, StructureEnergy(model, energy), trials, rng):
            pass
    made = model.atoms(arrangement)
    check_contacts(made, "the distribution", "raise the minimum distance.", limit_from(atoms))
    return made
