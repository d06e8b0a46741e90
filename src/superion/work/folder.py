"""The folder of a resumable job before it starts: files it names, what the folder holds, its state."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from superion.display import say
from superion.errors import CorruptFileError, InputError
from superion.files import is_temporary
from superion.work.state import NAME, State

PROVENANCE = "provenance.json"


def check_files(named: Mapping[str, Iterable[str | Path]], source: Path) -> None:
    """InputError, naming the key of the settings in `source`, for a file that does not exist."""
    for key, files in named.items():
        for file in files:
            if not Path(file).exists():
                raise InputError(
                    f"{key}: there is no file {file}.",
                    file=source,
                    remedy="correct the path; paths are relative to the YAML file.",
                )


def check_folder(folder: Path, kind: str, name: str, settings: str, read: Callable[[Path], str]) -> None:
    """InputError for a folder that holds something else than the job `name`.

    kind: study, training. settings: name of the settings file; read: the name of the job it describes. A
    settings file alone is no job, but one that somebody wrote and that must not be overwritten.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError("this is a file, not a folder.", file=folder, remedy="give another --output.")
    begun = any((folder / mark).exists() for mark in (NAME, PROVENANCE, ".lock"))  # a state may be deleted
    if (folder / settings).exists() and begun:
        try:
            found = read(folder / settings)
        except InputError as error:
            raise InputError(
                f"cannot tell which {kind} the folder holds: {error.problem}",
                file=folder / settings,
                remedy=f"copy the settings of the {kind} there; what is done is kept.",
            ) from error
        if found != name:
            raise InputError(
                f"the folder holds the {kind} {found!r}, not {name!r}.",
                file=folder,
                remedy="give another --output, or the same name.",
            )
    elif folder.exists() and any(
        path.name != NAME and not path.name.startswith(".") for path in folder.iterdir()
    ):
        raise InputError(
            f"the folder is not empty and holds no {kind}.", file=folder, remedy="give another --output."
        )


def read_state(folder: Path, progress: bool) -> State:
    """The state of the job in `folder`; a damaged one is put aside, and every step is done again."""
    try:
        return State.read(folder)
    except CorruptFileError as error:
        damaged = folder / f"{NAME}.damaged"
        os.replace(folder / NAME, damaged)
        say(f"warning: {error} It was renamed to {damaged.name}; every step is done again.", progress)
        return State(folder)


def set_aside(path: Path) -> Path:
    """Rename a file that is not what its name says, and return its new name, which was free."""
    number = 1
    while os.path.lexists(other := path.with_name(f"{path.name}.old-{number}")):
        number += 1
    return path.rename(other)


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed as they wrote have left; the lock must be held."""
    for root, _, names in os.walk(folder):  # which follows no links
        for path in (Path(root, name) for name in names):
            if is_temporary(path):
                path.unlink(missing_ok=True)  # the last processes may be about to finish or to end
