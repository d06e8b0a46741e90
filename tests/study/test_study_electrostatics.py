"""Electrostatics from a model file under the local term of a study or a training."""

from __future__ import annotations

import shutil
from math import erf, sqrt
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from toy_salt import CHARGES, FIT, TRUTH, frames, settings, write_inputs, write_study

from superion.electrostatics import COULOMB, CoulombTerm, ElementValues, FixedCharges, Gaussian, rappe_goddard
from superion.electrostatics.predicted import PredictedCharges
from superion.errors import InputError, ModelError
from superion.files import read_json, sha256
from superion.potentials import FitSettings, Potential, fit
from superion.recipes.electrostatics import ElectrostaticsSettings, electrostatic_terms
from superion.settings_file import validate
from superion.study import StudySettings, read_study, run_study
from superion.study.config import write_study as write_settings
from superion.study.steps import Study
from superion.work.fingerprint import fingerprint
from superion.work.state import State

TERM = CoulombTerm(PredictedCharges(ElementValues({"Li": 0.5, "Cl": -0.7}), True, 0.0), Gaussian(1.0), 1e-5)


def from_model(**more: object) -> dict[str, object]:
    return {"model": "charges.safetensors", **more}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished study whose es-gap stands on the charges of a model file, in `out`."""
    root = tmp_path_factory.mktemp("study")
    write_inputs(root)
    local = fit(frames(), FitSettings(**FIT), {"es-gap": [TERM]})["es-gap"]
    Potential(local).save(root / "charges.safetensors")
    (root / "settings").mkdir()
    value = settings(
        electrostatics={"model": "../charges.safetensors"}, potentials=["es-gap"], dynamics__steps=200
    )
    value["data"]["files"] = ["../salt.extxyz", "../lone.extxyz"]
    value["structure"]["file"] = "../start.extxyz"
    (root / "settings" / "study.yaml").write_text(yaml.safe_dump(value))
    run_study(root / "settings" / "study.yaml", root / "out", progress=False)
    return root


def test_the_local_term_stands_on_the_electrostatics_of_the_file_and_on_nothing_else(finished: Path) -> None:
    model = Potential.load(finished / "out/models/es-gap.safetensors")
    assert [term.kind for term in model.terms] == ["coulomb", "repulsion", "gp"]
    assert model.terms[0].settings() == TERM.settings()
    found = model.evaluate(frames(1, "b")[0])
    np.testing.assert_allclose(sorted(set(found.charges.round(12))), [-0.6, 0.6])
    assert model.provenance["settings"]["electrostatics"] == {"model": "charges.safetensors"}
    digest = sha256(finished / "charges.safetensors")
    assert model.provenance["data"]["electrostatics charges.safetensors"] == digest
    assert read_json(finished / "out/provenance.json")["data"]["electrostatics charges.safetensors"] == digest
    accuracy = read_json(finished / "out/accuracy.json")["es-gap"]
    assert accuracy["born_charges"] == pytest.approx({"Li": 0.6, "Cl": -0.6})
    charges = accuracy["test"]["charges"]
    assert charges["by_species"]["Li"]["mean"] == pytest.approx(0.6)
    assert charges["total_error"] < 1e-12


def test_a_finished_study_is_resumed_where_it_is_and_elsewhere(finished: Path, tmp_path, capsys) -> None:
    moved = Path(shutil.copytree(finished, tmp_path / "moved"))
    assert yaml.safe_load((moved / "out/study.yaml").read_text())["electrostatics"] == {
        "model": "../charges.safetensors"
    }
    for folder in (finished / "out", moved / "out"):
        run_study(folder)
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 7
        assert all(line.endswith(" done before") for line in said), said


def test_another_model_of_the_same_name_is_fitted_anew(finished: Path, tmp_path) -> None:
    moved = Path(shutil.copytree(finished, tmp_path / "moved"))
    study = Study(read_study(moved / "out/study.yaml"), moved / "out", progress=False)
    fit_step = next(step for step in study.plan() if step.name == "fit")
    before = fit_step.inputs()
    assert State.read(moved / "out").holds("fit", before)
    Potential([CoulombTerm(TERM.charges, Gaussian(0.8), 1e-5)]).save(moved / "charges.safetensors")
    assert fit_step.inputs() != before


def test_one_line_puts_charge_equilibration_under_the_local_term(tmp_path) -> None:
    write_inputs(tmp_path)
    chosen = {"charges": "qeq", "qeq": {"bounded": False}}  # within bounds the salt has formal charges
    path = write_study(tmp_path, electrostatics=chosen, potentials=["es-gap"])
    (tmp_path / "out").mkdir()
    study = Study(read_study(path), tmp_path / "out", progress=False)
    (written,) = next(step for step in study.plan() if step.name == "fit").work()
    model = Potential.load(written)
    assert [term.kind for term in model.terms] == ["equilibration", "repulsion", "gp"]
    assert model.provenance["settings"]["electrostatics"]["charges"] == "qeq"
    atoms = frames(1, "b")[0]
    expected = rappe_goddard(["Li", "Cl"], total_charge=0.0, bounded=False).charges(atoms)
    np.testing.assert_allclose(model.evaluate(atoms).charges, expected, atol=1e-4)
    assert np.ptp(expected[atoms.numbers == 3]) > 1e-3


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "no parameters for Ag; qeq.electronegativity, qeq.hardness, qeq.widths of it are not given"),
        (
            {"density": "gaussian", "electronegativity": {"Ag": 4.4}, "hardness": {"Ag": 6.3}},
            "no parameters for Ag; qeq.widths of it is not given",
        ),
        ({"hardness": {"Xe": 12.0}}, "qeq.hardness names 'Xe', which no structure has"),
        ({"widths": {"Li": 1.0}}, "qeq.widths are those of Gaussian charges, but qeq.density is slater"),
    ],
)
def test_parameters_that_are_missing_or_idle_are_named(given: dict, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        electrostatic_terms(
            ElectrostaticsSettings(charges="qeq", qeq=given), [Atoms("AgCl", [[0, 0, 0], [0, 0, 2]])]
        )
    assert expected in str(caught.value)


def test_own_parameters_replace_those_of_the_table_and_supply_what_it_lacks() -> None:
    qeq = {
        "density": "gaussian",
        "electronegativity": {"Ag": 4.4, "Cl": 8.0},
        "hardness": {"Ag": 14.0},
        "widths": {"Ag": 0.9},
    }
    atoms = Atoms("AgCl", [[0, 0, 0], [0, 0, 2.3]])
    (term,) = electrostatic_terms(ElectrostaticsSettings(charges="qeq", qeq=qeq), [atoms])
    q = term.evaluate(atoms).charges[0]
    a, b = (term.charges.densities[s].sigma for s in ("Ag", "Cl"))
    mutual = COULOMB * erf(2.3 / sqrt(2 * (a**2 + b**2))) / 2.3
    assert q == pytest.approx((8.0 - 4.4) / (14.0 + 9.892 - 2 * mutual))


def test_settings_without_a_model_keep_the_fingerprint_they_had() -> None:
    value = validate(settings(), StudySettings).electrostatics
    assert value.identity() == {"charges": CHARGES, "screening": 2.0, "accuracy": 1e-4}
    assert fingerprint(value.model_dump(mode="json")) == fingerprint(value.identity())


def test_settings_survive_being_written(tmp_path) -> None:
    study = validate(settings(electrostatics=from_model()), StudySettings)
    write_settings(study, tmp_path)
    text = yaml.safe_load((tmp_path / "study.yaml").read_text())
    assert validate(text, StudySettings).electrostatics.files().keys() == {
        "electrostatics charges.safetensors"
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (from_model(screening=3.0), "screening has no effect with a model file"),
        (
            from_model(charges={"Li": 1.0}, accuracy=1e-3),
            "charges and accuracy have no effect with a model file",
        ),
        ({"charges": "qeq", "screening": 3.0}, "screening has no effect with charges: qeq"),
        ({"qeq": {"density": "gaussian"}}, "qeq has no effect with fixed charges"),
        ({"charges": "qek"}, "electrostatics.charges: expected 'qeq', found 'qek'"),
        ({"charges": {"Li": "one"}}, "electrostatics.charges.Li: expected a valid number"),
        ({"modle": "x"}, "electrostatics.modle: unknown key. Did you mean 'model'?"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given: dict, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        validate(settings(electrostatics=given), StudySettings)
    assert expected in str(caught.value)


def test_a_missing_model_file_is_named_with_its_key(tmp_path) -> None:
    write_inputs(tmp_path)
    with pytest.raises(InputError, match=r"electrostatics\.model: there is no file .*charges\.safetensors"):
        run_study(write_study(tmp_path, electrostatics=from_model()), tmp_path / "out", progress=False)


def test_models_that_do_not_serve_are_refused_by_name(tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    chosen = ElectrostaticsSettings(model=str(path))
    Potential(TRUTH.terms[1:]).save(path)
    with pytest.raises(ModelError, match=r"model\.safetensors: the model has no electrostatic term"):
        electrostatic_terms(chosen, frames(1, "a"))
    Potential([CoulombTerm(FixedCharges({"Li": 0.0}), Gaussian(1.0))]).save(path)
    with pytest.raises(ModelError, match=r"model\.safetensors.*cannot be used for Cl4Li4: no charge for Cl"):
        electrostatic_terms(chosen, frames(1, "a"))
