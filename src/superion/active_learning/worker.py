"""The process of one exploring run, as of a study: `python -m superion.active_learning.worker FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ase import Atoms

from superion.active_learning.frames import load_frames
from superion.active_learning.maxvol import ExtrapolationGrade
from superion.active_learning.pool import Pool
from superion.active_learning.variance import disagreement, force_deviation
from superion.errors import SimulationError
from superion.files import write_json
from superion.potentials import Potential
from superion.simulation.md import Watch
from superion.study.worker import main, run_job

STOPPED = "stopped.json"
MEASURES = {
    "deviation": "deviation",
    "extrapolation": "extrapolation",
    "committee": "disagreement of the committee",
}


def explore_job(folder: Path, *, progress: bool = True) -> None:
    """Run or resume the job in `folder`; a run that ends early notes why in `stopped.json`."""
    (folder / STOPPED).unlink(missing_ok=True)
    try:
        run_job(folder, lambda job, potential: watch_of(job, potential, folder), progress=progress)
    except SimulationError as error:
        write_json(folder / STOPPED, {"reason": error.problem})


def watch_of(job: dict[str, Any], potential: Potential, folder: Path) -> Watch | None:
    """The watch that a job asks for: `stop` with measure, threshold and steps between checks."""
    stop = job.get("stop")
    if stop is None:
        return None
    measure: Callable[[Atoms], float] = partial(force_deviation, potential)
    if stop["measure"] == "extrapolation":
        known = load_frames(folder / job["training"])
        measure = ExtrapolationGrade(Pool(known, known, [potential]))
    elif stop["measure"] == "committee":
        measure = partial(disagreement, [Potential.load(folder / path) for path in job["committee"]])

    def watch(step: int, atoms: Atoms) -> None:
        if step % stop["every"]:
            return
        value = measure(atoms)
        if value > stop["above"]:
            raise SimulationError(
                f"stopped at step {step}: the {MEASURES[stop['measure']]} {value:.4g} is above "
                f"{stop['above']:g}.",
                file=folder,
            )

    return watch


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), explore_job))
