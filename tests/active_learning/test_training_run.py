"""Whole trainings of the toy salt: what they hold, how they end, and that nothing can spoil them."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from toy_salt import TRUTH
from toy_training import products, truth, write_training

from superion.active_learning import steps
from superion.active_learning.config import read_training
from superion.active_learning.frames import load_frames, write_frames
from superion.active_learning.report.content import read_training_content
from superion.active_learning.report.figures import convergence
from superion.active_learning.run import run_training
from superion.active_learning.status import training_status
from superion.active_learning.variance import disagreement
from superion.errors import BusyError, InputError, SuperionError
from superion.files import locked, read_json, sha256
from superion.potentials import Potential
from superion.reference import read_store
from superion.results import read_result
from superion.structures import structure_hash

SETS = ("training set", "test set", "new structures")


def go(source: Path, folder: Path, **changes) -> Path:
    return run_training(source, folder, **{"label": truth, "progress": False, "figure": False, **changes})


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Inputs, training.yaml and the folder `out` of a finished training."""
    root = tmp_path_factory.mktemp("salt")
    go(write_training(root), root / "out")
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def test_generations_grow_by_what_was_labelled(finished):
    out = finished / "out"
    summary = read_json(out / "summary.json")
    assert summary["ended"] == "the last generation is done"
    assert [g["labels"] for g in summary["generations"]] == [0, 3, 6]
    assert [g["training_frames"] for g in summary["generations"]] == [3, 6, 9]
    test = {structure_hash(atoms) for atoms in load_frames(out / "test.extxyz")}
    for g in range(3):
        here = out / f"generation-{g:03d}"
        training = load_frames(here / "training.extxyz")
        assert not test & {structure_hash(atoms) for atoms in training}
        for name in ("gap", "es-gap"):
            potential = Potential.load(here / f"models/{name}.safetensors")
            assert potential.provenance["data"] == {"training.extxyz": sha256(here / "training.extxyz")}
            errors = summary["generations"][g]["models"][name]
            assert errors["train"]["frames"] == 3 + 3 * g
            assert errors["test"]["frames"] == 3
            assert set(errors["test"]["force_rmse_by_species"]) == {"Li", "Cl"}
            assert (errors["new"] is None) == (g == 2)
            assert errors["calibration"]["frames"] == 3
        if g < 2:
            chosen = [entry["frame"] for entry in read_json(here / "selected.json")["chosen"]]
            labelled = load_frames(here / "new.extxyz")
            assert [atoms.info["frame_id"] for atoms in labelled] == chosen
            for atoms in labelled:
                (exact,) = truth([atoms])
                np.testing.assert_allclose(atoms.arrays["REF_forces"], exact.arrays["REF_forces"], atol=1e-6)


def test_the_figure_shows_all_generations(root):
    go(root / "training.yaml", root / "out", figure=True)
    svg = (root / "out" / "convergence.svg").read_text()
    assert (root / "out" / "convergence.png").read_bytes().startswith(b"\x89PNG")
    assert svg.startswith("<?xml")
    summary = read_json(root / "out" / "summary.json")
    figure = convergence(read_result(root / "out" / "summary.json").generations)
    energy, force, gap, es_gap = figure.axes
    drawn = {line.get_label(): line.get_ydata() for line in force.get_lines()}
    expected = [1000 * g["models"]["es-gap"]["test"]["force_rmse"] for g in summary["generations"]]
    np.testing.assert_allclose(drawn["ES-GAP, test set"], expected)
    assert np.isnan(drawn["GAP, new structures"][-1])
    assert len(energy.get_lines()) == 6
    by_species = {line.get_label(): line.get_ydata() for line in gap.get_lines()}
    assert set(by_species) == {f"{s}, {part}" for s in ("Li", "Cl") for part in SETS}
    expected = [
        1000 * g["models"]["gap"]["train"]["force_rmse_by_species"]["Cl"] for g in summary["generations"]
    ]
    np.testing.assert_allclose(by_species["Cl, training set"], expected)
    assert "ES-GAP" in es_gap.get_title()


def test_new_errors_are_those_of_models_that_have_not_seen_the_frames(finished):
    here = finished / "out" / "generation-001"
    potential = Potential.load(here / "models/es-gap.safetensors")
    new = load_frames(here / "new.extxyz")
    wrong = np.concatenate([potential.evaluate(a).forces - a.arrays["REF_forces"] for a in new])
    found = read_json(here / "judge.json")["models"]["es-gap"]["new"]["force_rmse"]
    assert found == pytest.approx(np.sqrt(np.mean(wrong**2)))


