"""Reads a file with chemfiles in a process of its own, which a damaged file may end.

    python -P chemfiles_child.py FILE

Frames go to standard output, each as a line of JSON (atoms, cell, step, time, whether there are velocities,
of the first one the types of the atoms) and the float64 bytes of positions and velocities; after the last
one, or where reading failed, stands a line with `end` or `error`.

It is a script without superion, and no call of `superion.work.worker`: a worker answers a call once, with
all frames in memory, and starts ten times more slowly.
"""

from __future__ import annotations

import json
import sys
from typing import Any, BinaryIO

import numpy as np


def main(path: str, out: BinaryIO) -> None:
    """Write all frames of a file to `out`."""
    try:
        import chemfiles
    except ImportError:
        say(out, missing=True)
        return
    chemfiles.set_warnings_callback(lambda message: None)
    try:
        with chemfiles.Trajectory(path) as file:
            for k in range(file.nsteps):
                write_frame(out, file.read(), k, file.nsteps)
        say(out, end=True)
    except chemfiles.ChemfilesError as error:
        say(out, error=" ".join(str(error).split()))


def write_frame(out: BinaryIO, frame: Any, k: int, count: int) -> None:
    """Write frame k of `count`."""
    arrays = [np.array(frame.positions, dtype=np.float64)]
    if frame.has_velocities():
        arrays.append(np.array(frame.velocities, dtype=np.float64))
    timed = "time" in frame.list_properties()
    facts = {
        "atoms": len(arrays[0]),
        "count": count,
        "cell": np.array(frame.cell.matrix, dtype=np.float64).T.tolist(),
        "step": int(frame.step),
        "time": float(frame["time"]) if timed else None,
        "velocities": len(arrays) > 1,
    }
    say(out, **facts, **({"types": [atom.type for atom in frame.atoms]} if k == 0 else {}))
    for array in arrays:
        out.write(array.tobytes())


def say(out: BinaryIO, **facts: Any) -> None:
    """One line of JSON."""
    out.write(json.dumps(facts).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.stdout.buffer)
