"""Ions followed from volume to volume: one branch, or it is said which is not, and what a fit is worth."""

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from double_well import SIDE, DoubleWell, crystal
from scipy.optimize import minimize, minimize_scalar

from superion.calculations.branch import energy_curve, one_branch
from superion.calculations.eos import EquationOfState, at_volumes, birch_murnaghan
from superion.calculations.eos_judge import judged, judged_curve
from superion.errors import SimulationError

WIDE = np.linspace(0.95, 1.2, 11)
TRUTH = EquationOfState(-181.8, 752.3, 0.21, 5.4, (0, 0, 0, 0), 0)
VOLUMES = np.linspace(0.9, 1.1, 11) * 750


def followed(x, ratios, **options):
    """The curve of the crystal whose ion is in the well at x."""
    start = int(np.abs(ratios - 1).argmin())
    found = energy_curve(
        at_volumes(crystal(x), ratios), DoubleWell(**options), relax=True, start=start, fmax=1e-4
    )
    return one_branch(found, SIDE**3)


def exact(x, low, high, **options):
    """Volume and bulk modulus of one well, by minimising the energy over the ion and the volume."""
    calculator = DoubleWell(**options)

    def energy(ratio):
        (atoms,) = at_volumes(crystal(x), [ratio])
        atoms.calc = calculator

        def inside(u):
            atoms.positions[1, 0] = atoms.positions[0, 0] + 0.5 * atoms.cell[0, 0] + u[0]
            return atoms.get_potential_energy()

        return minimize(inside, [x], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12}).fun

    best = minimize_scalar(energy, bounds=(low, high), method="bounded", options={"xatol": 1e-6}).x
    h = 3e-3
    curvature = (energy(best + h) - 2 * energy(best) + energy(best - h)) / h**2
    return best * SIDE**3, best * curvature / SIDE**3


def test_the_toy_has_its_forces_and_stress():
    atoms = crystal(0.9)
    atoms.rattle(0.1, seed=1)
    atoms.set_cell(
        atoms.cell.array @ np.array([[1.01, 0.02, 0], [0, 0.98, 0.01], [0, 0, 1]]), scale_atoms=True
    )
    atoms.calc = DoubleWell()
    np.testing.assert_allclose(atoms.get_forces(), calculate_numerical_forces(atoms, 1e-4), atol=1e-6)
    stress = calculate_numerical_stress(atoms, 1e-4, force_consistent=False)
    np.testing.assert_allclose(atoms.get_stress(), stress, atol=1e-6)


@pytest.mark.parametrize("stressless", [False, True])
def test_a_branch_that_ends_before_its_minimum_gives_way_to_the_lower_one(stressless):
    """As beta-Li3PS4 did: fitted across two minima its B0' was -0.5."""
    found = followed(1.0, WIDE, stressless=stressless)
    fit = birch_murnaghan(found.volumes, found.energies)
    volume, modulus = exact(-1.0, 1.05, 1.15)
    assert fit.volume == pytest.approx(volume, rel=1e-3)
    assert fit.modulus == pytest.approx(modulus, rel=0.01)
    notes = judged_curve(found, fit)
    (note,) = (note for note in notes if "ends between 125 and 128.125 Å³" in note)
    assert ("falls by 0.145 eV" in note) is not stressless
    assert ["gives no stress" in other for other in notes if other != note] == [True] * stressless
    assert len(found.volumes) == 11


def test_a_branch_with_its_minimum_is_kept_up_to_where_it_ends():
    ratios = np.linspace(0.9, 1.15, 11)
    found = followed(1.0, ratios, end=1.08, rest=1.0)
    fit = birch_murnaghan(found.volumes, found.energies)
    volume, modulus = exact(1.0, 0.95, 1.02, end=1.08, rest=1.0)
    assert fit.volume == pytest.approx(volume, rel=1e-3)
    assert fit.modulus == pytest.approx(modulus, rel=0.01)
    notes = " ".join(found.notes)
    assert "NOT ONE BRANCH: between 134.375 and 137.5 Å³" in notes
    assert "from 112.5 to 134.375 Å³; 3 volumes are left out" in notes
    other = followed(-1.0, ratios, end=1.08, rest=1.0)
    assert (other.jumps, other.notes) == ((), ())


