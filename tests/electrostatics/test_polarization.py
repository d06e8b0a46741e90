import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from toy_charges import Transfer

from superion.electrostatics import FixedCharges
from superion.electrostatics.polarization import (
    born_charges,
    born_errors,
    dipole,
    dipole_path,
    polarization,
    sine_weights,
    sum_rule_notes,
)
from superion.errors import InputError, ModelError

SALT = FixedCharges({"Na": 0.9, "Cl": -0.9})


def rock_salt(repeat=2, rattle=0.15, seed=0):
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True).repeat(repeat)
    atoms.positions += np.random.default_rng(seed).normal(0, rattle, atoms.positions.shape)
    return atoms


def skewed(seed=3):
    """A disordered triclinic cell of 16 ions, atoms scattered over several cells."""
    rng = np.random.default_rng(seed)
    cell = np.array([[9.0, 0.5, -1.0], [1.5, 10.0, 0.7], [-0.8, 1.2, 11.0]])
    sites = np.argwhere(np.ones((2, 2, 4))) / [2, 2, 4] + rng.uniform(-0.04, 0.04, (16, 3))
    return Atoms("NaCl" * 8, scaled_positions=sites + rng.integers(-2, 3, (16, 3)), cell=cell, pbc=True)


@pytest.mark.parametrize("pbc", [False, True, (True, True, False)])
def test_fixed_charges_are_their_own_born_charges(pbc):
    atoms = skewed()
    atoms.pbc = pbc
    born = born_charges(atoms, SALT)
    np.testing.assert_array_equal(born.values, SALT.charges(atoms)[:, None, None] * np.eye(3))
    assert np.abs(born.violation).max() < 1e-14


def test_cluster_is_the_derivative_of_its_dipole():
    atoms, model, h = rock_salt(1), Transfer(), 1e-5
    atoms.pbc = False
    born = born_charges(atoms, model)
    for atom in (0, 5):
        for axis in range(3):
            ends = []
            for step in (h, -h):
                moved = atoms.copy()
                moved.positions[atom, axis] += step
                ends.append(dipole(moved, model))
            np.testing.assert_allclose(born.values[atom, axis], (ends[0] - ends[1]) / (2 * h), atol=1e-8)
    np.testing.assert_allclose(born.values, model.exact_born(atoms), atol=1e-12)
    np.testing.assert_allclose(born.violation, 0, atol=1e-12)


def test_cluster_in_a_huge_cell():
    """The error falls as the power 2·order of the size of the cell."""
    cluster, model = rock_salt(1), Transfer()
    cluster.pbc = False
    exact = born_charges(cluster, model).values
    off = {}
    for order in (1, 2, 4):
        for side in (60.0, 120.0):
            boxed = cluster.copy()
            boxed.set_cell(side * np.eye(3) + 0.1 * side * np.eye(3, k=1))
            boxed.pbc = True
            off[order, side] = np.abs(born_charges(boxed, model, order).values - exact).max()
    assert off[1, 60.0] / off[1, 120.0] == pytest.approx(4, rel=0.02)
    assert off[2, 60.0] / off[2, 120.0] == pytest.approx(16, rel=0.05)
    assert off[4, 60.0] < 1e-8
    assert off[4, 120.0] < 1e-10


def test_supercells_converge_to_the_exact_derivative():
    model = Transfer()
    unit = rock_salt(2, seed=4)
    exact = model.exact_born(unit)
    errors, broken = [], []
    for repeat in (1, 2):
        found = born_charges(unit.repeat(repeat), model)
        errors.append(np.abs(found.values[: len(unit)] - exact).max())
        broken.append(np.abs(found.violation).max() / len(found.values))
    assert errors[0] < 5e-3
    assert errors[1] < 5e-5
    assert broken[1] < broken[0] / 20
    first = born_charges(unit, model, order=1)
    assert np.abs(first.values - exact).max() > 5 * errors[0]


def test_sum_rule_is_reported_and_enforced():
    born = born_charges(rock_salt(2), Transfer(), order=1)
    assert np.abs(born.violation).max() > 1e-2
    assert np.abs(born.conserving().violation).max() < 1e-14
    assert born.conserving().charge == born.charge


@pytest.mark.parametrize("order", [1, 3])
def test_no_dependence_on_origin_and_images(order):
    atoms, model = skewed(), Transfer()
    before = born_charges(atoms, model, order).values
    moved = atoms.copy()
    moved.positions += [1.234, -5.6, 40.0]
    moved.wrap()
    np.testing.assert_allclose(born_charges(moved, model, order).values, before, atol=1e-9)


