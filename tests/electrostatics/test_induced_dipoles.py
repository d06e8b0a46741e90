"""Dipoles, their energy and its derivatives against textbook formulae, other sums and differences."""

from itertools import product

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from superion.electrostatics import COULOMB, CoulombTerm, FixedCharges, Point, induced_dipoles
from superion.electrostatics.polarizable_term import PolarizableTerm
from superion.errors import InputError, ModelError
from superion.terms import Term

CHARGES = FixedCharges({"Li": 0.5, "P": 2.5, "S": -1.0})
ALPHA = {"Li": 0.0, "P": 0.6, "S": 2.2}
UNDAMPED = 1e6


def thiophosphate(seed: int = 0, pbc: bool = True) -> Atoms:
    """Two PS₄ with six Li in a skewed cell, distorted."""
    rng = np.random.default_rng(seed)
    corners = 2.05 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    positions = np.vstack([[0, 0, 0], corners, [5.1, 0.3, 0.2], corners[:, [1, 2, 0]] + [5.1, 0.3, 0.2]])
    lithium = np.array(
        [[2.4, 2.6, 3.5], [2.6, -2.4, 0.4], [7.6, 2.9, 0.5], [0, 0.2, 3.1], [5, 0, -3], [2.5, 3, 0]]
    )
    cell = np.array([[10.2, 0, 0], [0.8, 7.2, 0], [-0.6, 0.5, 7.0]])
    atoms = Atoms("PS4PS4Li6", np.vstack([positions, lithium]), cell=cell, pbc=pbc)
    atoms.positions += rng.normal(0, 0.08, atoms.positions.shape)
    return atoms


def derivative(energy, h=1e-3):
    return (8 * (energy(h) - energy(-h)) - (energy(2 * h) - energy(-2 * h))) / (12 * h)


def pair(a: str, b: str, r: float) -> Atoms:
    return Atoms([a, b], [[0, 0, 0], [0, 0, r]])


@pytest.mark.parametrize("thole", [UNDAMPED, 0.39])
def test_two_atoms_in_a_field(thole):
    """Silberstein, Phil. Mag. 33, 92 (1917): 2α/(1 − 2αλ₅'/r³) along the axis, 2α/(1 + αλ₃/r³) across it."""
    alpha, r = 1.4, 2.6
    term = PolarizableTerm(FixedCharges({"Ar": 0.0}), {"Ar": alpha}, thole)
    x = thole * r**3 / alpha
    across = 1 - np.exp(-x)
    along = 3 * (1 - (1 + x) * np.exp(-x)) - across
    expected = [2 * alpha / (1 + alpha * across / r**3)] * 2 + [2 * alpha / (1 - alpha * along / r**3)]
    np.testing.assert_allclose(
        term.polarizability(pair("Ar", "Ar", r)), np.diag(expected), rtol=1e-12, atol=1e-14
    )


def test_ion_beside_a_polarizable_atom():
    """Energy −α q²/2r⁴ and force −2α q²/r⁵, with damping λ₃² and its slope."""
    q, alpha, r = 1.3, 2.0, 3.1
    charges = FixedCharges({"Li": q, "Ar": 0.0})
    bare = PolarizableTerm(charges, {"Li": 0.0, "Ar": alpha}).evaluate(pair("Li", "Ar", r))
    assert bare.energy == pytest.approx(-COULOMB * alpha * q**2 / (2 * r**4), rel=1e-12)
    assert bare.forces[1, 2] == pytest.approx(-2 * COULOMB * alpha * q**2 / r**5, rel=1e-12)
    np.testing.assert_allclose(bare.dipole, [0, 0, alpha * q / r**2], atol=1e-14)
    few = 1e-6  # Å³: the ion is damped, and its own dipole does not matter
    thole = 0.39 * few**0.5 / alpha**0.5
    damped = PolarizableTerm(charges, {"Li": few, "Ar": alpha}, thole).evaluate(pair("Li", "Ar", r))
    factor = 1 - np.exp(-thole * r**3 / np.sqrt(few * alpha))
    assert damped.energy == pytest.approx(factor**2 * bare.energy, rel=1e-5)


