"""Whether results of a study are those that its steps wrote."""

from __future__ import annotations

from pathlib import Path

from superion.errors import CorruptFileError
from superion.work.state import NAME, State


def check_results(folder: Path) -> None:
    """CorruptFileError for results in a study folder that are not as the step that is done wrote them.

    Models and trajectories check themselves where they are read; what is missing is told there too.
    """
    if not (folder / NAME).exists():
        return
    state = State.read(folder)
    for name in state.records:
        for path in state.changed(name, among=(".json", ".safetensors")):
            if (folder / path).is_file() and not path.startswith(("md/", "models/")):
                raise CorruptFileError(
                    f"it was changed since the step {name!r} wrote it (its SHA-256 is another).",
                    file=folder / path,
                    remedy="continue the study (`superion run` with its folder): the step is done again.",
                )
