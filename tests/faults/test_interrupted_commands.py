"""An interrupt may come between any two lines of a fit, labels, a study, a training: nothing done is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from command_line import call
from toy_salt import FIT, crystal, frames, lone_atoms, write_inputs, write_study
from toy_training import products, truth, write_training

from interrupter import Interrupter, some
from superion import files, open_model, progress
from superion.active_learning import run as al_run
from superion.active_learning import steps as al_steps
from superion.active_learning.run import run_training
from superion.cli import fit as cli_fit
from superion.cli import outputs
from superion.files import read_json
from superion.potentials import model_file
from superion.potentials.neural import checkpoint, epochs
from superion.recipes import fit as recipe_fit
from superion.reference import LabellerSettings, export, label_frames
from superion.reference import run as label_run
from superion.reference import store as label_store
from superion.simulation import md, recorder
from superion.study import dynamics, fitting, run_study, status
from superion.study import run as study_run
from superion.study import steps as study_steps
from superion.work import journal, pieces, plan, pools, state, step
from superion.work.executors import open_executor

PRESETS = {
    "gap": FIT,
    "2g": {
        "potential": {"symmetry": {"radial": 4, "angular": 0, "cutoff": 4.0}, "hidden": [4]},
        "training": {"adam_epochs": 6, "lbfgs_epochs": 3, "checkpoint_every": 2},
    },
}


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("superion.report.html.draw_all", lambda content, folder: {})


def write_fit(folder: Path, preset: str) -> None:
    from ase.io import write

    write(folder / "train.extxyz", [*frames(2, "ab"), *lone_atoms()], format="extxyz")
    (folder / "fit.yaml").write_text(yaml.safe_dump(PRESETS[preset]))


@pytest.mark.parametrize("preset", PRESETS)
def test_fits_leave_a_whole_model_or_none(tmp_path: Path, preset: str) -> None:
    """Trainings of networks go on from their checkpoint and end with the same weights."""
    write_fit(tmp_path, preset)
    watched = [cli_fit, files, model_file, outputs, recipe_fit, epochs, checkpoint, progress]
    interrupter = Interrupter(*watched)
    answers = []

    def fit(name: str) -> None:
        more = ("--checkpoint", tmp_path / f"{name}.checkpoint") if preset == "2g" else ()
        inputs = (tmp_path / "train.extxyz", "--preset", preset, "--config", tmp_path / "fit.yaml")
        answers.append(call("fit", *inputs, "-o", tmp_path / f"{name}.safetensors", *more))

    def forces(name: str) -> np.ndarray:
        return open_model(tmp_path / f"{name}.safetensors").evaluate(crystal()).forces

    lines = interrupter.lines(lambda: fit("whole"))
    assert answers.pop().exit_code == 0
    whole = forces("whole")
    for at in some(lines, 8):
        name = f"m{at}"
        interrupter.stop(lambda name=name: fit(name), at)
        answer = answers.pop()
        assert answer.exit_code == 130, (at, answer.output, answer.exception)
        kept = (tmp_path / f"{name}.checkpoint").exists()
        assert ("what was done is kept" if kept else "nothing was kept") in answer.output, at
        left = {path.name for path in tmp_path.glob(f"*{name}.*")}
        assert left <= {f"{name}.safetensors", f"{name}.checkpoint"}, at  # no half of a file
        if f"{name}.safetensors" in left:
            assert np.array_equal(forces(name), whole), at
        fit(name)
        assert answers.pop().exit_code == 0, at
        assert np.array_equal(forces(name), whole), at


def test_labels(tmp_path: Path) -> None:
    settings = LabellerSettings.model_validate(
        {"labeller": {"ase": "ase.calculators.lj:LennardJones", "arguments": {"rc": 4.0}}}
    )
    asked = frames(3, "a")
    interrupter = Interrupter(label_run, label_store, journal, pieces, pools)

    def label(folder: Path):
        with open_executor("serial") as here:
            return label_frames(asked, settings, folder, here, progress=False)

    lines = interrupter.lines(lambda: label(tmp_path / "whole"))

    def exported(found) -> bytes:
        export(tmp_path / "out.extxyz", asked, found.entries)
        return (tmp_path / "out.extxyz").read_bytes()

    again = label(tmp_path / "whole")
    assert again.made == 0
    whole = exported(again)
    for at in some(lines, 30):
        folder = tmp_path / f"{at}"
        with pytest.raises(KeyboardInterrupt):
            interrupter.stop(lambda folder=folder: label(folder), at)
        path = folder / "journal.jsonl"
        done = path.read_text().count('"done"') if path.exists() else 0
        found = label(folder)
        assert found.made == 3 - done, at
        assert exported(found) == whole, at


def test_studies(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    short = {"dynamics__steps": 220, "dynamics__equilibrate": 4}
    study = write_study(tmp_path, **short, potentials=["gap"], parallel="serial")
    watched = [study_run, study_steps, fitting, dynamics, files, md, recorder, plan, pools, state, step]
    interrupter = Interrupter(*watched)

    def run(folder: Path) -> None:
        run_study(study, folder, progress=False)

    def results(folder: Path) -> dict[str, object]:
        names = ("accuracy.json", "transport/gap-300K.json", "verdict.json")
        return {name: read_json(folder / name) for name in names if (folder / name).exists()}

    lines = interrupter.lines(lambda: run(tmp_path / "whole"))
    whole = results(tmp_path / "whole")
    assert len(whole) > 1
    for at in some(lines, 5):
        folder = tmp_path / f"{at}"
        with pytest.raises(KeyboardInterrupt):
            interrupter.stop(lambda folder=folder: run(folder), at)
        before = _done(folder)
        run(folder)
        assert status(folder).next is None, at
        assert results(folder) == whole, at
        assert before.items() <= _done(folder).items(), at  # what was done was not done again


def test_trainings(tmp_path: Path) -> None:
    one = {"explore__walkers": 1, "explore__dynamics__temperatures": [500], "protocol__generations": 1}
    source = write_training(tmp_path, **one, models=["gap"])
    watched = [al_run, al_steps, files, md, recorder, plan, pools, state, step]
    interrupter = Interrupter(*watched)

    def train(folder: Path) -> None:
        run_training(source, folder, label=truth, figure=False, progress=False)

    lines = interrupter.lines(lambda: train(tmp_path / "whole"))
    whole = products(tmp_path / "whole")
    for at in some(lines, 5):
        folder = tmp_path / f"{at}"
        with pytest.raises(KeyboardInterrupt):
            interrupter.stop(lambda folder=folder: train(folder), at)
        before = _done(folder)
        train(folder)
        assert products(folder) == whole, at
        assert before.items() <= _done(folder).items(), at


def _done(folder: Path) -> dict[str, str]:
    """When the steps that are done were begun."""
    path = folder / "state.json"
    steps = read_json(path)["steps"] if path.exists() else {}
    return {name: record["started"] for name, record in steps.items() if record["status"] == "done"}
