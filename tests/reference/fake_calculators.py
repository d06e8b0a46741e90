"""Calculators that misbehave, each in its own way, until a file says that they did so often enough.

`once` is a file: where it is given, the fault happens only while the file does not exist, and makes it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import SCFError
from ase.calculators.lj import LennardJones


class Faulty(LennardJones):
    """Lennard-Jones with one fault, on structures of which atom 0 has an x beyond `beyond` Å."""

    def __init__(
        self, fault: str = "", once: str = "", beyond: float = -np.inf, log: str = "", pause: float = 0.0
    ) -> None:
        super().__init__(rc=4.0)
        self.fault, self.once, self.beyond, self.log, self.pause = fault, once, beyond, log, pause

    def calculate(self, atoms: Atoms, properties=None, system_changes=None) -> None:
        if self.log:
            with open(self.log, "a") as handle:
                handle.write(f"{os.getpid()}\n")
        time.sleep(self.pause)
        self.seen = atoms
        super().calculate(atoms, properties or ["energy"], system_changes or ["positions"])
        if atoms.positions[0, 0] < self.beyond or (self.once and Path(self.once).exists()):
            return
        if self.once:
            Path(self.once).touch()
        getattr(self, f"_{self.fault}", lambda: None)()

    def _hang(self) -> None:
        time.sleep(1000)

    def _exit(self) -> None:
        print("about to leave", flush=True)
        os._exit(0)

    def _status(self) -> None:
        os._exit(3)

    def _killed(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def _segfault(self) -> None:
        ctypes.string_at(0)

    def _nan(self) -> None:
        self.results["forces"][1, 2] = np.nan

    def _infinite(self) -> None:
        self.results["energy"] = np.inf

    def _short(self) -> None:
        self.results["forces"] = self.results["forces"][:-1]

    def _raises(self) -> None:
        raise RuntimeError("no idea")

    def _leaves(self) -> None:
        sys.exit()

    def _unconverged(self) -> None:
        raise SCFError("12 iterations")

    def _memory(self) -> None:
        raise MemoryError

    def _reorders(self) -> None:
        self.seen.positions[:] = self.seen.positions[::-1]
