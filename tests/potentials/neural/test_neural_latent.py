"""Charges that no label names are found from forces, and their sign from the elements."""

import numpy as np
import pytest
import torch
from ase import Atoms

from superion.electrostatics import Gaussian, coulomb_matrix
from superion.potentials.neural import NeuralSettings, NeuralTraining, SymmetrySettings, fit_neural

WIDTH = 0.4
HARDNESS = 26.0


def pair_of_molecules(seed: int, latent: str) -> tuple[Atoms, np.ndarray]:
    """Two OH farther apart than the networks see, with the forces of the Coulomb energy of their charges.

    direct: charges are a function of the bond; equilibrated: electronegativities are.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.uniform(0.8, 1.2, 2)
    axes = rng.normal(size=(2, 3))
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    along = rng.normal(size=3)
    centres = np.array([np.zeros(3), rng.uniform(3.2, 4.5) * along / np.linalg.norm(along)])
    places = np.concatenate([[c, c + r * a] for c, r, a in zip(centres, lengths, axes, strict=True)])
    positions = torch.tensor(places, requires_grad=True)
    bonds = (positions[1::2] - positions[0::2]).norm(dim=1).repeat_interleave(2)
    sign = positions.new_tensor([-1.0, 1.0, -1.0, 1.0])
    matrix = coulomb_matrix(positions, None, (Gaussian(WIDTH),), torch.zeros(4, dtype=torch.int64))
    charges = sign * (0.8 + 0.8 * (bonds - 1.0))
    if latent == "equilibrated":
        stiff = matrix + HARDNESS * torch.eye(4, dtype=torch.float64)
        inverse = torch.linalg.inv(stiff)
        free = inverse @ (6.0 * sign * bonds)
        charges = free - inverse.sum(dim=0) * free.sum() / inverse.sum()
    (slope,) = torch.autograd.grad(0.5 * charges @ matrix @ charges, positions)
    atoms = Atoms("OHOH", places, info={"total_charge": 0.0})
    atoms.arrays["REF_forces"] = -slope.numpy()
    return atoms, charges.detach().numpy()


@pytest.mark.parametrize("latent", ["direct", pytest.param("equilibrated", marks=pytest.mark.physics)])
def test_dipoles_are_recovered_from_forces_alone(latent):
    """In vacuum forces between molecules give the product of their dipoles; H of OH is positive."""
    truths = [pair_of_molecules(seed, latent) for seed in range(50)]
    frames = [atoms for atoms, _ in truths]
    settings = NeuralSettings(
        generation="latent-charges",
        latent=latent,
        symmetry=SymmetrySettings(cutoff=2.2, radial=5, angular=0),
        hidden=(6,),
        widths={"H": WIDTH, "O": WIDTH},
    )
    training = NeuralTraining(adam_epochs=80, lbfgs_epochs=60, rate=0.02)
    term = fit_neural(frames[:40], settings, training)
    found = [term.evaluate(atoms) for atoms in frames[40:]]
    dipoles = np.array([q @ atoms.positions for atoms, q in truths[40:]])
    recovered = np.array([evaluation.dipole for evaluation in found])
    assert np.sqrt(np.mean((recovered - dipoles) ** 2)) < 0.05 * np.sqrt(np.mean(dipoles**2))
    if latent == "equilibrated":
        np.testing.assert_allclose(term.model.hardness(), HARDNESS, rtol=0.1)


@pytest.mark.parametrize("latent", ["direct", "equilibrated"])
def test_electropositive_atoms_are_positive_unless_a_charge_tells_the_sign(latent):
    """A field would else push ions the wrong way for half of all seeds."""
    frames = [pair_of_molecules(seed, latent)[0] for seed in range(4)]
    settings = NeuralSettings(
        generation="latent-charges",
        latent=latent,
        symmetry=SymmetrySettings(cutoff=2.2, radial=3, angular=0),
        hidden=(3,),
    )

    def hydrogen(seed: int) -> float:
        training = NeuralTraining(adam_epochs=1, lbfgs_epochs=0, rate=1e-6, validation=0, seed=seed)
        term = fit_neural(frames, settings, training)
        return sum(term.charges(atoms)[atoms.numbers == 1].sum() for atoms in frames)

    assert min(hydrogen(seed) for seed in range(9)) > 0
    frames[0].info["total_charge"] = 1e-12
    assert min(hydrogen(seed) for seed in range(9)) < 0
