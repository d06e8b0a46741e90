import json

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from superion.electrostatics import (
    COULOMB,
    CoulombTerm,
    FixedCharges,
    Gaussian,
    Point,
    Slater,
    Splitting,
    ewald_energy,
)
from superion.electrostatics.densities import reach
from superion.errors import InputError, ModelError
from superion.terms import Term

CHARGES = FixedCharges({"Li": 0.445, "P": 2.225, "S": -0.890})
DENSITIES = {
    "point": Point(),
    "gaussian": Gaussian(0.8),
    "slater 1s": Slater.from_screening(2.0),
    "slater by element": {"Li": Slater(1.6, 2), "P": Slater(1.9, 3), "S": Slater(1.7, 3)},
    "mixed with points": {"Li": Point(), "P": Gaussian(0.7), "S": Gaussian(0.9)},
}


def thiophosphate(seed, pbc=True):
    """A neutral, strongly disordered Li3PS4 in a skewed cell."""
    rng = np.random.default_rng(seed)
    cell = 5.6 * (np.eye(3) + rng.uniform(-0.25, 0.25, (3, 3)))
    sites = np.argwhere(np.ones((2, 2, 2)))[rng.permutation(8)] / 2 + rng.uniform(-0.07, 0.07, (8, 3))
    return Atoms("Li3PS4", scaled_positions=sites, cell=cell, pbc=pbc)


def term(densities, **options):
    return CoulombTerm(CHARGES, densities, **{"accuracy": 1e-11, **options})


def strained(atoms, strain):
    moved = atoms.copy()
    moved.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=False)
    moved.positions = atoms.positions @ (np.eye(3) + strain)
    return moved


@pytest.mark.parametrize("pbc", [True, False])
@pytest.mark.parametrize("name", DENSITIES)
def test_forces_are_finite_differences(name, pbc):
    atoms, coulomb, h = thiophosphate(1, pbc), term(DENSITIES[name]), 1e-4
    forces = coulomb.evaluate(atoms).forces
    for atom in (0, 3, 6):
        for axis in range(3):
            ends = []
            for step in (h, -h):
                moved = atoms.copy()
                moved.positions[atom, axis] += step
                ends.append(coulomb.evaluate(moved).energy)
            assert -(ends[0] - ends[1]) / (2 * h) == pytest.approx(forces[atom, axis], abs=1e-6)


@pytest.mark.parametrize("pbc", [True, False])
@pytest.mark.parametrize("name", DENSITIES)
def test_virial_is_a_finite_difference(name, pbc):
    atoms, coulomb, h = thiophosphate(2, pbc), term(DENSITIES[name]), 1e-5
    virial = coulomb.evaluate(atoms).virial
    np.testing.assert_array_equal(virial, virial.T)
    for a in range(3):
        for b in range(a + 1):
            strain = np.zeros((3, 3))
            strain[a, b] += h / 2
            strain[b, a] += h / 2
            slope = coulomb.evaluate(strained(atoms, strain)).energy
            slope -= coulomb.evaluate(strained(atoms, -strain)).energy
            assert -slope / (2 * h) == pytest.approx(virial[a, b], abs=2e-6)


@pytest.mark.parametrize("name", DENSITIES)
def test_derivatives_of_a_charged_cell(name):
    """The background contributes to the pressure."""
    atoms, h = thiophosphate(3)[:-1], 1e-5
    coulomb = term(DENSITIES[name], background=True)
    found = coulomb.evaluate(atoms)
    ends = [coulomb.evaluate(strained(atoms, s * np.eye(3))).energy for s in (h, -h)]
    assert -(ends[0] - ends[1]) / (2 * h) == pytest.approx(np.trace(found.virial), abs=2e-6)
    np.testing.assert_allclose(found.forces.sum(axis=0), 0, atol=1e-9)


def test_default_accuracy():
    """Energies per atom to 1e-7 eV and forces to 1e-6 eV/Å of the converged sum."""
    atoms = thiophosphate(4).repeat((2, 2, 1))
    atoms.rattle(0.05, seed=1)
    coulomb = CoulombTerm.li7p3s11()
    exact = CoulombTerm(coulomb.charges, coulomb.densities, accuracy=1e-14).evaluate(atoms)
    found = coulomb.evaluate(atoms)
    assert abs(found.energy - exact.energy) / len(atoms) < 1e-7
    assert np.abs(found.forces - exact.forces).max() < 1e-6


