"""The process of one label: `python -m superion.reference.child FOLDER`.

FOLDER holds `job.json`; `result.json` is written there. The process and all it started end as soon as its
standard input closes, so that no calculation outlives the program that asked for it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from superion.files import write_atomic
from superion.reference.attempt import JOB, RESULT, Reply, atoms_from_json, label_here
from superion.reference.journal import decode, encode
from superion.reference.labeller import SetupError
from superion.reference.settings import LabellerSettings, make_labeller


def main(folder: Path) -> None:
    """Make the label and write the reply."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    job = decode((folder / JOB).read_bytes())
    try:
        labeller = make_labeller(LabellerSettings.model_validate(job["settings"]), log="-")
        reply = label_here(job["key"], atoms_from_json(job["structure"]), labeller)
    except SetupError as error:  # of another machine than the one that asks
        reply = Reply(job["key"], reason=str(error), retry=False, stop=True)
    write_atomic(folder / RESULT, encode(asdict(reply)))


def _end_with_parent() -> None:
    """Kill this process and those it started when the other end of standard input is gone."""
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
