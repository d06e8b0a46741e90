"""A training as version 0.1.0 wrote it, opened in Python."""

import json
import shutil
from pathlib import Path

import pytest

import superion
from superion.errors import InputError

FROZEN = Path(__file__).parents[1] / "frozen" / "training" / "training"


def test_a_frozen_training_is_read() -> None:
    training = superion.open_training(FROZEN)
    assert training.ended == "the last generation is done"
    assert [one.number for one in training.generations] == [0, 1]
    assert training.settings.name == training.name == "salt"
    raw = json.loads((FROZEN / "summary.json").read_text())["generations"]
    errors = [one.models["gap"].test.force_rmse for one in training.judged]
    assert errors == [one["models"]["gap"]["test"]["force_rmse"] for one in raw]
    assert len(training.errors) == 5  # train, test and new; the last generation has nothing new
    assert [row[1:3] for row in training.chosen.rows] == [("farthest", 1), ("farthest", 2)]
    assert {row[5] for row in training.chosen.rows} == {"added"}
    assert len(training.frames()) == len(training.frames(0)) + training.generations[0].added
    assert training.model("gap").species
    assert "ended: the last" in repr(training)
    assert "farthest" in training._repr_html_()
    with pytest.raises(InputError, match="generation 7 has no training"):
        training.frames(7)


def test_what_is_damaged_or_missing_is_named(tmp_path) -> None:
    folder = tmp_path / "salt"
    shutil.copytree(FROZEN, folder)
    (folder / "generation-000" / "selected.json").write_text('{"method": "farthest"}')
    (folder / "summary.json").unlink()
    training = superion.open_training(folder)
    said = " ".join(training.missing)
    assert "candidates: Field required" in said
    assert "summary.json is missing" in said
    assert training.judged == []
    assert training.generations[0].runs
    with pytest.raises(InputError, match="holds no training"):
        superion.open_training(tmp_path)
    with pytest.raises(InputError, match="no such training folder"):
        superion.open_training(tmp_path / "x")
