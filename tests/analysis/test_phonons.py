"""Frequencies against a Hessian, sound velocities and the splitting of longitudinal and transverse waves."""

import sys
from functools import cache

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT

from superion import Calculator, Potential
from superion.analysis.dielectric import lattice_dielectric
from superion.calculations.elastic import elastic_tensor
from superion.calculations.phonons import phonons, smallest_supercell
from superion.calculations.relaxation import relaxed
from superion.electrostatics import CoulombTerm, FixedCharges, Point, born_charges
from superion.electrostatics.polarization import EPSILON_0
from superion.errors import InputError
from superion.potentials.classical.pair_forms import Buckingham, Morse
from superion.potentials.classical.pair_potentials import PairPotentials

THZ = np.sqrt(units._e / units._amu) * 1e10 * 1e-12 / (2 * np.pi)
"""Of 1 (eV/Å²/amu)^½."""
CHARGES = FixedCharges({"Na": 1.0, "Cl": -1.0})


@cache
def salt():
    terms = [
        CoulombTerm(CHARGES, Point(), accuracy=1e-7),
        PairPotentials({("Na", "Cl"): Buckingham(1256.3, 0.3162)}, cutoff=4.5, width=0.4),
    ]
    atoms, model = bulk("NaCl", "rocksalt", a=5.64), Calculator(Potential(terms))
    return atoms, model, phonons(atoms, model, born=born_charges(atoms, CHARGES).values)


def hessian(atoms, calculator, h=0.01):
    """(3N, 3N) eV/Å² by differences of forces."""
    moved = atoms.copy()
    moved.calc = calculator
    rows = []
    for atom, axis in np.ndindex(len(atoms), 3):
        ends = []
        for step in (h, -h):
            moved.positions[:] = atoms.positions
            moved.positions[atom, axis] += step
            ends.append(moved.get_forces())
        rows.append((ends[1] - ends[0]).ravel() / (2 * h))
    return 0.5 * (np.array(rows) + np.array(rows).T)


def hessian_frequencies(atoms, calculator):
    """THz, of all waves that fit into the cell."""
    roots = np.sqrt(np.repeat(atoms.get_masses(), 3))
    values = np.linalg.eigvalsh(hessian(atoms, calculator) / np.outer(roots, roots))
    return np.sign(values) * np.sqrt(np.abs(values)) * THZ


def test_longitudinal_and_transverse_waves_of_rigid_ions():
    """ω_LO² − ω_TO² = Z² e²/(ε₀ ε∞ V μ)."""
    atoms, model, found = salt()
    waves = found.frequencies([[0, 0, 0]], toward=np.array([1.0, 0, 0]))[0]
    masses = atoms.get_masses()
    split = THZ**2 / (EPSILON_0 * atoms.get_volume() * masses.prod() / masses.sum())
    transverse, longitudinal = waves[3:5], waves[5]
    assert transverse[0] == pytest.approx(transverse[1], rel=1e-6)
    assert longitudinal**2 - transverse[0] ** 2 == pytest.approx(split, rel=1e-4)
    born = born_charges(atoms, CHARGES).values
    screened = phonons(atoms, model, supercell=(1, 1, 1), born=born, epsilon_inf=2.25)
    shifted = screened.frequencies([[0, 0, 0]], toward=np.array([1.0, 0, 0]))[0]
    assert shifted[5] ** 2 - shifted[3] ** 2 == pytest.approx(split / 2.25, rel=1e-4)


def test_order_of_the_axes_does_not_matter():
    """Exchanged axes make a left-handed cell of the same crystal."""
    atoms, model, _ = salt()
    other = atoms.copy()
    other.set_cell(atoms.cell.array[[1, 0, 2]])
    born = born_charges(atoms, CHARGES).values
    right, left = (phonons(one, model, supercell=(1, 1, 1), born=born) for one in (atoms, other))
    along = [1.0, 0.3, 0.0] @ atoms.cell.array.T, [1.0, 0.3, 0.0] @ other.cell.array.T
    for waves, exchanged in (([[0.1, 0.2, 0.05]], [[0.2, 0.1, 0.05]]), ([[0, 0, 0]], [[0, 0, 0]])):
        expected = right.frequencies(waves, toward=along[0])
        np.testing.assert_allclose(left.frequencies(exchanged, toward=along[1]), expected, atol=1e-4)


