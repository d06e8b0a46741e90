"""Forces and virials of every generation against finite differences, and the symmetries of its energy."""

import numpy as np
import pytest
from ase import Atoms
from neural_cases import CHARGED, GENERATIONS, STRUCTURES, crystal, molecule, untrained

EVERY = [
    (name, place)
    for name in GENERATIONS
    for place in STRUCTURES
    if (name, place) != ("3g, not conserved", "periodic")
]
STEP = 1e-4


def central(function, step=STEP):
    """The derivative of a function at zero to fourth order in the step."""
    return (8 * (function(step) - function(-step)) - function(2 * step) + function(-2 * step)) / (12 * step)


def moved(atoms, direction, step):
    copy = atoms.copy()
    copy.positions += step * direction
    return copy


def strained(atoms, strain, step):
    copy = atoms.copy()
    copy.set_cell(atoms.cell.array @ (np.eye(3) + step * strain), scale_atoms=False)
    copy.positions = atoms.positions @ (np.eye(3) + step * strain)
    return copy


def random_strain(seed=5):
    strain = np.random.default_rng(seed).normal(size=(3, 3))
    return strain + strain.T


@pytest.mark.parametrize(("name", "place"), EVERY)
def test_forces_and_virial_are_derivatives_of_the_energy(name, place):
    term, atoms = untrained(name), STRUCTURES[place]()
    found = term.evaluate(atoms)
    assert found.energies.sum() == pytest.approx(found.energy, abs=1e-12)
    direction = np.random.default_rng(1).normal(size=(len(atoms), 3))
    slope = central(lambda h: term.evaluate(moved(atoms, direction, h)).energy)
    assert -np.sum(found.forces * direction) == pytest.approx(slope, abs=1e-7)
    strain = random_strain()
    slope = central(lambda h: term.evaluate(strained(atoms, strain, h)).energy)
    assert -np.sum(found.virial * strain) == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("place", STRUCTURES)
@pytest.mark.parametrize("name", ["3g", "4g"])
def test_vjp_of_charges(name, place):
    term, atoms = untrained(name), STRUCTURES[place]()
    rng = np.random.default_rng(2)
    slope, direction, strain = rng.normal(size=len(atoms)), rng.normal(size=(len(atoms), 3)), random_strain()
    forces, virial = term.vjp(atoms, slope)
    along = central(lambda h: slope @ term.charges(moved(atoms, direction, h)))
    assert -np.sum(forces * direction) == pytest.approx(along, abs=1e-8)
    along = central(lambda h: slope @ term.charges(strained(atoms, strain, h)))
    assert -np.sum(virial * strain) == pytest.approx(along, abs=1e-7)


@pytest.mark.parametrize("name", GENERATIONS)
def test_energy_does_not_change_with_the_frame_of_reference(name):
    term, atoms = untrained(name), molecule()
    rng = np.random.default_rng(3)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]  # a rotation or a reflection
    order = rng.permutation(len(atoms))
    other = atoms[order]
    other.positions = other.positions @ turn + [3.0, -7.0, 11.0]
    a, b = term.evaluate(atoms), term.evaluate(other)
    assert b.energy == pytest.approx(a.energy, abs=1e-12)
    np.testing.assert_allclose(b.forces, a.forces[order] @ turn, atol=1e-11)
    np.testing.assert_allclose(b.virial, turn.T @ a.virial @ turn, atol=1e-11)
    if a.charges is not None:
        np.testing.assert_allclose(b.charges, a.charges[order], atol=1e-13)


@pytest.mark.parametrize("name", CHARGED)
def test_charges_add_up(name):
    for place, charge in ((molecule(charge=-2.0), -2.0), (crystal(), 0.0)):
        if name == "3g, not conserved":
            continue
        found = untrained(name).evaluate(place)
        assert found.charges.sum() == pytest.approx(charge, abs=1e-12)
        np.testing.assert_allclose(found.dipole, found.charges @ place.positions, atol=1e-14)
        np.testing.assert_array_equal(untrained(name).charges(place), found.charges)


@pytest.mark.parametrize("name", GENERATIONS)
def test_nothing_jumps_at_the_cutoff(name):
    """Energy, force and their slope along the way of an atom that leaves the environment of others."""
    term, atoms = untrained(name), molecule()
    cutoff = term.model.settings.symmetry.cutoff
    atoms.positions = [[0, 0, 0], [1.3, 0, 0], [0, 1.2, 0], [0, -1.0, 0], [0.3, 0.5, 1.0], [0, 0, 3.9]]

    def at(z):
        atoms.positions[5, 2] = z
        found = term.evaluate(atoms)
        return np.array([found.energy, found.forces[5, 2]])

    h = 1e-5
    before, here, after = at(cutoff - h), at(cutoff), at(cutoff + h)
    assert np.abs(after - before).max() < 1e-3 * h * 1e3
    np.testing.assert_allclose((after - here) / h, (here - before) / h, atol=1e-3)


@pytest.mark.parametrize("name", GENERATIONS)
def test_one_by_one_is_together(name):
    term = untrained(name)
    structures = [molecule(0), molecule(1, 0.0), molecule(2)[:4], molecule(3)[:1]]
    if name != "3g, not conserved":
        structures.append(crystal())
    for atoms, found in zip(structures, term.evaluate_batch(structures), strict=True):
        alone = term.evaluate(atoms)
        assert found.energy == pytest.approx(alone.energy, abs=1e-12)
        np.testing.assert_allclose(found.forces, alone.forces, atol=1e-12)
        np.testing.assert_allclose(found.virial, alone.virial, atol=1e-12)
        if found.charges is not None:
            np.testing.assert_allclose(found.charges, alone.charges, atol=1e-13)


@pytest.mark.parametrize("name", ["2g", "4g"])
def test_a_far_dopant_changes_what_an_adsorbate_prefers_only_by_charges(name):
    """Flat minus upright, doped minus pure: zero for a local model, whatever its weights."""
    term, energy = untrained(name), {}
    chain = [[1.3 * k, 0.0, 0.0] for k in range(12)]
    for dopant in "CO":
        for place, height in (("near", 1.2), ("far", 1.9)):
            symbols = ["C"] * 11 + [dopant, "H"]
            atoms = Atoms(symbols, [*chain, [0.0, 0.0, height]], info={"total_charge": 0.0})
            energy[dopant, place] = term.evaluate(atoms).energy
    change = energy["O", "near"] - energy["O", "far"] - energy["C", "near"] + energy["C", "far"]
    assert (abs(change) < 1e-11) == (name == "2g")
