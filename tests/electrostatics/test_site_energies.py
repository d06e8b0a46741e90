import numpy as np
import pytest
import torch

from superion.electrostatics import COULOMB, Gaussian, Point, Slater, ewald_energy, interaction_matrix
from superion.errors import InputError


@pytest.mark.parametrize("density", [Point(), Gaussian(0.7), Slater(1.3)])
@pytest.mark.parametrize("total", [0.0, 1.5])
def test_quadratic_form_is_the_ewald_energy(density, total):
    rng = np.random.default_rng(3)
    cell = np.array([[6.0, 0.3, 0.0], [-1.0, 7.0, 0.5], [0.2, 1.0, 5.0]])
    positions = rng.uniform(-10, 10, (9, 3))
    matrix = interaction_matrix(positions, cell, density)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    for _ in range(3):
        q = rng.normal(size=9)
        q += (total - q.sum()) / 9
        exact = ewald_energy(
            torch.tensor(positions), torch.tensor(cell), torch.tensor(q), densities=(density,), accuracy=1e-12
        )
        assert 0.5 * q @ matrix @ q == pytest.approx(exact.item(), abs=1e-6)


def test_madelung_constant_of_rock_salt():
    cell = 5.0 * np.eye(3)
    places = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    q = 1.0 - 2.0 * (places.sum(axis=1) % 2)
    energy = 0.5 * q @ interaction_matrix(2.5 * places, cell) @ q
    assert energy / 4 == pytest.approx(-1.747564594633 * COULOMB / 2.5, rel=1e-7)


def test_two_sites_in_one_place():
    with pytest.raises(InputError, match="overlap"):
        interaction_matrix(np.zeros((2, 3)), 5 * np.eye(3))
