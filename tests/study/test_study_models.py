"""A study of any models: their settings, which are fitted together, what is compared, what is redone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from toy_salt import FIT, crystal, write_inputs, write_study

from superion import open_model
from superion.errors import InputError
from superion.files import read_json
from superion.potentials import Potential
from superion.report.content import read_content
from superion.simulation import read_trajectory
from superion.structures import read_frames
from superion.study import read_study, run_study, status
from superion.study.config import write_study as write_settings
from superion.study.fitting import fit_group, groups
from superion.study.steps import Study
from superion.verdict import study_verdicts

SMALL = {"preset": "gap", "soap": {"sparse_points": 6}}
QEQ = {"preset": "qeq-gap", "fit": FIT, "qeq": {"density": "gaussian", "accuracy": 1e-4, "bounded": False}}
NEURAL = {
    "preset": "2g",
    "potential": {"symmetry": {"radial": 4, "angular": 0, "cutoff": 4.0}, "hidden": [4]},
    "training": {"adam_epochs": 3, "lbfgs_epochs": 2, "checkpoint_every": 1},
}


LJ = {"ase": "ase.calculators.lj:LennardJones", "arguments": {"sigma": 2.3, "epsilon": 0.3, "rc": 5.0}}


def read(tmp_path: Path, **changes):
    return read_study(write_study(tmp_path, **changes))


def steps_of(folder: Path) -> dict[str, str]:
    return {name: record["started"] for name, record in read_json(folder / "state.json")["steps"].items()}


def test_a_model_takes_from_the_study_what_it_does_not_say(tmp_path: Path) -> None:
    models = {"gap": None, "small": SMALL, "es": {"preset": "es-gap", "repulsion": False}, "nn": NEURAL}
    study = read(tmp_path, models=models, repulsion=True)
    gap, small, es, nn = study.models.values()
    assert gap.settings == study.fit
    assert small.settings == study.fit.model_copy(
        update={"soap": study.fit.soap.model_copy(update={"sparse_points": 6})}
    )
    assert (es.electrostatics, es.repulsion, gap.repulsion) == (study.electrostatics, False, True)
    assert (nn.settings.training.adam_epochs, nn.electrostatics) == (3, None)
    assert [model.long_range for model in study.models.values()] == [False, False, True, False]


def test_settings_survive_the_copy_in_the_folder_and_say_no_more_than_needed(tmp_path: Path) -> None:
    own = {"charges": {"Li": 0.5, "Cl": -0.5}}
    models = {"gap": {}, "es-gap": {}, "small": SMALL, "es": {"preset": "es-gap", "electrostatics": own}}
    study = read(tmp_path, models=models | {"nn": NEURAL, "old": {"open": "old.safetensors"}})
    folder = tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)
    write_settings(study, folder)
    written = yaml.safe_load((folder / "study.yaml").read_text())["models"]
    assert (written["gap"], written["es-gap"]) == ({"preset": "gap"}, {"preset": "es-gap"})
    assert written["es"]["electrostatics"]["charges"] == own["charges"]
    assert written["old"] == {"open": "../../old.safetensors"}
    assert read_study(folder / "study.yaml") == study


def test_lists_of_presets_and_the_old_key_mean_their_models(tmp_path: Path) -> None:
    old, new, default = (
        read(tmp_path, **given)
        for given in ({"potentials": ["gap", "es-gap"]}, {"models": ["gap", "es-gap"]}, {})
    )
    assert old.models == new.models == default.models
    assert old.verdict == default.verdict
    assert list(read(tmp_path, models=["gap", "4g"]).models) == ["gap", "4g"]


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ({"gap": {"soap": {"sparse_point": 3}}}, "models.gap: soap.sparse_point: unknown key. Did you mean"),
        ({"gap": {"electrostatics": {}}}, "models.gap: electrostatics: unknown key"),
        ({"gap": {"soap": {"cutoff": True}}}, "models.gap: soap.cutoff: expected a number, found True"),
        ({"a b": {"preset": "gap"}}, "models.a b: a model cannot be called 'a b'"),
        ({"a-resampled-1": {"preset": "gap"}}, "cannot be called"),
        ({"kind": {"preset": "gap"}}, "cannot be called"),
        ({"mine": {}}, "models.mine: unknown preset 'mine'"),
        ({"mine": {"preset": "4gg"}}, "Did you mean '4g'?"),
        ({"kqeq": {}}, "models.kqeq: the preset kqeq makes charges alone"),
        ({"gap": {}, "nn": {"preset": "4g", "trainin": {}}}, "models.nn: trainin: unknown key. Did you mean"),
        ({"far": {"open": "a.safetensors", "soap": {}}}, "models.far: soap: unknown key"),
        ({"gap": 7}, "models.gap: expected the settings of a model"),
        ({}, "models: expected models by name"),
    ],
)
def test_mistakes_name_the_model_and_the_key(tmp_path: Path, models: dict, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, models=models)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verdict": {"baseline": "gap", "candidate": "4g"}}, "verdict: there is no model '4g'; models are"),
        ({"verdict": {"baseline": "gap", "candidate": "gap"}}, "baseline and candidate are both gap"),
        ({"potentials": ["gap"], "models": ["gap"]}, "keep models"),
        ({"models": {"a": {"open": "x.safetensors"}}, "fits": {"count": 3}}, "no model is fitted here"),
        ({"dynamics__electric": {"field": [0, 0, 0.1]}}, "dynamics.electric needs charges, and gap has none"),
    ],
)
def test_what_does_not_go_together_is_said(tmp_path: Path, changes: dict, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, **changes)
    assert said in str(caught.value)


def test_pairs_are_the_first_model_with_each_other_unless_they_are_named(tmp_path: Path) -> None:
    models = {"gap": {}, "small": SMALL, "es-gap": {}}
    found = read(tmp_path, models=models).verdict.pairs
    assert [(p.baseline, p.candidate, p.question) for p in found] == [
        ("gap", "small", "model"),
        ("gap", "es-gap", "electrostatics"),
    ]
    (pair,) = read(
        tmp_path, models=models, verdict={"baseline": "small", "candidate": "es-gap"}
    ).verdict.pairs
    assert (pair.baseline, pair.candidate, pair.question) == ("small", "es-gap", "electrostatics")
    ladder = [{"baseline": "gap", "candidate": "small"}, {"baseline": "small", "candidate": "es-gap"}]
    assert len(read(tmp_path, models=models, verdict={"pairs": ladder, "level": 0.1}).verdict.pairs) == 2
    assert read(tmp_path, models=["gap"]).verdict.pairs == ()


def test_models_of_equal_settings_share_a_step(tmp_path: Path) -> None:
    models = {"gap": {}, "small": SMALL, "es-gap": {}, "tiny": SMALL, "nn": NEURAL, "qeq": QEQ}
    study = read(tmp_path, models=models)
    found = {group.step: list(group.models) for group in groups(study.models, study.fit)}
    assert found == {
        "fit": ["gap", "es-gap"], "fit/small": ["small", "tiny"], "fit/nn": ["nn"], "fit/qeq": ["qeq"],
    }  # fmt: skip
    assert [group.step_of(2) for group in groups(study.models, study.fit)] == [
        "fit/resampled-2", "fit/small-resampled-2", "fit/nn-resampled-2", "fit/qeq-resampled-2",
    ]  # fmt: skip


def test_a_neural_model_is_trained_once_and_its_checkpoint_goes(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    study = Study(read(tmp_path, models={"nn": NEURAL}, fits={"count": 1}), tmp_path, progress=False)
    (group,) = study.groups
    (path,) = fit_group(study, group)
    assert [p.name for p in path.parent.iterdir()] == ["nn.safetensors"]
    before = path.stat().st_mtime_ns
    fit_group(study, group)
    assert path.stat().st_mtime_ns == before
    (drawn,) = fit_group(study, group, 1)
    assert drawn.name == "nn-resampled-1.safetensors"
    provenance = Potential.load(drawn).provenance
    assert provenance["settings"]["preset"] == "2g"
    assert provenance["resampled"]["number"] == 1


def test_a_training_that_was_stopped_goes_on_where_it_was(tmp_path: Path, monkeypatch) -> None:
    write_inputs(tmp_path)
    study = Study(read(tmp_path, models={"nn": NEURAL}), tmp_path, progress=False)
    (group,) = study.groups
    whole = fit_group(study, group)[0].read_bytes()
    (tmp_path / "models" / "nn.safetensors").unlink()
    from superion.potentials.neural import epochs

    write, written = epochs.write_checkpoint, []

    def stop(*given):
        write(*given)
        written.append(given[0])
        if len(written) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(epochs, "write_checkpoint", stop)
    with pytest.raises(KeyboardInterrupt):
        fit_group(study, group)
    assert written[-1].exists()
    monkeypatch.setattr(epochs, "write_checkpoint", write)
    assert fit_group(study, group)[0].read_bytes() == whole
    assert not written[-1].exists()


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A study of three models, each of another step."""
    root = tmp_path_factory.mktemp("models")
    write_inputs(root)
    models = {"gap": {}, "small": SMALL, "qeq": QEQ}
    run_study(write_study(root, models=models), root / "out", progress=False)
    return root


