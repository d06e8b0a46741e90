import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from superion.analysis.profiles import electrostatic_profile
from superion.electrostatics import CoulombTerm, FixedCharges, Gaussian, Point, Slater
from superion.electrostatics.polarization import EPSILON_0, dipole
from superion.errors import InputError, ModelError

CHARGES = FixedCharges({"Na": 0.02, "Cl": -0.02, "Ar": 0.0})
SIDE, FINE = 4.0, 4
SHEET = 0.02 * FINE**2 / SIDE**2  # e/Å²


def plate(symbol, height, thick=30.0):
    grid = SIDE / FINE * np.argwhere(np.ones((FINE, FINE)))
    positions = np.column_stack([grid, np.full(len(grid), height)])
    return Atoms([symbol] * len(grid), positions, cell=[SIDE, SIDE, thick], pbc=True)


def capacitor(low=8.0, high=20.0):
    return plate("Na", low) + plate("Cl", high)


@pytest.mark.parametrize("density", [Point(), Gaussian(0.6), Slater(1.8, 2)])
def test_parallel_plates_alone_in_space(density):
    """σ/ε₀ between the plates, nothing outside; the potential falls by σd/ε₀."""
    found = electrostatic_profile([capacitor()], CHARGES, density, surroundings="vacuum")
    inner, outer = np.abs(found.height - 14) < 2, np.abs(found.height - 14) > 12
    np.testing.assert_allclose(found.field[inner], SHEET / EPSILON_0, rtol=1e-4)
    np.testing.assert_allclose(found.field[outer], 0, atol=1e-4)
    assert found.potential[-1] - found.potential[0] == pytest.approx(-SHEET * 12 / EPSILON_0, rel=1e-4)
    assert found.charge.sum() == pytest.approx(0, abs=1e-12)
    half = found.height < 14
    assert found.charge[half].sum() * 30 / 400 == pytest.approx(SHEET, rel=1e-9)


def test_step_of_the_potential_is_the_dipole():
    """Higher on the side to which the dipole points."""
    rng = np.random.default_rng(0)
    atoms = Atoms("Na3Cl3", rng.uniform(8, 22, (6, 3)), cell=[5, 6, 30], pbc=True)
    charges = FixedCharges({"Na": 1.0, "Cl": -1.0})
    found = electrostatic_profile([atoms], charges, Gaussian(0.8), surroundings="vacuum")
    step = dipole(atoms, charges)[2] / (30 * EPSILON_0)
    assert found.potential[-1] - found.potential[0] == pytest.approx(step, rel=1e-6)


def test_periodic_stack_has_no_mean_field():
    found = electrostatic_profile([capacitor()], CHARGES, Gaussian(0.6))
    assert found.field.mean() == pytest.approx(0, abs=1e-6)
    assert found.potential.mean() == pytest.approx(0, abs=1e-12)
    lone = electrostatic_profile([capacitor()], CHARGES, Gaussian(0.6), surroundings="vacuum")
    np.testing.assert_allclose(lone.field - found.field, SHEET * 12 / 30 / EPSILON_0, rtol=1e-9)
    moved = capacitor()
    moved.positions[:, 2] += 7.5  # across the boundary, by a whole number of layers
    shifted = electrostatic_profile([moved], CHARGES, Gaussian(0.6))
    np.testing.assert_allclose(np.roll(found.field, 100), shifted.field, atol=1e-9)
    np.testing.assert_allclose(np.roll(found.potential, 100), shifted.potential, atol=1e-9)


