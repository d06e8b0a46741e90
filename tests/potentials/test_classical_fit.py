"""A classical force field fitted to labels that another one has made."""

import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from pydantic import ValidationError

from superion.electrostatics import FixedCharges
from superion.electrostatics.polarizable_term import PolarizableTerm
from superion.errors import InputError
from superion.potentials.classical.fit import fit_classical
from superion.potentials.classical.pair_forms import Buckingham, Morse
from superion.potentials.classical.pair_potentials import PairPotentials
from superion.potentials.classical.parameters import Parameters
from superion.potentials.classical.problem import ClassicalProblem
from superion.potentials.classical.settings import ClassicalSettings
from superion.potentials.potential import Potential

TRUE = [
    PairPotentials(
        {("Li", "Cl"): Buckingham(420.0, 0.34), ("Cl", "Cl"): Buckingham(2200.0, 0.33, 90.0)},
        cutoff=5.0,
        width=1.0,
        baseline={"Li": -1.0, "Cl": -3.0},
    ),
    PolarizableTerm(FixedCharges({"Li": 0.85, "Cl": -0.85}), {"Li": 0.4, "Cl": 2.4}, 0.15, 1e-6),
]
SETTINGS = ClassicalSettings(
    charges={"Li": 1.0, "Cl": -1.0},
    charge_scale=0.7,
    polarizabilities={"Li": 0.2, "Cl": 1.5},
    cutoff=5.0,
    width=1.0,
    starts=1,
)


def crystal(seed: int, spread: float = 0.18, repeat=(2, 1, 1)) -> Atoms:
    rng = np.random.default_rng(seed)
    atoms = bulk("LiCl", "rocksalt", a=5.1, cubic=True).repeat(repeat)[:16]
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0, 0.02, (3, 3))), scale_atoms=True)
    atoms.positions += rng.normal(0, spread, atoms.positions.shape)
    return atoms


def labelled(frames: list[Atoms], terms=TRUE) -> list[Atoms]:
    for atoms in frames:
        found = Potential(terms).evaluate(atoms)
        atoms.info["REF_energy"] = found.energy
        atoms.info["REF_stress"] = -found.virial.ravel()[[0, 4, 8, 5, 2, 1]] / atoms.get_volume()
        atoms.arrays["REF_forces"] = found.forces
    return frames


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    return labelled([crystal(seed) for seed in range(2)])


def test_known_parameters_are_recovered(frames):
    terms = fit_classical(frames, SETTINGS)
    assert [term.kind for term in terms] == ["pair-potentials", "polarizable", "repulsion"]
    short, electric, repulsion = terms
    assert electric.charges.values["Cl"] == pytest.approx(-0.85, abs=0.01)
    assert electric.polarizabilities["Cl"] == pytest.approx(2.4, rel=0.03)
    assert electric.polarizabilities["Li"] == pytest.approx(0.4, rel=0.1)
    assert electric.thole == pytest.approx(0.15, rel=0.1)
    assert short.forms["Li", "Cl"].rho == pytest.approx(0.34, rel=0.03)
    for atoms in frames:
        assert repulsion.evaluate(atoms).energy == 0
    test = labelled([crystal(11)])[0]
    found = Potential(terms).evaluate(test)
    labels = test.arrays["REF_forces"]
    assert np.sqrt(np.mean((found.forces - labels) ** 2)) < 0.01 * np.sqrt(np.mean(labels**2))
    assert found.energy == pytest.approx(test.info["REF_energy"], abs=0.02)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"charge_fit": "free"},
        {"bonds": ("Cl-Li",)},
        {"polarizabilities": {}},
        {"polarizabilities": {}, "charge_fit": "fixed"},
    ],
)
def test_derivatives_are_differences(frames, changed):
    """Of all residuals by all parameters, induced dipoles included."""
    settings = SETTINGS.model_copy(update={"dispersion": "all", "accuracy": 1e-8, **changed})
    parameters = Parameters(frames[:2], settings)
    problem = ClassicalProblem(frames[:2], parameters)
    at = parameters.start + 0.2 * np.random.default_rng(1).normal(size=len(parameters.start))
    jacobian, h = problem.at(at).jacobian(), 1e-5
    for k in range(len(at)):
        step = h * np.eye(len(at))[k]
        slope = (problem.at(at + step).residuals - problem.at(at - step).residuals) / (2 * h)
        np.testing.assert_allclose(jacobian[:, k], slope, rtol=0, atol=1e-6 * max(np.abs(jacobian).max(), 1))
        assert np.abs(slope).max() > 0