@pytest.mark.parametrize("density", [Point(), Slater(0.8)])
def test_energy_is_continuous_at_the_cutoff(density):
    """A pair that crosses the real-space cutoff does not change the energy by a jump."""
    coulomb = CoulombTerm(FixedCharges({"Na": 1, "Cl": -1}), density, accuracy=1e-3)
    side = 20.0
    cutoff = Splitting.choose(2, side**3, 1e-3, reach((density,), 1e-3)).cutoff
    energies = [
        coulomb.evaluate(Atoms("NaCl", [[0, 0, 0], [x, 0, 0]], cell=[side] * 3, pbc=True)).energy
        for x in (cutoff - 1e-7, cutoff + 1e-7)
    ]
    assert abs(energies[1] - energies[0]) < 2e-7 * COULOMB / (side - cutoff) ** 2


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shift=st.tuples(*[st.floats(-30, 30)] * 3),
    name=st.sampled_from(sorted(DENSITIES)),
    pbc=st.booleans(),
)
def test_translation_rotation_permutation(seed, shift, name, pbc):
    rng = np.random.default_rng(seed)
    atoms, coulomb = thiophosphate(seed, pbc), term(DENSITIES[name])
    before = coulomb.evaluate(atoms)
    rotation = Rotation.random(random_state=seed).as_matrix()
    order = rng.permutation(len(atoms))
    moved = atoms.copy()
    moved.positions += shift
    moved.set_cell(moved.cell.array @ rotation.T)
    moved.positions = moved.positions @ rotation.T
    after = coulomb.evaluate(moved[order])
    assert after.energy == pytest.approx(before.energy, abs=1e-8)
    np.testing.assert_allclose(after.energies, before.energies[order], atol=1e-8)
    np.testing.assert_allclose(after.forces, (before.forces @ rotation.T)[order], atol=1e-8)
    np.testing.assert_allclose(after.virial, rotation @ before.virial @ rotation.T, atol=1e-7)
    np.testing.assert_allclose(before.forces.sum(axis=0), 0, atol=1e-8)


def test_energies_are_half_of_each_pair():
    coulomb = CoulombTerm(FixedCharges({"Na": 1, "Cl": -1}), Point(), accuracy=1e-13)
    found = coulomb.evaluate(bulk("NaCl", "rocksalt", a=5.64))
    np.testing.assert_allclose(found.energies, -1.747564594633182 * COULOMB / 2.82 / 2, rtol=1e-12)
    assert found.energies.sum() == found.energy
    vacuum = coulomb.evaluate(Atoms("NaClCl", [[0, 0, 0], [0, 0, 2], [0, 2, 0]]))
    np.testing.assert_allclose(
        vacuum.energies,
        COULOMB * np.array([-0.5, -0.25 + 0.125**0.5 / 2, -0.25 + 0.125**0.5 / 2]),
        rtol=1e-13,
    )


def test_energy_is_the_differentiable_energy():
    atoms, coulomb = thiophosphate(5), term(Slater(1.2))
    tensors = (torch.tensor(x) for x in (atoms.positions, atoms.cell.array, CHARGES.charges(atoms)))
    energy = ewald_energy(*tensors, densities=(Slater(1.2),), accuracy=1e-11).item()
    assert coulomb.evaluate(atoms).energy == pytest.approx(energy, abs=1e-11)


def test_charges_and_dipole():
    atoms = thiophosphate(6)
    found = term(Point()).evaluate(atoms)
    np.testing.assert_array_equal(found.charges, CHARGES.charges(atoms))
    np.testing.assert_allclose(
        found.dipole, (found.charges[:, None] * atoms.positions).sum(axis=0), atol=1e-13
    )


def test_lone_ion_has_no_energy():
    found = term(Slater(1.0)).evaluate(Atoms("Li"))
    assert found.energy == 0.0
    np.testing.assert_array_equal(found.forces, np.zeros((1, 3)))
    np.testing.assert_array_equal(found.virial, np.zeros((3, 3)))