@pytest.mark.parametrize("epsilon_inf", [1.0, 2.25])
def test_splitting_is_that_of_the_dielectric_constant(epsilon_inf):
    """Lyddane, Sachs, Teller, Phys. Rev. 59, 673 (1941); as a product over modes and for each direction,
    Cochran, Cowley, J. Phys. Chem. Solids 23, 447 (1962): Π ω²(q → 0)/Π ω²(no field) = ε(q)/ε∞."""
    _, model, _ = salt()
    atoms = bulk("NaCl", "rocksalt", a=5.64)
    atoms.set_cell(atoms.cell.array @ np.diag([1.0, 1.0, 1.04]), scale_atoms=True)
    born = born_charges(atoms, CHARGES).values
    static = lattice_dielectric(hessian(atoms, model), born, atoms.get_volume(), epsilon_inf=epsilon_inf)
    found = phonons(atoms, model, supercell=(1, 1, 1), born=born, epsilon_inf=epsilon_inf)
    bare = found.frequencies([[0, 0, 0]])[0][3:]
    ratios = []
    for axis in (0, 2):
        waves = found.frequencies([[0, 0, 0]], toward=atoms.cell.array[:, axis])[0][3:]
        ratios.append(np.prod(waves / bare) ** 2)
    assert ratios == pytest.approx([static[k, k] / epsilon_inf for k in (0, 2)], rel=1e-3)
    assert abs(ratios[1] / ratios[0] - 1) > 0.02


def test_waves_of_the_cube_are_those_of_its_hessian():
    """The cube of 8 ions holds Γ and three X of the primitive cell; without a direction Γ is transverse."""
    _, model, found = salt()
    assert (found.atoms, found.displacements) == (16, 2)
    assert found.residual < 1e-9
    points = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    expected = hessian_frequencies(bulk("NaCl", "rocksalt", a=5.64, cubic=True), model)
    waves = np.sort(found.frequencies(points).ravel())
    assert waves == pytest.approx(expected, abs=0.02)
    assert found.imaginary((3, 3, 3)) == []


def test_sound_in_copper_is_that_of_its_elastic_constants():
    atoms = relaxed(bulk("Cu", a=3.6), EMT(), cell=True, fmax=1e-6)
    found = phonons(atoms, EMT(), supercell=(5, 5, 5))
    along = np.array([0.004, 0.0, 0.0])  # of the reciprocal lattice
    wave = 2 * np.pi * along @ atoms.cell.reciprocal()
    waves = found.frequencies([along])[0]
    density = atoms.get_masses().sum() / atoms.get_volume()
    voigt = elastic_tensor(atoms, EMT(), strain=1e-3).tensor
    index = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
    christoffel = np.einsum("ijkl,j,l->ik", voigt[index[:, :, None, None], index], wave, wave)
    speeds = np.sqrt(np.linalg.eigvalsh(christoffel) / density) * THZ
    assert waves == pytest.approx(speeds, rel=0.02)


def test_imaginary_modes_are_reported():
    found = phonons(bulk("Cu", "sc", a=2.4), EMT(), supercell=(3, 3, 3))
    modes = found.imaginary((4, 4, 4))
    assert modes
    lowest = modes[0]["frequencies_THz"][0]
    assert lowest == min(frequency for mode in modes for frequency in mode["frequencies_THz"])
    frequencies, shares = found.mesh((4, 4, 4))
    assert lowest == pytest.approx(frequencies.min())
    assert shares.sum() == pytest.approx(1)


def stretched():
    """Copper drawn out along z, and pair energies that end at 5 Å: a minimum of the energy."""
    model = Calculator(Potential([PairPotentials({("Cu", "Cu"): Morse(0.34, 1.36, 2.87)}, cutoff=5.0)]))
    atoms = bulk("Cu", a=3.6, cubic=True)
    atoms.set_cell(atoms.cell.array @ np.diag([1, 1, 1.06]), scale_atoms=True)
    return atoms, model


