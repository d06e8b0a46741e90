import numpy as np
import pytest
from ase import Atoms
from equilibration_oracle import CLUSTER, CRYSTAL, GAUSSIANS, SLAB, SLATERS, model, strained, structure

from superion import Potential
from superion.electrostatics import CoulombTerm, EquilibrationTerm, FixedCharges, Gaussian
from superion.errors import ModelError
from superion.potentials import TorchPotential
from superion.terms import LocalTerm, Term

FIELDS = {CLUSTER: (0.1, -0.2, 0.3), CRYSTAL: (0.0, 0.0, 0.0), SLAB: (0.0, 0.0, 0.3)}


@pytest.mark.parametrize("pbc", [CLUSTER, CRYSTAL, SLAB])
@pytest.mark.parametrize("densities", [GAUSSIANS, SLATERS], ids=["gaussian", "slater"])
def test_forces_and_virial_are_derivatives_of_the_energy(pbc, densities):
    atoms, term, h = structure(pbc), EquilibrationTerm(model(densities, field=FIELDS[pbc])), 1e-4
    found = term.evaluate(atoms)
    assert found.energies.sum() == pytest.approx(found.energy, abs=1e-12)
    for atom, axis in ((0, 2), (5, 0)):
        ends = []
        for step in (h, -h):
            moved = atoms.copy()
            moved.positions[atom, axis] += step
            ends.append(term.evaluate(moved).energy)
        assert -(ends[0] - ends[1]) / (2 * h) == pytest.approx(found.forces[atom, axis], abs=2e-7)
    np.testing.assert_allclose(found.virial, found.virial.T, atol=1e-12)
    for a, b in ((0, 0), (0, 1), (2, 2)):
        strain = np.zeros((3, 3))
        strain[a, b] += h / 2
        strain[b, a] += h / 2
        ends = [term.evaluate(strained(atoms, sign * strain)).energy for sign in (1, -1)]
        assert -(ends[0] - ends[1]) / (2 * h) == pytest.approx(found.virial[a, b], abs=3e-6)


@pytest.mark.parametrize("pbc", [CLUSTER, SLAB])
def test_the_dipole_is_the_derivative_by_the_field(pbc):
    atoms, h = structure(pbc), 1e-3
    own = model(field=FIELDS[pbc])
    dipole = EquilibrationTerm(own).evaluate(atoms).dipole
    for axis in range(3) if pbc == CLUSTER else (2,):
        step = h * np.eye(3)[axis]
        ends = [
            EquilibrationTerm(own.with_field(own.field + s * step)).evaluate(atoms).energy for s in (1, -1)
        ]
        assert -(ends[0] - ends[1]) / (2 * h) == pytest.approx(dipole[axis], abs=1e-8)


@pytest.mark.parametrize("pbc", [CLUSTER, CRYSTAL])
def test_chemical_potentials_are_derivatives_by_the_charge(pbc):
    atoms, own, h = structure(pbc), model(background=True), 1e-4
    energies = []
    for total in (1 + h, 1 - h):
        atoms.info["total_charge"] = total
        energies.append(EquilibrationTerm(own).evaluate(atoms).energy)
    atoms.info["total_charge"] = 1.0
    assert own.chemical_potentials(atoms) == pytest.approx((energies[0] - energies[1]) / (2 * h), abs=1e-8)
    del atoms.info["total_charge"]
    atoms.arrays["fragment"] = np.array([5, 5, 5, 5, 9, 9, 9, 9])
    energies = []
    for charge in (-0.5 + h, -0.5 - h):
        atoms.info["fragment_charges"] = {5: 0.5, 9: charge}
        energies.append(EquilibrationTerm(own).evaluate(atoms).energy)
    atoms.info["fragment_charges"] = {5: 0.5, 9: -0.5}
    assert own.chemical_potentials(atoms)[1] == pytest.approx((energies[0] - energies[1]) / (2 * h), abs=1e-8)


@pytest.mark.parametrize("pbc", [CLUSTER, CRYSTAL])
def test_the_energy_is_the_least(pbc):
    """Any charges with the same sum have more energy; with those found the parts add up."""
    atoms, own = structure(pbc), model(background=True)
    found = EquilibrationTerm(own).evaluate(atoms)
    chi, hardness = own.electronegativity.values(atoms), own.hardness.values(atoms)
    rng = np.random.default_rng(0)

    def energy(q):
        class Given(FixedCharges):
            def charges(self, atoms):
                return q

        coulomb = CoulombTerm(Given({}), GAUSSIANS, accuracy=1e-12).evaluate(atoms).energy
        return coulomb + chi @ q + 0.5 * hardness @ (q * q)

    assert energy(found.charges) == pytest.approx(found.energy, abs=1e-9)
    for _ in range(5):
        step = rng.normal(size=8)
        assert energy(found.charges + 0.1 * (step - step.mean())) > found.energy + 1e-3


def test_fragments_far_apart_are_two_systems():
    one = structure()
    two = structure(seed=3, symbols="Li2Cl4O2")
    own = model(total_charge=0.0)
    term = EquilibrationTerm(own)
    both = one + Atoms(two.symbols, two.positions + np.array([5e3, 0, 0]))
    both.arrays["fragment"], both.info["fragment_charges"] = np.repeat([0, 1], 8), [1.0, 0.0]
    one.info["total_charge"] = 1.0
    apart = term.evaluate(one), term.evaluate(two)
    together = term.evaluate(both)
    assert together.energy == pytest.approx(apart[0].energy + apart[1].energy, abs=1e-5)
    np.testing.assert_allclose(together.charges[:8], apart[0].charges, atol=1e-5)
    np.testing.assert_allclose(together.forces[8:], apart[1].forces, atol=1e-5)


def test_saved_with_a_potential(tmp_path):
    term = EquilibrationTerm(model(SLATERS, field=(0.0, 0.1, 0.0), total_charge=1.0))
    assert isinstance(term, Term)
    assert not isinstance(term, LocalTerm)
    Potential([term]).save(tmp_path / "qeq.safetensors")
    restored = Potential.load(tmp_path / "qeq.safetensors")
    atoms = structure()
    assert restored.evaluate(atoms).energy == term.evaluate(atoms).energy


def test_a_torch_potential_evaluates_it_as_it_is():
    term = EquilibrationTerm(model(total_charge=None))
    potential = Potential(
        [CoulombTerm(FixedCharges({"Li": 0.5, "Cl": -0.3, "O": -0.3}), Gaussian(0.8)), term]
    )
    structures = [structure(), structure(CRYSTAL, 1)]
    for atoms in structures:
        atoms.info["total_charge"] = 0
    for found, atoms in zip(TorchPotential(potential).evaluate_batch(structures), structures, strict=True):
        expected = potential.evaluate(atoms)
        assert found.energy == pytest.approx(expected.energy, abs=1e-6)
        np.testing.assert_allclose(found.forces, expected.forces, atol=1e-6)
        np.testing.assert_allclose(found.charges, expected.charges, atol=1e-9)
    del structures[1].info["total_charge"]
    with pytest.raises(ModelError, match=r"frame 1: .*total charge"):
        TorchPotential(potential).evaluate_batch(structures)


def test_nothing_and_what_is_no_equilibration():
    atoms = Atoms(info={"total_charge": 0.0})
    found = EquilibrationTerm(model()).evaluate(atoms)
    assert found.energy == 0
    assert found.charges.shape == (0,)
    with pytest.raises(ModelError, match="found a charge model 'fixed'"):
        EquilibrationTerm.restore({"charges": FixedCharges({}).settings()}, {})
