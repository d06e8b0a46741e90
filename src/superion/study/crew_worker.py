"""A process that does steps of a study: `python -m superion.study.crew_worker FOLDER`.

It reads names of steps, one a line, from standard input and answers each with one line of JSON. It ends as
soon as its standard input closes, so that it does not outlive the study.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from queue import SimpleQueue

from superion.errors import SuperionError


def main(folder: Path) -> None:
    """Do the steps that are asked for, until standard input closes."""
    wanted: SimpleQueue[str] = SimpleQueue()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing else may write between the answers
    threading.Thread(target=_listen, args=(wanted,), daemon=True).start()
    from superion.study.config import SETTINGS, read_study
    from superion.study.steps import Study

    plan = {s.name: s for s in Study(read_study(folder / SETTINGS), folder, progress=False).plan()}
    while True:
        step = plan[wanted.get()]
        assert step.work is not None
        since, error = time.monotonic(), None
        try:
            written = step.work()
        except Exception as raised:
            if not isinstance(raised, SuperionError | MemoryError):
                traceback.print_exc()
            error = reason(raised)
            written = step.failed(error) if step.failed else []
        answer = {
            "written": [str(path) for path in written],
            "error": error,
            "seconds": time.monotonic() - since,
        }
        print(json.dumps(answer), file=answers, flush=True)


def reason(error: BaseException) -> str:
    """What the state of a study says about a failure."""
    if isinstance(error, MemoryError):
        return (
            f"out of memory: {str(error).rstrip('.') or 'no more can be had'}. Remedy: run the same command "
            "again, with fewer processes, with smaller structures, or on a machine with more memory."
        )
    return str(error) if isinstance(error, SuperionError) else f"{type(error).__name__}: {error}"


def _listen(wanted: SimpleQueue[str]) -> None:
    """Pass on every line; end the process at once when the other end is gone."""
    for line in sys.stdin:
        wanted.put(line.strip())
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
