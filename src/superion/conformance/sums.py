"""Sums over the atoms: charges to the total charge, energies to the energy, virials to the virial."""

from __future__ import annotations

import numpy as np
from ase import units

from superion.conformance.limits import Measured
from superion.conformance.registry import Case, NotApplicable, check
from superion.structures.bare import total_of


@check("total charge", "charges add up to the total charge that the structure states, in a crystal to zero")
def total_charge(case: Case) -> Measured:
    """A periodic structure that states no total charge is neutral."""
    charges = case.answer.charges
    if charges is None:
        raise NotApplicable("the model gives no charges")
    stated = total_of(case.atoms)
    if stated is None:
        if not case.atoms.pbc.all():
            raise NotApplicable("the structure states no total charge")
        stated = 0.0
    number = abs(float(np.sum(charges)) - stated)
    return Measured(number, case.limits.charge(), "e", f"stated {stated:+g} e")


@check("atomic energies", "atomic energies add up to the energy")
def atomic_energies(case: Case) -> Measured:
    """Where a model gives atomic energies."""
    energies, n = case.answer.energies, len(case.atoms)
    if energies is None:
        raise NotApplicable("the model gives no atomic energies")
    number = abs(float(np.sum(energies)) - case.answer.energy)
    return Measured(number / n, case.limits.energy(n) / n, "eV/atom")


@check("atomic virials", "atomic stresses add up to the stress")
def atomic_virials(case: Case) -> Measured:
    """Where a model gives them; ASE's `stresses` are those of atoms in the volume of the whole cell."""
    virials, virial = case.answer.virials, case.answer.virial
    if virials is None or virial is None:
        raise NotApplicable("the model gives no atomic stresses")
    total = virials.reshape(len(case.atoms), -1).sum(axis=0)
    expected = virial if len(total) == 9 else virial.flat[[0, 4, 8, 5, 2, 1]]
    scale = 1 / case.atoms.get_volume() / units.GPa
    number = float(np.abs(total - np.ravel(expected)).max())
    return Measured(number * scale, case.limits.virial(len(case.atoms)) * scale, "GPa")
