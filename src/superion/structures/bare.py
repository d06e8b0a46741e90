"""Structures without labels, and repetitions of them, with what they state of their charges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from ase import Atoms

from superion.errors import InputError
from superion.sizes import EVALUATED, check_size

NEUTRAL = 1e-6
"""e, within which charges add up."""
TOTAL, FRAGMENT, FRAGMENT_CHARGES = "total_charge", "fragment", "fragment_charges"


def bare(atoms: Atoms, *, constraints: bool = False) -> Atoms:
    """A copy without labels, calculator and velocities: elements, positions, cell and stated charges.

    These are `info["total_charge"]`, and `arrays["fragment"]` with `info["fragment_charges"]`. constraints:
    keep those too, for atoms that are moved as their file lets them.
    """
    copy = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    if constraints:
        copy.set_constraint(deepcopy(atoms.constraints))
    state(copy, stated(atoms))
    return copy


def stated(atoms: Atoms) -> dict[str, Any]:
    """What a structure states of its charges, JSON-ready and by its names; `state` is the inverse."""
    found = {key: _plain(atoms.info[key]) for key in (TOTAL, FRAGMENT_CHARGES) if key in atoms.info}
    if FRAGMENT in atoms.arrays:
        found[FRAGMENT] = atoms.arrays[FRAGMENT].tolist()
    return found


def state(atoms: Atoms, charges: Mapping[str, Any]) -> None:
    """Let a structure state of its charges what another one does, see `stated`."""
    for key in (TOTAL, FRAGMENT_CHARGES):
        if key in charges:
            atoms.info[key] = charges[key]
    if FRAGMENT in charges:
        atoms.set_array(FRAGMENT, np.array(charges[FRAGMENT]))


def total_of(atoms: Atoms) -> float | None:
    """The total charge (e) that a structure states, itself or by its fragments; None if it does not."""
    if TOTAL in atoms.info:
        return float(atoms.info[TOTAL])
    if FRAGMENT_CHARGES in atoms.info:
        return sum(fragment_charges(atoms).values())
    return None


def check_total(atoms: Atoms) -> None:
    """InputError where the total charge that a structure states is not that of its fragments."""
    if TOTAL not in atoms.info or FRAGMENT_CHARGES not in atoms.info:
        return
    parts, total = sum(fragment_charges(atoms).values()), float(atoms.info[TOTAL])
    if abs(parts - total) > NEUTRAL:
        raise InputError(
            f"the charges of the fragments add up to {parts:+.6g} e, but the total charge is {total:+.6g} e.",
            remedy="correct one of them, or leave total_charge out.",
        )


def repeated(atoms: Atoms, times: Sequence[int]) -> Atoms:
    """The structure repeated along its axes, as `atoms.repeat` does, with the charges of all copies.

    The total charge is that of all copies. Fragments are counted from 0 and end with their copy. Raises
    InputError for more atoms than a model can evaluate on this machine.
    """
    check_supercell(len(atoms), times)
    whole, copies = atoms.repeat(tuple(times)), math.prod(times)
    if copies == 1:
        return whole
    if TOTAL in atoms.info:
        whole.info[TOTAL] = atoms.info[TOTAL] * copies
    if FRAGMENT in atoms.arrays:
        labels, own = np.unique(atoms.arrays[FRAGMENT], return_inverse=True)
        whole.arrays[FRAGMENT] = (own.reshape(-1) + len(labels) * np.arange(copies)[:, None]).reshape(-1)
        if FRAGMENT_CHARGES in atoms.info:
            charges = fragment_charges(atoms)
            whole.info[FRAGMENT_CHARGES] = [charges[label] for label in labels.tolist()] * copies
    return whole


def check_supercell(atoms: int, times: Sequence[int]) -> None:
    """InputError for more atoms, repeated so many times along the axes, than can be evaluated here."""
    name = "x".join(str(n) if n < 10**9 else f"{min(n, 10**200):.3g}" for n in times)
    check_size(
        f"a {name} supercell",
        atoms=atoms * math.prod(times),
        each=EVALUATED,
        remedy="ask for a smaller supercell.",
    )


def fragment_charges(atoms: Atoms) -> dict[int, float]:
    """Charge (e) of each fragment by its number, from `info["fragment_charges"]`.

    Raises InputError unless there is a finite one for each fragment of `arrays["fragment"]` and for no other.
    """
    given: Any = atoms.info[FRAGMENT_CHARGES]
    try:
        # files hold a list of one as a number, and a list of nine as a matrix, column by column
        items = (
            given.items() if isinstance(given, Mapping) else enumerate(np.ravel(given, order="F").tolist())
        )
        charges = {int(label): float(charge) for label, charge in items}
    except (TypeError, ValueError, AttributeError):
        charges = {0: float("nan")}
    if not np.isfinite(list(charges.values())).all():
        raise InputError(
            f'info["fragment_charges"] is {given!r}.',
            remedy="give a finite charge (e) for each fragment: {0: 1.0, 1: -1.0}, or a list.",
        )
    if FRAGMENT not in atoms.arrays:
        raise InputError(
            'the structure has info["fragment_charges"], but no arrays["fragment"].',
            remedy="give the fragment of each atom, 0, 0, 0, 1, 1, or leave out the charges of fragments.",
        )
    labels = np.asarray(atoms.arrays[FRAGMENT])
    known = set(labels.astype(np.int64).tolist())
    missing, unused = sorted(known - set(charges)), sorted(set(charges) - known)
    if missing:
        atom = int(np.flatnonzero(labels == missing[0])[0])
        raise InputError(
            f"no charge for fragment {missing[0]} (atom {atom}); charges are known of {sorted(charges)}.",
            remedy='add it to info["fragment_charges"].',
        )
    if unused:
        raise InputError(
            f"no atom belongs to fragment {unused[0]}, which has a charge; fragments: {sorted(known)}.",
            remedy='take it out of info["fragment_charges"], or correct arrays["fragment"].',
        )
    return charges


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
