import numpy as np
import pytest

from superion.potentials.cutoff import cutoff_values
from superion.potentials.many_body.angular import cutoffs, vector_harmonics
from superion.potentials.many_body.harmonics import harmonics, normalisation
from superion.potentials.many_body.simd import lanes


@pytest.mark.parametrize("l_max", [0, 1, 2, 5, 9])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 1e-5)])
def test_harmonics_of_a_vector_are_those_of_each(l_max, dtype, tolerance):
    width = lanes(dtype)
    assert width * np.dtype(dtype).itemsize == 64
    rng = np.random.default_rng(l_max)
    unit = rng.normal(size=(3, width))
    unit /= np.linalg.norm(unit, axis=0)
    unit[:, 0] = 0, 0, -1
    count, factors = (l_max + 1) ** 2, normalisation(l_max)
    y, dy = np.empty(count * width, dtype), np.empty(3 * count * width, dtype)
    scratch = np.full(((l_max + 2) ** 2 + 2 * (l_max + 1)) * width, np.nan, dtype)
    vector_harmonics(unit.astype(dtype).reshape(-1), l_max, factors.astype(dtype), True, scratch, y, dy)
    value, gradient = np.empty(count), np.empty((3, count))
    for lane in range(width):
        q, c, s = np.zeros((l_max + 2, l_max + 2)), np.empty(l_max + 1), np.empty(l_max + 1)
        harmonics(*unit[:, lane], l_max, factors, value, gradient, q, c, s)
        np.testing.assert_allclose(y.reshape(count, width)[:, lane], value, atol=tolerance)
        np.testing.assert_allclose(dy.reshape(3, count, width)[:, :, lane], gradient, atol=10 * tolerance)


def test_cutoff_function_and_its_derivative():
    width, cutoff = 1.7, 5.0
    r = np.array([1.0, 3.3, 3.3 + 1e-9, 3.5, 4.1, 4.7, 4.999, 5.0])
    unit = np.zeros((6, 8))
    unit[3] = np.maximum(r - cutoff + width, 0) / width
    cutoffs(unit.reshape(-1), width)
    value, slope = cutoff_values(r, cutoff, width)
    np.testing.assert_allclose(unit[4], value, atol=1e-15)
    np.testing.assert_allclose(unit[5], slope, atol=1e-15)