def test_with_the_exact_electrostatics_the_test_error_falls(finished):
    judged = read_json(finished / "out" / "summary.json")["generations"]
    first, last = (g["models"]["es-gap"]["test"]["force_rmse"] for g in (judged[0], judged[-1]))
    assert last < first


def test_a_finished_training_is_not_done_again(root):
    before = {p: p.stat().st_mtime_ns for p in (root / "out").rglob("*.safetensors")}
    go(root / "training.yaml", root / "out", label=lambda frames: pytest.fail("labelled again"))
    assert {p: p.stat().st_mtime_ns for p in (root / "out").rglob("*.safetensors")} == before
    go(root / "out", None)  # continued with its own settings
    assert {p: p.stat().st_mtime_ns for p in (root / "out").rglob("*.safetensors")} == before


def test_damage_is_mended(root):
    whole = products(root / "out")
    for name in ("models/gap.safetensors", "new.extxyz", "candidates.extxyz"):
        path = root / "out" / "generation-001" / name
        path.write_bytes(path.read_bytes()[:-40])
    (root / "out" / "generation-000" / "judge.json").unlink()
    go(root / "training.yaml", root / "out")
    assert products(root / "out") == whole


def test_more_generations_go_on(root):
    longer = write_training(root, protocol__generations=3)
    before = products(root / "out")
    go(longer, root / "out")
    after = products(root / "out")
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"generation-002/judge.json", "summary.json"}
    assert "generation-003/models/gap.safetensors" in after


def test_what_changed_settings_made_is_not_mixed_with_what_was_made_before(root, monkeypatch):
    fit_jobs, fits = steps.fit_jobs, []

    def killed(*arguments, **named):
        fits.append(1)
        if len(fits) == 2:
            raise KeyboardInterrupt
        return fit_jobs(*arguments, **named)

    monkeypatch.setattr(steps, "fit_jobs", killed)
    source = write_training(root, fit__soap__sparse_points=6)
    with pytest.raises(KeyboardInterrupt):
        go(source, root / "out")
    assert [one["generation"] for one in read_json(root / "out" / "summary.json")["generations"]] == [0]
    found = training_status(root / "out")
    rows = {row.step: row for row in found.rows}
    assert rows["000/grow"].status == "done"
    assert rows["001/judge"].status == "to do"
    assert "if it still holds" in rows["001/judge"].note
    assert (found.generation, found.ended) == (1, None)
    content = read_training_content(root / "out")
    assert [one.generation for one in content.judged] == [0]


