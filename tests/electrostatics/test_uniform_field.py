import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from toy_charges import Transfer

from superion.electrostatics import FixedCharges
from superion.electrostatics.polarization import born_charges
from superion.electrostatics.uniform_field import UniformField
from superion.errors import InputError
from superion.potentials import Potential
from superion.terms import Term

FIELD = np.array([0.11, -0.07, 0.05])
SALT = FixedCharges({"Na": 0.8, "Cl": -0.8})


def cluster(seed=0):
    sites = 2.8 * np.argwhere(np.ones((2, 2, 2)))
    order = [0, 1, 1, 0, 1, 0, 0, 1]
    atoms = Atoms(["NaCl"[2 * k : 2 * k + 2] for k in order], sites.astype(float))
    atoms.positions += np.random.default_rng(seed).normal(0, 0.2, (8, 3))
    return atoms


def boxed(side=40.0):
    atoms = cluster()
    atoms.set_cell(np.diag([side, side + 1, side + 2]))
    atoms.pbc = True
    return atoms


def energy(term, atoms, atom=0, axis=0, shift=0.0, strain=None):
    moved = atoms.copy()
    moved.positions[atom, axis] += shift
    if strain is not None:
        moved.set_cell(moved.cell.array @ (np.eye(3) + strain), scale_atoms=False)
        moved.positions = moved.positions @ (np.eye(3) + strain)
    return term.evaluate(moved).energy


def test_lone_ion_feels_exactly_its_charge_times_the_field():
    found = UniformField(FIELD, SALT).evaluate(Atoms("Cl", [[1.0, 2.0, 3.0]]))
    np.testing.assert_array_equal(found.forces, [-0.8 * FIELD])
    assert found.energy == pytest.approx(0.8 * FIELD @ [1, 2, 3], rel=1e-14)
    boxed = Atoms("Cl", cell=[5, 5, 5], pbc=[True, True, False])
    found = UniformField([0, 0, 0.3], SALT).evaluate(boxed)  # across the open axis of a charged slab
    np.testing.assert_array_equal(found.forces, [[0, 0, -0.8 * 0.3]])


def test_rigid_dipole():
    """−p·E, and the forces are its torque."""
    rng = np.random.default_rng(2)
    for _ in range(3):
        d = rng.normal(size=3)
        found = UniformField(FIELD, SALT).evaluate(Atoms("NaCl", [rng.normal(size=3), np.zeros(3)]))
        atoms = Atoms("ClNa", [[0.3, 0.4, 0.5], np.array([0.3, 0.4, 0.5]) + d])
        found = UniformField(FIELD, SALT).evaluate(atoms)
        assert found.energy == pytest.approx(-0.8 * d @ FIELD, rel=1e-12)
        torque = np.cross(atoms.positions - atoms.positions[0], found.forces).sum(axis=0)
        np.testing.assert_allclose(torque, np.cross(0.8 * d, FIELD), atol=1e-14)
        np.testing.assert_allclose(found.forces.sum(axis=0), 0, atol=1e-15)


@pytest.mark.parametrize("make", [cluster, boxed])
@pytest.mark.parametrize("model", [SALT, Transfer()], ids=["fixed", "transfer"])
def test_forces_and_virial_are_finite_differences(make, model):
    atoms, h = make(), 1e-5
    term = UniformField(FIELD, model, scale=1.3)
    found = term.evaluate(atoms)
    for atom in (0, 3, 6):
        for axis in range(3):
            slope = (energy(term, atoms, atom, axis, h) - energy(term, atoms, atom, axis, -h)) / (2 * h)
            assert found.forces[atom, axis] == pytest.approx(-slope, abs=2e-7)
    for a in range(3):
        for b in range(a + 1):
            strain = np.zeros((3, 3))
            strain[a, b] += h / 2
            strain[b, a] += h / 2
            slope = (energy(term, atoms, strain=strain) - energy(term, atoms, strain=-strain)) / (2 * h)
            assert found.virial[a, b] == pytest.approx(-slope, abs=2e-7)


def test_forces_in_a_crystal_do_not_depend_on_images():
    """With the energy of the positions as given they would: charge flows to the nearest image."""
    rng = np.random.default_rng(1)
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True).repeat(2)
    atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
    term = UniformField(FIELD, Transfer())
    before = term.evaluate(atoms).forces
    away = atoms.copy()
    away.positions += rng.integers(-2, 3, (len(atoms), 3)) @ atoms.cell.array
    np.testing.assert_allclose(term.evaluate(away).forces, before, atol=1e-10)
    np.testing.assert_allclose(before.sum(axis=0), 0, atol=1e-13)
    born = born_charges(atoms, Transfer()).values
    assert np.abs(before - born @ FIELD).max() < 1e-3 * np.abs(before).max()


def test_charged_cell_is_refused_along_its_periodic_axes():
    term, atoms = UniformField([0, 0.2, 0], SALT), Atoms("Cl", cell=[5, 6, 7], pbc=True)
    with pytest.raises(InputError, match=r"total charge of -0.8 e.*periodic axis 1: it would be pulled"):
        term.evaluate(atoms)


def test_bad_fields_are_refused():
    for field in ([0, 1], [0, 0, np.nan], 0.1):
        with pytest.raises(InputError, match="three finite components"):
            UniformField(field, SALT)
    with pytest.raises(InputError, match="scale of the charges"):
        UniformField(FIELD, SALT, np.inf)


def test_round_trip(tmp_path):
    term = UniformField(FIELD, SALT, scale=1.5, order=3)
    assert isinstance(term, Term)
    json.dumps(term.settings())
    Potential([term]).save(tmp_path / "model.safetensors")
    (restored,) = Potential.load(tmp_path / "model.safetensors").terms
    assert restored.settings() == term.settings()
    assert restored.evaluate(cluster()).energy == term.evaluate(cluster()).energy
