"""The report of a training: numbers, figures, failures, and what it says of one that is not finished."""

from __future__ import annotations

import runpy
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from html_reader import Page
from toy_training import truth, write_training
from typer.testing import CliRunner

from superion.active_learning.report import write_training_report
from superion.active_learning.report.content import read_training_content
from superion.active_learning.report.figures import reliability, selection
from superion.active_learning.report.html import render
from superion.active_learning.run import run_training
from superion.cli.app import app
from superion.errors import CorruptFileError, InputError
from superion.files import read_json, write_json
from superion.reference import Entry

ROOT = Path(__file__).parents[2]


def lossy(frames):
    """Exact labels; the third of three is never made, the first of three has a force that is absurd."""
    made = truth(frames)
    if len(made) > 2:
        made[2] = None
        made[0].arrays["REF_forces"][0, 0] += 500.0
    return made


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder of a training with a failed label and a frame left out in each generation."""
    root = tmp_path_factory.mktemp("report")
    source = write_training(
        root,
        name="salt <script>alert(1)</script>",
        explore__stop={"measure": "deviation", "above": 0.35, "every": 4},
        clean={"force_iqr": 5},
    )
    return run_training(source, root / "out", label=lossy, progress=False)


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


@pytest.fixture(scope="module")
def page(finished: Path) -> Page:
    return Page((finished / "report.html").read_text())


def test_is_one_file_without_scripts_and_with_all_figures(finished, page):
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "base"}
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [image["src"].startswith("data:image/png;base64,") for image in images] == [True] * 3
    assert "salt <script>alert(1)</script>" in page.text
    targets = {attributes["href"][1:] for tag, attributes in page.tags if tag == "a"}
    assert targets <= {attributes.get("id") for _, attributes in page.tags}
    assert {path.name for path in (finished / "figures").iterdir()} == {
        f"{name}.{suffix}"
        for name in ("convergence", "calibration", "selection")
        for suffix in ("png", "svg")
    }
    assert (finished / "convergence.png").exists()


def test_errors_are_those_of_the_summary(finished, page):
    generations = read_json(finished / "summary.json")["generations"]
    rows = page.table("energy (meV/atom)", "force (meV/Å)")
    assert [row[:2] for row in rows] == [[p, str(g)] for g in range(3) for p in ("GAP", "ES-GAP")]
    for row in rows:
        found = generations[int(row[1])]["models"][row[0].lower()]
        for part, cell in zip(("train", "test", "new"), row[4].split(" / "), strict=True):
            if found[part] is None:
                assert cell == "–"
            else:
                assert float(cell) == pytest.approx(1000 * found[part]["force_rmse"], rel=0.01)
    first, last = (generations[k]["models"]["es-gap"]["test"]["force_rmse"] for k in (0, -1))
    assert f"ES-GAP: force RMSE on the test set {1000 * first:.3g} meV/Å with 0 new labels" in page.text
    assert f"{100 * (last / first - 1):+.0f} %".replace("-", "−") in page.text
    assert "Ended: the last generation is done." in page.text


def test_generations_are_counted(finished, page):
    rows = page.table("labels before", "candidates")
    assert [row[0] for row in rows] == ["0", "1", "2"]
    for g, row in enumerate(rows[:2]):
        here = finished / f"generation-{g:03d}"
        runs = read_json(here / "explored.json")
        stopped = sum(run["stopped"] is not None for run in runs)
        rejected = len(read_json(here / "rejected.json"))
        assert row[3] == f"4 ({stopped})"
        assert row[5:9] == ["3", "1", str(rejected), str(2 - rejected)]
        assert row[2] == str(read_json(here / "judge.json")["training_frames"])
    assert rows[2][3:9] == ["–"] * 6
    assert sum(len(read_json(path)) for path in finished.glob("*/rejected.json"))
    ended = [run["stopped"] for path in finished.glob("*/explored.json") for run in read_json(path)]
    shown = [row[2] for row in page.table("how it ended")]
    assert sorted(shown) == sorted(reason or "reached its last step" for reason in ended)
    assert any(ended)


def test_failures_and_frames_left_out_have_reasons(finished, page):
    rows = page.table("frame", "what", "reason")
    failed = [name for path in sorted(finished.glob("*/failed.json")) for name in read_json(path)]
    assert [row[1] for row in rows if row[2] == "no label"] == failed
    assert len(failed) == 2
    assert all("force" in row[3] for row in rows if row[2] == "left out")
    content = read_training_content(finished)
    entry = Entry("failed", frame=failed[0], reason="the cycle did not converge")
    made = Entry("done", frame="x", kind="surrogate", seconds=2.0)
    told = replace(
        content, entries={failed[0]: entry, "x": made}, labeller=[{"labeller": "m", "settings": {}}]
    )
    shown = Page(render(told, {}))
    assert [row[3] for row in shown.table("reason") if row[1] == failed[0]] == ["the cycle did not converge"]
    assert "1 labels were made by a surrogate model, not from first principles" in shown.text


def test_figures_show_calibration_and_scores(finished):
    content = read_training_content(finished)
    figure = reliability(content.judged)
    gap, es_gap, factors = figure.axes
    for panel, name in ((gap, "gap"), (es_gap, "es-gap")):
        drawn = [line.get_ydata() for line in panel.get_lines()[1:]]
        expected = [list(g.models[name].calibration.observed) for g in content.judged]
        np.testing.assert_allclose(drawn, expected)
    expected = [g.models["gap"].calibration.factor for g in content.judged]
    np.testing.assert_allclose(factors.get_lines()[0].get_ydata(orig=False), expected)
    left, right = selection(content.generations).axes
    assert sum(bar.get_height() for bar in left.patches) == 6
    scores = [entry["score"] for entry in read_json(finished / "generation-001/selected.json")["chosen"]]
    np.testing.assert_allclose(right.get_lines()[1].get_ydata(), np.array(scores, dtype=np.float64))


def test_one_that_is_not_finished_says_where_it_stands(tmp_path):
    """The report is written while the training is at work, and after a step has failed."""
    shown = []

    def interrupted(frames):
        if (tmp_path / "out/generation-001").exists():
            shown.append(Page(write_training_report(tmp_path / "out").read_text()))
            raise OSError("the cluster is down")
        return truth(frames)

    source = write_training(tmp_path)
    with pytest.raises(OSError, match="cluster"):
        run_training(source, tmp_path / "out", label=interrupted, progress=False)
    (working,) = shown
    assert "In progress: generation 1." in working.text
    assert [row[5:9] for row in working.table("candidates")] == [["3", "0", "0", "3"], ["3", "–", "–", "–"]]
    result = CliRunner().invoke(app, ["report", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "report.html" in result.output.replace("\n", "")
    stopped = Page((tmp_path / "out/report.html").read_text())
    assert "Stopped: the step 001/label failed." in stopped.text
    assert "the cluster is down" in stopped.text


def test_nothing_judged_and_damaged_files_are_named(folder):
    summary = read_json(folder / "summary.json")
    write_json(folder / "summary.json", summary | {"generations": []})
    with pytest.raises(InputError, match="no generation has been judged"):
        write_training_report(folder)
    (folder / "summary.json").write_text('{"generations": [{')
    with pytest.raises(CorruptFileError, match=r"summary\.json"):
        write_training_report(folder)


@pytest.mark.parametrize(
    ("name", "content", "key"),
    [
        ("summary.json", {"ended": 3, "generations": [], "diffusion": {}}, "ended"),
        ("first-rejected.json", [{"frame": "a"}], "0.reason"),
        ("generation-000/rejected.json", {"frame": "a"}, "array"),
        ("generation-000/selected.json", {"method": "random", "candidates": 3}, "chosen"),
        ("generation-000/explored.json", [{"run": None}], "0.run"),
        ("generation-000/failed.json", [3], "0"),
        ("provenance.json", {"cpu_cores": "many"}, "cpu_cores"),
    ],
)
def test_results_with_other_contents_are_named_by_the_commands(folder, name, content, key):
    write_json(folder / name, content)
    said = CliRunner().invoke(app, ["report", str(folder)])
    assert said.exit_code == 2, said.output
    assert f"{folder / name}: not what the step" in said.output
    assert key in said.output
    assert "Remedy: delete the file" in said.output
    if name.rpartition("/")[2] in ("summary.json", "first-rejected.json", "rejected.json"):
        assert CliRunner().invoke(app, ["status", str(folder)]).output == said.output


def test_a_figure_that_can_no_longer_be_drawn_is_removed(folder):
    summary = read_json(folder / "summary.json")
    for generation in summary["generations"]:
        for model in generation["models"].values():
            model["calibration"] = None
    write_json(folder / "summary.json", summary)
    write_training_report(folder)
    assert not (folder / "figures/calibration.png").exists()
    assert "no predicted deviations" in Page((folder / "report.html").read_text()).text


def test_the_summary_that_is_kept_draws_the_same_figure(finished, tmp_path, capsys):
    command = runpy.run_path(str(ROOT / "benchmarks/training.py"))["main"]
    kept = ["--kept", str(tmp_path / "kept.json"), "--figure", str(tmp_path / "figure")]
    command([str(finished), *kept])
    shown = capsys.readouterr().out
    first = (tmp_path / "figure.png").read_bytes()
    command(kept)
    assert capsys.readouterr().out == shown
    assert (tmp_path / "figure.png").read_bytes() == first
    whole, small = read_json(finished / "summary.json"), read_json(tmp_path / "kept.json")
    for mine, theirs in zip(small["generations"], whole["generations"], strict=True):
        for name in ("gap", "es-gap"):
            x, y = (g["models"][name]["test"]["force_rmse"] for g in (mine, theirs))
            assert x == pytest.approx(y, rel=1e-4)
            assert f"{1000 * y:.3g}" in shown
    assert shown.strip().endswith("ended: the last generation is done")