def test_each_relaxed_by_itself_would_not_be_one_branch():
    """What the fit says when nobody followed the branch."""
    left, right = (
        np.array([energy_curve([one], DoubleWell(), relax=True, fmax=1e-4).energies[0] for one in cells])
        for cells in (at_volumes(crystal(x), WIDE) for x in (-1.0, 1.0))
    )
    mixed = np.where(np.arange(11) < 4, right, left)
    fit = birch_murnaghan(WIDE * SIDE**3, mixed)
    notes = " ".join(judged(WIDE * SIDE**3, mixed, fit))
    assert "not of one equation of state" in notes
    assert "not convex" in notes
    assert "B0 is only known to" in notes


def test_a_relaxation_that_fails_far_out_leaves_the_rest():
    class Brittle(EMT):
        def calculate(self, atoms=None, *rest):
            super().calculate(atoms, *rest)
            if atoms.get_volume() > 1.05 * 3.6**3 / 4:
                self.results["forces"] = np.cos(9 * atoms.positions) + 1.5

    cells = at_volumes(bulk("Cu", a=3.6), np.linspace(0.94, 1.06, 7))
    found = energy_curve(cells, Brittle(), relax=True, start=3, steps=5)
    assert len(found.volumes) == 6
    assert "larger volumes are left out" in found.notes[0]
    with pytest.raises(SimulationError, match="not relaxed"):
        energy_curve(cells[-1:], Brittle(), relax=True, steps=5)


def test_order_does_not_matter():
    ratios = np.array([1.1, 0.95, 1.0, 1.15, 1.05])
    found = energy_curve(at_volumes(crystal(-1.0), ratios), DoubleWell(), relax=True, start=2)
    assert found.volumes == pytest.approx(np.sort(ratios) * SIDE**3)
    assert found.forces.max() < 1e-3
    assert energy_curve(at_volumes(crystal(-1.0), ratios), DoubleWell()).volumes[0] > SIDE**3


def test_good_curves_have_nothing_said_against_them():
    assert judged(VOLUMES, TRUTH(VOLUMES), birch_murnaghan(VOLUMES, TRUTH(VOLUMES))) == []
    rng = np.random.default_rng(0)
    for _ in range(20):
        noisy = TRUTH(VOLUMES) + rng.normal(0, 1e-3, 11)
        assert judged(VOLUMES, noisy, birch_murnaghan(VOLUMES, noisy)) == []
    copper = energy_curve(at_volumes(bulk("Cu", a=3.6), np.linspace(0.94, 1.06, 7)), EMT(), relax=True)
    assert judged_curve(copper, birch_murnaghan(copper.volumes, copper.energies)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (np.where(np.arange(11) == 8, -0.2, 0.0), "not convex"),
        (0.4 * (np.arange(11) > 5), "not of one equation"),
        (np.where(np.arange(11) == 10, -0.7, 0.0), "depends on the choice of volumes"),
    ],
)
def test_bad_energies_are_told(change, message):
    energies = TRUTH(VOLUMES) + change
    notes = judged(VOLUMES, energies, birch_murnaghan(VOLUMES, energies))
    assert any(message in note for note in notes), notes


def test_a_lopsided_range_and_an_absurd_derivative_are_told():
    low = VOLUMES[5:]
    fit = birch_murnaghan(low, TRUTH(low))
    assert any("1 of 6 volumes lies below" in note for note in judged(low, TRUTH(low), fit))
    odd = EquationOfState(-1.0, 752.3, 0.5 / units.GPa * units.GPa, 25.0, (0, 0, 0, 0), 0)
    close = np.linspace(0.98, 1.02, 7) * 752.3
    assert any("B0' is 25" in n for n in judged(close, odd(close), birch_murnaghan(close, odd(close))))
