"""Equation of state against synthetic truths, ASE's fit, and the stress."""

from pathlib import Path

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.eos import EquationOfState as AseEquation

from superion.calculations.branch import energy_curve
from superion.calculations.eos import EquationOfState, at_volumes, birch_murnaghan
from superion.calculations.relaxation import relaxed
from superion.errors import InputError, SimulationError
from superion.structures import read_frames

TRUTH = EquationOfState(-181.8, 752.3, 0.21, 5.4, (0, 0, 0, 0), 0)
VOLUMES = np.linspace(0.9, 1.1, 11) * 750


def numbers(found):
    return np.array([found.energy, found.volume, found.modulus, found.derivative])


def test_recovers_its_own_curve():
    found = birch_murnaghan(VOLUMES, TRUTH(VOLUMES))
    assert numbers(found) == pytest.approx(numbers(TRUTH), rel=1e-7)
    assert found.residual < 1e-9
    shuffled = np.random.default_rng(0).permutation(11)
    assert numbers(birch_murnaghan(VOLUMES[shuffled], TRUTH(VOLUMES[shuffled]))) == pytest.approx(
        numbers(found), rel=1e-7
    )


def test_curve_has_the_stated_derivatives():
    h = 0.5
    v = TRUTH.volume
    assert TRUTH(v) == TRUTH.energy
    curvature = (TRUTH(v + h) - 2 * TRUTH(v) + TRUTH(v - h)) / h**2
    assert v * curvature == pytest.approx(TRUTH.modulus, rel=1e-4)
    slope = (TRUTH(VOLUMES + h) - TRUTH(VOLUMES - h)) / (2 * h)
    assert TRUTH.pressures(VOLUMES) == pytest.approx(-slope, abs=1e-6)
    p, w = TRUTH.pressures, np.array([v])
    modulus = [-(w + d) * (p(w + d + h) - p(w + d - h)) / (2 * h) for d in (-h, h)]
    change = (modulus[1] - modulus[0]) / (p(w + h) - p(w - h))
    assert change == pytest.approx(TRUTH.derivative, rel=1e-3)


def test_errors_are_those_of_repeated_noise():
    rng = np.random.default_rng(3)
    fits = [birch_murnaghan(VOLUMES, TRUTH(VOLUMES) + rng.normal(0, 0.01, 11)) for _ in range(300)]
    seen = np.std([numbers(fit) for fit in fits], axis=0)
    stated = np.sqrt(np.mean(np.square([fit.errors for fit in fits]), axis=0))
    assert stated == pytest.approx(seen, rel=0.15)
    assert np.mean([fit.residual**2 for fit in fits]) == pytest.approx(1e-4, rel=0.1)


def test_copper_as_ase_fits_it_and_as_its_stress_says():
    crystals = at_volumes(bulk("Cu", a=3.6), np.linspace(0.94, 1.06, 7))
    curve = energy_curve(crystals, EMT())
    volumes, energies = curve.volumes, curve.energies
    found = birch_murnaghan(volumes, energies)
    other = AseEquation(volumes, energies, eos="birchmurnaghan")
    v0, e0, b0 = other.fit()
    assert (found.volume, found.energy, found.modulus) == pytest.approx((v0, e0, b0), rel=1e-4)
    rest = relaxed(bulk("Cu", a=3.7), EMT(), cell=True)
    assert found.volume == pytest.approx(rest.get_volume(), rel=2e-3)


def test_bad_data_are_named():
    with pytest.raises(InputError, match=r"needs 5 different positive volumes, found 4"):
        birch_murnaghan(VOLUMES[:4], TRUTH(VOLUMES[:4]))
    with pytest.raises(InputError, match=r"minimum outside, near 75"):
        birch_murnaghan(VOLUMES[6:], TRUTH(VOLUMES[6:]))
    with pytest.raises(InputError, match="no minimum"):
        birch_murnaghan(VOLUMES, VOLUMES**-2 + VOLUMES ** (-2 / 3) * 7e-4)
    with pytest.raises(InputError, match="finite"):
        birch_murnaghan(VOLUMES, TRUTH(VOLUMES) * np.nan)
    with pytest.raises(InputError, match="three axes"):
        at_volumes(_cluster(), [1.0])
    with pytest.raises(InputError, match="must be positive"):
        at_volumes(bulk("Cu", a=3.6), [0.9, -1])


def test_a_structure_that_did_not_relax_is_not_returned():
    atoms = bulk("Cu", a=3.6, cubic=True)
    atoms.positions[2] += 0.3
    with pytest.raises(SimulationError, match=r"not relaxed after 2 steps: left are .* eV/Å on atom \d"):
        relaxed(atoms, EMT(), steps=2)
    with pytest.raises(SimulationError, match="and a stress of up to"):
        relaxed(atoms, EMT(), cell=True, steps=1)
    rest = relaxed(atoms, EMT())
    assert np.abs(rest.get_forces()).max() < 1e-3
    assert np.abs(atoms.positions - rest.positions).max() > 0.1


def _cluster():
    atoms = bulk("Cu", a=3.6, cubic=True)
    atoms.pbc = False
    return atoms


def test_labels_of_a_solid_electrolyte():
    """Energies of the Li7P3S11 labels fit, and their slope is the pressure of the labelled stresses."""
    frames = read_frames(Path(__file__).parents[2] / "data/lps/eos.extxyz")
    volumes = np.array([atoms.get_volume() for atoms in frames])
    found = birch_murnaghan(volumes, [atoms.info["REF_energy"] for atoms in frames])
    assert found.residual / len(frames[0]) < 1e-4
    assert found.modulus / units.GPa == pytest.approx(22.4, abs=1)
    labelled = [-atoms.info["REF_stress"][:3].mean() for atoms in frames]
    assert found.pressures(volumes) == pytest.approx(labelled, abs=0.2 * units.GPa)