@pytest.mark.parametrize("pbc", [True, False])
def test_without_polarizability_it_is_the_coulomb_term(pbc):
    atoms = thiophosphate(1, pbc)
    found = PolarizableTerm(CHARGES, dict.fromkeys(ALPHA, 0.0), accuracy=1e-12).evaluate(atoms)
    expected = CoulombTerm(CHARGES, Point(), 1e-12).evaluate(atoms)
    for name in ("energy", "energies", "forces", "virial", "charges", "dipole"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("pbc", [True, False])
def test_derivatives(pbc, direct, monkeypatch):
    if not direct:
        monkeypatch.setattr(induced_dipoles, "DIRECT", 0)
    atoms = thiophosphate(2, pbc)
    term = PolarizableTerm(CHARGES, ALPHA, accuracy=1e-13)
    result = term.evaluate(atoms)
    assert result.energy < CoulombTerm(CHARGES, Point()).evaluate(atoms).energy - 1.0
    assert result.energies.sum() == pytest.approx(result.energy, rel=1e-13)

    def displaced(step):
        moved = atoms.copy()
        moved.positions[index] += step
        return term.evaluate(moved).energy

    def strained(step):
        strain = np.eye(3)
        strain[index] += step
        moved = atoms.copy()
        moved.set_cell(atoms.cell.array @ strain)
        moved.positions = atoms.positions @ strain
        return term.evaluate(moved).energy

    for index in [(0, 0), (1, 1), (7, 2), (12, 0), (15, 1)]:
        assert result.forces[index] == pytest.approx(-derivative(displaced), abs=1e-7)
    for index in product(range(3), repeat=2):
        assert result.virial[index] == pytest.approx(-derivative(strained), abs=2e-6)
    np.testing.assert_allclose(result.forces.sum(axis=0), 0, atol=1e-8)


def test_energy_in_a_field_is_minus_the_dipole():
    """Half the work of the field on induced dipoles; its second derivative is the polarizability."""
    atoms, term = thiophosphate(3, False), PolarizableTerm(CHARGES, ALPHA)
    unperturbed = term.induced_dipoles(atoms).sum(axis=0)
    h = 1e-3
    for axis, field in enumerate(h * np.eye(3)):
        plus, minus = (term.induced_dipoles(atoms, s * field).sum(axis=0) for s in (1, -1))
        np.testing.assert_allclose(
            (plus - minus) / (2 * h) * COULOMB, term.polarizability(atoms)[:, axis], rtol=1e-8
        )
        np.testing.assert_allclose(0.5 * (plus + minus), unperturbed, atol=1e-12)
    np.testing.assert_allclose(
        term.evaluate(atoms).dipole, unperturbed + CHARGES.charges(atoms) @ atoms.positions
    )
    np.testing.assert_allclose(term.polarizability(atoms), term.polarizability(atoms).T, atol=1e-10)


def test_dipoles_are_a_minimum():
    """μᵀ(1/α + T)μ/2 − μ·E, written out with bare tensors, is stationary there and equals the energy."""
    atoms = thiophosphate(4, False)
    alpha = {"Li": 0.3, "P": 0.3, "S": 0.4}
    term = PolarizableTerm(CHARGES, alpha, UNDAMPED)
    q = CHARGES.charges(atoms)
    a = np.repeat([alpha[s] for s in atoms.get_chemical_symbols()], 3)
    n = len(atoms)
    tensor, field = np.zeros((n, 3, n, 3)), np.zeros((n, 3))
    for i, j in product(range(n), repeat=2):
        if i != j:
            r = atoms.positions[i] - atoms.positions[j]
            d = np.linalg.norm(r)
            tensor[i, :, j] = np.eye(3) / d**3 - 3 * np.outer(r, r) / d**5
            field[i] += q[j] * r / d**3
    matrix = np.diag(1 / a) + tensor.reshape(3 * n, 3 * n)
    dipoles = np.linalg.solve(matrix, field.ravel())
    np.testing.assert_allclose(term.induced_dipoles(atoms).ravel(), dipoles, atol=1e-12)
    expected = CoulombTerm(CHARGES, Point()).evaluate(atoms).energy - 0.5 * COULOMB * dipoles @ field.ravel()
    assert term.evaluate(atoms).energy == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("structure", ["sc", "fcc", "bcc"])
def test_clausius_mossotti(structure):
    """ε∞ = (1 + 2x)/(1 − x) with x = 4πα/3v for cubic lattices of polarizable points."""
    crystal = bulk("Ar", structure, a=4.0)
    alpha, volume = 1.1, crystal.get_volume()
    term = PolarizableTerm(FixedCharges({"Ar": 0.0}), {"Ar": alpha}, UNDAMPED, 1e-12)
    x = 4 * np.pi * alpha / (3 * volume)
    np.testing.assert_allclose(
        term.permittivity(crystal), (1 + 2 * x) / (1 - x) * np.eye(3), rtol=1e-9, atol=1e-10
    )
    repeated = term.polarizability(crystal.repeat(2))
    np.testing.assert_allclose(repeated, 8 * term.polarizability(crystal), rtol=1e-9, atol=1e-9)


def test_cell_and_its_multiples_agree():
    atoms = thiophosphate(5)
    term = PolarizableTerm(CHARGES, ALPHA, accuracy=1e-12)
    one, two = term.evaluate(atoms), term.evaluate(atoms.repeat((1, 2, 1)))
    np.testing.assert_allclose(two.energies, np.tile(one.energies, 2), atol=1e-8)
    np.testing.assert_allclose(two.forces, np.tile(one.forces, (2, 1)), atol=1e-8)
    np.testing.assert_allclose(two.virial, 2 * one.virial, atol=1e-7)


def test_a_large_box_is_the_vacuum():
    """A cluster in an ever larger cell; conducting surroundings add −2π/3V times the dipole squared."""
    atoms = thiophosphate(6, False)
    atoms.positions -= atoms.get_center_of_mass()
    term = PolarizableTerm(CHARGES, ALPHA, accuracy=1e-10)
    free = term.evaluate(atoms)
    gaps = []
    for length in (40.0, 80.0):
        box = atoms.copy()
        box.set_cell(np.eye(3) * length)
        box.pbc = True
        found = term.evaluate(box)
        gaps.append(found.energy - free.energy)
        first_order = -2 * np.pi / (3 * length**3) * COULOMB * (free.dipole @ free.dipole)
        assert gaps[-1] == pytest.approx(first_order, rel=0.1)
        assert np.abs(found.forces - free.forces).max() < 0.1 * (40 / length) ** 3
    assert gaps[0] / gaps[1] == pytest.approx(8, rel=0.05)


def test_both_solvers_agree(monkeypatch):
    atoms = thiophosphate(7).repeat((1, 1, 2))
    term = PolarizableTerm(CHARGES, ALPHA)
    direct = term.evaluate(atoms)
    monkeypatch.setattr(induced_dipoles, "DIRECT", 0)
    np.testing.assert_allclose(term.evaluate(atoms).forces, direct.forces, atol=1e-8)


def test_accuracy_is_kept():
    atoms = thiophosphate(8)
    exact = PolarizableTerm(CHARGES, ALPHA, accuracy=1e-14).evaluate(atoms)
    found = PolarizableTerm(CHARGES, ALPHA).evaluate(atoms)
    assert abs(found.energy - exact.energy) < 1e-4
    assert np.abs(found.forces - exact.forces).max() < 2e-5


@pytest.mark.parametrize("direct", [True, False])
def test_catastrophe_names_its_atoms(direct, monkeypatch):
    if not direct:
        monkeypatch.setattr(induced_dipoles, "DIRECT", 0)
    atoms = Atoms("LiAr2Ar", [[-4, 0.5, 0], [0, 0, 0], [1.2, 0, 0], [9, 0, 0]])
    charges = FixedCharges({"Li": 1.0, "Ar": 0.0})
    with pytest.raises(InputError, match=r"catastrophe.*atoms \[1, 2\].*Remedy"):
        PolarizableTerm(charges, {"Li": 0.0, "Ar": 1.4}, UNDAMPED).evaluate(atoms)
    assert PolarizableTerm(charges, {"Li": 0.0, "Ar": 1.4}, 0.39).evaluate(atoms).energy < 0


class Breathing:
    """Charges that depend on the distance of two atoms: q₀ = −q₁ = 1/r."""

    kind = "breathing"

    def charges(self, atoms: Atoms) -> np.ndarray:
        return np.array([1.0, -1.0, 0.0]) / atoms.get_distance(0, 1)

    def vjp(self, atoms: Atoms, slope: np.ndarray):
        r = atoms.positions[1] - atoms.positions[0]
        push = (slope[0] - slope[1]) * -r / np.linalg.norm(r) ** 3
        return np.array([push, -push, np.zeros(3)]), -np.outer(r, push)


def test_charges_that_depend_on_the_structure():
    atoms = Atoms("Li2Ar", [[0, 0, 0], [2.5, 0.3, 0], [0.4, 3.0, 0.6]])
    term = PolarizableTerm(Breathing(), {"Li": 0.3, "Ar": 1.6})
    result = term.evaluate(atoms)

    def displaced(step):
        moved = atoms.copy()
        moved.positions[index] += step
        return term.evaluate(moved).energy

    for index in product(range(3), repeat=2):
        assert result.forces[index] == pytest.approx(-derivative(displaced), abs=1e-9)


def test_round_trip_and_refusals():
    term = PolarizableTerm(CHARGES, ALPHA, 0.3, 1e-9)
    assert isinstance(term, Term)
    other = PolarizableTerm.restore(term.settings(), term.arrays())
    atoms = thiophosphate(9)
    np.testing.assert_array_equal(other.evaluate(atoms).forces, term.evaluate(atoms).forces)
    assert other.settings() == term.settings()
    assert term.evaluate(Atoms()).energy == 0
    with pytest.raises(InputError, match="at least 0 Å³"):
        PolarizableTerm(CHARGES, {"Li": -1.0})
    with pytest.raises(ModelError, match="no polarizability for S"):
        PolarizableTerm(CHARGES, {"Li": 1.0, "P": 1.0}).evaluate(atoms)
    with pytest.raises(InputError, match="only a crystal"):
        term.permittivity(thiophosphate(0, False))
    atoms.pbc = [True, True, False]
    with pytest.raises(InputError, match="three periodic axes or none"):
        term.evaluate(atoms)
    with pytest.raises(InputError, match="total charge"):
        term.with_background(False).evaluate(thiophosphate()[1:])


def test_dtype_and_threads_are_left_alone():
    before = torch.get_default_dtype(), torch.get_num_threads()
    PolarizableTerm(CHARGES, ALPHA).evaluate(thiophosphate())
    assert (torch.get_default_dtype(), torch.get_num_threads()) == before
