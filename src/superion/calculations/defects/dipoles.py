"""What a field acts on, and how the dipole changes between two structures.

The dipole of a periodic cell has a meaning only along a path on which no atom jumps (Resta, Rev. Mod. Phys.
66, 899, 1994). Here the path from one structure to another is straight for every atom, from the positions as
given to the positions as given.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms

from superion.calculations.defects.settings import DefectSettings
from superion.electrostatics import ChargeModel, FixedCharges, born_charges
from superion.electrostatics.charges import are_constant
from superion.electrostatics.polarization import checked_charges
from superion.electrostatics.uniform_field import check_neutral
from superion.errors import InputError, ModelError
from superion.model import Model, terms_of
from superion.structures.bare import repeated

Array = np.ndarray
STEP = 0.1
"""Å, the longest way of an atom in one step of a path."""
METALLIC = 0.25
"""Change of Born charges with the cell, over the typical charge, from which on charge flows as in a metal."""


def charges_for_field(potential: Model, crystal: Atoms, settings: DefectSettings) -> ChargeModel:
    """The charges that a field acts on: those of the settings, else those of the potential.

    Raises InputError for a potential without charges, for charges that do not add up to zero and for
    elements without a charge, ModelError for charges that flow as in a metal.
    """
    charges = chosen_charges(potential, settings)
    if charges is None:
        who = "a local potential" if terms_of(potential) else potential.name
        raise InputError(
            f"{who} has no charges for a field to act on.",
            remedy="give them with --field-charges Li=0.445,P=2.225,S=-0.890, or use a model with "
            "electrostatics.",
        )
    if settings.field_charges is not None:
        missing = sorted(set(crystal.symbols) - set(settings.field_charges))
        if missing:
            raise InputError(
                f"no charge is given for {', '.join(missing)}; there are charges for "
                f"{', '.join(settings.field_charges)}.",
                remedy="name every element of the crystal: --field-charges Li=0.445,P=2.225,S=-0.890.",
            )
    q = settings.charge_scale * checked_charges(crystal, charges)
    check_neutral(crystal, q, np.ones(3))
    if not np.abs(q).max() > 0:
        raise InputError("all charges are zero; a field does nothing.", remedy="check --field-charges.")
    if not are_constant(charges):
        _check_local(charges, crystal)
    return charges


def chosen_charges(potential: Model, settings: DefectSettings) -> ChargeModel | None:
    """The charges that are meant, unchecked; None if there are none."""
    if settings.field_charges is not None:
        return FixedCharges(settings.field_charges)
    return potential.response


def _check_local(charges: ChargeModel, crystal: Atoms) -> None:
    """ModelError if charge flows through the crystal as in a metal.

    Born charges are then those of the cell, not of the material: they change when it is doubled, and miss
    the sum rule.
    """
    times = [1, 1, 1]
    times[int(np.linalg.norm(crystal.cell.array, axis=1).argmin())] = 2
    born, double = (born_charges(atoms, charges) for atoms in (crystal, repeated(crystal, times)))
    change = double.values.reshape(2, len(crystal), 3, 3).mean(axis=0) - born.values
    lacking = max(float(np.abs(change).max()), float(np.abs(born.violation).max()) / len(crystal))
    typical = float(np.sqrt((checked_charges(crystal, charges) ** 2).mean()))
    if lacking > METALLIC * typical:
        raise ModelError(
            f"the charges are metallic-like: Born charges change by {lacking:.2g} e when the cell is "
            f"doubled, or miss the sum rule by that, and charges are of {typical:.2g} e; charge flows "
            "through the whole crystal.",
            remedy="no field acts inside a metal; use charges that depend on what is near, or "
            "--field-charges.",
        )


def dipole_change(start: Atoms, end: Array, charges: ChargeModel) -> tuple[Array, float]:
    """(3,) e·Å that the dipole changes by when atoms go straight to `end` (N, 3) Å, and its error.

    Exact for fixed charges. Of others the sum of Born charge times step with the violation of the sum rule
    taken off, as in dynamics; the error is what half as many steps differ by, over three.
    """
    way = end - start.positions
    if are_constant(charges):
        return charges.charges(start) @ way, 0.0
    steps = 2 * max(1, int(np.ceil(0.5 * np.linalg.norm(way, axis=1).max(initial=0.0) / STEP)))
    atoms, born = start.copy(), []
    for share in np.linspace(0, 1, steps + 1):
        atoms.positions[:] = start.positions + share * way
        born.append(born_charges(atoms, charges).conserving().values)
    fine, coarse = (np.einsum("nab,na->b", _trapezium(values), way) for values in (born, born[::2]))
    return fine, float(np.abs(fine - coarse).max()) / 3


def _trapezium(values: list[Array]) -> Array:
    """Mean of equidistant values, those at the ends half."""
    return np.asarray((sum(values) - 0.5 * (values[0] + values[-1])) / (len(values) - 1))
