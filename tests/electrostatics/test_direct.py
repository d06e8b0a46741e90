import numpy as np
import pytest
import torch

from superion.electrostatics import COULOMB, Gaussian, Point, Slater, direct_energy, ewald_energy, interaction
from superion.errors import InputError


def cluster(rng, atoms=8, size=4.0):
    positions = rng.uniform(0, size, (atoms, 3)) + 0.05 * np.arange(atoms)[:, None]
    charges = rng.normal(size=atoms)
    return torch.tensor(positions), torch.tensor(charges - charges.mean())


def test_two_ions():
    positions = torch.tensor([[0.0, 0, 0], [0, 0, 2.5]], dtype=torch.float64, requires_grad=True)
    charges = torch.tensor([1.0, -2.0], dtype=torch.float64)
    energy = direct_energy(positions, charges)
    assert energy.detach().item() == pytest.approx(-2 * COULOMB / 2.5, rel=1e-14)
    (slope,) = torch.autograd.grad(energy, positions)
    force = -slope[0, 2].item()
    assert force == pytest.approx(2 * COULOMB / 2.5**2, rel=1e-14)  # towards the other ion


@pytest.mark.parametrize("density", [Point(), Gaussian(0.9), Slater(0.8, 2)])
def test_explicit_double_loop(density):
    positions, q = cluster(np.random.default_rng(1))
    expected = 0.0
    for i in range(len(q)):
        for j in range(i):
            r = (positions[i] - positions[j]).norm().reshape(1)
            expected += COULOMB * (q[i] * q[j] * interaction(density, density, r)).item()
    assert direct_energy(positions, q, densities=(density,)).item() == pytest.approx(expected, rel=1e-12)


def test_cluster_limit_of_the_ewald_sum():
    """A neutral cluster of dipole D in a cubic box of side L: E_Ewald = E − (2π/3L³)D² + O(L⁻⁵)
    (Makov and Payne, Phys. Rev. B 51, 4014, 1995; conducting surroundings)."""
    positions, q = cluster(np.random.default_rng(2), atoms=5, size=3.0)
    vacuum = direct_energy(positions, q).item()
    dipole = (q @ positions).square().sum().item()
    errors = []
    for side in (20.0, 40.0):
        box = side * torch.eye(3, dtype=torch.float64)
        periodic = ewald_energy(positions, box, q, accuracy=1e-13).item()
        correction = COULOMB * 2 * np.pi / 3 / side**3 * dipole
        errors.append(abs(periodic + correction - vacuum))
        assert errors[-1] < 0.1 * correction
    assert errors[1] < errors[0] / 25


def test_one_atom_and_none():
    one = direct_energy(torch.zeros((1, 3), dtype=torch.float64), torch.ones(1, dtype=torch.float64))
    none = direct_energy(torch.zeros((0, 3), dtype=torch.float64), torch.ones(0, dtype=torch.float64))
    assert one.item() == 0.0
    assert none.item() == 0.0


def test_overlapping_atoms_are_refused():
    positions = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 0, 1e-5]], dtype=torch.float64)
    with pytest.raises(InputError, match="atoms 1 and 2"):
        direct_energy(positions, torch.ones(3, dtype=torch.float64))
