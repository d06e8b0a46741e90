"""A full or read-only disk, or no memory, in the middle of a long command: one line, and work goes on."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from ase.io import write
from command_line import call
from lennard_jones import defect, locality, write_argon
from test_interrupted_commands import write_fit
from toy_salt import TRUTH, crystal, write_inputs, write_study
from toy_training import write_training


def md(folder: Path) -> list[object]:
    TRUTH.save(folder / "M.safetensors")
    write(folder / "one.xyz", crystal(), format="extxyz")
    run = ("--temperature", 300, "--steps", 20, "--sample-every", 2, "--chunk-frames", 2, "--resume")
    return ["md", folder / "M.safetensors", folder / "one.xyz", "-o", folder / "out", *run]


def run(folder: Path) -> list[object]:
    write_inputs(folder)
    short = {"dynamics__steps": 220, "dynamics__equilibrate": 4, "parallel": "serial"}
    return ["run", write_study(folder, **short, models=["gap"]), "-o", folder / "out"]


def learn(folder: Path) -> list[object]:
    one = {"explore__walkers": 1, "explore__dynamics__temperatures": [500], "protocol__generations": 1}
    return ["active-learning", write_training(folder, **one, models=["gap"]), "-o", folder / "out"]


def label(folder: Path) -> list[object]:
    write_argon(folder)
    files = (folder / "argon.extxyz", "--labeller", folder / "model.yaml", "--store", folder / "out")
    return ["label", *files, "-o", folder / "labelled.extxyz", "--executor", "serial"]


def fit(folder: Path) -> list[object]:
    write_fit(folder, "gap")
    return ["fit", folder / "train.extxyz", "--config", folder / "fit.yaml", "-o", folder / "m.safetensors"]


def defects(folder: Path) -> list[object]:
    write_argon(folder)
    return defect(folder, "out", "serial")


def spheres(folder: Path) -> list[object]:
    write_argon(folder)
    return locality(folder, "out", "serial")


COMMANDS = {f.__name__: f for f in (md, run, learn, label, fit, defects, spheres)}
KEPT = {"md": 3, "run": 6, "learn": 9, "label": 2, "defects": 3, "spheres": 4, "fit": 0}
"""How often each command may write before it cannot any more."""


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("superion.report.html.draw_all", lambda content, folder: {})


CASES = [*((name, errno.ENOSPC) for name in COMMANDS), ("md", errno.EROFS), ("md", None), ("defects", None)]


@pytest.mark.parametrize(("name", "refusal"), CASES)
def test_what_cannot_be_written_ends_with_a_remedy(name, refusal, tmp_path, monkeypatch):
    words = COMMANDS[name](tmp_path)
    sync, left = os.fsync, KEPT[name]

    def refuse(handle: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(refusal, os.strerror(refusal)) if refusal else MemoryError("1 EiB")
        sync(handle)

    monkeypatch.setattr(os, "fsync", refuse)
    ended = call(*words)
    assert ended.exit_code in (1, 2), ended.output
    assert "Traceback" not in ended.output
    assert (os.strerror(refusal) if refusal else "1 EiB") in ended.output, ended.output
    assert "Remedy: " in ended.output, ended.output
    assert not list(tmp_path.rglob("m.safetensors"))
    monkeypatch.setattr(os, "fsync", sync)
    out = tmp_path / "out"
    chunks = {path: path.stat().st_mtime_ns for path in out.rglob("chunk-*")}
    journals = {path: path.read_bytes() for path in out.rglob("journal.jsonl")}
    again = call(*words)
    assert again.exit_code == 0, again.output
    assert {path: path.stat().st_mtime_ns for path in chunks} == chunks
    assert all(path.read_bytes().startswith(before) for path, before in journals.items())
    assert chunks or name != "md"
    assert any(journals.values()) or name not in ("label", "defects", "spheres")