def test_every_model_is_fitted_run_judged_and_shown(finished: Path) -> None:
    out = finished / "out"
    assert status(out).next is None
    assert {"fit", "fit/small", "fit/qeq", "dynamics/qeq-300K", "forces/small"} <= set(steps_of(out))
    assert set(read_json(out / "accuracy.json")) - {"kind", "format"} == {"gap", "small", "qeq"}
    verdict = read_json(out / "verdict.json")
    assert verdict["pair"] == {
        "baseline": "gap", "candidate": "small", "question": "model", "charges": None,
    }  # fmt: skip
    assert [other["pair"]["candidate"] for other in verdict["others"]] == ["qeq"]
    content = read_content(out)
    assert content.potentials == ["gap", "small", "qeq"]
    page = (out / "report.html").read_text()
    assert "Which properties need small instead of GAP?" in page
    assert "Which properties need long-range electrostatics? qeq against GAP" in page
    assert "3 models, judged by the same data: GAP, small, qeq." in page
    assert (out / "figures" / "verdict-2.png").exists()


def test_new_settings_of_one_model_redo_what_depends_on_it(finished: Path) -> None:
    out, before = finished / "out", steps_of(finished / "out")
    kept = (out / "models" / "qeq.safetensors").stat().st_mtime_ns
    models = {"gap": {}, "small": SMALL | {"seed": 3}, "qeq": QEQ}
    run_study(write_study(finished, models=models), out, progress=False)
    redone = {name for name, started in steps_of(out).items() if before.get(name) != started}
    assert redone == {
        "fit/small", "accuracy", "forces/small", "dynamics/small-300K", "transport/small-300K", "verdict",
        "report",
    }  # fmt: skip
    assert (out / "models" / "qeq.safetensors").stat().st_mtime_ns == kept


