from functools import partial

import numpy as np
import pytest

from superion.potentials.many_body.simd import aligned
from superion.potentials.many_body.sums import kernel_sum


def near(count: int, size: int, seed: int) -> np.ndarray:
    """Unit vectors not far from each other, as the spectra of one species are."""
    rng = np.random.default_rng(seed)
    rows = np.linspace(1, 2, size) / np.sqrt(size) + 0.02 * rng.normal(size=(count, size))
    return rows / np.linalg.norm(rows, axis=1)[:, None]


def slopes(total, spectra: np.ndarray, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    rows, size = spectra.shape
    held, slope = (aligned((-(-rows // 8) * 8, size + 64), dtype) for _ in range(2))
    held[:rows, :size] = spectra
    energies = np.empty(rows)
    rooms: dict[str, np.ndarray] = {}

    def room(name: str, rows: int, columns: int) -> np.ndarray:
        return rooms.setdefault(name, aligned((rows, columns), dtype))

    total.slopes(held, rows, slope, energies, room)
    return energies, slope[:rows, :size]


@pytest.mark.parametrize("zeta", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("points", "size", "components"), [(30, 90, 0), (70, 40, 0), (30, 90, 25), (9, 90, 80)]
)
def test_sums_are_those_of_the_kernels(zeta, points, size, components):
    rng = np.random.default_rng(zeta)
    sparse, spectra, basis = near(points, size, 0), near(13, size, 1), None
    weights = rng.normal(size=points)
    if components:
        basis = np.linalg.qr(rng.normal(size=(size, components)))[0].T
        sparse = sparse @ basis.T
    seen = spectra if basis is None else spectra @ basis.T
    dot = seen @ sparse.T
    slope = (zeta * weights * dot ** (zeta - 1)) @ sparse
    expected = (weights * dot**zeta).sum(axis=1), slope if basis is None else slope @ basis
    for dtype, tolerance in (("float64", 1e-12), ("float32", 3e-5)):
        found = slopes(kernel_sum(sparse, basis, weights, zeta, dtype), spectra, dtype)
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=tolerance * zeta * np.abs(weights).sum() / 10)


@pytest.mark.parametrize("zeta", [2, 4])
def test_large_weights_that_cancel_do_not_spoil_single_precision(zeta):
    """Weights of a fit to a smooth function: 1e4 times larger than it, and so are naive rounding errors."""
    size, dense = 60, near(200, 60, 2)
    direction = np.random.default_rng(4).normal(size=size)
    kernel = (dense @ dense.T) ** zeta
    weights = np.linalg.solve(
        kernel + 1e-9 * np.eye(200), (dense @ direction) ** 2 + np.sin(dense @ direction)
    )
    spectra = (
        near(50, size, 3).astype(np.float32).astype(np.float64)
    )  # rounding of the input is not our concern
    dot = spectra @ dense.T
    exact = (weights * dot**zeta).sum(axis=1)
    energies, _ = slopes(kernel_sum(dense, None, weights, zeta, "float32"), spectra, "float32")
    single = np.float32
    naive = ((spectra.astype(single) @ dense.T.astype(single)) ** zeta) @ weights.astype(single)
    assert np.abs(weights).sum() > 1e4 * np.abs(exact).max()
    assert np.abs(energies - exact).max() < 0.02 * np.abs(naive - exact).max()


def test_precise_sums_do_not_depend_on_the_way_taken():
    sparse, weights = near(40, 90, 0), np.random.default_rng(0).normal(size=40)
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(90, 90)))[0]
    evaluate = partial(slopes, spectra=near(5, 90, 1), dtype="float64")
    plain = evaluate(kernel_sum(sparse, None, weights, 4, "float64"))
    turned = evaluate(kernel_sum(sparse @ basis.T, basis, weights, 4, "float64"))
    np.testing.assert_allclose(turned[0], plain[0], atol=1e-13)
    np.testing.assert_allclose(turned[1], plain[1], atol=1e-13)
