import numpy as np
import pytest

from superion.potentials.many_body.gemm import multiply, pack, padded
from superion.potentials.many_body.simd import aligned, columns


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("rows", "depth", "count"), [(1, 1, 1), (7, 300, 25), (16, 511, 96), (3, 256, 50)])
def test_product_is_that_of_numpy(dtype, rows, depth, count):
    rng = np.random.default_rng(rows)
    left, right = rng.normal(size=(rows, depth)), rng.normal(size=(depth, count))
    a, c = aligned((16, depth + 5), dtype), aligned((16, padded(count, dtype)), dtype)
    a[:rows, :depth] = left
    c[:] = np.nan  # what was there does not matter
    multiply(a, rows, pack(right, dtype), c)
    tolerance = 2 * depth * np.finfo(dtype).eps
    np.testing.assert_allclose(c[:rows, :count], left @ right, atol=tolerance)
    np.testing.assert_array_equal(c[:rows, count:], 0)


def test_memory_is_aligned_and_zero():
    for size in range(1, 40):
        room = aligned((size, 3), "float32")
        assert room.ctypes.data % 64 == 0
        assert room.shape == (size, 3)
        assert not room.any()
    assert columns("float32") == 2 * columns("float64")
