"""One attempt at one label: in this process, or in a process of its own that can be killed.

A failure that belongs to the label is not raised but answered, so that an attempt can run on any executor.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from superion.errors import LabelError
from superion.reference.journal import decode, encode
from superion.reference.labeller import Labeller, SetupError, multiplicity

JOB, RESULT, LOG = "job.json", "result.json", "log.txt"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Set to 1 for every label, unless the environment says otherwise."""
TAIL = 2000
"""Characters of a code's last output that are kept with a failure."""
_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of one attempt, in plain values.

    labels: as `Labels.to_json`, or None. reason: why there are none. retry: whether another attempt may help.
    stop: the fault is in the settings or the installation, so that no frame can be labelled.
    """

    key: str
    labels: dict[str, Any] | None = None
    reason: str = ""
    retry: bool = True
    stop: bool = False
    seconds: float = 0.0


def label_here(key: str, atoms: Atoms, labeller: Labeller) -> Reply:
    """Label in this process."""
    started = time.monotonic()
    try:
        labels = labeller.label(atoms.copy())
        labels.check(atoms)
        reply = Reply(key, labels.to_json())
    except SetupError as error:
        reply = Reply(key, reason=str(error), retry=False, stop=True)
    except LabelError as error:
        reply = Reply(key, reason=str(error), retry=error.retry)
    except Exception as error:  # codes raise many kinds
        reply = Reply(key, reason=f"{type(error).__name__}: {error}")
    return replace(reply, seconds=time.monotonic() - started)


def label_apart(
    key: str, structure: dict[str, Any], settings: dict[str, Any], timeout: float | None
) -> Reply:
    """Label in a process of its own, in a scratch folder; after `timeout` seconds the process is killed.

    structure: from `atoms_to_json`. settings: of the labeller, as plain values. The process ends when this
    one does, however it ends.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="superion-label-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / JOB).write_bytes(encode({"key": key, "structure": structure, "settings": settings}))
        with open(folder / LOG, "wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "superion.reference.child", name],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=name,
                start_new_session=True,
                env={thread: "1" for thread in THREADS} | os.environ,
            )
        with _lock:
            _running.add(child)
        try:
            code = child.wait(timeout)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with _lock:
                _running.discard(child)
            _kill(child)
            assert child.stdin is not None
            child.stdin.close()
        reply = _read_reply(key, folder, code, timeout)
    return replace(reply, seconds=time.monotonic() - started)


def kill_running() -> None:
    """Kill the processes of all attempts that this process has begun."""
    with _lock:
        for child in _running:
            _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill a process and those it started, unless it has ended."""
    if child.poll() is None:
        with suppress(ProcessLookupError):  # it has just ended by itself
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _read_reply(key: str, folder: Path, code: int | None, timeout: float | None) -> Reply:
    log = (folder / LOG).read_bytes()[-4 * TAIL :].decode(errors="replace").strip()[-TAIL:]
    said = f" Its last output: {log}" if log else ""
    if code is None:
        return Reply(key, reason=f"not done after {timeout:g} s, killed.{said}")
    if code != 0:
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return Reply(
            key, reason=f"the process of the labeller was {how}.{said}".replace("was ended", "ended")
        )
    try:
        reply = Reply(**decode((folder / RESULT).read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        return Reply(key, reason=f"the labeller left no complete result ({error}).{said}")
    if reply.key != key:
        return Reply(key, reason=f"the labeller answered for another structure ({reply.key[:12]}).")
    return reply


def atoms_to_json(atoms: Atoms) -> dict[str, Any]:
    """What a label depends on, in plain values without loss of a digit."""
    from superion.structures.bare import FRAGMENT, stated  # slow, and not needed by the process of a label

    charges = stated(atoms)
    return {
        "numbers": atoms.numbers.tolist(),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell.array.tolist(),
        "pbc": atoms.pbc.tolist(),
        "fragment": charges.pop(FRAGMENT, None),
        "info": charges | {"multiplicity": multiplicity(atoms)},
    }


def atoms_from_json(value: dict[str, Any]) -> Atoms:
    """Inverse of `atoms_to_json`."""
    atoms = Atoms(**{key: one for key, one in value.items() if key != "fragment"})
    if value["fragment"] is not None:
        atoms.set_array("fragment", np.array(value["fragment"]))
    return atoms
