"""The field inside a polarized slab and between fluctuating plates."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from superion.analysis.plateau import plateau
from superion.analysis.profiles import electrostatic_profile
from superion.electrostatics import FixedCharges, Point
from superion.electrostatics.polarization import EPSILON_0
from superion.errors import InputError

CHARGES = FixedCharges({"Na": 1.0, "Cl": -1.0})
SIDE, THICK, LAYERS = 5.64, 60.0, 8
SHIFT = 0.15
POLARIZATION = 4 * SHIFT / SIDE**3
"""e/Å², of rock salt whose cations are shifted."""


def slab(shift=SHIFT):
    """Eight planes of ions, cations shifted up, in vacuum."""
    atoms = bulk("NaCl", "rocksalt", a=SIDE, cubic=True).repeat((1, 1, LAYERS // 2))
    atoms.positions[atoms.numbers == 11, 2] += shift
    atoms.set_cell([SIDE, SIDE, THICK])
    atoms.positions[:, 2] += 15.0
    return atoms


def test_macroscopic_field_in_a_polarized_slab():
    """−P/ε₀ alone in space, and less by the mean field, of thickness d in L, in a conducting stack."""
    lone = electrostatic_profile([slab()], CHARGES, Point(), window=SIDE / 2, surroundings="vacuum")
    inside = plateau(lone, 20.0, 32.0)
    assert inside.field == pytest.approx(-POLARIZATION / EPSILON_0, rel=1e-9)
    assert inside.spread < 1e-9
    assert (inside.low, inside.high) == pytest.approx((19.95, 31.95))
    np.testing.assert_allclose(inside.vector, [0, 0, inside.field])
    assert not inside.notes
    deep = LAYERS * SIDE / 2
    step = POLARIZATION * deep / EPSILON_0
    assert lone.potential[-1] - lone.potential[0] == pytest.approx(step, rel=1e-9)
    stack = electrostatic_profile([slab()], CHARGES, Point(), window=SIDE / 2)
    fields = [plateau(stack, *bounds).field for bounds in ((20, 32), (48, 58))]
    expected = POLARIZATION / EPSILON_0 * np.array([deep / THICK - 1, deep / THICK])
    assert fields == pytest.approx(expected, rel=1e-9)


def test_planes_of_atoms_are_no_plateau():
    bare = electrostatic_profile([slab()], CHARGES, Point(), surroundings="vacuum")
    found = plateau(bare, 20.0, 32.0)
    assert found.spread > abs(found.field)
    assert "no plateau" in found.notes[0]
    assert "window as wide as a period" in found.notes[0]


def test_window_is_the_running_mean_of_the_curve():
    width = 64 * THICK / 4000
    bare = electrostatic_profile([slab()], CHARGES, Point(), layers=4000, smoothing=0.3)
    smooth = electrostatic_profile([slab()], CHARGES, Point(), layers=4000, smoothing=0.3, window=width)
    for name in ("charge", "field", "potential"):
        curve = getattr(bare, name)
        sums = np.cumsum(np.concatenate([curve[-32:], curve, curve[:32]]))
        running = 0.5 * ((sums[64:] - sums[:-64]) + np.roll(sums[64:] - sums[:-64], 1)) / 64
        ours = getattr(smooth, name)
        np.testing.assert_allclose(ours[1:-1], running[1 : len(ours) - 1], atol=2e-3 * np.abs(ours).max())


def plates(distance):
    low = Atoms("Na", [[0, 0, 10]], cell=[4, 4, 40], pbc=True)
    return low + Atoms("Cl", [[2, 2, 10 + distance]])


def test_error_over_blocks():
    """Plates whose distance fluctuates: the field in the stack follows it."""
    rng = np.random.default_rng(3)
    distance = 16 + rng.normal(0, 0.5, 400)
    found = electrostatic_profile([plates(d) for d in distance], CHARGES, Point())
    strength = 1 / 16 / EPSILON_0
    part = plateau(found, 12, 22)
    assert part.field == pytest.approx(strength * (1 - distance.mean() / 40), rel=1e-9)
    expected = strength * 0.5 / 40 / np.sqrt(400)
    assert part.error == pytest.approx(expected, rel=0.5)
    assert not part.notes
    slow = [plates(16 + 2 * np.sin(k / 60)) for k in range(400)]
    assert "remembers" in plateau(electrostatic_profile(slow, CHARGES, Point()), 12, 22).notes[0]
    few = electrostatic_profile([plates(16), plates(17)], CHARGES, Point())
    assert plateau(few, 12, 22).error is None
    assert "2 frames are too few for an error bar, which takes 20." in plateau(few, 12, 22).notes


def test_refused():
    found = electrostatic_profile([plates(16)], CHARGES, Point())
    for low, high, message in (
        (-1, 10, "from -1 to 10 Å is not inside the cell, whose heights are 0 to 40 Å"),
        (10, 41, "not inside the cell"),
        (20, 10, "not inside the cell"),
        (10, 10.2, "at least 4 are needed"),
        (float("nan"), 10, "not inside the cell"),
    ):
        with pytest.raises(InputError, match=message):
            plateau(found, low, high)