def test_two_ions_attract():
    pair = Atoms("LiS", [[0, 0, 0], [3, 0, 0]])
    found = term(Point()).evaluate(pair)
    pull = 0.445 * 0.890 * COULOMB / 9
    np.testing.assert_allclose(found.forces, [[pull, 0, 0], [-pull, 0, 0]], atol=1e-14)
    assert found.virial[0, 0] == pytest.approx(-3 * pull)
    softened = term(Slater.from_screening(2.0)).evaluate(pair)
    assert 0 < softened.forces[0, 0] < pull


def test_no_atoms():
    assert term(Point()).evaluate(Atoms()).energy == 0.0
    assert term(Slater(1.0)).evaluate(Atoms(cell=[5, 5, 5], pbc=True)).energy == 0.0


def test_li7p3s11_baseline():
    coulomb = CoulombTerm.li7p3s11()
    found = coulomb.evaluate(Atoms("LiS", [[0, 0, 0], [2.4, 0, 0]]))
    x = 2.0 * 2.4
    screened = 1 - (1 + 11 * x / 16 + 3 * x**2 / 16 + x**3 / 48) * np.exp(-x)
    assert found.energy == pytest.approx(-0.445 * 0.890 * COULOMB / 2.4 * screened, rel=1e-13)
    assert CoulombTerm.li7p3s11().evaluate(Atoms("Li7P3S11")[:0]).energy == 0.0
    assert coulomb.charges.charges(Atoms("Li7P3S11")).sum() == pytest.approx(0.0, abs=1e-14)


@pytest.mark.parametrize("pbc", [(True, True, False), (False, False, True)])
def test_slab_and_wire_are_refused(pbc):
    with pytest.raises(InputError, match=r'three periodic axes or none.*Remedy: write pbc="T T T"'):
        term(Point()).evaluate(thiophosphate(0, pbc))


def test_net_charge_is_refused_on_request():
    with pytest.raises(InputError, match=r"total charge of \+0\.89 e.*--charged-cells background"):
        term(Point(), background=False).evaluate(thiophosphate(0)[:-1])


def test_net_charge_of_a_cluster_is_fine():
    assert np.isfinite(term(Point()).evaluate(thiophosphate(0, False)[:-1]).energy)


def test_missing_charge_is_refused():
    with pytest.raises(ModelError, match="no charge for O"):
        term(Point()).evaluate(Atoms("LiO", [[0, 0, 0], [2, 0, 0]]))


def test_missing_density_is_refused():
    with pytest.raises(ModelError, match=r"no charge density for S \(atom 1\)"):
        term({"Li": Point()}).evaluate(Atoms("LiS", [[0, 0, 0], [2, 0, 0]]))


def test_incompatible_densities_are_refused_at_once():
    with pytest.raises(InputError, match="not available"):
        term({"Li": Gaussian(0.5), "S": Slater(1.0)})


def test_positions_that_are_not_finite_are_refused():
    atoms = thiophosphate(0)
    atoms.positions[3, 1] = np.nan
    with pytest.raises(InputError, match=r"not finite \(atoms \[3\]\)"):
        term(Point()).evaluate(atoms)


def test_flat_cell_is_refused():
    with pytest.raises(InputError, match="three independent lattice vectors"):
        term(Point()).evaluate(Atoms("Li3PS4", positions=np.eye(8)[:, :3] * 3, cell=[5, 5, 0], pbc=True))


def test_broken_charge_model_is_refused():
    class Broken(FixedCharges):
        def charges(self, atoms):
            return np.zeros(len(atoms) + 1)

    with pytest.raises(ModelError, match=r"gave shape \(9,\) for 8 atoms"):
        term(Point()).with_charges(Broken({})).evaluate(thiophosphate(0))


@pytest.mark.parametrize("name", DENSITIES)
def test_round_trip(name):
    coulomb = term(DENSITIES[name], background=True)
    assert isinstance(coulomb, Term)
    stored = json.loads(json.dumps(coulomb.settings()))
    restored = CoulombTerm.restore(stored, coulomb.arrays())
    assert restored.settings() == coulomb.settings()
    before, after = coulomb.evaluate(thiophosphate(7)), restored.evaluate(thiophosphate(7))
    assert after.energy == before.energy
    np.testing.assert_array_equal(after.forces, before.forces)


