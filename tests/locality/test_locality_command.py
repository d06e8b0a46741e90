"""`superion locality` and `superion charge-fit`: with a model as labeller, interrupted, with bad input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.io import read, write
from synthetic_crystal import CHARGES, SCREENING, charged, crystal
from typer.testing import CliRunner, Result

from superion.cli.app import app
from superion.potentials.model_file import save
from superion.potentials.repulsion import Repulsion

ARGUMENTS = ("--radii", "4,6", "--reference", "Li:2,Mg:1,Cl:2", "--perturbations", "2")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A structure, a model that labels it, and a finished test."""
    path = tmp_path_factory.mktemp("locality")
    write(path / "crystal.extxyz", crystal(), format="extxyz")
    save(path / "truth.safetensors", [charged(), Repulsion.below([crystal()], margin=1.2)], {})
    (path / "model.yaml").write_text(yaml.safe_dump({"labeller": {"model": str(path / "truth.safetensors")}}))
    result = call(*command(path, path / "done"), "--json", path / "result.json")
    assert result.exit_code == 0, result.output
    return path


def command(path: Path, output: Path, *more: object) -> list[str]:
    return [
        *("locality", str(path / "crystal.extxyz"), "--labeller", str(path / "model.yaml"), *ARGUMENTS),
        *("--executor", "threads:1", "--output", str(output), *map(str, more)),
    ]


def test_a_test_is_labelled_once_and_can_be_looked_at_again(folder) -> None:
    journal = (folder / "done" / "labels" / "journal.jsonl").read_bytes()
    again = call(*command(folder, folder / "done"))
    assert again.exit_code == 0
    assert (folder / "done" / "labels" / "journal.jsonl").read_bytes() == journal
    looked = call("locality", folder / "done", "--json", folder / "looked.json")
    assert looked.exit_code == 0
    first, second = (json.loads((folder / f"{n}.json").read_text()) for n in ("result", "looked"))
    assert first.pop("settings")["radii"] == [4, 6]
    assert second.pop("settings") is None
    assert first == second
    assert len(read(folder / "done" / "samples.extxyz", ":")) == 1 + 2 * 5 * 2


def test_long_range_terms_of_a_model_are_subtracted(folder) -> None:
    told = call(
        "locality", folder / "done", "--subtract", folder / "truth.safetensors", "--json", folder / "r.json"
    )
    assert told.exit_code == 0, told.output
    result = json.loads((folder / "r.json").read_text())
    (left,) = result["without"].values()
    for species in CHARGES:
        assert result["forces"][species][1]["spread"] > 1e-3
        assert left[species][1]["spread"] < 1e-7
        assert set(left[species][0]["atoms"]) == set(result["forces"][species][0]["atoms"])


def test_fitted_charges_are_the_true_ones_and_can_be_subtracted(folder) -> None:
    fitted = call("charge-fit", folder / "done", "--radius", "4", "--json", folder / "q.json")
    assert fitted.exit_code == 0, fitted.output
    found = json.loads((folder / "q.json").read_text())
    assert found["charges"] == pytest.approx(CHARGES, rel=1e-4)
    assert found["screening"] == pytest.approx(SCREENING, rel=1e-3)
    told = call("locality", folder / "done", "--subtract", folder / "q.json", "--json", folder / "s.json")
    assert told.exit_code == 0, told.output
    (left,) = json.loads((folder / "s.json").read_text())["without"].values()
    assert all(rows[1]["spread"] < 1e-5 for rows in left.values())


def test_charges_in_words_and_a_screening(folder) -> None:
    text = ",".join(f"{symbol}={q}" for symbol, q in CHARGES.items())
    told = call(
        "locality", folder / "done", "--subtract", text, "--screening", SCREENING, "--json", folder / "w.json"
    )
    assert told.exit_code == 0, told.output
    left = json.loads((folder / "w.json").read_text())["without"][text]
    assert all(rows[1]["spread"] < 1e-7 for rows in left.values())


def test_killed_and_continued_it_is_as_if_it_had_not_been(folder) -> None:
    output = folder / "killed"
    arguments = command(folder, output)
    process = subprocess.Popen(
        [sys.executable, "-m", "superion.cli", *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    journal = output / "labels" / "journal.jsonl"
    while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b'"done"') < 3):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    made = journal.read_bytes().count(b'"done"')
    assert 3 <= made < 21
    assert not (output / "samples.extxyz").exists()
    assert call(*arguments).exit_code == 0
    assert (output / "samples.extxyz").read_bytes() == (folder / "done" / "samples.extxyz").read_bytes()
    assert (output / "locality.json").read_bytes() == (folder / "done" / "locality.json").read_bytes()
    assert journal.read_bytes().count(b'"event": "done"') == 21


def test_a_labeller_that_fails_in_the_middle_is_named_and_loses_nothing(folder, monkeypatch) -> None:
    from superion import Calculator

    calculate, calls = Calculator.calculate, []

    def failing(self, *arguments, **named):
        calls.append(1)
        if len(calls) > 5:
            raise RuntimeError("out of luck")
        return calculate(self, *arguments, **named)

    monkeypatch.setattr(Calculator, "calculate", failing)
    result = call(*command(folder, folder / "failing", "--retries", "0"))
    assert result.exit_code == 2
    for part in ("16 of 21 labels could not be made", "out of luck", "5 labels are kept", "--again"):
        assert part in " ".join(result.output.split())
    monkeypatch.setattr(Calculator, "calculate", calculate)
    assert call(*command(folder, folder / "failing", "--again")).exit_code == 0
    ends = [(folder / name / "samples.extxyz").read_bytes() for name in ("failing", "done")]
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--radii", "4,x"), "cannot understand --radii '4,x'"),
        (("--radii", "4,7"), "--supercell 2x2x2"),
        (("--reference", "Li=2"), "cannot understand 'Li=2' in --reference"),
        (("--reference", "Na:1"), "the structure has no Na"),
        (("--perturbations", "0"), "perturbations"),
        (("--subtract", "nowhere.safetensors"), "no such model file"),
        (("--supercell", "0x1x1"), "supercell"),
    ],
)
def test_bad_arguments_are_explained(folder, tmp_path, arguments, message) -> None:
    result = call(*command(folder, tmp_path / "out", *arguments))
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_folders_without_samples_and_models_without_charges_are_refused(folder, tmp_path) -> None:
    empty = call("charge-fit", tmp_path)
    assert empty.exit_code == 2
    assert "holds no samples" in empty.output
    save(tmp_path / "short.safetensors", [Repulsion.below([crystal()])], {})
    local = call("locality", folder / "done", "--subtract", tmp_path / "short.safetensors")
    assert local.exit_code == 2
    assert "no term that reaches beyond a cutoff" in " ".join(local.output.split())
    (tmp_path / "q.json").write_text("{}")
    assert "not what `superion charge-fit` writes" in " ".join(
        call("locality", folder / "done", "--subtract", tmp_path / "q.json").output.split()
    )
    assert call("locality", folder / "crystal.extxyz").exit_code == 2
    assert (
        "name one with --output" in call("locality", folder / "crystal.extxyz", "--labeller", "gpaw").output
    )


def test_what_is_printed_names_every_species_and_radius(folder) -> None:
    foreign = call("locality", folder / "done", "--subtract", "li7p3s11")
    assert foreign.exit_code == 2
    assert "Cl, Mg" in foreign.output
    shown = call("locality", folder / "done").output
    for symbol in CHARGES:
        assert shown.count(f"│ {symbol} ") == 2
    assert np.isfinite(float(shown.split("│ Li ")[1].split("│")[3]))
