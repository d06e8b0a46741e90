"""Whatever is raised in a command ends as one message with a remedy and an exit code."""

import re
import signal
from pathlib import Path

import click
import pytest
import typer

from superion.cli.boundary import boundary
from superion.cli.process import Terminated
from superion.errors import InputError


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("no.", remedy="yes."), 2, "error: no. Remedy: yes."),
        (MemoryError(), 2, "error: out of memory: no more can be had. Remedy: give fewer"),
        (
            MemoryError("Unable to allocate 8 TiB."),
            2,
            "error: out of memory: Unable to allocate 8 TiB. Remedy",
        ),
        (RecursionError(), 2, "error: something in a file is nested too deep to be read"),
        (PermissionError(13, "Permission denied", "/x"), 2, "error: /x: Permission denied."),
        (KeyboardInterrupt(), 130, "stopped by SIGINT"),
        (Terminated(signal.SIGTERM), 143, "stopped by SIGTERM"),
        (ValueError("a\nb"), 1, "error: unexpected ValueError: a b. This is a fault of superion"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_raised_is_said_once(capsys, error: BaseException, code: int, said: str) -> None:
    with pytest.raises(typer.Exit) as caught, boundary(debug=False):
        raise error
    text = capsys.readouterr().err
    assert caught.value.exit_code == code
    assert text.startswith(said)
    assert text.count("\n") == 1


def test_the_traceback_of_a_fault_is_kept(capsys) -> None:
    with pytest.raises(typer.Exit), boundary(debug=False):
        raise ZeroDivisionError("by nobody")
    kept = Path(re.search(r"traceback is in (\S+);", capsys.readouterr().err)[1])
    assert "ZeroDivisionError: by nobody" in kept.read_text()
    kept.unlink()


@pytest.mark.parametrize("error", [ValueError("x"), MemoryError(), InputError("no.")])
def test_debug_lets_it_through(error: Exception) -> None:
    with pytest.raises(type(error)), boundary(debug=True):
        raise error


def test_usage_errors_stay_those_of_the_command_line() -> None:
    with pytest.raises(click.UsageError), boundary(debug=False):
        raise click.UsageError("no such option")
