"""One attempt at one label: in this process, or in a process of its own that can be killed.

A failure that belongs to the label is not raised but answered, so that an attempt can run on any executor.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from ase import Atoms

from superion.errors import LabelError
from superion.reference.labeller import Labeller, SetupError, multiplicity
from superion.reference.settings import LabellerSettings, make_labeller
from superion.work.process import LostError, OvertimeError
from superion.work.worker import leave


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


_here = threading.local()


def label_job(
    key: str, structure: dict[str, Any], settings: dict[str, Any], log: Literal["-"] | None
) -> Reply:
    """Label with a labeller that this thread keeps from label to label, as long as they succeed.

    structure: from `atoms_to_json`. settings: of the labeller, as plain values. log: as of `make_labeller`.
    """
    made: tuple[Any, Labeller] | None = getattr(_here, "made", None)
    try:
        if made is None or made[0] != settings:
            chosen = LabellerSettings.model_validate(settings)
            made = _here.made = settings, make_labeller(chosen, log=log)
        reply = label_here(key, atoms_from_json(structure), made[1])
    except SetupError as error:  # of another machine than the one that asks
        reply = Reply(key, reason=str(error), retry=False, stop=True)
    if reply.labels is None:  # what failed may have left it in any state
        _here.made = None
        leave()
    return reply


def lost_label(key: str, error: LostError, timeout: float | None) -> Reply:
    """What is said of a label whose process did not answer."""
    said = f" Its last output: {error.said}" if error.said else ""
    if isinstance(error, OvertimeError):
        reason = f"not done after {timeout:g} s, killed."
    elif error.code:
        reason = error.problem.replace("its process", "the process of the labeller", 1)
    else:
        reason = "the labeller left no complete result."
    return Reply(key, reason=reason + said, seconds=error.seconds)


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
