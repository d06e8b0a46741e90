"""Born charges of equilibrated charges against forces of the least energy in a field."""

import numpy as np
import pytest
from ase import Atoms
from scipy.spatial.transform import Rotation

from superion.electrostatics import Gaussian, UniformField, born_charges
from superion.electrostatics.charge_equilibration import ChargeEquilibration
from superion.electrostatics.equilibration_term import EquilibrationTerm
from superion.electrostatics.polarization import dipole

CHI, HARDNESS = {"O": 8.7, "H": 4.5}, {"O": 26.0, "H": 22.0}
WIDTH = Gaussian(0.6)
FIELD = np.array([0.03, -0.02, 0.05])


def model(**options):
    return ChargeEquilibration(CHI, HARDNESS, WIDTH, 0.0, accuracy=1e-10, warn=False, **options)


def water(place, turn):
    shape = np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    return Atoms("OH2", Rotation.random(random_state=turn).apply(shape) + place)


def liquid(side=9.0):
    """Four molecules, one of them cut by the boundary of the cell."""
    atoms = Atoms(cell=side * np.eye(3) + 0.3 * np.eye(3, k=1), pbc=True)
    for k, place in enumerate(([0.2, 0.1, 0.3], [4.5, 4.1, 0.6], [4.2, 0.3, 4.8], [0.1, 4.4, 4.6])):
        atoms += water(np.array(place), k)
    atoms.arrays["fragment"] = np.repeat(np.arange(4), 3)
    atoms.info["fragment_charges"] = [0.0] * 4
    return atoms


def test_force_in_a_field_is_the_born_charge():
    """∂F/∂E of the energy that is minimised in the field, by finite differences."""
    atoms = liquid()
    atoms.pbc = False
    born = born_charges(atoms, model()).values
    for axis in range(3):
        ends = []
        for step in (1e-3, -1e-3):
            field = step * np.eye(3)[axis]
            ends.append(EquilibrationTerm(model(field=field)).evaluate(atoms).forces)
        np.testing.assert_allclose(born[:, :, axis], (ends[0] - ends[1]) / 2e-3, atol=1e-6)
    np.testing.assert_allclose(born.sum(axis=0), 0, atol=1e-9)


def test_field_term_is_the_first_order():
    """Beyond it the charges give way: −½ E·α·E."""
    atoms = liquid()
    atoms.pbc = False
    whole = EquilibrationTerm(model(field=FIELD)).evaluate(atoms)
    bare = EquilibrationTerm(model()).evaluate(atoms)
    first = UniformField(FIELD, model()).evaluate(atoms)
    given_way = 0.5 * FIELD @ model().polarizability(atoms) @ FIELD
    assert whole.energy == pytest.approx(bare.energy + first.energy - given_way, abs=1e-9)
    off = np.abs(whole.forces - bare.forces - first.forces).max()
    assert 0 < off < 0.1 * np.abs(first.forces).max()


def test_molecules_of_a_periodic_cell_are_exact():
    """Charge stays in its molecule, so that the dipole is that of whole molecules, with every induction."""
    atoms, h = liquid(), 1e-4
    born = born_charges(atoms, model()).values
    for atom in (0, 4, 11):
        for axis in range(3):
            ends = []
            for step in (h, -h):
                moved = atoms.copy()
                moved.positions[atom, axis] += step
                ends.append(dipole(moved, model()))
            np.testing.assert_allclose(born[atom, axis], (ends[0] - ends[1]) / (2 * h), atol=1e-6)
    wrapped = atoms.copy()
    wrapped.positions += np.random.default_rng(0).integers(-2, 3, (12, 3)) @ atoms.cell.array
    np.testing.assert_allclose(born_charges(wrapped, model()).values, born, atol=1e-8)


def test_fragments_that_exchange_charge_are_not_taken_for_closed():
    """A label alone changes nothing."""
    atoms = liquid()
    free = atoms.copy()
    del free.arrays["fragment"], free.info["fragment_charges"]

    class Free(ChargeEquilibration):
        def equilibrium(self, atoms):
            seen = atoms.copy()
            seen.arrays.pop("fragment", None)
            seen.info.pop("fragment_charges", None)
            return super().equilibrium(seen)

    free_model = Free(CHI, HARDNESS, WIDTH, 0.0, warn=False)
    labelled = born_charges(atoms, free_model, order=2).values
    np.testing.assert_allclose(labelled, born_charges(free, free_model, order=2).values, atol=1e-12)


def test_endless_fragment_is_not_put_together():
    """A chain through the whole cell."""
    chain = Atoms("HOHO", [[0, 0, 0], [2, 0, 0], [4, 0, 0], [6, 0, 0]], cell=[8, 9, 9], pbc=True)
    chain.arrays["fragment"] = np.zeros(4, dtype=int)
    chain.info["fragment_charges"] = [0.0]
    plain = chain.copy()
    del plain.arrays["fragment"], plain.info["fragment_charges"]
    np.testing.assert_allclose(
        born_charges(chain, model()).values, born_charges(plain, model()).values, atol=1e-9
    )
