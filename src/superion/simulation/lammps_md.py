"""Molecular dynamics by LAMMPS, written as the trajectory folder that all of superion reads."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms

from superion.errors import InputError, SimulationError
from superion.files import locked
from superion.model import Model
from superion.simulation.chunks import META, meta_digest, write_meta
from superion.simulation.estimate import check_run
from superion.simulation.guard import Guard
from superion.simulation.integrators import to_energy, twice_kinetic
from superion.simulation.lammps import Engine, EngineSettings
from superion.simulation.md import check_structure, open_run
from superion.simulation.progress import RunProgress
from superion.simulation.recorder import Recorder
from superion.simulation.settings import MDSettings
from superion.simulation.state import State, initial_state
from superion.simulation.summary import MDResult, summarise

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class _Lammps:
    """LAMMPS as an integrator whose step leads from one frame to the next."""

    engine: Engine
    every: int

    def step(self, state: State, evaluate: Callable[[State], None]) -> None:
        """Advance LAMMPS by `every` steps and read the state from it."""
        self.engine.run(self.every)
        state.step += self.every
        evaluate(state)

    def conserved(self, state: State) -> float:
        """What LAMMPS says is conserved, in eV."""
        return self.engine.conserved


def run_lammps(
    atoms: Atoms,
    potential: Model,
    settings: MDSettings,
    folder: str | Path,
    *,
    engine: EngineSettings | None = None,
    comm: Any = None,
    progress: bool | Literal["bar"] = True,
    provenance: dict[str, Any] | None = None,
) -> MDResult:
    """Run molecular dynamics of `atoms` in LAMMPS and write it into `folder`.

    Call it on every rank of `comm` (an mpi4py communicator, all ranks if not given) with the same arguments,
    e.g. under `mpiexec -n 4`; rank 0 writes. All ranks get the result, and the error if there is one. The
    folder, the settings, the initial velocities, the guard and the result are those of `run_md`, with two
    differences: a run cannot be resumed, for the state of LAMMPS' thermostats is not in the folder, and the
    guard looks at the frames only. Thermostat and barostat: Martyna, Tobias and Klein, J. Chem. Phys. 101,
    4177 (1994), with a chain of three on the atoms as in `run_md`, but none on the cell, for what LAMMPS then
    reports as conserved is not.
    Raises InputError (unsuitable structure, settings, folder, or no LAMMPS), ModelError (the potential has a
    term that LAMMPS cannot compute), BusyError and SimulationError (LAMMPS or the guard stopped the run; all
    frames up to there are kept).
    """
    folder = Path(folder)
    engine = engine or EngineSettings()
    check_structure(atoms, settings)
    check_run(len(atoms), settings, folder)
    _check_engine(atoms, settings)
    if settings.electric is not None:
        raise InputError(
            "runs in LAMMPS have no electric field or displacement.",
            remedy="use the built-in molecular dynamics (--engine superion), or leave it out.",
        )
    charges = _charges(atoms, potential, settings)
    bath, movers = _bath(settings), _movers(settings)
    with ExitStack() as stack:
        lammps = stack.enter_context(Engine(atoms, potential, engine, comm))
        masses = atoms.get_masses()[:, None]
        integrator = _Lammps(lammps, settings.sample_every)
        guard = Guard(atoms, settings, folder)
        facts = {
            "name": "lammps",
            "version": lammps.version,
            "ranks": lammps.size,
            **engine.model_dump(),
            "route": lammps.route,
        }

        def begin() -> tuple[dict[str, Any], Recorder, RunProgress]:
            place = stack.enter_context(locked(folder))
            meta = open_run(folder, atoms, settings, {**(provenance or {}), "engine": facts}, resume=False)
            recorder = Recorder(
                folder, meta_digest(meta), settings, masses, integrator, stress=True, check=place.check
            )
            total = settings.steps + settings.equilibrate
            shown = RunProgress(progress, done=0, total=total, timestep=settings.timestep)
            return meta, recorder, stack.enter_context(shown)

        opened = lammps.on_first_rank(begin)
        state = initial_state(
            atoms,
            temperature=settings.temperature,
            seed=settings.seed,
            step=-settings.equilibrate,
            keep=settings.keep_velocities,
        )
        lammps.set_momenta(state.momenta)
        lammps.command(f"timestep {settings.timestep * 1e-3!r}", *(bath or movers))

        def evaluate(state: State) -> None:
            lammps.read(state)
            state.extra = charges(state)

        def record() -> None:
            meta, recorder, shown = opened
            guard.every_step(state)
            guard.every_frame(state)
            if not (folder / META).exists():
                write_meta(folder, meta)
            if recorder.add(state):
                recorder.flush()
            shown.update(state.step + settings.equilibrate, recorder.latest)

        energies: list[float] = []
        try:
            lammps.run(0)
            evaluate(state)
            lammps.on_first_rank(record)
            while state.step < settings.steps:
                try:
                    integrator.step(state, evaluate)
                except SimulationError as error:
                    raise guard.failure(state, error.problem) from error
                lammps.on_first_rank(record)
                if bath and -settings.equilibrate // 2 < state.step <= 0:
                    energies.append(state.energy + 0.5 * twice_kinetic(state, masses))
                if bath and state.step == 0:
                    bath = []
                    state.momenta *= to_energy(state, masses, float(np.mean(energies)))
                    lammps.change("unfix bath", "unfix move", *movers)
                    lammps.set_momenta(state.momenta)
        except BaseException:
            if lammps.rank == 0:
                opened[1].flush()
            raise
        return lammps.share(lambda: _finish(folder, opened[1], opened[2], settings, len(atoms)))


def _finish(
    folder: Path, recorder: Recorder, shown: RunProgress, settings: MDSettings, atoms: int
) -> MDResult:
    result = summarise(
        folder,
        recorder.series(),
        settings,
        atoms=atoms,
        seconds=shown.seconds,
        ns_per_day=shown.ns_per_day,
    )
    result.write()
    return result


def _check_engine(atoms: Atoms, settings: MDSettings) -> None:
    """Raise InputError for what the built-in dynamics can do and this cannot."""
    if atoms.constraints:
        raise InputError(
            "runs in LAMMPS have no fixed atoms, and the structure has.",
            remedy="use the built-in molecular dynamics (--engine superion).",
        )
    if settings.ramp_to is not None:
        raise InputError(
            "runs in LAMMPS keep their temperature, but ramp_to is set.",
            remedy="use the built-in molecular dynamics (--engine superion), or several runs.",
        )
    if settings.max_deviation is not None:
        raise InputError(
            "runs in LAMMPS do not look at predicted deviations, but max_deviation is set.",
            remedy="leave it out, or use the built-in molecular dynamics (--engine superion).",
        )


def _bath(settings: MDSettings) -> list[str]:
    """The LAMMPS commands of an equilibration before constant energy, if there is one: Langevin dynamics."""
    if settings.ensemble != "nve" or not settings.equilibrate:
        return []
    kelvin, time = settings.temperature, 1e-3 / settings.friction
    return [
        "fix move all nve",
        f"fix bath all langevin {kelvin!r} {kelvin!r} {time!r} {settings.seed + 1} zero yes",
    ]


def _movers(settings: MDSettings) -> list[str]:
    """The LAMMPS commands that integrate; LAMMPS metal units are ps and bar."""
    if settings.ensemble == "nve":
        return ["fix move all nve"]
    if settings.ensemble == "nvt" and settings.thermostat != "nose-hoover":
        raise InputError(
            f"LAMMPS runs take the thermostat nose-hoover, found {settings.thermostat}.",
            remedy="use it (--thermostat nose-hoover), or the built-in molecular dynamics "
            "(--engine superion).",
        )
    kelvin = settings.temperature
    bath = f"temp {kelvin!r} {kelvin!r} {settings.thermostat_time * 1e-3!r} tchain 3"
    if settings.ensemble == "nvt":
        return [f"fix move all nvt {bath}"]
    bar = settings.pressure * 1e4
    how = {"isotropic": "iso", "anisotropic": "aniso", "flexible": "tri"}[settings.barostat]
    piston = f"{how} {bar!r} {bar!r} {settings.barostat_time * 1e-3!r} pchain 0 fixedpoint 0.0 0.0 0.0"
    return [f"fix move all npt {bath} {piston}"]


def _charges(atoms: Atoms, potential: Model, settings: MDSettings) -> Callable[[State], dict[str, Array]]:
    """Charges (e) and dipole (e·Å) of a state, as far as they are to be recorded."""
    names = [name for name in settings.record if name in ("charges", "dipole")]
    if not names:
        return lambda state: {}
    charges = potential.charge_model
    if charges is None:
        raise InputError(
            f"the potential has no charges, but {', '.join(names)} should be recorded.",
            remedy="leave them out of record (--record), or use a model that has them.",
        )
    q = charges.charges(atoms)
    return lambda state: {"charges": q, "dipole": q @ state.positions}
