"""Channels weighted by the slopes of a first fit, and several SOAP blocks in one model."""

import numpy as np
import pytest
from ase import Atoms
from test_fit import PLAIN, SOAP, labelled, strip

from superion.neighbours import neighbour_pairs
from superion.potentials import Potential
from superion.potentials.gap.fit import fit
from superion.potentials.gap.settings import FitSettings
from superion.potentials.many_body.sensitivity import slope_covariance, weighted_channels
from superion.potentials.many_body.soap import SoapBlock, SoapSettings
from superion.potentials.torch_path.potential import TorchPotential
from superion.recipes.kernel import KQEqGapSettings

HYPER = SoapSettings(cutoff=4.5, cutoff_width=2.0, n_max=4, l_max=2, channels=5, sparse_points=9)
FAR = SoapSettings(cutoff=6.0, cutoff_width=5.0, atom_sigma=0.9, n_max=3, l_max=1, sparse_points=8, delta=0.3)
SPECIES = (3, 16)


def energies(points: np.ndarray, weights: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Energies (n,) of coefficients (n, L, C), written out: ζ = 2, δ = 1."""
    l_max, channels = HYPER.l_max, c.shape[2]
    a, b = np.triu_indices(channels)
    parts = [
        (c[:, l * l : (l + 1) ** 2, a] * c[:, l * l : (l + 1) ** 2, b]).sum(axis=1)
        * np.where(a == b, 1.0, np.sqrt(2.0))
        for l in range(l_max + 1)
    ]
    p = np.concatenate(parts, axis=1)
    p /= np.linalg.norm(p, axis=1, keepdims=True)
    return (p @ points.T) ** 2 @ weights


def test_covariance_of_the_slopes_is_that_of_finite_differences():
    frames, rng = labelled(4), np.random.default_rng(0)
    block = SoapBlock.choose(frames, HYPER, SPECIES, rng)
    weights = rng.normal(size=(block.size, 2))
    found = slope_covariance(block, weights, frames)
    for z in SPECIES:
        parts = [
            c.copy()
            for atoms in frames
            for own, _, c, _, _ in block.expanded(atoms, neighbour_pairs(atoms, block.cutoff))
            if own == z
        ]
        c, h = np.concatenate(parts), 1e-5
        slopes = np.empty((2, *c.shape))
        for lm in range(c.shape[1]):
            for k in range(c.shape[2]):
                ahead, behind = c.copy(), c.copy()
                ahead[:, lm, k] += h
                behind[:, lm, k] -= h
                for fit_number in range(2):
                    own = weights[block.offsets[z], fit_number]
                    up, down = (energies(block.points[z], own, x) for x in (ahead, behind))
                    slopes[fit_number, :, lm, k] = (up - down) / (2 * h)
        slopes[:, :, 0] -= slopes[:, :, 0].mean(axis=1, keepdims=True)
        for l in range(HYPER.l_max + 1):
            rows = slopes[:, :, l * l : (l + 1) ** 2].reshape(-1, c.shape[2])
            np.testing.assert_allclose(
                found[z][l], rows.T @ rows / len(rows), rtol=1e-6, atol=1e-7 * np.abs(found[z]).max()
            )


def only_lithium(count: int, seed: int) -> list[Atoms]:
    """Frames whose energy is a sum over pairs of Li alone."""
    frames = labelled(count, seed)
    for atoms in frames:
        pairs = neighbour_pairs(atoms, 4.0)
        mine = (atoms.numbers[pairs.i] == 3) & (atoms.numbers[pairs.j] == 3)
        r, f = pairs.distance[mine], np.zeros((8, 3))
        np.add.at(f, pairs.i[mine], (-8 * (4.0 - r) ** 3 / r)[:, None] * pairs.vector[mine])
        atoms.info["REF_energy"] = ((4.0 - r) ** 4).sum()
        atoms.arrays["REF_forces"] = f
    return strip(frames, "REF_stress")


def test_channels_that_the_energy_does_not_depend_on_lose_weight():
    frames, shares = only_lithium(24, 0), []
    soap = SOAP.model_copy(update={"channels": 8, "sparse_points": 60})
    for learn in (False, True):
        settings = PLAIN.model_copy(update={"soap": soap, "learn_channels": learn})
        around = fit(frames, settings, {"gap": []})["gap"][-1].soap.contractions[3]
        shares.append((around[:, SOAP.n_max :] ** 2).sum() / (around**2).sum())  # of S
    assert shares[1] < 0.7 * shares[0]


def test_weighted_channels_are_the_root_of_the_root_in_the_frame_of_the_first():
    block = SoapBlock.choose(labelled(3), HYPER, SPECIES, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    half = {z: rng.normal(size=(3, 5, 5)) for z in SPECIES}
    covariance = {z: m @ m.transpose(0, 2, 1) for z, m in half.items()}
    for z, u in weighted_channels(block, covariance).items():
        for l in range(3):
            root = block.contractions[z][l].T @ u[l]  # principal channels are orthonormal
            fourth = np.linalg.matrix_power(root, 4)
            np.testing.assert_allclose(fourth / fourth[0, 0], covariance[z][l] / covariance[z][l][0, 0])


@pytest.mark.parametrize("learn", [False, True])
def test_two_soap_blocks_are_textbook_regression_with_the_sum_of_their_kernels(learn):
    frames, unseen = strip(labelled(6), "REF_forces", "REF_stress"), labelled(3, seed=9)
    both = [s.model_copy(update={"sparse_method": "all"}) for s in (SOAP, FAR)]
    changes = {"soap": both[0], "more_soap": (both[1],), "jitter": 1e-13, "learn_channels": learn}
    gp = fit(frames, PLAIN.model_copy(update=changes), {"gap": []})["gap"][-1]
    assert gp.cutoff == 6.0
    assert all(bool(block.contractions) == learn for block in gp.blocks)
    everything, kernel = [*frames, *unseen], np.zeros((9, 9))
    for block in gp.blocks:
        spectra = [block.spectra(atoms) for atoms in everything]
        for a in range(9):
            for b in range(9):
                same = everything[a].numbers[:, None] == everything[b].numbers
                own = np.where(same, (spectra[a] @ spectra[b].T) ** 2, 0)
                kernel[a, b] += block.hyper.delta**2 * own.sum()
    noisy = kernel[:6, :6] + 0.01**2 * 8 * np.eye(6)
    labels = [atoms.info["REF_energy"] - gp.constants(atoms).sum() for atoms in frames]
    mean = kernel[6:, :6] @ np.linalg.solve(noisy, labels)
    variance = kernel[6:, 6:] - kernel[6:, :6] @ np.linalg.solve(noisy, kernel[:6, 6:])
    ours = [gp.evaluate(atoms).energy - gp.constants(atoms).sum() for atoms in unseen]
    np.testing.assert_allclose(ours, mean, rtol=1e-6)
    deviations = [gp.deviation(atoms).energy for atoms in unseen]
    np.testing.assert_allclose(deviations, np.sqrt(np.diag(variance)), rtol=1e-4)


def test_files_and_torch_hold_them(tmp_path):
    settings = PLAIN.model_copy(update={"soap": SOAP, "more_soap": (FAR,), "learn_channels": True})
    potential = Potential(fit(labelled(8), settings, {"gap": []})["gap"])
    atoms = labelled(1, seed=4)[0]
    exact = potential.evaluate(atoms)
    potential.save(tmp_path / "model.safetensors")
    loaded = Potential.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.evaluate(atoms).forces, exact.forces)
    slow = TorchPotential(loaded, "cpu").evaluate(atoms)
    np.testing.assert_allclose(slow.forces, exact.forces, atol=1e-9)
    np.testing.assert_allclose(slow.virial, exact.virial, atol=1e-9)


def test_a_joint_fit_has_no_first_one_to_learn_channels_from():
    learned = FitSettings(learn_channels=True)
    with pytest.raises(ValueError, match="joint: false"):
        KQEqGapSettings(fit=learned)
    assert KQEqGapSettings(fit=learned, joint=False).fit.learn_channels
