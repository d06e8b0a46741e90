"""`superion fit --tune`: what it finds, how it stops and goes on, and that it looks at nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ase import Atoms
from ase.io import write
from toy_salt import FIT, frames, lone_atoms
from typer.testing import CliRunner, Result

from superion.cli.app import app
from superion.errors import InputError
from superion.potentials import FitSettings, Potential
from superion.recipes import tuning
from superion.recipes.base import Job, Options
from superion.recipes.registry import fit_preset
from superion.recipes.tuning import GAIN, Tuner
from superion.results import read_result
from superion.settings_file import validate

SMALL = {**FIT, "more_soap": [], "quality": "fast"}


def tuner(given: dict[str, Any], data: list[Atoms], limit: float, path: Path | None = None) -> Tuner:
    recipe = fit_preset("gap")
    settings = validate(given, recipe.settings)
    return Tuner(Job(recipe, settings, Options()), settings.model_dump(exclude_unset=True), data, limit, path)


def test_sigmas_that_are_much_too_large_become_smaller() -> None:
    settings, found = tuner({**SMALL, "sigma": {"force": 2.0, "virial": 2.0}}, frames(4), 1e6).run()
    assert isinstance(settings, FitSettings)
    assert found.complete
    assert found.whole
    assert found.left_out == [4, 4, 4]
    chosen, first = found.chosen, found.tried[0]
    assert chosen is not None
    assert (first.sigma, chosen.sigma) == (1.0, 0.25)
    assert settings.sigma.force == pytest.approx(0.25 * 2.0)
    assert settings.soap is not None
    assert settings.soap.sparse_points == round(chosen.points * FIT["soap"]["sparse_points"])
    assert settings.soap.atom_sigma == pytest.approx(chosen.width * FitSettings().soap.atom_sigma)
    assert chosen.force_rmse < 0.9 * first.force_rmse
    best = min(one.force_rmse for one in found.tried)
    assert best <= chosen.force_rmse <= best / (1 - GAIN)


def test_a_search_stops_in_time_and_goes_on_where_it_stopped(tmp_path, monkeypatch) -> None:
    tried = []
    monkeypatch.setattr(
        tuning,
        "predicted",
        lambda job, data, folds: tried.append(job.settings) or predicted(job, data, folds),
    )
    path, data = tmp_path / "t.json", frames(2)
    monkeypatch.setattr(tuning, "LADDER", tuning.LADDER[1:2])
    _, short = tuner(SMALL, data, 1e-9, path).run()
    assert (len(tried), len(short.tried), short.complete) == (1, 1, False)
    assert short.chosen == short.tried[0]
    _, longer = tuner(SMALL, data, 1e6, path).run()
    assert longer.complete
    assert longer.tried[0] == short.tried[0]
    assert len(tried) == len(longer.tried) > 1
    assert all(not settings.uncertainty for settings in tried)
    again, same = tuner(SMALL, data, 1e-9, path).run()
    assert (len(tried), same) == (len(longer.tried), read_result(path))
    assert again == tuner(SMALL, data, 1e6).settings(longer.chosen)
    data[0].arrays["REF_forces"][0] += 0.1
    _, other = tuner(SMALL, data, 1e-9, path).run()
    assert other.made_from != longer.made_from
    assert len(tried) == len(longer.tried) + 1


predicted = tuning.predicted


@pytest.mark.parametrize(
    ("learned", "fine", "best"),
    [
        (0.9, 0.8, "fine"),
        (0.9, 0.95, "learned"),
        (1.1, 0.9, "fine"),
        (1.1, 1.2, "fast"),
        (0.999, 1.0, "fast"),
    ],
)
def test_every_quality_has_its_chance(monkeypatch, learned: float, fine: float, best: str) -> None:
    rmse = {"fast": 1.0, "learned": learned, "fine": fine}
    monkeypatch.setattr(tuning, "predicted", lambda job, *_: (job.settings.quality, None))
    found = {"energy_rmse_per_atom": None, "stress_rmse": None}
    monkeypatch.setattr(tuning, "errors", lambda quality, _: {**found, "force_rmse": rmse[quality]})
    settings, record = tuner({}, frames(1), 1e6).run()
    assert isinstance(settings, FitSettings)
    assert settings.quality == best
    assert record.tried[0].quality == "fast"


def test_what_is_given_stands_and_a_joint_fit_stays_coarse() -> None:
    recipe = fit_preset("kqeq-gap")
    settings = recipe.settings()
    search = Tuner(Job(recipe, settings), {}, frames(1), 1.0)
    start = tuning.Choice(quality="fast")
    assert search.settings(start) == settings
    assert not search._differs(start.model_copy(update={"quality": "fine"}), start)
    assert search._differs(start.model_copy(update={"sigma": 0.5}), start)
    own = tuner({"soap": {"n_max": 5}}, frames(1), 1.0)
    assert own.settings(tuning.Choice(quality="fine")) == validate(
        {"soap": {"n_max": 5}, "quality": "fine"}, FitSettings
    )


def test_one_frame_is_not_enough_and_forces_are_needed() -> None:
    with pytest.raises(InputError, match="leave --tune out"):
        tuner(SMALL, frames(1, "a"), 1.0).run()
    data = frames(2)
    for atoms in data:
        del atoms.arrays["REF_forces"]
    with pytest.raises(InputError, match="no training frame has forces"):
        tuner(SMALL, data, 1.0).run()


def fit(folder: Path, *arguments: object) -> Result:
    words = ["fit", folder / "train.extxyz", "-o", folder / "model.safetensors", *arguments]
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_command_keeps_and_prints_what_was_tried(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tuning, "LADDER", tuning.LADDER[1:2])
    write(tmp_path / "train.extxyz", [*frames(5, "a"), *lone_atoms()], format="extxyz")
    write(tmp_path / "test.extxyz", frames(1, "b"), format="extxyz")
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    more = ("--config", tmp_path / "small.yaml", "--test", tmp_path / "test.extxyz")
    result = fit(tmp_path, *more, "--tune")
    assert result.exit_code == 0, result.output
    assert "warning: no trajectory has another one of its kind" in " ".join(result.output.split())
    assert "sigma" in result.stdout
    kept = json.loads((tmp_path / "model.tuning.json").read_text())
    record = Potential.load(tmp_path / "model.safetensors").provenance
    assert record["tune"] == {**kept, "limit": 600.0}
    assert sum(kept["left_out"]) == 5
    expected = FitSettings().sigma.force * kept["chosen"]["sigma"]
    assert record["settings"]["fit"]["sigma"]["force"] == pytest.approx(expected)
    for options, said in (
        (("--tune", "--tune-time", "soon"), "10m"),
        (("--tune-time", "1h"), "--tune"),
        (("--tune", "--preset", "2g"), "Gaussian processes"),
    ):
        refused = fit(tmp_path, *options)
        assert refused.exit_code == 2
        assert said in refused.output
