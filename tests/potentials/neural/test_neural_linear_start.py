"""Charges that no label names begin where a linear model has them, in whatever unit labels are."""

import numpy as np
import pytest
import torch
from ase import Atoms
from neural_cases import STRUCTURES, untrained

from superion.electrostatics.densities import COULOMB
from superion.potentials import Potential
from superion.potentials.neural import NeuralSettings, NeuralTraining, SymmetrySettings, fit_neural
from superion.potentials.neural.linear_start import LinearFit, as_weights, axes_of
from superion.potentials.neural.objective import Labelled
from superion.potentials.neural.quadratic import quadratic_rows
from superion.potentials.neural.settings import LabelSigmas
from superion.potentials.neural.term import NeuralTerm
from superion.recipes.long_range import check_long_range
from superion.terms import Evaluation

SYMMETRY = SymmetrySettings(cutoff=4.0, radial=6, angular=1)


def salt(distance: float, rng: np.random.Generator, charge: float, scale: float = 1.0) -> Atoms:
    """Two rigid molecules, CO and NH, turned at random, with charges of theirs and Lennard-Jones forces."""
    places = []
    for bond in (1.15, 1.04):
        axis = rng.normal(size=3)
        places.append(np.outer([-0.5, 0.5], bond * axis / np.linalg.norm(axis)))
    places[1] += [distance, 0, 0]
    positions = np.concatenate(places)
    charges = charge * np.array([0.3, 0.7, -0.8, -0.2])
    energy, forces = 0.0, np.zeros((4, 3))
    for i in (0, 1):
        for j in (2, 3):
            apart = positions[j] - positions[i]
            r = np.linalg.norm(apart)
            six = (3.2 / r) ** 6
            energy += COULOMB * charges[i] * charges[j] / r + 0.04 * (six**2 - six)
            slope = -COULOMB * charges[i] * charges[j] / r**2 - 0.04 * (12 * six**2 - 6 * six) / r
            forces[i] += slope * apart / r
            forces[j] -= slope * apart / r
    atoms = Atoms("CONH", positions, info={"total_charge": 0.0, "REF_energy": scale * energy})
    atoms.arrays["REF_forces"] = scale * forces
    return atoms


def salts(charge: float, scale: float = 1.0, low: float = 3.4, high: float = 7.5, count: int = 12) -> list:
    rng = np.random.default_rng(3)
    return [salt(distance, rng, charge, scale) for distance in np.linspace(low, high, count)]


@pytest.mark.parametrize("name", ["latent", "3g, not conserved", "latent, equilibrated"])
@pytest.mark.parametrize("structure", list(STRUCTURES))
def test_quadratic_forms_are_energies_and_forces_of_the_networks(name, structure):
    """The problem that is solved for is the model that begins with its solution."""
    if name == "3g, not conserved" and structure == "periodic":
        name = "latent"
    model = untrained(name, symbols=("H", "C", "O"), linear=True).model
    frames = [STRUCTURES[structure](seed) for seed in range(2)]
    for atoms in frames:
        atoms.info["REF_energy"], atoms.arrays["REF_forces"] = 0.0, np.zeros((len(atoms), 3))
    known = [Evaluation.zero(len(atoms)) for atoms in frames]
    batches = [Labelled.of(frames, known, model, torch.device("cpu"))]
    axes, _ = axes_of(model, batches)
    rows = quadratic_rows(batches, model, axes, LabelSigmas(energy=1.0, force=1.0))
    rng = np.random.default_rng(0)
    fit = LinearFit(rng.normal(size=axes.size), rng.normal(size=rows.local.shape[1]), (0.0,))
    one = np.concatenate([[1.0], fit.charges])
    wanted = 0.5 * (rows.forms @ one) @ one + rows.local @ fit.local
    scales = model.scales
    plain = type(scales)(
        scales.mean,
        scales.scale,
        scales.charge_mean,
        scales.charge_scale,
        scales.baseline,
        torch.ones_like(scales.output),
    )
    weights = model.weights | as_weights(model, axes, fit)
    term = NeuralTerm(type(model)(model.settings, model.functions, plain, weights))
    for k, found in enumerate(term.evaluate_batch(frames)):
        baseline = float(scales.baseline[batches[0].geometry.elements[batches[0].geometry.owner == k]].sum())
        own = wanted[rows.frame == k]
        labels = rows.labels[(rows.frame == k) & rows.energy]  # 0 less the baseline
        np.testing.assert_allclose(labels, -baseline, rtol=1e-12)
        np.testing.assert_allclose(found.energy - baseline, own[0], rtol=1e-8)
        np.testing.assert_allclose(found.forces.ravel(), own[1:], rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e4])
def test_defaults_find_charges_of_dissociating_molecules_in_any_unit(scale):
    """Trained up to 7.5 Å, right at 12 Å, where nothing local can tell; charges are those of molecules."""
    frames = salts(0.5, scale)
    settings = NeuralSettings(generation="latent-charges", symmetry=SYMMETRY, hidden=(4,))
    term = fit_neural(frames, settings, NeuralTraining(lbfgs_epochs=10))
    far = salts(0.5, scale, 10.0, 13.0, 3)
    found = term.evaluate_batch(far)
    wrong = [one.energy - atoms.info["REF_energy"] for one, atoms in zip(found, far, strict=True)]
    assert np.sqrt(np.mean(np.square(wrong))) < 0.01 * scale
    molecule = np.array([one.charges[:2].sum() for one in found])
    np.testing.assert_allclose(np.abs(molecule), 0.5 * scale**0.5, rtol=0.03)
    check = check_long_range(Potential([term]), frames)
    assert check.left_out == "distances"
    assert check.loss_ratio < 0.3
    assert not [remark for remark in check.remarks if "root mean square" not in remark]


def test_the_check_says_that_charges_do_not_help_or_were_not_found():
    """Neutral molecules seen up to 10 Å need no charges; an untrained model has not found those of ions."""
    settings = NeuralSettings(generation="latent-charges", symmetry=SYMMETRY, hidden=(4,))
    brief = NeuralTraining(lbfgs_epochs=0)
    neutral = salts(0.0, high=10.0)
    (remark,) = check_long_range(Potential([fit_neural(neutral, settings, brief)]), neutral, settings).remarks
    assert remark.startswith("charges hardly help")
    ions = salts(0.5)
    lazy = settings.model_copy(update={"linear": False})
    term = fit_neural(ions, lazy, NeuralTraining(adam_epochs=1, lbfgs_epochs=0))
    remarks = check_long_range(Potential([term]), ions).remarks
    assert any(remark.startswith("the charges have not been found") for remark in remarks)
