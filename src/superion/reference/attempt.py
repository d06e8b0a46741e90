"""One attempt at one label: in this process, or in a process of its own that can be killed.

A failure that belongs to the label is not raised but answered, so that an attempt can run on any executor.
"""

from __future__ import annotations

import signal
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from superion.errors import LabelError
from superion.reference.helper import JOB, LEFT, LOG, OVERTIME, RESULT, helper_here
from superion.reference.journal import decode, encode
from superion.reference.labeller import Labeller, SetupError, multiplicity

TAIL = 2000
"""Characters of a code's last output that are kept with a failure."""


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
    except SystemExit as error:
        reply = Reply(key, reason=f"the labeller ended the process (exit code {error.code or 0}).")
    except Exception as error:  # codes raise many kinds
        reply = Reply(key, reason=f"{type(error).__name__}: {error}")
    return replace(reply, seconds=time.monotonic() - started)


def label_apart(
    key: str, structure: dict[str, Any], settings: dict[str, Any], timeout: float | None
) -> Reply:
    """Label in another process, in a scratch folder; after `timeout` seconds the process is killed.

    structure: from `atoms_to_json`. settings: of the labeller, as plain values. The process is kept for the
    next label of this thread as long as its labels succeed; it ends when this one does, however it ends.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="superion-label-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / JOB).write_bytes(encode({"key": key, "structure": structure, "settings": settings}))
        (folder / LOG).touch()
        deadline = None if timeout is None else started + timeout
        code = helper_here().work(folder, deadline)
        if code == LEFT and not (folder / RESULT).exists():  # for want of work, just now
            code = helper_here().work(folder, deadline)
        reply = _read_reply(key, folder, code, timeout)
        if reply.labels is None:
            helper_here().end()  # what failed may have left it in any state
    return replace(reply, seconds=time.monotonic() - started)


def _read_reply(key: str, folder: Path, code: int | None, timeout: float | None) -> Reply:
    """The reply in a folder. code: exit code of the process, None if it lives, or OVERTIME."""
    log = (folder / LOG).read_bytes()[-4 * TAIL :].decode(errors="replace").strip()[-TAIL:]
    said = f" Its last output: {log}" if log else ""
    if code == OVERTIME:
        return Reply(key, reason=f"not done after {timeout:g} s, killed.{said}")
    if code:
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