@pytest.mark.parametrize("changed", [{}, {"bonds": ("Li-Cl",)}, {"polarizabilities": {}}])
def test_residuals_are_errors_of_the_terms(frames, changed):
    settings = SETTINGS.model_copy(update={"dispersion": "all", **changed})
    parameters = Parameters(frames, settings)
    problem = ClassicalProblem(frames, parameters)
    point = problem.at(parameters.start)
    potential = Potential(parameters.terms(parameters.start, {}))
    found = [potential.evaluate(atoms) for atoms in frames]
    errors = [e.energy - a.info["REF_energy"] for e, a in zip(found, frames, strict=True)]
    np.testing.assert_allclose(point.energies, errors, atol=1e-5)
    residuals = point.residuals[: -len(parameters.start)]  # those of the prior left out
    rows = residuals[: -len(frames)].reshape(len(frames), -1)
    assert rows.shape[1] == 3 * 16 + 6
    for row, e, atoms in zip(rows, found, frames, strict=True):
        np.testing.assert_allclose(row[:-6] * 0.1, (e.forces - atoms.arrays["REF_forces"]).ravel(), atol=1e-5)
        wrong = e.virial.ravel()[[0, 4, 8, 5, 2, 1]] + atoms.info["REF_stress"] * atoms.get_volume()
        np.testing.assert_allclose(row[-6:] * 0.3 * 4, wrong, atol=1e-4)
    # energies are compared up to a constant of each composition
    expected = (np.array(errors) - np.mean(errors)) / (0.02 * 4)
    np.testing.assert_allclose(residuals[-len(frames) :], expected, atol=1e-4)


@pytest.mark.parametrize("changed", [{}, {"polarizabilities": {}}])
def test_vacancies_that_state_their_charge(changed):
    """Energies and stresses of charged frames hold those of the background, as the terms have them."""
    frames = [crystal(seed)[1:] for seed in range(2)]
    terms = [term.with_background(True) if term is TRUE[1] else term for term in TRUE]
    frames = labelled(frames, terms)
    settings = SETTINGS.model_copy(update=changed)
    with pytest.raises(InputError, match=r"add up to -1 e, and the structure states \+0 e.*total_charge"):
        Parameters(frames, settings)
    for atoms in frames:
        atoms.info["total_charge"] = -1.0
    parameters = Parameters(frames, settings)
    point = ClassicalProblem(frames, parameters).at(parameters.start)
    potential = Potential(parameters.terms(parameters.start, {})).with_charged_cells("background")
    rows = point.residuals[: -len(parameters.start) - 2].reshape(2, -1)
    for row, wrong, atoms in zip(rows, point.energies, frames, strict=True):
        del atoms.info["total_charge"]  # scaled charges add up to another
        found = potential.evaluate(atoms)
        assert wrong == pytest.approx(found.energy - atoms.info["REF_energy"], abs=1e-5)
        off = found.virial.ravel()[[0, 4, 8, 5, 2, 1]] + atoms.info["REF_stress"] * atoms.get_volume()
        np.testing.assert_allclose(row[-6:] * 0.3 * 15**0.5, off, atol=1e-4)


