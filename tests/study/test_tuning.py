"""Sigmas and scales of charges: chosen by left-out trajectories of the training data, kept, and said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy_salt import CHARGES, FIT, frames, lone_atoms, write_inputs, write_study

from superion.errors import InputError
from superion.potentials import FitSettings, Potential
from superion.recipes.base import Job, Options
from superion.recipes.electrostatics import ElectrostaticsSettings
from superion.recipes.left_out import left_out
from superion.recipes.registry import fit_preset
from superion.study.config import read_study
from superion.study.fitting import fit_group
from superion.study.resample import Fit, FitsSettings, resample
from superion.study.steps import Study
from superion.study.tuning import TuneSettings, tune, with_choice
from superion.verdict.reading import tuning_notes
from superion.verdict.settings import ELECTROSTATICS, Pair

WRONG = {symbol: 3 * charge for symbol, charge in CHARGES.items()}


def job(preset: str, charges: dict[str, float]) -> Job:
    electrostatics = ElectrostaticsSettings(charges=charges, accuracy=1e-4)
    return Job(fit_preset(preset), FitSettings.model_validate(FIT), Options(electrostatics=electrostatics))


def test_the_scale_of_charges_that_are_three_times_too_large_is_found() -> None:
    settings = TuneSettings(sigmas=(1.0,), scales=(1 / 3, 1.0), folds=2)
    found = tune(job("es-gap", WRONG), frames(3), settings, "")
    assert found.chosen.scale == pytest.approx(1 / 3)
    assert found.folds == [6, 3]
    assert max(one.force_rmse for one in found.tried) > 1.5 * found.chosen.force_rmse
    chosen = with_choice(job("es-gap", WRONG), 2.0, 1 / 3)
    assert chosen.options.electrostatics.charges == pytest.approx(CHARGES)
    assert chosen.settings.sigma.force == pytest.approx(2 * FitSettings().sigma.force)
    local = tune(job("gap", CHARGES), frames(3), replace_sigmas(settings), "")
    assert [one.scale for one in local.tried] == [None, None]


def replace_sigmas(settings: TuneSettings) -> TuneSettings:
    return settings.model_copy(update={"sigmas": (1.0, 4.0)})


def test_whole_trajectories_and_all_repetitions_of_a_frame_are_left_out() -> None:
    draw = resample([*frames(), *lone_atoms()], FitsSettings(), 1).frames
    for data in (draw, [*frames(), *lone_atoms()]):
        folds = left_out(data, 3, "").folds
        assert len(set.union(*folds)) == sum(map(len, folds))
    for out in left_out(frames(), 3, "").folds:
        assert len({frames()[k].info["trajectory"] for k in out}) == 1
        assert len(out) == 4
    twice = [*frames(1, "a")] * 2
    with pytest.raises(InputError, match="nothing to leave out"):
        left_out(twice, 2, "")


def test_a_study_keeps_what_it_chose_and_chooses_for_every_draw(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    chosen = {"sigmas": [1.0], "scales": [0.5, 1.0], "folds": 2}
    path = write_study(tmp_path, tune=chosen, fits={"count": 1})
    study = Study(read_study(path), tmp_path / "out", progress=False)
    study.folder.mkdir(exist_ok=True)
    written = [each for number in (None, 1) for each in fit_group(study, study.groups[0], number)]
    names = {each.name for each in written if each.suffix == ".json"}
    assert names == {f"{name}{draw}.json" for name in ("gap", "es-gap") for draw in ("", "-resampled-1")}
    found = json.loads((study.folder / "tuning" / "es-gap.json").read_text())
    scale = found["chosen"]["scale"]
    model = Potential.load(study.model(Fit("es-gap")))
    assert model.provenance["tune"]["scales"] == [0.5, 1.0]
    charges = model.evaluate(frames(1, "a")[0]).charges
    assert charges[0] == pytest.approx(scale * CHARGES["Li"])
    before = {each: each.stat().st_mtime_ns for each in written}
    fit_group(study, study.groups[0])
    assert {each: each.stat().st_mtime_ns for each in written} == before


def test_a_verdict_says_whether_both_sides_were_tuned() -> None:
    models = {"gap": {"preset": "gap"}, "es-gap": {"preset": "es-gap"}, "4g": {"preset": "4g"}}
    pair = Pair(baseline="gap", candidate="4g", question="electrostatics", charges="4g")
    assert "as given" in tuning_notes({"models": models}, ELECTROSTATICS)[0]
    assert tuning_notes({"models": models, "tune": {}}, ELECTROSTATICS) == []
    assert tuning_notes({"models": models, "tune": {}}, pair) == [
        "tuning: gap was tuned and 4g was not: some of the difference may be that."
    ]
    assert tuning_notes({"models": models}, replace_question(pair)) == []


def replace_question(pair: Pair) -> Pair:
    return pair.model_copy(update={"question": "model"})
