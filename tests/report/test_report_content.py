from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from synthetic_study import write, write_study
from typer.testing import CliRunner

from superion.cli.app import app
from superion.errors import CorruptFileError, InputError
from superion.report import write_report
from superion.report.content import read_content


@pytest.mark.parametrize(("name", "step"), [("census.json", "census"), ("accuracy.json", "accuracy")])
def test_incomplete_study_names_the_step_and_its_error(tmp_path: Path, name: str, step: str) -> None:
    folder = write_study(tmp_path)
    (folder / name).unlink()
    state = json.loads((folder / "state.json").read_text())
    state["steps"][step] |= {"status": "failed", "error": "../data: the disk is full."}
    write(folder / "state.json", state)
    with pytest.raises(
        InputError, match=f"{name}.*step '{step}'.*{step} failed: ../data: the disk is full.*superion run"
    ):
        write_report(folder)
    assert not (folder / "report.html").exists()


def test_study_without_transport_has_a_report_that_names_the_runs_that_failed(tmp_path: Path) -> None:
    folder = write_study(tmp_path, potentials=["gap"])
    for path in (folder / "transport").iterdir():
        path.unlink()
    state = json.loads((folder / "state.json").read_text())
    state["steps"]["dynamics/gap-500K"] |= {"status": "failed", "error": "too hot."}
    write(folder / "state.json", state)
    assert read_content(folder).runs == []
    text = write_report(folder).read_text()
    assert "There is no result of gap-500K. dynamics/gap-500K failed: too hot." in text
    assert "Force errors by species" in text


def test_empty_or_absent_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="step 'census'"):
        read_content(tmp_path)
    with pytest.raises(InputError, match="no such study folder"):
        read_content(tmp_path / "absent")


@pytest.mark.parametrize("text", ['{"result": {"species": "Li"}}', "[]", '{"result": null}', "{"])
def test_damaged_result_names_the_file(tmp_path: Path, text: str) -> None:
    folder = write_study(tmp_path)
    (folder / "transport" / "gap-500K.json").write_text(text)
    with pytest.raises(CorruptFileError, match=r"gap-500K\.json"):
        read_content(folder)


@pytest.mark.parametrize("command", ["report", "verdict"])
@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("transport/gap-500K.json", "result.conductivity", "95"),
        ("transport/gap-500K.json", "result.status", None),
        ("provenance.json", "seeds.fit", "0"),
        ("accuracy.json", "gap.test.force_rmse_by_species.Li", []),
    ],
)
def test_results_with_other_contents_are_named_by_the_commands(tmp_path, command, name, key, value) -> None:
    path = write_study(tmp_path) / name
    content = json.loads(path.read_text())
    *places, last = key.split(".")
    owner = content
    for place in places:
        owner = owner[place]
    owner[last] = value
    write(path, content)
    said = CliRunner().invoke(app, [command, str(tmp_path)])
    assert said.exit_code == 2, said.output
    assert f"{path}: not what the step" in said.output
    assert f"{key}: " in said.output
    assert "Remedy: delete the file" in said.output


def test_foreign_file_among_the_results(tmp_path: Path) -> None:
    folder = write_study(tmp_path)
    write(folder / "transport" / "notes.json", {})
    with pytest.raises(InputError, match=r"notes\.json.*gap-600K\.json"):
        read_content(folder)


def test_results_of_two_species_are_not_mixed(tmp_path: Path) -> None:
    folder = write_study(tmp_path)
    path = folder / "transport" / "gap-500K.json"
    found = json.loads(path.read_text())
    found["result"]["species"] = "Na"
    write(path, found)
    with pytest.raises(InputError, match="Li, Na"):
        read_content(folder)


def test_damaged_parity_file(tmp_path: Path) -> None:
    folder = write_study(tmp_path)
    path = folder / "parity" / "gap-test.safetensors"
    arrays = load_file(path)
    save_file(arrays | {"force_predicted": arrays["force_predicted"][1:].copy()}, path)
    with pytest.raises(CorruptFileError, match="force: reference has shape"):
        read_content(folder)
    path.write_bytes(b"nothing")
    with pytest.raises(CorruptFileError, match=r"gap-test\.safetensors.*step 'accuracy' redoes it"):
        read_content(folder)


def test_rows_without_reference_are_left_out(tmp_path: Path) -> None:
    folder = write_study(tmp_path)
    path = folder / "parity" / "gap-test.safetensors"
    arrays = load_file(path)
    stress = arrays["stress_reference"].copy()
    stress[[2, 5]] = np.nan
    save_file(arrays | {"stress_reference": stress}, path)
    found = read_content(folder).parity["gap", "test"]
    assert len(found["stress_reference"]) == len(found["stress_predicted"]) == len(stress) - 2
    np.testing.assert_array_equal(found["stress_predicted"][2], arrays["stress_predicted"][3])


def test_runs_are_ordered_local_first_and_by_temperature(tmp_path: Path) -> None:
    runs = read_content(write_study(tmp_path)).runs
    assert [(run.potential, run.kelvin) for run in runs] == [
        ("gap", 500.0),
        ("gap", 700.0),
        ("es-gap", 500.0),
        ("es-gap", 700.0),
    ]


def test_crystal_is_the_start_of_a_trajectory(finished: Path) -> None:
    crystal = read_content(finished).crystal
    assert crystal is not None
    assert np.bincount(crystal.numbers)[[3, 15, 16]].tolist() == [14, 6, 22]
    assert abs(np.linalg.det(crystal.cell)) == pytest.approx(829.34, abs=0.1)