def test_a_supercell_below_twice_the_range_says_nothing_of_waves_between_its_own():
    """2x2x2 interpolates 1.5i THz at (1/4, 1/4, 0), where the supercell that this wave fits into has none."""
    atoms, model = stretched()
    small, enough = (phonons(atoms, model, supercell=n) for n in ((2, 2, 2), (3, 3, 3)))
    assert (small.reach, small.needed, small.interpolates) == (5.0, (3, 3, 3), False)
    modes = small.imaginary((4, 4, 4))
    assert [mode["exact"] for mode in modes] == [False, False]
    assert modes[0]["frequencies_THz"][0] < -1
    fitting = phonons(atoms, model, supercell=(4, 4, 1))
    wave = [modes[0]["wave_vector"]]
    assert sorted(np.abs(wave[0])) == [0, 0.25, 0.25]
    around = [[0.25, 0.25, 0]]
    assert fitting.exact(around).all()
    assert fitting.frequencies(around).min() > 0.5
    assert enough.interpolates
    assert enough.imaginary((4, 4, 4)) == []
    assert enough.notes() == []
    (note,) = small.notes()
    assert "2x2x2 supercell is not thicker than twice the range of the forces, 5 Å" in note
    assert "--supercell 3,3,3 suffices" in note


def test_the_smallest_supercell_is_as_thick_as_it_must_be():
    cell = np.array([[7.70829, 0, 0], [0, 6.53521, 0], [0, 0, 6.1365]])  # gamma-Li3PS4
    assert smallest_supercell(cell, 6.0) == (2, 2, 2)
    assert smallest_supercell(cell, 3.05) == (1, 1, 1)
    skewed = np.array([[4.0, 0, 0], [3.9, 1.0, 0], [0, 0, 12.0]])
    a, b, c = smallest_supercell(skewed, 6.0)
    thick = 1 / np.linalg.norm(np.linalg.inv(skewed * [[a], [b], [c]]), axis=0)
    assert (thick >= 12 - 1e-9).all()
    assert ((a - 1) * thick[0] / a < 12, (b - 1) * thick[1] / b < 12, c) == (True, True, 1)


def test_forces_left_and_noise_are_said():
    class Noisy(EMT):
        def calculate(self, atoms=None, *rest):
            super().calculate(atoms, *rest)
            noise = np.random.default_rng(len(atoms)).normal(scale=0.05, size=(len(atoms), 3))
            self.results["forces"] = self.results["forces"] + noise

    found = phonons(bulk("Cu", a=3.6, cubic=True), Noisy(), supercell=(2, 2, 2), reach=3.0)
    notes = " ".join(found.notes())
    assert "it is not relaxed" in notes
    assert "violate Newton's third law" in notes


def test_supercells_that_nothing_could_hold_are_refused_at_once():
    for supercell in ((99, 99, 99), (10**9, 1, 1), (10**200, 10**200, 1)):
        with pytest.raises(InputError, match=r"supercell has .* atoms and needs about"):
            phonons(bulk("Cu", a=3.6), EMT(), supercell=supercell)


def test_supercells_have_the_charge_of_their_cells():
    seen = []

    class Watched(EMT):
        def calculate(self, atoms=None, *rest):
            seen.append((len(atoms), atoms.info.get("total_charge")))
            super().calculate(atoms, *rest)

    atoms = bulk("Cu", a=3.6)
    atoms.info["total_charge"] = 0.5
    phonons(atoms, Watched(), supercell=(2, 2, 2))
    assert set(seen) == {(1, 0.5), (8, 4.0)}


def test_refusals(monkeypatch):
    atoms, model, _ = salt()
    born = born_charges(atoms, CHARGES).values
    with pytest.raises(InputError, match=r"shape \(2, 3, 3\), found \(1, 3, 3\)"):
        phonons(atoms, model, supercell=(1, 1, 1), born=born[:1])
    with pytest.raises(InputError, match=r"add up to 0\.5 e instead of zero"):
        phonons(atoms, model, supercell=(1, 1, 1), born=born + np.eye(3) / 4)
    with pytest.raises(InputError, match="at least 1, found 0"):
        phonons(atoms, model, supercell=(1, 1, 1), born=born, epsilon_inf=0)
    with pytest.raises(InputError, match=r"found \(2, 0, 1\)"):
        phonons(atoms, model, supercell=(2, 0, 1))
    with pytest.raises(InputError, match="three axes"):
        phonons(Atoms("Na"), model)
    parts = atoms.copy()
    parts.set_array("fragment", np.arange(2))
    with pytest.raises(InputError, match="fragments with charges of their own"):
        phonons(parts, model)
    monkeypatch.setitem(sys.modules, "phonopy", None)
    with pytest.raises(InputError, match=r"pip install 'superion\[phonons\]'"):
        phonons(atoms, model)
