"""What a structure says of its charges: total charge, charges of fragments, and where a field may point."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from superion.electrostatics.charge_transfer import bonded_parts
from superion.electrostatics.charged_cells import NEUTRAL, neutralise
from superion.electrostatics.coulomb_operator import slab_normal
from superion.electrostatics.equilibration import Constraints
from superion.errors import InputError, ModelError
from superion.structures.bare import FRAGMENT, FRAGMENT_CHARGES, check_total, fragment_charges, total_of

Array = np.ndarray


def constraints_of(
    atoms: Atoms, total_charge: float | None, background: bool | None, neutral_parts: bool = False
) -> Constraints:
    """The constraints of a structure.

    With `arrays["fragment"]` (N,), whole numbers, each fragment has the charge (e) that
    `info["fragment_charges"]` gives it: {fragment: charge}, or a list if fragments count from 0. Else all
    atoms have the total charge, of `info["total_charge"]` or, without it, total_charge; with neutral_parts
    each bonded part of a neutral cluster has none. Raises ModelError if nobody states the total charge;
    InputError for fragments without charge, charges without fragment, totals that disagree, charged slabs,
    and charged cells if `background` is False; None warns of them.
    """
    stated = atoms.info.get("total_charge", total_charge)
    if FRAGMENT in atoms.arrays or FRAGMENT_CHARGES in atoms.info:
        found = _fragments(atoms)
        check_total(atoms)
    elif stated is None:
        raise ModelError(
            "neither the structure nor the charge model states the total charge.",
            remedy="give --total-charge 0 (e), or write total_charge=0 into the file, atoms.info, or the "
            "settings of the model.",
        )
    elif not np.isfinite(float(stated)):
        raise InputError(f"the total charge is {stated!r}.", remedy="give a finite number.")
    elif neutral_parts and len(atoms) and abs(float(stated)) <= NEUTRAL and not atoms.pbc.any():
        parts = bonded_parts(atoms)
        found = Constraints(parts, np.zeros(int(parts.max()) + 1))
    else:
        found = Constraints.total(len(atoms), float(stated))
        if not len(atoms) and abs(float(stated)) > NEUTRAL:
            raise InputError(f"a structure without atoms cannot have a charge of {stated} e.")
    check_periodic_total(atoms, float(found.totals.sum()), background)
    return found


def check_periodic_total(atoms: Atoms, total: float, background: bool | None) -> None:
    """Refuse or warn of a total charge (e) that a periodic structure may not have, see `constraints_of`."""
    if atoms.pbc.all():
        neutralise(total, background)
    elif abs(total) > NEUTRAL and atoms.pbc.any():
        raise InputError(
            f"the periodic structure has a total charge of {total:+.6g} e; its energy is infinite.",
            remedy="state a total charge of zero, or use three periodic axes, where a uniform background "
            "neutralises the cell.",
        )


def undivided_total(atoms: Atoms, total_charge: float | None) -> float | None:
    """Total charge (e) for charges that have it as their only constraint, as `constraints_of` finds it.

    None if nobody states it. InputError for several fragments, whose charges they would not keep.
    """
    if FRAGMENT in atoms.arrays and np.ptp(atoms.arrays[FRAGMENT]):
        raise InputError(
            "the atoms belong to fragments with charges of their own, which these charges do not keep.",
            remedy='delete the array "fragment" and give the total charge alone, or use a model with charge '
            "equilibration (kqeq, kqeq-gap, qeq-gap).",
        )
    stated = total_of(atoms)
    return total_charge if stated is None else stated


def _fragments(atoms: Atoms) -> Constraints:
    labels = np.asarray(atoms.arrays.get(FRAGMENT, np.zeros(len(atoms))))
    if labels.shape != (len(atoms),) or not np.array_equal(labels, np.round(labels)):
        raise InputError(
            'arrays["fragment"] does not give each atom one whole number.',
            remedy="number the fragments, as in 0, 0, 0, 1, 1.",
        )
    if "fragment_charges" not in atoms.info:
        raise InputError(
            'the structure has arrays["fragment"], but no info["fragment_charges"].',
            remedy="give the charge (e) of each fragment, {fragment: charge}, or leave out the fragments.",
        )
    charges = fragment_charges(atoms)
    known, groups = np.unique(labels.astype(np.int64), return_inverse=True)
    return Constraints(groups.reshape(-1), np.array([charges[label] for label in known.tolist()]))


def checked_field(field: Array, atoms: Atoms) -> Array:
    """The field (3,) V/Å; InputError if it points along a periodic axis of the structure."""
    if not field.any() or not atoms.pbc.any():
        return field
    if atoms.pbc.sum() == 2:
        normal = slab_normal(np.array(atoms.cell.array), int(np.flatnonzero(~atoms.pbc)[0]))
        if np.linalg.norm(field - (field @ normal) * normal) <= 1e-9 * np.linalg.norm(field):
            return field
    raise InputError(
        f"the field {field.tolist()} V/Å points along periodic axes ({atoms.pbc.tolist()}), where the energy "
        "of charges in it has no minimum.",
        remedy="use a field across a slab with two periodic axes, or a structure without periodic axes.",
    )
