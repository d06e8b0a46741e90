from math import pi

import numpy as np
import pytest
import torch
from periodic_oracle import SHAPES, disordered

from superion.electrostatics import Splitting, reciprocal
from superion.electrostatics.ewald import _reciprocal_energy
from superion.electrostatics.lattice import Lattice
from superion.electrostatics.reciprocal import reciprocal_sum

ALPHA, CUTOFF = 0.5, 5.0


def by_differentiation(positions, cell, charges):
    x, h, q = (torch.tensor(array, requires_grad=True) for array in (positions, cell, charges))
    energy = _reciprocal_energy(x, h, torch.linalg.det(h).abs(), q, Splitting(ALPHA, 9.0, CUTOFF))
    slope, strain, potential = (g.numpy() for g in torch.autograd.grad(energy, (x, h, q)))
    virial = -(positions.T @ slope + cell.T @ strain)
    return potential, -slope, (virial + virial.T) / 2


@pytest.mark.parametrize("block", [1, 1 << 20])
@pytest.mark.parametrize("shape", SHAPES)
def test_derivatives(shape, block, monkeypatch):
    """Atoms one by one in blocks, or all at once."""
    monkeypatch.setattr(reciprocal, "BLOCK", block)
    positions, cell, charges, _ = disordered(shape, neutral=False)
    sums = reciprocal_sum(Lattice.of(positions, cell), charges, ALPHA, CUTOFF)
    exact = by_differentiation(positions, cell, charges)
    for ours, theirs in zip((sums.potential, sums.forces, sums.virial), exact, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_one_wave():
    """In a small enough cell only the six shortest vectors count."""
    charges, side = np.array([1.0, -1.0]), 2.0
    positions = np.array([[0.0, 0, 0], [0.5, 0, 0]])
    sums = reciprocal_sum(Lattice.of(positions, side * np.eye(3)), charges, 0.3, 2 * pi / side + 1e-9)
    k = 2 * pi / side
    wave = 4 * pi / side**3 * np.exp(-(k**2) / (4 * 0.09)) / k**2
    assert 0.5 * charges @ sums.potential == pytest.approx(wave * (2 - 2 * np.cos(k / 2)), rel=1e-8)
    np.testing.assert_allclose(sums.forces[1], [2 * wave * -k * np.sin(k / 2), 0, 0], rtol=1e-6, atol=1e-20)
