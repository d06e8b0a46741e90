"""Energies of defects against the size of the cell, where the law is known."""

import numpy as np
import pytest
from ionic_salt import RIGID, SALT, crystal, settings

from superion.calculations.defects import frenkel_pairs_of, run_defects
from superion.calculations.defects.finite_size import extrapolate, madelung_energy
from superion.electrostatics.densities import COULOMB

ALPHA = 2.837297479
"""Madelung constant of a cubic cell with background; Leslie, Gillan, J. Phys. C 18, 973 (1985)."""


def test_madelung_energy_of_a_cube():
    assert madelung_energy(7.0 * np.eye(3)) == pytest.approx(-ALPHA * COULOMB / 14, rel=1e-7)


def test_rigid_vacancy_follows_makov_payne_exactly(tmp_path):
    """Images of a point charge in a rigid lattice with background: slope q²/ε = 1, nothing left over."""
    wanted = settings(kinds=["vacancy"], supercells=[(n, n, n) for n in (1, 2, 3)], fmax=RIGID)
    result = run_defects(SALT, crystal(), wanted, tmp_path, progress=False)
    (found,) = result.extrapolated
    assert [one.charge for one in result.defects] == pytest.approx([-1.0] * 3)
    assert found.slope == pytest.approx(1.0, abs=1e-5)
    assert found.error < 1e-5
    small = result.defects[0].energy
    assert small - found.energy == pytest.approx(-ALPHA * COULOMB / (2 * 5.64), abs=1e-4)


def test_rigid_pair_extrapolates_to_the_large_cell(tmp_path):
    wanted = settings(supercells=[(2, 2, 2), (3, 3, 3)], fmax=RIGID)
    result = run_defects(SALT, crystal(), wanted, tmp_path, progress=False)
    (found,) = result.extrapolated
    (pair,) = frenkel_pairs_of(crystal(), wanted)
    large = (6, 6, 6)
    direct = SALT.evaluate(pair.atoms(crystal(), large)).energy
    direct -= SALT.evaluate(crystal()).energy * 216
    step = abs(result.defects[0].energy - result.defects[1].energy)
    assert step > 0.1
    law = found.energy + found.slope / (5.64**3 * 216)
    assert law == pytest.approx(direct, abs=0.03 * step)
    assert abs(found.energy - direct) < 0.2 * abs(result.defects[1].energy - direct)
    assert found.error == pytest.approx(abs(found.energy - result.defects[1].energy))
    assert "two sizes" in found.note


def test_fit_over_many_sizes_has_the_error_of_its_residuals():
    cells = [np.eye(3) * a for a in (8.0, 10.0, 12.0, 16.0)]
    rng = np.random.default_rng(0)
    exact = np.array([2.0 + 300 / a**3 for a in (8, 10, 12, 16)])
    assert extrapolate("x", cells, exact).error < 1e-12
    found = [extrapolate("x", cells, exact + rng.normal(scale=0.01, size=4)) for _ in range(300)]
    spread = np.std([one.energy for one in found])
    assert np.sqrt(np.mean([one.error**2 for one in found])) == pytest.approx(spread, rel=0.15)


def test_what_cannot_be_extrapolated_is_not():
    one = extrapolate("x", [np.eye(3) * 8], [1.0])
    assert one.energy is None
    alike = extrapolate("x", [np.diag([8.0, 8, 8]), np.diag([8.1, 8, 8])], [1.0, 2.0])
    assert alike.energy is None
    assert "hardly differ" in alike.note
    long = extrapolate("x", [np.diag([8.0, 8, 8]), np.diag([16.0, 8, 8])], [1.0, 2.0])
    assert "shape" in long.note


def test_separated_pair_is_the_sum_of_both_ends(tmp_path):
    wanted = settings(kinds=["vacancy", "interstitial"], supercells=[(2, 2, 2), (3, 3, 3)], fmax=RIGID)
    result = run_defects(SALT, crystal(), wanted, tmp_path, progress=False)
    ends = {(one.defect.kind, one.supercell): one.energy for one in result.defects}
    assert [pair.energy for pair in result.separated] == pytest.approx(
        [ends["vacancy", n] + ends["interstitial", n] for n in wanted.supercells]
    )
    alone = result.extrapolated[-1].energy
    far = settings(separation=12.0, supercells=[(6, 6, 6)])
    (pair,) = frenkel_pairs_of(crystal(), far)
    direct = SALT.evaluate(pair.atoms(crystal(), (6, 6, 6))).energy - SALT.evaluate(crystal()).energy * 216
    bound = -COULOMB / pair.separation  # what the ends of the pair still attract each other by
    images = -2 * np.pi / 3 * COULOMB * pair.separation**2 / (5.64**3 * 216)  # dipoles in a cubic cell
    assert direct == pytest.approx(alone + bound + images, abs=0.02)


def test_relaxed_pair_extrapolates_to_the_large_cell(tmp_path):
    """Dipoles that ions around screen, and the strain around them: both fall as 1/V."""
    wanted = settings(supercells=[(2, 2, 2), (3, 3, 3), (4, 4, 4)], fmax=5e-3)
    result = run_defects(SALT, crystal(), wanted, tmp_path, progress=False)
    large = run_defects(
        SALT, crystal(), settings(supercells=[(5, 5, 5)], fmax=5e-3), tmp_path, progress=False
    )
    (found,), (direct,) = result.extrapolated, large.defects
    step = result.defects[0].energy - direct.energy
    assert step > 0.03
    assert found.energy + found.slope / (5.64**3 * 125) == pytest.approx(direct.energy, abs=0.06 * step)
    assert found.error < 0.1 * step
