"""Where a command will write, looked at before it works: nothing that it reads, and nothing that is no file.

Every command is a `Checked` one. Its outputs are the parameters named in FILES and FOLDERS; all other paths
are inputs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from superion.errors import InputError

FILES = ("output", "json", "figure", "checkpoint", "export")
FOLDERS = ("store",)
GO_ON = ("checkpoint",)
"""Outputs from which a command goes on: they may also be read."""


class Checked(TyperCommand):
    """Refuses outputs that would destroy something, before anything is computed; says what an end costs."""

    keeps = False
    """Whether the command leaves in its folder what is done so far."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            self._check(ctx)
            return super().invoke(ctx)
        except (KeyboardInterrupt, MemoryError, OSError) as error:
            error.add_note(self._after_an_end(ctx.params))
            raise

    def _check(self, ctx: Any) -> None:
        """Paths of all outputs, as they will be written; InputError for one that must not be."""
        files, folders = _outputs(self.params, ctx.params)
        others = {name: value for name, value in ctx.params.items() if name not in {*files, *folders}}
        for name, folder in folders.items():
            check_folder_output(folder, f"--{name}")
        for name, path in files.items():
            made = any(folder.absolute() in path.absolute().parents for folder in folders.values())
            ctx.params[name] = check_file_output(path, _given(others), made=made)
        twice = [path for path in files.values() if list(files.values()).count(path) > 1]
        if twice:
            raise InputError(
                "two outputs would be written to this file.",
                file=twice[0],
                remedy="name another file for one.",
            )

    def _after_an_end(self, values: Mapping[str, Any]) -> str:
        if self.keeps or any(values.get(name) and values[name].exists() for name in GO_ON):
            again = "the same command with --resume" if values.get("resume") is False else "the same command"
            return f"what was done is kept, {again} goes on with it."
        better = [f"--{name} FILE keeps trainings of neural networks." for name in GO_ON if name in values]
        return " ".join(["nothing was kept, the same command starts anew.", *better])


class Resumable(Checked):
    """A command whose folder keeps what is done, and that goes on with it."""

    keeps = True


def _outputs(params: Sequence[Any], values: Mapping[str, Any]) -> tuple[dict[str, Path], dict[str, Path]]:
    """Files and folders that a command was told to write."""
    files: dict[str, Path] = {}
    folders: dict[str, Path] = {}
    for param in params:
        value = values.get(param.name)
        option = param.param_type_name == "option"
        if not isinstance(value, Path):
            continue
        if param.name in FOLDERS or (param.name == "output" and param.metavar == "DIR"):
            folders[param.name] = value
        elif param.name in FILES or (param.name == "frames" and option):
            files[param.name] = value
    return files, folders


def _given(values: Mapping[str, Any]) -> Iterator[Path]:
    """Files and folders that a command was told to read."""
    for value in values.values():
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, Path | str) and one:
                yield Path(one)


def check_folder_output(path: Path, option: str) -> None:
    """InputError for a folder to write to that is a file."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{option} takes a folder, and this is a file.", file=path, remedy="name another.")


def check_file_output(
    path: Path, inputs: Iterator[Path] | Sequence[Path] = (), *, made: bool = False
) -> Path:
    """The file that will be written for `path`: itself, or what a link to a file leads to.

    made: its folder may be made by the command. Raises InputError for what cannot be written to, for a
    folder, a socket or a disk, and for a file that is among the inputs, by whatever name or link.
    """
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    folder = path.absolute().parent
    if not folder.is_dir():
        if made and not folder.exists():
            return path
        raise InputError(
            "there is no such folder.", file=path.parent, remedy="make it, or name another file."
        )
    if path.is_dir():
        raise InputError("this is a folder; expected a file to write.", file=path, remedy="add a file name.")
    kind = path.stat().st_mode if path.exists() else stat.S_IFREG
    if not (stat.S_ISREG(kind) or stat.S_ISCHR(kind) or stat.S_ISFIFO(kind)):
        raise InputError("this is no file that can be written.", file=path, remedy="name another file.")
    if stat.S_ISREG(kind) and not os.access(path if path.exists() else folder, os.W_OK):
        raise InputError(
            "this file may not be written." if path.exists() else "no file may be made in its folder.",
            file=path,
            remedy="give yourself the right to write there, or name another file.",
        )
    for other in inputs:
        if path.is_file() and other.exists() and os.path.samefile(path, other):
            raise InputError(
                "the output is one of the inputs, which would be lost.",
                file=path,
                remedy="name another file.",
            )
    return path
