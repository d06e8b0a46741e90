"""Running a command on several MPI ranks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from superion.errors import InputError

_RANK = ("PMI_RANK", "OMPI_COMM_WORLD_RANK")


def rank() -> int | None:
    """Rank of this process if an MPI launcher started it, else None."""
    return next((int(os.environ[name]) for name in _RANK if name in os.environ), None)


def relaunch(ranks: int) -> int:
    """Start this very command again on `ranks` MPI ranks, one thread each, and return its exit code."""
    launcher = Path(sys.executable).with_name("mpiexec")
    if not launcher.exists():
        raise InputError(
            f"no MPI launcher at {launcher}.", remedy="pip install 'superion[lammps]' into this environment."
        )
    command = [str(launcher), "-n", str(ranks), sys.executable, "-P", "-m", "superion.cli", *sys.argv[1:]]
    return subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}).returncode
