"""Each check is seen to fail: a calculator with one fault fails the checks that are about it and no other."""

from dataclasses import replace

import numpy as np
import pytest
import toy_models as toys
from toy_models import Forgetful, Toy, salt

from superion.conformance import CHECKS, check
from superion.electrostatics import CoulombTerm, FixedCharges, Gaussian
from superion.potentials import Potential
from superion.potentials.repulsion import Repulsion

DERIVATIVES = {"forces", "energy drift", "open boundaries"}
FAULTS = {
    "none": (Toy(), set()),
    "none, with charges": (Toy(coulomb=True), set()),
    "forces": (Toy(toys.forces_one_per_cent_off), DERIVATIVES | {"mixed boundaries"}),
    "stress": (Toy(toys.stress_one_per_cent_off), {"stress"}),
    "stress without charges": (
        Toy(toys.stress_without_charges, coulomb=True),
        {"stress", "long-range stress"},
    ),
    "origin": (Toy(toys.feels_the_origin), {"translation", "choice of cell"}),
    "axes": (Toy(toys.feels_the_axes), {"rotation"}),
    "handedness": (Toy(toys.feels_handedness), {"inversion"}),
    "order": (Toy(toys.feels_the_order), {"permutation"}),
    "lattice vectors": (Toy(toys.feels_the_lattice_vectors), {"choice of cell"}),
    "few images": (Toy(toys.looks_for_few_images), {"atoms outside the cell"}),
    "not extensive": (Toy(toys.is_not_extensive), {"supercells"}),
    "cutoff": (Toy(toys.ends_abruptly), {"smooth pairs", "smooth moves", "energy drift"}),
    "reciprocal vectors": (Toy(toys.jumps_with_the_volume), {"smooth strain"}),
    "charges": (Toy(toys.charges_do_not_add_up), {"total charge"}),
    "energies": (Toy(toys.energies_do_not_add_up), {"atomic energies"}),
    "virials": (Toy(toys.virials_do_not_add_up), {"atomic virials"}),
    "memory": (Forgetful(), {"memory"}),
    "touched": (Toy(toys.changes_what_it_is_given), {"structure left alone"}),
    "noise": (Toy(toys.is_noisy), {"noise"}),
    "vacuum": (Toy(toys.pushes_in_vacuum), {"open boundaries"}),
    "slabs": (Toy(toys.pushes_in_slabs), {"mixed boundaries"}),
}


LONG = ("smooth pairs", "smooth moves", "smooth strain", "energy drift")
THOROUGH = {"none", "forces", "cutoff", "reciprocal vectors", "vacuum"}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_fails_what_it_breaks_and_nothing_else(name):
    model, expected = FAULTS[name]
    report = check(model, salt(), level="quick", skip=() if name in THOROUGH else LONG)
    assert set(report.failed) == expected, str(report)
    if name == "none, with charges":
        idle = {one.name for one in report.checks if one.status == "not applicable"}
        assert idle == {"batches", "restart", "mixed boundaries"}


class Faulty:
    """A potential as somebody else's engine computes it; `spoil` changes its evaluations."""

    def __init__(self, spoil, terms=None):
        self.spoil, self.potential = spoil, Potential(terms or TERMS)

    def evaluate_batch(self, structures):
        return [
            self.spoil(k, atoms, found)
            for k, (atoms, found) in enumerate(
                zip(structures, self.potential.evaluate_batch(structures), strict=True)
            )
        ]


WALL = Repulsion({(11, 17): 3.2, (17, 17): 4.0, (11, 11): 3.4}, height=6.0)
COULOMB = CoulombTerm(FixedCharges(toys.CHARGES), Gaussian(0.7))
TERMS = [COULOMB, WALL]


def without_charges(k, atoms, found):
    return replace(found, virial=WALL.evaluate(atoms).virial)


def half_of_the_charges(k, atoms, found):
    return replace(found, virial=found.virial - 0.5 * COULOMB.evaluate(atoms).virial)


def mixed_up(k, atoms, found):
    return (
        replace(found, energy=found.energy + 1e-3, energies=found.energies + 1e-3 / len(atoms))
        if k
        else found
    )


def as_periodic(k, atoms, found):
    """A slab whose third axis is taken for periodic too."""
    whole = atoms.copy()
    whole.pbc = atoms.pbc.any()
    return WALL.evaluate(whole)


class Rounded(Repulsion):
    """Its file has less digits than it."""

    def settings(self):
        return super().settings() | {"wall": round(self.height, 1)}


OWN_FAULTS = {
    "none": (Faulty(lambda k, atoms, found: found), set()),
    "stress without charges": (Faulty(without_charges), {"stress", "long-range stress"}),
    "stress with half of them": (Faulty(half_of_the_charges), {"stress", "long-range stress"}),
    "batches": (Faulty(mixed_up), {"batches"}),
    "slabs": (Faulty(as_periodic, [WALL]), {"mixed boundaries"}),
    "file": (Potential([COULOMB, Rounded({(11, 17): 3.2}, height=6.04)]), {"restart"}),
}
FEW = (
    "forces", "stress", "long-range stress", "permutation", "supercells", "memory", "batches", "restart",
    "mixed boundaries", "atomic energies",
)  # fmt: skip


@pytest.mark.parametrize("name", OWN_FAULTS)
def test_a_fault_of_an_engine_or_of_a_file(name):
    model, expected = OWN_FAULTS[name]
    report = check(model, salt(), level="quick", only=FEW)
    assert set(report.failed) == expected, str(report)


def test_every_check_is_seen_to_fail():
    seen = set().union(*(expected for _, expected in [*FAULTS.values(), *OWN_FAULTS.values()]))
    assert seen == set(CHECKS)


class Raising(Toy):
    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        if len(atoms) > 8:
            raise MemoryError("far too many") if self.fault else IndexError("index 8 is out of bounds")
        super().calculate(atoms, properties, system_changes)


def test_what_a_model_raises_in_a_check_is_a_failure_of_the_check():
    report = check(Raising(), salt(), level="quick", only=("forces", "supercells"))
    assert report.failed == ["supercells"]
    assert report["supercells"].why == "it stopped: IndexError: index 8 is out of bounds"
    with pytest.raises(MemoryError):
        check(Raising(toys.changes_what_it_is_given), salt(), only=("supercells",))


def test_answers_that_are_no_numbers_fail():
    def lost(toy, atoms, sums):
        if not atoms.pbc.any():
            sums["forces"][0] = np.nan

    report = check(Toy(lost), salt(), level="quick", only=("open boundaries",))
    assert report.failed == ["open boundaries"]