def test_bonds_and_rigid_ions():
    truth = [PairPotentials({("Li", "Cl"): Morse(2.0, 1.4, 2.4)}, cutoff=5.0, width=1.0)]
    data = labelled([crystal(seed) for seed in range(2)], truth)
    settings = SETTINGS.model_copy(
        update={"polarizabilities": {}, "bonds": ("Li-Cl",), "dispersion": "none", "repulsion": False}
    )
    terms = fit_classical(data, settings)
    assert [term.kind for term in terms] == ["pair-potentials", "coulomb"]
    bond = terms[0].forms["Li", "Cl"]
    assert isinstance(bond, Morse)
    found = np.concatenate([Potential(terms).evaluate(a).forces for a in data])
    labels = np.concatenate([a.arrays["REF_forces"] for a in data])
    assert np.sqrt(np.mean((found - labels) ** 2)) < 0.2 * np.sqrt(np.mean(labels**2))


def test_charges_stay_neutral_when_free(frames):
    parameters = Parameters(frames, SETTINGS.model_copy(update={"charge_fit": "free"}))
    for shift in (-1.0, 0.0, 1.0):
        charges = parameters.terms(parameters.start + shift, {})[1].charges.charges(frames[0])
        assert charges.sum() == pytest.approx(0, abs=1e-12)
        assert np.abs(charges).max() > 0.01


def test_the_same_seed_gives_the_same_model(frames):
    settings = SETTINGS.model_copy(update={"starts": 2, "iterations": 2})
    first, second = (fit_classical(frames[:1], settings) for _ in range(2))
    assert [t.settings() for t in first] == [t.settings() for t in second]


def test_a_model_survives_its_file(frames, tmp_path):
    potential = Potential(fit_classical(frames[:1], SETTINGS.model_copy(update={"iterations": 2})))
    potential.save(tmp_path / "model.safetensors")
    loaded = Potential.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.evaluate(frames[1]).forces, potential.evaluate(frames[1]).forces)


def test_what_cannot_be_fitted_is_refused(frames):
    with pytest.raises(InputError, match="no frame carries"):
        fit_classical([crystal(0)], SETTINGS)
    with pytest.raises(InputError, match="no formal charge for Cl"):
        fit_classical(frames, ClassicalSettings())
    with pytest.raises(InputError, match=r"add up to \+8 e.*free"):
        fit_classical(frames, SETTINGS.model_copy(update={"charges": {"Li": 2.0, "Cl": -1.0}}))
    with pytest.raises(InputError, match="'Li-S' joins no two elements"):
        fit_classical(frames, SETTINGS.model_copy(update={"bonds": ("Li-S",)}))
    lone = labelled([crystal(0)[:-1]], TRUE[:1])
    with pytest.raises(InputError, match=r"no charges but zero"):
        fit_classical([*frames, *lone], SETTINGS.model_copy(update={"charge_fit": "free"}))
    with pytest.raises(InputError, match="polarization catastrophe"):
        fit_classical(
            frames[:1],
            SETTINGS.model_copy(
                update={"polarizabilities": {"Li": 9.0, "Cl": 60.0}, "thole": 1.9, "iterations": 1}
            ),
        )
    with pytest.raises(ValidationError, match="Extra inputs"):
        ClassicalSettings(polarisabilities={})


def test_searches_tell_how_far_they_are_and_how_long_the_rest_takes(frames, capsys, monkeypatch):
    seconds = itertools.count(step=60.0)
    monkeypatch.setattr("superion.progress.monotonic", lambda: next(seconds))
    settings = SETTINGS.model_copy(update={"iterations": 2, "starts": 2, "polarizabilities": {}})
    fit_classical(frames[:1], settings, progress=True)
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("rigid ions: start 1 of 2, step 1 of at most 2, loss ")
    assert first.endswith(", 60 s, at most about 3 min left")
    fit_classical(frames[:1], settings)
    assert "step" not in capsys.readouterr().err
