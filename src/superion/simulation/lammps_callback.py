"""The local terms in LAMMPS by a callback of `fix external`: no compiler needed, any local term."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ase import Atoms

from superion.batch import evaluate_local
from superion.errors import SimulationError
from superion.terms import Evaluation, LocalTerm

Array = np.ndarray
FIX = "superion"


class LocalCallback:
    """Local terms that LAMMPS asks for in each step.

    The forces that the energies of a rank's own atoms give on the atoms of its neighbours are summed over all
    ranks here, for LAMMPS' callback has no way back for them.

    terms: what to evaluate. numbers: atomic number by LAMMPS type, which counts from 1. atoms: of all ranks.
    """

    def __init__(self, lmp: Any, comm: Any, terms: Sequence[LocalTerm], numbers: Array, atoms: int) -> None:
        self._lmp, self._comm = lmp, comm
        self._terms, self._numbers, self._atoms = list(terms), numbers, atoms
        self._cutoff = max((term.cutoff for term in terms), default=0.0)
        self._error: Exception | None = None
        self._failed = False

    def install(self, command: Callable[..., None], skin: float) -> None:
        """Make LAMMPS call; `command` runs its commands."""
        command(
            f"comm_modify cutoff {self._cutoff + skin!r}",
            f"fix {FIX} all external pf/callback 1 1",
            f"fix_modify {FIX} energy yes virial yes",
        )
        self._lmp.set_fix_external_callback(FIX, self._call_back)

    def check(self) -> None:
        """SimulationError on every rank if the terms have failed on any."""
        if not self._failed:
            return
        found = self._comm.allgather(None if self._error is None else str(self._error))
        rank, problem = next((k, text) for k, text in enumerate(found) if text is not None)
        raise SimulationError(f"the potential failed on rank {rank}: {problem}") from self._error

    def _call_back(
        self, caller: object, step: int, count: int, tags: Array, positions: Array, forces: Array
    ) -> None:
        """Fill the forces (count, 3) on the atoms of this rank, and tell energy and virial."""
        atoms = self._atoms
        total = np.zeros((atoms + 4, 3))  # forces on all atoms, virial; energy, and whether it failed
        try:
            kept, part = self._own(count)
            for axis in range(3):
                total[:atoms, axis] = np.bincount(kept, part.forces[:, axis], atoms)
            total[atoms : atoms + 3] = part.virial
            total[-1, 0] = part.energy
        except Exception as error:  # an exception would be lost on its way through the compiled caller
            self._error = error
            total[-1, 1] = 1.0
        mine, total = total, np.empty_like(total)
        self._comm.Allreduce(mine, total)
        if total[-1, 1]:
            self._failed = True
            total[:] = 0.0
        forces[:] = total[tags - 1]
        (xx, xy, xz), (_, yy, yz), (_, _, zz) = total[atoms : atoms + 3].tolist()
        # both are totals: LAMMPS divides the virial by the number of ranks before it adds it up
        self._lmp.fix_external_set_energy_global(FIX, float(total[-1, 0]))
        self._lmp.fix_external_set_virial_global(FIX, [xx, yy, zz, xy, xz, yz])

    def _own(self, count: int) -> tuple[Array, Evaluation]:
        """The local terms of the `count` atoms of this rank: indices of the atoms that feel it, and it."""
        every = self._lmp.extract_setting("nall")
        x = self._lmp.numpy.extract_atom("x", nelem=every, dim=3)
        if count == 0 or self._failed:
            return np.zeros(0, dtype=np.int64), Evaluation.zero(0)
        low, high = x[:count].min(axis=0) - self._cutoff, x[:count].max(axis=0) + self._cutoff
        near = np.flatnonzero(((x >= low) & (x <= high)).all(axis=1))  # own atoms stay first
        types = self._lmp.numpy.extract_atom("type", nelem=every)[near]
        part = Atoms(numbers=self._numbers[types], positions=x[near])
        result = evaluate_local(self._terms, [part], count)[0]
        return self._lmp.numpy.extract_atom("id", nelem=every)[near] - 1, result
