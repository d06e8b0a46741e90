"""Files that version 0.1.0 wrote are still read, and stand for the same numbers (docs/formats.md)."""

import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from typer.testing import CliRunner

import superion
from superion.cli.app import app
from superion.potentials import Potential
from superion.potentials.model_schema import FORMAT
from superion.reference import read_store
from superion.report import write_report
from superion.results import _HOMES
from superion.simulation import Trajectory
from test_result_models import covers

FROZEN = Path(__file__).parent / "frozen"
sys.path.insert(0, str(FROZEN))
from freeze import structures, values  # noqa: E402

EXPECTED = json.loads((FROZEN / "models" / "expected.json").read_text())


RESULTS = json.loads((FROZEN / "results.json").read_text(encoding="utf-8"))


@pytest.fixture
def study(tmp_path):
    shutil.copytree(FROZEN / "salt", tmp_path / "salt")
    return tmp_path / "salt" / "study"


def same(found, expected):
    """Nested values that agree to 3e-10: sums of many terms may be made in another order."""
    if isinstance(expected, dict):
        assert set(expected) <= set(found)
        for key, value in expected.items():
            same(found[key], value)
    elif isinstance(expected, (str, bool, type(None))):
        assert found == expected
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=3e-10)


@pytest.mark.parametrize("name", EXPECTED)
def test_models(name):
    path = FROZEN / "models" / f"{name}.safetensors"
    with safe_open(path, framework="np") as handle:
        assert json.loads(json.loads(handle.metadata()["superion"])["content"])["format"] <= FORMAT
    model, atoms = Potential.load(path), structures(FROZEN / "models")
    assert EXPECTED[name]
    for place, expected in EXPECTED[name].items():
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # of charged cells
            same(values(model, atoms[place]), expected)


def test_a_correction_of_somebody_elses_model():
    folder = FROZEN / "base"
    model = superion.open_model(folder / "corrected.safetensors", base=folder / "engine.yaml")
    (atoms,) = structures(folder).values()
    same(values(model, atoms), json.loads((folder / "expected.json").read_text()))


def test_there_is_a_model_of_every_kind():
    """Whoever adds a kind of term, charges or property freezes a model of it (frozen/freeze.py)."""
    from superion.electrostatics.charges import CHARGE_MODELS
    from superion.electrostatics.properties import PROPERTIES
    from superion.terms import TERMS

    held = ""
    for path in sorted(FROZEN.rglob("*.safetensors")):
        with safe_open(path, framework="np") as handle:
            held += json.loads((handle.metadata() or {}).get("superion", "{}")).get("content", "")
    kinds = {
        name
        for registry in (TERMS, CHARGE_MODELS, PROPERTIES)
        for name in registry
        if registry.source(name) == "superion"  # and no toy of another test
    }
    assert len(kinds) > 10
    assert {kind for kind in kinds if f'"kind": "{kind}"' not in held} == set()


@pytest.mark.parametrize("model", ["gap", "es-gap"])
def test_trajectory(study, model, tmp_path):
    folder, told = study / "md" / f"{model}-900K", tmp_path / "transport.json"
    trajectory = Trajectory.open(folder)
    assert trajectory.species == ("Cl", "Li")
    result = CliRunner().invoke(
        app, ["transport", str(folder), "--species", "Li", "--discard", "0", "--json", str(told)]
    )
    assert result.exit_code == 0, result.output
    expected = json.loads((study / "transport" / f"{model}-900K.json").read_text())["result"]
    same(json.loads(told.read_text()), expected)


def test_study(study):
    for command in ("status", "verdict"):
        result = CliRunner().invoke(app, [command, str(study)])
        assert result.exit_code == 0, result.output
    answer = json.loads((study / "verdict.json").read_text())["answer"]
    assert " ".join(answer.split()) in " ".join(result.output.split())
    assert write_report(study).stat().st_size > 100_000


def test_labels():
    entries = read_store(FROZEN / "labels").entries
    assert [(key, entry.status) for key, entry in entries.items()] == [("0", "done"), ("1", "failed")]
    assert entries["0"].labels.energy == -1.5
    np.testing.assert_array_equal(entries["0"].labels.forces, [[0.1, 1 / 3, -2e-17]])


@pytest.mark.parametrize("kind", RESULTS)
def test_results(kind, tmp_path):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(RESULTS[kind]))
    found = superion.read_result(path)
    assert found.kind == kind
    assert covers(found.to_dict(), RESULTS[kind])


def test_there_is_a_result_of_every_kind():
    """Whoever adds a kind of result freezes one (frozen/freeze.py)."""
    assert set(RESULTS) >= set(_HOMES)