def test_killed_at_every_write_and_at_random_moments(tmp_path):
    here = Path(__file__).parent
    paths = [str(here), str(here.parent / "study"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(here / "killed_training.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["same"] == [True, True]
    assert found["writes"] > 40
    assert found["moments"] > 1
    assert found["files"] > 20


def test_a_disk_that_refuses_stops_the_training_and_spoils_nothing(finished, tmp_path, monkeypatch):
    whole = products(finished / "out")
    source, replace = finished / "training.yaml", os.replace
    refused = 0
    for allowed, code in ((3, errno.ENOSPC), (17, errno.EROFS), (29, errno.ENOSPC), (41, errno.EROFS)):
        left = [allowed]

        def full(origin, target, left=left, code=code) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(code, os.strerror(code), str(target))
            replace(origin, target)

        monkeypatch.setattr(os, "replace", full)
        with pytest.raises((OSError, SuperionError), match=os.strerror(code)):
            go(source, tmp_path / "out")
        refused += 1
        monkeypatch.setattr(os, "replace", replace)
    go(source, tmp_path / "out")
    assert products(tmp_path / "out") == whole
    assert refused == 4


def test_one_process_at_a_time(root):
    with locked(root / "out"), pytest.raises(BusyError):
        go(root / "training.yaml", root / "out")


def test_the_budget_is_never_exceeded(tmp_path):
    asked = []

    def counted(frames):
        asked.extend(frames)
        return truth(frames)

    source = write_training(tmp_path, budget=4, protocol__generations=5)
    out = go(source, tmp_path / "out", label=counted)
    assert len(asked) == 4
    summary = read_json(out / "summary.json")
    assert summary["ended"] == "all labels of the budget are made"
    assert summary["generations"][-1]["training_frames"] == 3 + 4
    found = training_status(out)
    assert (found.labels, found.budget, found.ended) == (4, 4, summary["ended"])


def test_structures_to_label_first_come_before_the_first_fit(tmp_path):
    source = write_training(tmp_path, data__label=["first.extxyz"], protocol__generations=1)
    frames = load_frames(tmp_path / "salt.extxyz")
    moved = [frames[0].copy(), frames[1].copy(), frames[3].copy()]
    for atoms in moved[:2]:
        atoms.rattle(0.05, seed=3)
    write_frames(tmp_path / "first.extxyz", moved)
    with pytest.raises(InputError, match="belongs to the test trajectory b"):
        go(source, tmp_path / "out")
    del moved[2].info["trajectory"]  # still a copy of a test structure, which is not trained on
    write_frames(tmp_path / "first.extxyz", moved)
    out = go(source, tmp_path / "out")
    summary = read_json(out / "summary.json")
    assert summary["generations"][0]["labels"] == 3
    assert summary["generations"][0]["training_frames"] == 3 + 2
    small = write_training(tmp_path, data__label=["first.extxyz"], budget=2)
    with pytest.raises(InputError, match=r"3 structures, the budget is 2"):
        go(small, tmp_path / "small")


def test_errors_that_stop_improving_end_the_generations(tmp_path):
    source = write_training(
        tmp_path, protocol={"generations": 9, "patience": 1, "tolerance": 0.9, "model": "gap"}
    )
    out = go(source, tmp_path / "out")
    summary = read_json(out / "summary.json")
    assert "have not improved for 1 generations" in summary["ended"]
    errors = [g["models"]["gap"]["new"]["force_rmse"] for g in summary["generations"][:-1]]
    assert len(errors) == 2
    assert errors[1] > 0.1 * errors[0]


def test_active_training_ends_when_no_run_leaves_the_data(tmp_path):
    source = write_training(
        tmp_path,
        protocol={"kind": "active", "generations": 8, "patience": 1},
        explore__stop={"measure": "extrapolation", "above": 3.0, "every": 4},
        explore__dynamics__temperatures=[500],
        explore__walkers=1,
        models=["es-gap"],
        select={"method": "extrapolation", "count": 4},
    )
    out = go(source, tmp_path / "out")
    summary = read_json(out / "summary.json")
    assert summary["ended"] == "no run has left the data for 1 generations"
    count = len(summary["generations"])
    assert count > 1
    for g in range(count):
        runs = read_json(out / f"generation-{g:03d}" / "explored.json")
        assert any(run["stopped"] for run in runs) == (g < count - 1)


def test_loops_heat_up_and_watch_diffusion(tmp_path):
    source = write_training(
        tmp_path,
        protocol={"kind": "loops", "generations": 2},
        explore__ramp=True,
        diffusion={
            "structure": {"file": "salt.extxyz"},
            "dynamics": {
                "temperatures": [600], "ensemble": "nve", "timestep": 2.0, "steps": 220, "sample_every": 2,
            },
        },
    )  # fmt: skip
    out = go(source, tmp_path / "out")
    summary = read_json(out / "summary.json")
    assert summary["ended"] == "the last generation is done"
    assert set(summary["diffusion"]) == {"0", "1"}
    assert all("diffusion" in result for result in summary["diffusion"].values())
    assert read_json(out / "generation-001" / "selected.json")["method"] == "equidistant"


def test_committee_and_a_failing_label(tmp_path):
    def partly(frames):
        return [None if k == 1 else atoms for k, atoms in enumerate(truth(frames))]

    source = write_training(
        tmp_path,
        select={"method": "committee", "count": 3, "committee": 2},
        explore__stop={"measure": "committee", "above": 0.018, "every": 4},
    )
    out = go(source, tmp_path / "out", label=partly)
    here = out / "generation-000"
    steps_done = [row.step for row in training_status(out).rows]
    assert steps_done[4:7] == ["000/committee", "000/explore", "000/select"]
    assert steps_done.count("000/committee") == 1
    assert len(list((here / "committee").glob("*.safetensors"))) == 2
    stopped = [run["stopped"] for run in read_json(here / "explored.json") if run["stopped"]]
    assert stopped
    assert all("disagreement of the committee" in reason for reason in stopped)
    members = [Potential.load(path) for path in sorted((here / "committee").iterdir())]
    for chosen, atoms in zip(
        read_json(here / "selected.json")["chosen"], load_frames(here / "selected.extxyz"), strict=True
    ):
        assert chosen["score"] == pytest.approx(disagreement(members, atoms), rel=1e-3)
    assert read_json(here / "failed.json") == [read_json(here / "selected.json")["chosen"][1]["frame"]]
    assert read_json(out / "summary.json")["generations"][1]["training_frames"] == 3 + 2


def test_nothing_labelled_is_an_error_that_status_shows(tmp_path):
    source = write_training(tmp_path)
    with pytest.raises(SuperionError, match="none of 3 structures could be labelled"):
        go(source, tmp_path / "out", label=lambda frames: [None] * len(frames))
    found = training_status(tmp_path / "out")
    assert [(row.step, row.status) for row in found.rows if row.status != "done"] == [("000/label", "failed")]
    assert found.ended is None
    go(source, tmp_path / "out")
    assert training_status(tmp_path / "out").ended == "the last generation is done"


def test_a_protocol_of_one_s_own(tmp_path):
    def mine(work) -> str:
        steps.start(work)
        steps.fit(work, 0)
        steps.explore(work, 0)
        steps.select(work, 0, "random")
        steps.label(work, 0)
        steps.clean(work, 0)
        steps.judge(work, 0)
        return "once is enough"

    out = go(write_training(tmp_path), tmp_path / "out", protocol=mine)
    assert read_json(out / "summary.json")["ended"] == "once is enough"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protocol__kind": "active"}, r"explore\.stop is missing"),
        ({"protocol__kind": "loops"}, "diffusion is missing"),
        ({"models": ["gap"], "protocol__model": "es-gap"}, r"protocol\.model is es-gap"),
        ({"explore__dynamic": {}}, r"explore\.dynamic: unknown key. Did you mean 'dynamics'"),
        ({"select__methd": "cur"}, r"select\.methd: unknown key. Did you mean 'method'"),
        ({"budget": 0}, "budget"),
        (
            {"select__method": "variance", "fit__uncertainty": False},
            r"variance needs .* uncertainty is false for the model es-gap",
        ),
    ],
)
def test_wrong_settings(changes, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read_training(write_training(tmp_path, **changes))


def test_yaml_cannot_make_objects(tmp_path):
    path = write_training(tmp_path)
    path.write_text(path.read_text() + "\nseed: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(InputError, match="only plain values are allowed"):
        read_training(path)


def test_the_folder_keeps_its_training(root, tmp_path):
    with pytest.raises(InputError, match="holds the training 'salt', not 'pepper'"):
        go(write_training(tmp_path, name="pepper"), root / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(InputError, match="holds no training"):
        go(root / "training.yaml", tmp_path / "full")
    source = write_training(tmp_path, data__files=["nowhere.extxyz"])
    with pytest.raises(InputError, match="there is no file"):
        go(source, tmp_path / "other")


def test_settings_in_the_folder_are_those_of_the_file(finished):
    given, kept = (read_training(finished / n) for n in ("training.yaml", "out/training.yaml"))
    assert kept == given
    assert (
        yaml.safe_load((finished / "out/training.yaml").read_text())["data"]["files"][0] == "../salt.extxyz"
    )


def test_labels_come_from_the_store_of_the_folder(finished, tmp_path):
    """A model file as the source of labels gives what its exact function gives, and is asked once."""
    source = write_training(tmp_path)
    out = run_training(source, tmp_path / "out", progress=False, figure=False)
    entries = read_store(out / "labels").entries.values()
    assert [entry.status for entry in entries] == ["done"] * 6
    for g in range(2):
        mine, theirs = (
            load_frames(folder / f"generation-{g:03d}" / "new.extxyz") for folder in (out, finished / "out")
        )
        for x, y in zip(mine, theirs, strict=True):
            assert x.info["REF_energy"] == pytest.approx(y.info["REF_energy"], abs=1e-9)
            np.testing.assert_allclose(x.arrays["REF_forces"], y.arrays["REF_forces"], atol=1e-7)
    journal = (out / "labels" / "journal.jsonl").read_bytes()
    (out / "generation-001" / "labelled.extxyz").unlink()
    whole = products(finished / "out").keys()
    run_training(out, progress=False, figure=False)
    assert (out / "labels" / "journal.jsonl").read_bytes() == journal
    assert whole <= products(out).keys()


def test_the_electrostatics_may_come_from_a_model_file(tmp_path):
    source = write_training(
        tmp_path, electrostatics={"model": "truth.safetensors"}, models=["es-gap"], protocol__generations=1
    )
    out = go(source, tmp_path / "out")
    assert yaml.safe_load((out / "training.yaml").read_text())["electrostatics"] == {
        "model": "../truth.safetensors"
    }
    model = Potential.load(next(out.glob("generation-*/models/es-gap.safetensors")))
    assert model.terms[0].settings() == TRUTH.terms[0].settings()
    assert model.provenance["settings"]["electrostatics"] == {
        "model": "truth.safetensors",
        "electrostatics truth.safetensors": sha256(tmp_path / "truth.safetensors"),
    }