@pytest.mark.parametrize("axis", [0, 2])
def test_field_and_potential_are_those_of_the_ewald_sum(axis):
    """A small charge between fine plates feels the field, and its energy follows the potential."""
    atoms, probe = capacitor(), 1e-3
    order = np.roll([0, 1, 2], axis - 2)
    turned = Atoms(atoms.symbols, atoms.positions[:, order], cell=atoms.cell.lengths()[order], pbc=True)
    found = electrostatic_profile([turned], CHARGES, Gaussian(0.8), axis=axis)
    values = {**CHARGES.values, "Ar": probe}
    density = {"Na": Gaussian(0.8), "Cl": Gaussian(0.8), "Ar": Point()}
    term = CoulombTerm(FixedCharges(values), density, accuracy=1e-9, background=True)
    felt, energy = [], []
    heights = (12.0, 25.0)
    for z in heights:
        place = np.array([0.3, 0.7, z])[order]
        seen = term.evaluate(turned + Atoms("Ar", [place]))
        felt.append(seen.forces[-1, axis] / probe)
        energy.append(seen.energies[-1] * 2 / probe)
    np.testing.assert_allclose(felt, np.interp(heights, found.height, found.field), rtol=2e-3)
    potential = np.interp(heights, found.height, found.potential)
    assert energy[1] - energy[0] == pytest.approx(potential[1] - potential[0], rel=2e-3)


def test_triclinic_cell_is_averaged_over_its_own_planes():
    """A sheared cell with the same planes has the same profile."""
    straight, sheared = capacitor(), capacitor()
    sheared.set_cell([[SIDE, 0, 0], [1.0, SIDE, 0], [2.0, 3.0, 30.0]])
    options = {"surroundings": "vacuum", "smoothing": 0.5}
    a = electrostatic_profile([straight], CHARGES, Point(), **options)
    b = electrostatic_profile([sheared], CHARGES, Point(), **options)
    np.testing.assert_allclose(a.potential, b.potential, atol=1e-9)


def test_applied_field_and_mean_over_frames():
    found = electrostatic_profile([capacitor(8, 20), capacitor(8, 16)], CHARGES, Point(), field=0.01)
    bare = electrostatic_profile([capacitor(8, 20), capacitor(8, 16)], CHARGES, Point())
    np.testing.assert_allclose(found.field - bare.field, 0.01)
    drop = found.potential - bare.potential
    np.testing.assert_allclose(np.diff(drop), -0.01 * 30 / 400)
    one = electrostatic_profile([capacitor(8, 20)], CHARGES, Point())
    two = electrostatic_profile([capacitor(8, 16)], CHARGES, Point())
    np.testing.assert_allclose(bare.field, 0.5 * (one.field + two.field), atol=1e-12)


def test_smoothing_keeps_field_and_steps():
    sharp = electrostatic_profile([capacitor()], CHARGES, Gaussian(0.5))
    smooth = electrostatic_profile([capacitor()], CHARGES, Gaussian(0.5), smoothing=1.2)
    assert smooth.charge.max() < 0.5 * sharp.charge.max()
    middle = np.abs(sharp.height - 14) < 1
    np.testing.assert_allclose(smooth.field[middle], sharp.field[middle], rtol=1e-4)


def test_refused():
    charged = plate("Na", 3.0)
    other = capacitor()
    other.set_cell([4, 4, 31])
    for structures, options, message in (
        ([charged], {}, "cell has a charge"),
        ([capacitor(), other], {}, "another one than that of the first"),
        ([], {}, "at least one structure"),
        ([capacitor()], {"axis": 3}, "axis must be 0, 1 or 2"),
        ([capacitor()], {"surroundings": "metal"}, "conducting or vacuum"),
        ([capacitor()], {"smoothing": 9.0}, "do not fit into a cell"),
        ([capacitor()], {"window": 70.0}, "do not fit into a cell"),
        ([capacitor()], {"window": np.nan}, "window at least 0 Å"),
        ([capacitor()], {"smoothing": np.nan}, "smoothing and window at least 0 Å"),
        ([Atoms("Na", [[0, 0, 0]])], {}, "cell with a volume"),
    ):
        with pytest.raises(InputError, match=message):
            electrostatic_profile(structures, CHARGES, Point(), **options)
    with pytest.raises(ModelError, match="no charge density for Cl"):
        electrostatic_profile([capacitor()], CHARGES, {"Na": Point()})


def test_crystal_is_flat_between_neutral_planes():
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    charges = FixedCharges({"Na": 1.0, "Cl": -1.0})
    found = electrostatic_profile([atoms], charges, Gaussian(0.4), smoothing=0.3)
    assert np.abs(found.potential).max() < 1e-9