@pytest.fixture(scope="module")
def opened(finished: Path, tmp_path_factory) -> Path:
    """A study of a fitted model, a model file and a calculator of ASE."""
    root = tmp_path_factory.mktemp("opened")
    write_inputs(root)
    (root / "lj.yaml").write_text(yaml.safe_dump(LJ))
    (root / "old.safetensors").write_bytes((finished / "out" / "models" / "qeq.safetensors").read_bytes())
    models = {"gap": {}, "old": {"open": "old.safetensors"}, "lj": {"open": "lj.yaml"}}
    run_study(write_study(root, models=models, fits__count=3), root / "out", progress=False)
    return root


def test_models_that_exist_are_judged_and_run_beside_fitted_ones(opened: Path) -> None:
    accuracy = read_json(opened / "out" / "accuracy.json")
    assert set(accuracy) - {"kind", "format"} == {"gap", "old", "lj"}
    lj = open_model(opened / "lj.yaml")
    test = [atoms for atoms in read_frames(opened / "salt.extxyz") if atoms.info["trajectory"] == "b"]
    apart = [lj.evaluate(atoms).forces - atoms.arrays["REF_forces"] for atoms in test]
    assert accuracy["lj"]["test"]["force_rmse"] == pytest.approx(np.sqrt(np.mean(np.square(apart))))
    found = read_trajectory(opened / "out" / "md" / "lj-300K")
    first = crystal()
    first.positions = found.positions[0]
    assert found.potential_energy[0] == pytest.approx(lj.evaluate(first).energy, abs=1e-9)


def test_a_model_that_exists_has_no_fits_and_its_rows_are_paired_with_those_of_the_other(
    opened: Path,
) -> None:
    names = {path.stem for path in (opened / "out" / "properties" / "forces").glob("*.json")}
    assert {"gap-resampled-3", "lj", "old"} <= names
    assert not [name for name in names if name.startswith(("lj-", "old-"))]
    old, lj = study_verdicts(opened / "out")
    assert (old.pair.candidate, old.pair.question, old.fits) == ("old", "model", 3)
    row = next(f.row for f in lj.findings if f.row.name == "forces of all atoms")
    assert {pair[1].value for pair in row.pairs} == {row.candidate.value}
    assert len({pair[0].value for pair in row.pairs}) == 3


def test_a_changed_settings_file_redoes_its_model_alone(opened: Path) -> None:
    before = steps_of(opened / "out")
    changed = LJ | {"arguments": LJ["arguments"] | {"epsilon": 0.31}}
    (opened / "lj.yaml").write_text(yaml.safe_dump(changed))
    run_study(opened / "study.yaml", opened / "out", progress=False)
    redone = {name for name, started in steps_of(opened / "out").items() if before.get(name) != started}
    assert redone == {
        "accuracy", "forces/lj", "dynamics/lj-300K", "transport/lj-300K", "verdict", "report",
    }  # fmt: skip


def test_a_folder_alone_never_opens_a_settings_file(opened: Path) -> None:
    with pytest.raises(InputError, match=r"models.lj is opened by .*lj\.yaml, which may name code") as caught:
        run_study(opened / "out", progress=False)
    command = str(caught.value).partition("superion run ")[2].split()
    assert command[1] == "--output"
    run_study(command[0], command[2], progress=False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "models.lj.open: there is no file"),
        ("ase: ase.calculators.nothing:Nothing\n", "models.lj: "),
        ("ase: ase.calculators.emt:EMT\n", "models.lj: "),
        ("asse: x\n", "models.lj: "),
    ],
)
def test_a_model_that_cannot_be_used_is_named_before_anything_is_computed(
    tmp_path: Path, content: str | None, said: str
) -> None:
    write_inputs(tmp_path)
    if content is not None:
        (tmp_path / "lj.yaml").write_text(content)
    study = write_study(tmp_path, models={"gap": {}, "lj": {"open": "lj.yaml"}})
    with pytest.raises(InputError) as caught:
        run_study(study, tmp_path / "out", progress=False)
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()
