"""Born charges with induced dipoles are the derivatives of the whole dipole."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from toy_charges import Transfer

from superion.electrostatics import FixedCharges, born_charges
from superion.electrostatics.polarizable_response import PolarizableResponse
from superion.electrostatics.polarizable_term import PolarizableTerm
from superion.electrostatics.uniform_field import UniformField
from superion.errors import ModelError
from superion.potentials import Potential

SALT = FixedCharges({"Na": 0.9, "Cl": -0.9})
ALPHA = {"Na": 0.3, "Cl": 2.5}


def crystal(pbc):
    atoms = bulk("NaCl", "rocksalt", a=5.7, cubic=True)
    atoms.positions += np.random.default_rng(0).normal(0, 0.15, atoms.positions.shape)
    atoms.pbc = pbc
    return atoms


@pytest.mark.parametrize(("pbc", "charges"), [(True, SALT), (False, SALT), (False, Transfer())])
def test_derivatives_of_the_dipole(pbc, charges):
    atoms, h = crystal(pbc), 1e-4
    term = PolarizableTerm(charges, ALPHA, accuracy=1e-11)
    born = born_charges(atoms, PolarizableResponse(term))
    for atom in (0, 5):
        for axis in range(3):
            ends = []
            for step in (h, -h):
                moved = atoms.copy()
                moved.positions[atom, axis] += step
                ends.append(term.evaluate(moved).dipole)
            slope = (ends[0] - ends[1]) / (2 * h)
            np.testing.assert_allclose(born.values[atom, axis], slope, atol=1e-6)
    np.testing.assert_allclose(born.violation, 0, atol=1e-8)
    bare = born_charges(atoms, charges)
    assert np.abs(born.values - bare.values).max() > 0.05


@pytest.mark.parametrize(("pbc", "charges"), [(True, SALT), (False, SALT), (False, Transfer())])
def test_a_field_as_a_term_acts_on_induced_dipoles(pbc, charges):
    """Energy −E·μ of all dipoles, and forces and virial that are its derivatives."""
    atoms, h = crystal(pbc), 1e-4
    term = PolarizableTerm(charges, ALPHA, accuracy=1e-11)
    field = UniformField([0.02, -0.03, 0.05], PolarizableResponse(term), scale=1.2)
    found = field.evaluate(atoms)
    assert found.energy == pytest.approx(-1.2 * term.evaluate(atoms).dipole @ field.field, abs=1e-12)
    assert found.energies.sum() == pytest.approx(found.energy)

    def energy(moved):
        return field.evaluate(moved).energy

    for axis in range(3):
        ends = [atoms.copy(), atoms.copy()]
        for sign, moved in zip((1, -1), ends, strict=True):
            moved.positions[5, axis] += sign * h
        assert found.forces[5, axis] == pytest.approx((energy(ends[1]) - energy(ends[0])) / (2 * h), abs=1e-6)
        strain = np.zeros((3, 3))
        strain[axis, 2] = strain[2, axis] = 0.5 * h if axis != 2 else h
        for sign, moved in zip((1, -1), ends, strict=True):
            moved.set_cell(atoms.cell.array @ (np.eye(3) + sign * strain))
            moved.positions = atoms.positions @ (np.eye(3) + sign * strain)
        slope = (energy(ends[1]) - energy(ends[0])) / (2 * h)
        assert found.virial[axis, 2] == pytest.approx(slope, abs=1e-5)
    without = UniformField(field.field, charges, scale=1.2).evaluate(atoms)
    assert np.abs(found.forces - without.forces).max() > 1e-3


def test_perfect_crystal_has_transverse_charges():
    """Of polarizable points on cubic sites Lorentz's field makes Z = q (ε∞ + 2)/3 (Szigeti 1949)."""
    atoms = bulk("NaCl", "rocksalt", a=6.5, cubic=True)
    term = PolarizableTerm(SALT, ALPHA, thole=1e4, accuracy=1e-9)
    inner = term.permittivity(atoms)[0, 0]
    assert 1.5 < inner < 3
    values = born_charges(atoms, PolarizableResponse(term)).values
    expected = SALT.charges(atoms)[:, None, None] * np.eye(3) * (inner + 2) / 3
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_potential_answers_a_field_with_its_induced_dipoles():
    term = PolarizableTerm(SALT, ALPHA)
    response = Potential([term]).response
    assert isinstance(response, PolarizableResponse)
    again = PolarizableResponse.restore(response.settings(), response.arrays())
    assert again.settings() == response.settings()
    with pytest.raises(ModelError, match="no charge for Li"):
        born_charges(Atoms("LiCl", [[0, 0, 0], [0, 0, 2]]), response)


def test_a_model_in_a_field_is_kept_in_a_file(tmp_path):
    term, atoms = PolarizableTerm(SALT, ALPHA), crystal(True)
    potential = Potential([term, UniformField([0, 0, 0.05], PolarizableResponse(term))])
    potential.save(tmp_path / "m.safetensors")
    again, found = (one.evaluate(atoms) for one in (Potential.load(tmp_path / "m.safetensors"), potential))
    assert again.energy == found.energy
