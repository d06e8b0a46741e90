"""The process of one run of a study: `python -m superion.study.worker FOLDER`.

FOLDER holds `job.json`. The run is resumed if it was begun. The process ends as soon as its standard input
closes, so that no run outlives a study that was killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from superion.errors import BusyError, InputError, SuperionError
from superion.files import sha256

if TYPE_CHECKING:
    from superion.simulation.md import Watch
    from superion.study.job_file import JobFile

PATIENCE = 10.0
"""Seconds to wait for the process of a killed study to leave the folder."""


def main(folder: Path, work: Callable[[Path], None] | None = None) -> int:
    """Do `work` (`run_job`) in `folder`; 0 if done, 2 after an error that is explained on standard error."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        (work or run_job)(folder)
        return 0
    except KeyboardInterrupt:
        print("error: stopped by SIGTERM; what was done is kept.", file=sys.stderr, flush=True)
        return 128 + signal.SIGTERM
    except (SuperionError, OSError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 2


def run_job(
    folder: Path,
    watching: Callable[[JobFile, Any], Watch | None] | None = None,
    *,
    progress: bool = True,
) -> None:
    """Run or resume the dynamics described in `folder`; `watching` makes the watch of a job, if any."""
    from superion.potentials.opening import open_model
    from superion.simulation import run_md
    from superion.study.dynamics import JOB, known_by, start_structure
    from superion.study.job_file import read_job

    job = read_job(folder / JOB)
    file = folder / job.model
    source = file if file.exists() else job.model
    found = {"model": known_by(source), "structure": sha256(folder / job.structure)}
    for name, digest in found.items():
        if digest != getattr(job.identity, name):
            raise InputError(
                f"the {name} was changed while the run waited for its turn.",
                file=(folder / getattr(job, name)).resolve(),
                remedy="run the same command again.",
            )
    atoms = start_structure(folder / job.structure, job.supercell)
    model = open_model(source)
    calculator = model.calculator()
    watch = watching(job, model) if watching else None
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            run_md(
                atoms,
                calculator,
                job.settings,
                folder,
                resume=True,
                progress=progress,
                provenance=job.identity.model_dump(),
                watch=watch,
            )
            return
        except BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Let the run write the frames that it has, as after Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """End this process at once when the other end of standard input is gone."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
