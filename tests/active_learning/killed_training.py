"""Kill a training with SIGKILL at every write, resume it each time, and compare with one that was not killed.

`python killed_training.py FOLDER`, with the folders of the toys in PYTHONPATH, prints one JSON object.
Children are forked, so that they need not import anything.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from toy_training import products, write_training

from superion.active_learning.run import run_training

CHANGES = {
    "explore__walkers": 1,
    "explore__dynamics__temperatures": [500],
    "explore__dynamics__steps": 20,
    "explore__dynamics__chunk_frames": 3,
    "explore__stop": {"measure": "extrapolation", "above": 1e3, "every": 4},
    "protocol__generations": 1,
    "select__method": "random",
}


def train(source: Path, folder: Path) -> Path:
    return run_training(source, folder, figure=False, progress=False)


def identity(source: Path, target: Path) -> str:
    """What a write is, whatever the time and the process."""
    if target.name == "provenance.json":
        return target.name
    data = source.read_bytes()
    if target.name == "state.json":
        steps = json.loads(data)["steps"]
        data = json.dumps({name: (r["status"], r["outputs"]) for name, r in steps.items()}).encode()
    return f"{target} {hashlib.sha256(data).hexdigest()}"


def child(source: Path, folder: Path, seen: Path) -> None:
    """Run the training until it writes something for the first time; die before or after that write."""
    known = set(seen.read_text().splitlines())
    replace = os.replace

    def deadly(origin, target) -> None:
        what = identity(Path(origin), Path(target))
        if what in known:
            replace(origin, target)
            return
        with open(seen, "a") as handle:
            handle.write(what + "\n")
        if len(known) % 2:
            replace(origin, target)
        os.kill(os.getpid(), signal.SIGKILL)

    os.replace = deadly
    train(source, folder)
    os._exit(0)


def forked(work) -> int:
    """Process id of a child that does `work` and ends with 1 if that raises."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(1)
    return pid


def main(root: Path) -> None:
    source = write_training(root, **CHANGES)
    whole = products(train(source, root / "whole"))
    seen = root / "seen.txt"
    seen.touch()
    kills, status = 0, -1
    while status != 0 and kills < 500:
        _, status = os.waitpid(forked(lambda: child(source, root / "killed", seen)), 0)
        kills += os.WIFSIGNALED(status)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise SystemExit("a resumed training failed")
    times = random.Random(1)
    moments = 0
    for attempt in range(60):
        pid = forked(lambda: (train(source, root / "moments"), os._exit(0)))
        time.sleep(times.uniform(0.0, 0.1 + 0.02 * attempt))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status):
            if os.WEXITSTATUS(status):
                raise SystemExit("a resumed training failed")
            break
        moments += 1
    else:  # a busy machine, on which no attempt was long enough
        train(source, root / "moments")
    result = {
        "writes": kills,
        "moments": moments,
        "same": [products(root / name) == whole for name in ("killed", "moments")],
        "files": len(whole),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