def test_no_jumps_when_an_atom_crosses_the_cell():
    """Along a path that ends in the next cell, Born charges are smooth and return to where they began."""
    atoms = skewed()
    atoms.symbols[0] = "Na"
    steps, found = 200, []
    for k in range(steps + 1):
        moved = atoms.copy()
        moved.positions[0] += k / steps * atoms.cell[0] + [0, 1.5, 1.5]
        found.append(born_charges(moved, Transfer()).values)
    changes = np.abs(np.diff(found, axis=0)).max(axis=(1, 2, 3))
    assert changes.max() < 0.08
    np.testing.assert_allclose(found[0], found[-1], atol=1e-9)


def test_rotation():
    atoms, model = rock_salt(2, seed=7), Transfer()
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array @ rotation.T, scale_atoms=True)
    expected = rotation @ born_charges(atoms, model).values @ rotation.T
    np.testing.assert_allclose(born_charges(turned, model).values, expected, atol=1e-9)


def test_slab_along_its_open_axis_is_exact():
    """Along an axis that is not periodic no sine stands for the distance."""
    atoms, model = rock_salt(2, seed=2), Transfer()
    atoms.pbc = (True, True, False)
    np.testing.assert_allclose(
        born_charges(atoms, model, 1).values[:, :, 2], model.exact_born(atoms)[:, :, 2], atol=1e-12
    )


def test_ion_that_crosses_the_cell_carries_what_flows():
    """Not its own charge, 0.9 e or less, but the formal one; no branch is lost on the way."""
    atoms, model = rock_salt(2, 0.05, seed=5), Transfer()
    sodium, steps = 8, 120
    atoms.positions[sodium] = [1.4, 1.4, 1.4]  # into a cage, so that the way along x is free of atoms
    path = []
    for k in range(steps + 1):
        moved = atoms.copy()
        moved.positions[sodium] += k / steps * atoms.cell[0]
        path.append(moved)
    found = dipole_path(path, model, order=8)
    assert model.charges(atoms)[sodium] < 0.95
    np.testing.assert_allclose(found[-1], atoms.cell[0], atol=0.02)
    exact = np.array([model.exact_dipole(frame) for frame in path])
    np.testing.assert_allclose(found, exact - exact[0], atol=0.03)


def test_path_of_fixed_charges_is_exact():
    frames = [rock_salt(1, seed=seed) for seed in range(3)]
    expected = [dipole(atoms, SALT) - dipole(frames[0], SALT) for atoms in frames]
    np.testing.assert_allclose(dipole_path(frames, SALT), expected, atol=1e-12)


def test_polarization():
    atoms = Atoms("NaCl", [[0, 0, 0], [0, 0, 2.5]], cell=[4, 5, 6], pbc=True)
    np.testing.assert_allclose(polarization(atoms, SALT), [0, 0, -0.9 * 2.5 / 120])
    with pytest.raises(InputError, match="volume of a cell"):
        polarization(Atoms("NaCl", [[0, 0, 0], [0, 0, 2.5]]), SALT)


def test_weights_stand_for_the_displacement():
    x = 0.4
    for order in range(1, 6):
        sines = sum(c * np.sin(m * x) for m, c in enumerate(sine_weights(order), start=1))
        lead = np.prod(np.arange(1, order + 1)) ** 2 / np.prod(np.arange(1.0, 2 * order + 2))
        assert x - sines == pytest.approx(lead * x ** (2 * order + 1), rel=0.15)


def test_errors_against_labels():
    frames = [rock_salt(1, seed=seed) for seed in range(3)]
    assert born_errors(frames, SALT) is None
    for atoms in frames[:2]:
        atoms.arrays["REF_bec"] = 1.5 * born_charges(atoms, SALT).values.reshape(-1, 9)
    found = born_errors(frames, SALT)
    assert found["frames"] == 2
    assert found["born_slope"] == pytest.approx(1.5)
    assert found["born_rmse"] == pytest.approx(0.45 / np.sqrt(3))
    assert found["born_mae"] == pytest.approx(0.15)
    assert found["sum_rule"] < 1e-14


def test_refused():
    atoms = rock_salt(1)
    with pytest.raises(InputError, match="at least 1, found 0"):
        born_charges(atoms, Transfer(), 0)

    class Silent(Transfer):
        def charges(self, atoms):
            return np.zeros(len(atoms))

    with pytest.raises(InputError, match=r"axes \[0, 1, 2\] are periodic"):
        born_charges(Atoms("NaCl", [[0, 0, 0], [0, 0, 2]], pbc=True), Silent())

    class Broken(Transfer):
        def charges(self, atoms):
            return np.full(len(atoms), np.nan)

    with pytest.raises(ModelError, match="numbers not finite"):
        born_charges(atoms, Broken())


def test_a_broken_sum_rule_is_said():
    """Charge that flows through a whole cell is not seen by its Born charges."""
    (note,) = sum_rule_notes(0.3)
    assert "miss the sum rule by 0.3 e" in note
    assert sum_rule_notes(float(np.abs(born_charges(skewed(), SALT).violation).max())) == []
