from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from ase import Atoms
from block_oracles import assert_derivatives, assert_symmetries, random_structure

from superion.errors import InputError, ModelError
from superion.potentials.classical.pair_forms import Buckingham, Morse, largest_dispersion, pair_energy
from superion.potentials.classical.pair_potentials import PairPotentials
from superion.terms import LocalTerm

SYMBOLS = "Li", "P", "S"
FORMS = {
    pair: Buckingham(300.0 + 100 * k, 0.25 + 0.02 * k, 5.0 * k)
    for k, pair in enumerate(combinations_with_replacement(SYMBOLS, 2))
} | {("P", "S"): Morse(3.0, 1.8, 2.05)}


def dimer(a: str, b: str, r: float) -> Atoms:
    return Atoms([a, b], [[0, 0, 0], [0, 0, r]])


def test_energies_are_their_formulae():
    term = PairPotentials(FORMS, cutoff=9.0, width=2.0, baseline={"Li": -1.5, "P": 0.25})
    for r in (1.6, 2.3, 5.0):
        a, rho, c = 1000.0 * 0.5, 0.29, 10.0
        expected = a * np.exp(-r / rho) - c / r**6 - 1.5
        assert term.evaluate(dimer("S", "Li", r)).energy == pytest.approx(expected, rel=1e-13)
        bond = 3.0 * ((1 - np.exp(-1.8 * (r - 2.05))) ** 2 - 1)
        assert term.evaluate(dimer("S", "P", r)).energy == pytest.approx(bond + 0.25, rel=1e-13)
    assert term.evaluate(dimer("Li", "P", 9.1)).energy == -1.25


def test_cutoff_is_the_cosine_of_the_package():
    r, bare = 7.3, 600.0 * np.exp(-7.3 / 0.3)
    fade = 0.5 * (np.cos(np.pi * (r - 6.0) / 2.0) + 1)
    term = PairPotentials({("Li", "Li"): Buckingham(600.0, 0.3)})
    assert term.evaluate(dimer("Li", "Li", r)).energy == pytest.approx(bare * fade, rel=1e-13)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.97])
def test_the_wall_never_turns_back_and_is_smooth(share):
    a, rho = 1500.0, 0.32
    form = Buckingham(a, rho, share * largest_dispersion(a, rho))
    assert 0.1 < form.inner < 7 * rho
    r = np.linspace(1e-3, 7 * rho if share > 0.9 else form.inner + 0.3, 3000)
    value, slope = np.array([pair_energy(x, *form.row) for x in r]).T
    repulsive = r < form.inner + 0.01
    assert (slope[repulsive] < 0).all()
    np.testing.assert_allclose(np.gradient(value, r)[1:-1], slope[1:-1], rtol=0, atol=2e-3 * abs(slope).max())
    h = 1e-5
    curvature = [
        (pair_energy(form.inner + s * h, *form.row)[1] - pair_energy(form.inner, *form.row)[1]) / (s * h)
        for s in (1, -1)
    ]
    np.testing.assert_allclose(curvature, 0, atol=1e-3 * abs(slope).max())
    x = form.inner + 0.05
    bare = a * np.exp(-x / rho) - form.c / x**6
    assert pair_energy(x, *form.row)[0] == pytest.approx(bare, rel=1e-13)


def test_without_dispersion_nothing_is_changed():
    form = Buckingham(1500.0, 0.32)
    assert form.inner == 0.0
    assert pair_energy(0.01, *form.row)[0] == pytest.approx(1500 * np.exp(-0.01 / 0.32))


def test_a_field_without_a_wall_is_refused():
    limit = largest_dispersion(1000.0, 0.3)
    Buckingham(1000.0, 0.3, 0.999 * limit)
    with pytest.raises(InputError, match=r"attracts at all distances.*c below"):
        Buckingham(1000.0, 0.3, limit)
    # the bound is where the curvature has a double root of the slope: no distance repels beyond it
    r = np.linspace(0.05, 6, 4000)
    slope = -1000 / 0.3 * np.exp(-r / 0.3) + 6 * 1.0001 * limit / r**7
    inside = r < 8 * 0.3
    curvature = 1000 / 0.09 * np.exp(-r / 0.3) - 42 * 1.0001 * limit / r**8
    assert not ((slope < 0) & (curvature <= 0) & inside).any()


@pytest.mark.parametrize("pbc", list(product([True, False], repeat=3)))
def test_derivatives(pbc):
    term = PairPotentials(FORMS, cutoff=5.0, width=2.0, baseline={"Li": 1.0})
    assert_derivatives(term.evaluate, random_structure(5, pbc=pbc))


def test_derivatives_on_the_straight_line():
    term = PairPotentials({("S", "S"): Buckingham(1500.0, 0.32, 150.0)})
    atoms = Atoms("S3", [[0, 0, 0], [0.7, 0.1, 0], [0, 0.5, 0.6]])
    assert term.forms["S", "S"].inner > 0.9
    assert_derivatives(term.evaluate, atoms)


def test_symmetries():
    assert_symmetries(PairPotentials(FORMS, cutoff=5.0).evaluate, random_structure(2), 2)


def test_parts_add_up():
    term = PairPotentials(FORMS, cutoff=5.0, baseline={"Li": 1.0, "S": -2.0})
    atoms = random_structure(3)
    whole, part = term.evaluate(atoms), term.evaluate(atoms, centres=2)
    np.testing.assert_allclose(part.energies[:2], whole.energies[:2], rtol=1e-13)
    batch = term.evaluate_batch([atoms, random_structure(4)])
    np.testing.assert_allclose(batch[0].forces, whole.forces, atol=1e-12)


def test_restored_term_is_bit_for_bit_the_same():
    term = PairPotentials(FORMS, cutoff=6.0, width=1.5, baseline={"Li": 0.3, "P": 1 / 3, "S": 2.0})
    other = PairPotentials.restore(term.settings(), term.arrays())
    assert isinstance(other, LocalTerm)
    assert other.settings() == term.settings()
    atoms = random_structure(0)
    np.testing.assert_array_equal(term.evaluate(atoms).forces, other.evaluate(atoms).forces)


def test_what_cannot_be_used_is_refused():
    with pytest.raises(InputError, match=r"'Lj' is not an element"):
        PairPotentials({("Lj", "S"): Buckingham(1.0, 1.0)})
    with pytest.raises(InputError, match=r"two energies"):
        PairPotentials({("Li", "S"): Buckingham(1.0, 1.0), ("S", "Li"): Buckingham(1.0, 1.0)})
    with pytest.raises(InputError, match=r"width ≤ cutoff"):
        PairPotentials(FORMS, cutoff=1.0, width=2.0)
    with pytest.raises(InputError, match=r"a ≥ 0"):
        Buckingham(-1.0, 0.3)
    with pytest.raises(InputError, match=r"positive depth"):
        Morse(0.0, 1.0, 2.0)
    with pytest.raises(ModelError, match=r"contains \['Cl'\]"):
        PairPotentials(FORMS).evaluate(dimer("Li", "Cl", 2.0))
