"""The process of one run of a study: `python -m superion.study.worker FOLDER`.

FOLDER holds `job.json`. The run is resumed if it was begun. The process ends as soon as its standard input
closes, so that no run outlives a study that was killed.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from superion.errors import BusyError, SuperionError
from superion.files import read_json

PATIENCE = 10.0
"""Seconds to wait for the process of a killed study to leave the folder."""


def main(folder: Path) -> int:
    """Run the job in `folder`; 0 if it was finished, 2 after an error that is explained on standard error."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from superion.potentials import Calculator
    from superion.simulation import MDSettings, run_md
    from superion.study.dynamics import JOB, start_structure

    try:
        job = read_json(folder / JOB)
        atoms = start_structure(folder / job["structure"], job["supercell"])
        settings = MDSettings.model_validate(job["settings"])
        calculator = Calculator(folder / job["model"])
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                run_md(atoms, calculator, settings, folder, resume=True, provenance=job["identity"])
                return 0
            except BusyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
    except (SuperionError, OSError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 2


def _end_with_parent() -> None:
    """End this process at once when the other end of standard input is gone."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
