"""What is wrong with classical equilibration, and the guards against it."""

import warnings

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from superion.electrostatics import (
    ChargeEquilibration,
    ChargeTransferWarning,
    Gaussian,
    neutral_fragments,
    rappe_goddard,
)
from superion.electrostatics.charge_transfer import bonded_parts
from superion.errors import InputError
from superion.structures.read import read_frames


def qeq(**options):
    return rappe_goddard(["H", "C", "O"], "gaussian", total_charge=0.0, **options)


def two_molecules(distance):
    methane, carbon_dioxide = molecule("CH4"), molecule("CO2")
    carbon_dioxide.positions += [distance, 0, 0]
    return methane + carbon_dioxide


def test_lithium_and_fluorine_far_apart_keep_charge():
    """Equal electronegativity is reached at any distance: 0.47 e at 10 Å, where atoms are neutral."""
    pair = Atoms("LiF", [[0, 0, 0], [0, 0, 10.0]])
    model = rappe_goddard(["Li", "F"], total_charge=0.0)
    with pytest.warns(ChargeTransferWarning, match=r"2 parts .* the one with atom 0 \(Li\) has \+0\.\d+ e"):
        charge = model.charges(pair)[0]
    assert charge == pytest.approx((10.874 - 3.006) / (4.772 + 14.948 - 2 * 14.399645 / 10), abs=1e-5)
    assert charge > 0.4


def test_molecules_ten_angstrom_apart_exchange_charge_unless_constrained():
    pair = two_molecules(10.0)
    with pytest.warns(ChargeTransferWarning, match="not bonded exchange charge"):
        free = qeq().charges(pair)
    assert abs(free[:5].sum()) > 0.05
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bound = qeq().charges(neutral_fragments(pair))
    assert "fragment" not in pair.arrays
    np.testing.assert_allclose(bound[:5], qeq().charges(molecule("CH4")), atol=2e-3)
    np.testing.assert_allclose(bound[5:], qeq().charges(molecule("CO2")), atol=2e-3)


def test_the_warning_can_be_silenced_and_is_not_for_whole_charges():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        qeq(warn=False).charges(two_molecules(10.0))
        twins = molecule("CH4") + molecule("CH4")
        twins.positions[5:] += [12.0, 0, 0]
        qeq().charges(twins)
        qeq().charges(molecule("CH4"))


def chain(count, **options):
    """Polarizability along a zigzag of equal atoms 1.5 Å apart along the chain."""
    atoms = Atoms(f"C{count}", [[0.5 * (k % 2), 0, 1.5 * k] for k in range(count)], **options)
    model = ChargeEquilibration({"C": 5.0}, {"C": 11.0}, Gaussian(0.8), 0.0)
    return atoms, model


def test_chains_are_polarized_like_metals():
    """The polarizability of a chain grows almost with the cube of its length, and not in proportion to it."""
    lengths = np.array([10, 20, 40, 80])
    alpha = []
    for count in lengths:
        atoms, model = chain(count)
        alpha.append(model.polarizability(atoms)[2, 2])
    powers = np.diff(np.log(alpha)) / np.diff(np.log(lengths))
    assert (powers > 2.0).all()
    assert (powers < 3.0).all()


def test_fragments_make_the_polarizability_proportional_to_the_length():
    alpha = []
    for count in (20, 40, 80):
        atoms, model = chain(count)
        atoms.arrays["fragment"], atoms.info["fragment_charges"] = np.arange(count) // 2, np.zeros(count // 2)
        alpha.append(model.polarizability(atoms)[2, 2])
    powers = np.diff(np.log(alpha)) / np.log(2)
    np.testing.assert_allclose(powers, 1, atol=0.1)


def test_bonded_parts():
    atoms = molecule("C6H6") + Atoms("Li", [[9, 0, 0]]) + molecule("H2O")
    atoms.positions[13:] += [0, 0, 20]
    assert bonded_parts(atoms).tolist() == [0] * 12 + [1] + [2] * 3
    line = Atoms("C60", [[1.5 * k, 0, 0] for k in np.random.default_rng(0).permutation(60)])
    assert not bonded_parts(line).any()
    assert bonded_parts(Atoms()).shape == (0,)


def test_neutral_fragments_outlive_a_file(tmp_path):
    parts = neutral_fragments(two_molecules(6.0))
    parts.write(tmp_path / "parts.extxyz")
    (read,) = read_frames(tmp_path / "parts.extxyz")
    np.testing.assert_allclose(qeq().charges(read), qeq().charges(parts), atol=1e-7)
    assert abs(qeq().charges(read)[:5].sum()) < 1e-12


def test_neutral_fragments_leave_alone_what_is_whole_or_stated():
    ion = molecule("CH4")
    ion.info["total_charge"] = 1.0
    assert "fragment" not in neutral_fragments(ion).arrays
    assert neutral_fragments(ion).info == {"total_charge": 1.0}
    stated = two_molecules(6.0)
    stated.arrays["fragment"], stated.info["fragment_charges"] = bonded_parts(stated), [1.0, -1.0]
    assert neutral_fragments(stated).info["fragment_charges"] == [1.0, -1.0]
    charged = two_molecules(6.0)
    charged.info["total_charge"] = -1.0
    with pytest.raises(
        InputError, match="2 parts of the structure are not bonded, and its total charge is -1 e"
    ):
        neutral_fragments(charged)


def test_neutral_parts_are_those_that_are_bonded():
    pair = two_molecules(5.0)
    model = qeq(neutral_parts=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        charges = model.charges(pair)
        again = type(model).restore(model.settings(), model.arrays()).charges(pair)
    np.testing.assert_array_equal(charges, qeq().charges(neutral_fragments(pair)))
    np.testing.assert_array_equal(again, charges)
    np.testing.assert_array_equal(model.charges(molecule("CH4")), qeq().charges(molecule("CH4")))


def test_parts_of_an_ion_share_its_charge_with_a_warning():
    """Whose charge it is cannot be distinguished from positions."""
    ion = two_molecules(10.0)
    ion.info["total_charge"] = 1.0
    with pytest.warns(ChargeTransferWarning, match="2 parts"):
        charges = qeq(neutral_parts=True).charges(ion)
    np.testing.assert_array_equal(charges, qeq(warn=False).charges(ion))
