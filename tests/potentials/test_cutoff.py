import numpy as np
import pytest

from superion.potentials.cutoff import cosine_cutoff, cutoff_values


def test_limits_are_exact():
    value, slope = cutoff_values(np.array([0.0, 4.0, 6.0, 7.0]), 6.0, 2.0)
    np.testing.assert_array_equal(value, [1.0, 1.0, 0.0, 0.0])
    np.testing.assert_array_equal(slope, 0.0)


def test_values_are_half_a_cosine():
    value, _ = cutoff_values(np.array([4.5, 5.0, 5.5]), 6.0, 2.0)
    np.testing.assert_allclose(value, [0.5 + 0.25 * np.sqrt(2), 0.5, 0.5 - 0.25 * np.sqrt(2)], rtol=1e-14)


def test_slope_is_the_derivative_and_continuous():
    r = np.linspace(3.0, 6.5, 1001)
    h = 1e-6
    difference = (cutoff_values(r + h, 6.0, 1.5)[0] - cutoff_values(r - h, 6.0, 1.5)[0]) / (2 * h)
    slope = cutoff_values(r, 6.0, 1.5)[1]
    np.testing.assert_allclose(slope, difference, rtol=0, atol=2e-6)
    assert np.abs(np.diff(slope)).max() < 0.01


def test_array_and_scalar_agree_and_keep_the_shape():
    r = np.random.default_rng(0).uniform(3, 7, (4, 5))
    value, slope = cutoff_values(r.T, 6.0, 1.0)
    assert value.shape == slope.shape == (5, 4)
    for index in np.ndindex(value.shape):
        np.testing.assert_allclose(
            cosine_cutoff(r.T[index], 6.0, 1.0), (value[index], slope[index]), rtol=0, atol=1e-15
        )


@pytest.mark.parametrize("width", [0.5, 1.0, 3.0])
def test_agrees_with_quip(width):
    from ase import Atoms
    from quippy.descriptors import Descriptor

    quip = Descriptor(f"distance_2b cutoff=5.0 cutoff_transition_width={width} Z1=3 Z2=16")
    for r in np.linspace(1.5, 4.9, 9):
        atoms = Atoms("LiS", [[0, 0, 0], [r, 0, 0]], cell=[20] * 3, pbc=True)
        assert cosine_cutoff(r, 5.0, width)[0] == pytest.approx(
            quip.calc(atoms)["covariance_cutoff"][0], abs=1e-12
        )
