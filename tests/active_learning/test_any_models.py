"""Active learning takes whatever a study takes: any preset, models that exist, and files of before."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import yaml
from toy_salt import CHARGES, FIT
from toy_training import truth, write_training

from superion.active_learning import steps
from superion.active_learning.config import read_training
from superion.active_learning.config import write_training as write_settings
from superion.active_learning.frames import load_frames
from superion.active_learning.run import run_training
from superion.active_learning.work import Work
from superion.errors import InputError, ModelError
from superion.files import read_json, sha256
from superion.potentials import Potential
from superion.simulation import read_trajectory
from superion.work.fingerprint import fingerprint
from superion.work.state import State

SHORT = {"explore__walkers": 1, "explore__dynamics__steps": 12, "protocol__generations": 1}
TINY = {
    "potential": {"symmetry": {"radial": 4, "angular": 0, "cutoff": 4.0}, "hidden": [4]},
    "training": {"adam_epochs": 2, "lbfgs_epochs": 1, "checkpoint_every": 1},
}


def go(source, folder):
    return run_training(source, folder, label=truth, progress=False, figure=False)


def test_a_teacher_explores_and_students_of_two_presets_are_trained(tmp_path):
    models = {
        "teacher": {"open": "truth.safetensors"},
        "soft": {"preset": "es-gap", "electrostatics": {"charges": {"Li": 0.5, "Cl": -0.5}}},
        "pairs": {"preset": "gap", "soap": None, "repulsion": False},
    }
    source = write_training(
        tmp_path, models=models, explore__model="teacher", **SHORT,
        explore__stop={"measure": "deviation", "above": 1e3, "every": 4},
    )  # fmt: skip
    settings = read_training(source)
    assert settings.student == "soft"  # the first with electrostatics
    out = go(source, tmp_path / "out")
    assert read_training(out / "training.yaml") == settings
    soft, pairs = (
        Potential.load(out / f"generation-001/models/{name}.safetensors") for name in ("soft", "pairs")
    )
    assert [term.kind for term in soft.terms] == ["coulomb", "repulsion", "gp"]
    assert soft.terms[0].settings()["charges"]["values"] == {"Li": 0.5, "Cl": -0.5}
    assert [term.kind for term in pairs.terms] == ["gp"]
    assert [block.kind for block in pairs.terms[0].blocks] == ["pair"]
    (job,) = (out / "generation-000/explore").glob("*300K/job.json")
    found = read_json(job)
    assert found["identity"]["model"] == sha256(tmp_path / "truth.safetensors")
    assert found["identity"]["judge"] == sha256(out / "generation-000/models/soft.safetensors")
    judged = read_json(out / "generation-000/judge.json")["models"]
    assert judged["teacher"]["new"]["force_rmse"] < 1e-6 < judged["soft"]["new"]["force_rmse"]
    assert judged["teacher"]["calibration"] is None
    assert judged["soft"]["calibration"]["frames"] == 3


def test_its_frames_are_those_of_the_teacher(tmp_path):
    """Where the model is exact, the run of the teacher keeps its conserved energy; candidates are on it."""
    models = {"teacher": {"open": "truth.safetensors"}, "gap": {}}
    nve = {"temperatures": [100], "ensemble": "nve", "timestep": 0.25, "steps": 40, "sample_every": 10}
    source = write_training(
        tmp_path, models=models, explore__model="teacher", explore__walkers=1, explore__dynamics=nve,
        protocol__generations=1,
    )  # fmt: skip
    out = go(source, tmp_path / "out")
    run = read_trajectory(out / "generation-000/explore/00-100K")
    exact = [
        truth([atoms])[0].info["REF_energy"]
        for atoms in load_frames(out / "generation-000/candidates.extxyz")
    ]
    assert np.ptp(run.conserved) < 1e-3 < np.ptp(run.potential_energy)
    assert len(exact) == 4
    np.testing.assert_allclose(exact, run.potential_energy[1:], atol=1e-6)


def test_a_neural_network_grows_with_a_committee(tmp_path):
    source = write_training(
        tmp_path, models={"2g": TINY}, select={"method": "committee", "count": 2, "committee": 2}, **SHORT
    )
    out = go(source, tmp_path / "out")
    folder = out / "generation-001/models"
    assert [path.name for path in folder.iterdir()] == ["2g.safetensors"]  # no checkpoint is left
    members = [Potential.load(p) for p in sorted((out / "generation-000/committee").iterdir())]
    assert members[0].digest != members[1].digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"models": {"2g": {}}, "select__method": "variance"},
            r"variance needs predicted standard deviations, but the model 2g \(preset 2g\) has none\. "
            "Presets that have them are gap, es-gap, qeq-gap, kqeq-gap",
        ),
        ({"models": {"a": {"preset": "gapp"}}}, r"unknown preset 'gapp'. Did you mean 'gap'"),
        ({"models": {"a": {"open": "truth.safetensors"}}}, "nothing to train"),
        ({"models": ["kqeq"]}, "makes charges alone"),
        ({"explore__model": "teacher"}, r"explore\.model is teacher, but models are \['gap', 'es-gap'\]"),
        (
            {"models": {"t": {"open": "truth.safetensors"}, "gap": {}}, "protocol__model": "t"},
            r"protocol\.model is t, but models that are fitted are \['gap'\]",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_done(changes, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read_training(write_training(tmp_path, **changes))


def test_a_model_that_is_not_there_is_named(tmp_path):
    models = {"teacher": {"open": "nowhere.safetensors"}, "gap": {}}
    source = write_training(tmp_path, models=models, explore__model="teacher")
    with pytest.raises(InputError, match=r"models\.teacher\.open"):
        go(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_settings_of_before_describe_the_fits_of_before(tmp_path):
    """Fingerprints of steps are those that folders of older versions hold, so that these go on."""
    old = write_training(tmp_path, models=["gap", "es-gap"], protocol__model="es-gap")
    new = yaml.safe_load(old.read_text()) | {"models": {"gap": {}, "es-gap": {"preset": "es-gap"}}}
    for text in (old.read_text(), yaml.safe_dump(new)):
        old.write_text(text)
        settings = read_training(old)
        work = Work(settings, tmp_path, State(tmp_path / "state.json"), truth)
        assert steps._fit_settings(work) == {
            "fit": settings.fit.model_dump(mode="json"),
            "repulsion": True,
            "electrostatics": {"charges": CHARGES, "screening": 2.0, "accuracy": 1e-4},
        }
        assert settings.fit.soap.sparse_points == FIT["soap"]["sparse_points"]
        write_settings(settings, tmp_path)
        assert yaml.safe_load((tmp_path / "training.yaml").read_text())["models"] == {
            name: {"preset": name} for name in ("gap", "es-gap")
        }
    assert fingerprint({"a": 1}) == hashlib.sha256(json.dumps({"a": 1}).encode()).hexdigest()


def test_a_model_without_what_a_stop_rule_needs_ends_before_the_runs(tmp_path, monkeypatch):
    """A model of which nothing tells beforehand what it gives is asked before atoms move."""
    source = write_training(tmp_path, models=["gap"], select__method="variance", **SHORT)
    monkeypatch.setattr(Potential, "gives", frozenset({"energy", "forces"}))
    with pytest.raises(ModelError, match=r"gives no predicted .*, which select.method: variance needs"):
        go(source, tmp_path / "out")
    assert not (tmp_path / "out/generation-000/candidates.extxyz").exists()