def test_with_charges():
    atoms = thiophosphate(8)
    doubled = FixedCharges({symbol: 2 * q for symbol, q in CHARGES.values.items()})
    once, twice = term(Slater(1.0)), term(Slater(1.0)).with_charges(doubled)
    assert twice.evaluate(atoms).energy == pytest.approx(4 * once.evaluate(atoms).energy, rel=1e-12)


@pytest.mark.parametrize("method", ["ewald", "pme"])
def test_methods_agree(method):
    atoms = thiophosphate(9).repeat((2, 1, 2))
    exact, found = term(Slater(1.2)).evaluate(atoms), term(Slater(1.2), accuracy=1e-7, method=method)
    energies, forces = found.evaluate(atoms).energies, found.evaluate(atoms).forces
    np.testing.assert_allclose(energies, exact.energies, rtol=0, atol=1e-6)
    np.testing.assert_allclose(forces, exact.forces, rtol=0, atol=3e-6)


@pytest.mark.parametrize("name", DENSITIES)
def test_forces_of_the_mesh_are_finite_differences(name):
    """At a low accuracy, which they do not depend on."""
    atoms, coulomb, h = thiophosphate(1), term(DENSITIES[name], accuracy=1e-3, method="pme"), 1e-4
    forces = coulomb.evaluate(atoms).forces
    for axis in range(3):
        ends = []
        for step in (h, -h):
            moved = atoms.copy()
            moved.positions[3, axis] += step
            ends.append(coulomb.evaluate(moved).energy)
        assert -(ends[0] - ends[1]) / (2 * h) == pytest.approx(forces[3, axis], abs=2e-6)


def test_method_is_remembered_and_may_be_missing():
    """Model files without a method load."""
    coulomb = term(Slater(1.2), method="pme")
    assert CoulombTerm.restore(coulomb.settings(), {}).method == "pme"
    assert coulomb.with_charges(CHARGES).method == "pme"
    stored = coulomb.settings()
    del stored["method"]
    assert CoulombTerm.restore(stored, {}).method == "auto"


def test_unknown_method_is_refused():
    with pytest.raises(InputError, match=r"unknown method 'pmee'.*Did you mean 'pme'"):
        term(Point(), method="pmee")


class Breathing:
    """Charges that follow the distance to a neighbour: −q_0 = q_1 = c·d, all others zero."""

    kind = "breathing"

    def charges(self, atoms):
        q = np.zeros(len(atoms))
        q[1] = 0.3 * np.linalg.norm(atoms.positions[1] - atoms.positions[0])
        q[0] = -q[1]
        return q

    def vjp(self, atoms, slope):
        d = atoms.positions[1] - atoms.positions[0]
        steep = 0.3 * (slope[1] - slope[0]) * d / np.linalg.norm(d)
        forces = np.zeros((len(atoms), 3))
        forces[1], forces[0] = -steep, steep
        return forces, -np.outer(steep, d)


@pytest.mark.parametrize("pbc", [True, False])
def test_charges_that_depend_on_the_structure_pull_at_the_atoms(pbc):
    atoms = Atoms("NaClNe", [[0, 0, 0], [1.1, 1.7, 0.4], [2, 3, 1]], cell=np.diag([5.0, 6.0, 7.0]), pbc=pbc)
    coulomb = CoulombTerm(Breathing(), Gaussian(0.7), accuracy=1e-12)
    found = coulomb.evaluate(atoms)

    def energy(shift=0.0, atom=0, axis=0, strain=None):
        moved = atoms.copy()
        moved.positions[atom, axis] += shift
        if strain is not None:
            moved.set_cell(moved.cell.array @ (np.eye(3) + strain), scale_atoms=False)
            moved.positions = moved.positions @ (np.eye(3) + strain)
        return coulomb.evaluate(moved).energy

    h = 1e-4
    for atom in range(3):
        for axis in range(3):
            slope = (energy(h, atom, axis) - energy(-h, atom, axis)) / (2 * h)
            assert found.forces[atom, axis] == pytest.approx(-slope, abs=1e-6)
    for axis in range(3):
        strain = np.zeros((3, 3))
        strain[axis, axis] = h
        slope = (energy(strain=strain) - energy(strain=-strain)) / (2 * h)
        assert found.virial[axis, axis] == pytest.approx(-slope, abs=1e-6)
