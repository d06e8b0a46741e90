"""What a command says that is stopped by Ctrl-C or a signal, and what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml
from ase.io import write
from command_line import call
from toy_salt import frames

import superion

ENDLESS = {
    "polarizable": {"charges": {"Li": 1, "Cl": -1}, "starts": 100_000, "iterations": 1000},
    "2g": {"training": {"adam_epochs": 10_000_000, "checkpoint_every": 1}},
}


def started(*words: object, folder: Path) -> subprocess.Popen[str]:
    source = Path(superion.__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-m", "superion.cli", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"},
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    )


def heed_ctrl_c() -> None:
    """As at a terminal; whoever starts tests in the background lets them inherit that Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("preset", "number", "more", "said"),
    [
        (
            "polarizable",
            signal.SIGINT,
            (),
            "stopped by SIGINT; nothing was kept, the same command starts anew.",
        ),
        (
            "2g",
            signal.SIGTERM,
            ("--checkpoint", "kept"),
            "stopped by SIGTERM; what was done is kept, the same command goes on with it.",
        ),
    ],
)
def test_a_fit_that_is_stopped_says_what_is_lost(tmp_path, preset, number, more, said):
    write(tmp_path / "train.extxyz", frames(2, "a"), format="extxyz")
    (tmp_path / "fit.yaml").write_text(yaml.safe_dump(ENDLESS[preset]))
    fit = started(
        *("fit", "train.extxyz", "--preset", preset, "--config", "fit.yaml", "-o", "m.safetensors", *more),
        folder=tmp_path,
    )
    told = [fit.stderr.readline()]
    while "left" not in told[-1]:  # says how long it will take
        assert told[-1], told
        told.append(fit.stderr.readline())
    fit.send_signal(number)
    _, rest = fit.communicate(timeout=60)
    assert fit.returncode == 128 + number, rest
    assert said in rest
    assert "Traceback" not in rest
    left = {path.name for path in tmp_path.iterdir()} - {"train.extxyz", "fit.yaml"}
    assert left == ({"kept"} if more else set())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("md", "m", "s.vasp", "-o", "run", "--temperature", "300", "--steps", "9"),
            "with --resume goes on with it",
        ),
        (("run", "study.yaml"), "what was done is kept, the same command goes on with it."),
        (("train", "training.yaml"), "what was done is kept, the same command goes on with it."),
        (("transport", "run"), "nothing was kept, the same command starts anew."),
    ],
)
def test_who_keeps_what_is_done_says_so(monkeypatch, words, said):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(typer.core.TyperCommand, "invoke", stop)
    result = call(*words)
    assert result.exit_code == 130
    assert said in result.output
