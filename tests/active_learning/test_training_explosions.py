"""A training whose model blows up goes on with the frames from before, and ends by itself."""

from __future__ import annotations

import numpy as np
import pytest
from toy_training import products, truth, write_training

from superion.active_learning.frames import load_frames
from superion.active_learning.run import run_training
from superion.errors import ModelError
from superion.files import read_json
from superion.potentials import Calculator

GOOD = 22
"""Evaluations before a model goes wrong: eleven frames of two steps."""


def raising(error):
    def spoil(results):
        raise error

    return spoil


def force(value):
    def spoil(results):
        results["forces"][2, 0] = value

    return spoil


def bad_model(monkeypatch, spoil):
    """A model whose every run goes wrong after so many evaluations; the next one, too, at its start."""
    calculate, count = Calculator.calculate, [0]

    def spoiled(self, *arguments, **named):
        calculate(self, *arguments, **named)
        count[0] += 1
        if count[0] > GOOD:
            spoil(self.results)

    monkeypatch.setattr(Calculator, "calculate", spoiled)


def go(source, out):
    return run_training(source, out, label=truth, figure=False, progress=False)


SHORT = {
    "protocol__generations": 1,
    "models": ["es-gap"],
    "explore__walkers": 1,
    "explore__dynamics__temperatures": [300],
    "explore__dynamics__sample_every": 2,
}


@pytest.mark.parametrize(
    "spoil",
    [
        force(np.nan),
        force(1e4),
        force(1e300),
        raising(ModelError("the charges do not converge.")),
        raising(np.linalg.LinAlgError("singular matrix")),
        raising(OverflowError("math range error")),
        raising(ValueError("array must not contain infs or NaNs")),
    ],
    ids=["nan", "hot", "far", "model", "singular", "overflow", "value"],
)
def test_a_model_that_goes_wrong_ends_its_run_not_the_training(tmp_path, monkeypatch, spoil):
    """Dynamics breaks down at step 22 of 40; its frames before are candidates, and labelled."""
    with monkeypatch.context() as patched:
        bad_model(patched, spoil)
        out = go(write_training(tmp_path, **SHORT), tmp_path / "out")
    (run,) = read_json(out / "generation-000" / "explored.json")
    assert run["stopped"].startswith("stopped at step 2"), run
    assert 10 <= run["frames"] <= 12
    assert read_json(out / "summary.json")["ended"] == "the last generation is done"
    new = load_frames(out / "generation-000" / "labelled.extxyz")
    assert len(new) == 3
    assert all(np.isfinite(atoms.positions).all() for atoms in new)
    before = products(out)
    assert products(go(tmp_path / "training.yaml", out)) == before


@pytest.mark.parametrize("parallel", [1, 2])
def test_runs_that_explode_at_once_end_no_training(tmp_path, parallel):
    """A time step of sixty femtoseconds: no run has a frame but its start."""
    changes = {k: SHORT[k] for k in ("protocol__generations", "models", "explore__walkers")}
    changes |= {"explore__dynamics__timestep": 60.0, "parallel": parallel}
    out = go(write_training(tmp_path, **changes), tmp_path / "out")
    runs = read_json(out / "generation-000" / "explored.json")
    assert [run["frames"] for run in runs] == [1, 1]
    assert all("above the limit of" in run["stopped"] for run in runs)
    assert read_json(out / "summary.json")["ended"]
