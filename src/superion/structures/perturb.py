"""Structures a little away from given ones: rattled, strained, with Frenkel pairs."""

from __future__ import annotations

from math import floor

import numpy as np
from ase import Atoms
from ase.geometry import get_distances

from superion.errors import InputError
from superion.neighbours import neighbour_pairs
from superion.structures.bare import bare
from superion.structures.contacts import check_contacts, contacts, limit_from, without_contacts
from superion.structures.sites import MIN_DISTANCE

Array = np.ndarray
CLOSEST = 1.0
"""Å; rattled atoms do not come closer than this."""
ROUNDS = 200
WIDEST = 5.0
"""Standard deviations that no displacement exceeds, in practice."""
PROBED = 6.0
"""Å; some atoms of any dense structure, or an atom and its image, are closer than this."""


def rattle(
    atoms: Atoms,
    amplitude: float,
    rng: np.random.Generator,
    *,
    min_distance: float = CLOSEST,
    moving: Array | None = None,
) -> Atoms:
    """A copy with normal displacements of standard deviation `amplitude` (Å) along each axis.

    Displacements of atoms closer than min_distance (Å), or than any bond, are drawn again. moving: indices of
    the atoms that move; default: all. What constraints hold stays. Labels are left out. Raises InputError if
    atoms cannot be kept apart.
    """
    if not (np.isfinite(amplitude) and amplitude >= 0):
        raise InputError(f"the displacement must be 0 Å or more, found {amplitude}.")
    _check_reachable(atoms, min_distance, amplitude)
    moved, limit = bare(atoms, constraints=True), limit_from(atoms)
    free = np.arange(len(atoms)) if moving is None else np.asarray(moving, dtype=np.int64)
    again = free
    for _ in range(ROUNDS):
        positions = moved.positions.copy()
        positions[again] = atoms.positions[again] + rng.normal(scale=amplitude, size=(len(again), 3))
        moved.set_positions(positions)
        close = np.union1d(_close(moved, min_distance), _touching(moved, limit))
        if not len(close):
            return moved
        again = np.intersect1d(close, free)
    raise InputError(
        f"atoms {close[:5].tolist()} stay closer than {min_distance:g} Å, or than any bond, "
        f"when displaced by {amplitude:g} Å.",
        remedy="displace less (--rattle), or lower the minimum distance (--min-distance).",
    )


def strain(atoms: Atoms, largest: float, rng: np.random.Generator) -> Atoms:
    """A copy under a random symmetric strain, each of its six components between −largest and +largest.

    largest: without unit (0.02 is 2 %); a shear component is ε_xy, half the change of angle. Atoms move with
    the cell. Labels are left out.
    """
    if not 0 <= largest < 0.5:
        raise InputError(
            f"the largest strain must lie between 0 and 0.5, found {largest}.", remedy="write 2 % as 0.02."
        )
    if atoms.cell.rank < 3:
        raise InputError("only structures with three cell vectors can be strained.")
    upper = np.triu(rng.uniform(-largest, largest, (3, 3)))
    deformation = np.eye(3) + upper + np.triu(upper, 1).T
    strained = bare(atoms, constraints=True)
    strained.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
    check_contacts(strained, "the strained structure", "strain less.", limit_from(atoms))
    return strained


def frenkel_pairs(
    atoms: Atoms,
    species: str,
    sites: Array,
    count: int,
    rng: np.random.Generator,
    *,
    min_distance: float = MIN_DISTANCE,
    separation: float = 0.0,
) -> Atoms:
    """A copy in which `count` atoms of one element have left their place for interstitial sites.

    sites: (M, 3) Å. min_distance: Å, kept between the element's atoms. separation: Å, smallest distance of a
    vacancy and the atom that left it. Of all possible pairs each is as likely as any other. Atoms under a
    constraint do not leave. Labels are left out. Raises InputError if there is no place left.
    """
    moved, sites = bare(atoms, constraints=True), without_contacts(atoms, species, sites)
    here = np.flatnonzero(np.asarray(atoms.symbols) == species)
    if len(here) == 0 or len(sites) == 0:
        raise InputError(f"there are {len(here)} atoms of {species} and {len(sites)} interstitial sites.")
    origin = get_distances(atoms.positions[here], sites, cell=atoms.cell, pbc=atoms.pbc)[1]
    held = [k for one in atoms.constraints for k in one.get_indices()]
    left = ~np.isin(here, held)
    for done in range(count):
        now = get_distances(moved.positions[here], sites, cell=atoms.cell, pbc=atoms.pbc)[1]
        clash = now < min_distance
        possible = (clash.sum(axis=0) - clash == 0) & (origin >= separation) & left[:, None]
        choices = np.argwhere(possible)
        if not len(choices):
            raise InputError(
                f"after {done} of {count} Frenkel pairs no {species} can move to one of {len(sites)} sites.",
                remedy="make fewer pairs, lower the distances, or give more sites.",
            )
        ion, site = choices[rng.integers(len(choices))]
        moved.positions[here[ion]] = sites[site]
        left[ion] = False
    return moved


def _check_reachable(atoms: Atoms, min_distance: float, amplitude: float) -> None:
    """InputError if atoms are too close for displacements to bring them as far apart as is asked for."""
    if not min_distance >= 0:
        raise InputError(f"the minimum distance must be 0 Å or more, found {min_distance}.")
    reach = 2 * WIDEST * amplitude
    pairs = neighbour_pairs(atoms, min(min_distance - reach, PROBED)) if min_distance > reach else None
    if pairs is not None and len(pairs.i):
        k = int(pairs.distance.argmin())
        i, j, distance = int(pairs.i[k]), int(pairs.j[k]), pairs.distance[k]
        allowed = max(distance - 4 * amplitude, distance / 2)  # which displacements can still keep
        raise InputError(
            f"atoms {i} ({atoms.symbols[i]}) and {j} ({atoms.symbols[j]}) are {distance:.3f} Å apart: "
            f"displacements of {amplitude:g} Å do not bring them {min_distance:g} Å apart.",
            remedy=f"lower the minimum distance (Å): --min-distance {floor(100 * allowed) / 100:g} or less.",
        )


def _touching(atoms: Atoms, limit: float) -> Array:
    """Atoms in contact, see `contacts`."""
    return np.array([k for c in contacts(atoms, limit) for k in (c.i, c.j)], dtype=np.int64)


def _close(atoms: Atoms, min_distance: float) -> Array:
    """Atoms that are closer than min_distance (Å) to another."""
    pairs = neighbour_pairs(atoms, min_distance) if min_distance > 0 else None
    return np.unique(pairs.i) if pairs is not None else np.array([], dtype=np.int64)
