"""Molecular dynamics that can be killed at any moment and resumed bit for bit."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms

from superion.electrostatics import ChargeModel
from superion.errors import CorruptFileError, InputError
from superion.files import locked, remove_dead
from superion.model import model_of, named
from superion.simulation.chunks import FORMAT, META, count_chunks, meta_digest, read_meta, write_meta
from superion.simulation.electric import FieldCoupling
from superion.simulation.estimate import check_run
from superion.simulation.fixed import fixed_atoms
from superion.simulation.flexible import axes_of
from superion.simulation.force import ForceField
from superion.simulation.guard import Guard
from superion.simulation.integrators import Integrator, build
from superion.simulation.progress import RunProgress
from superion.simulation.recorder import Recorder
from superion.simulation.settings import MDSettings, check_same
from superion.simulation.state import State, initial_state, pack, unpack
from superion.simulation.summary import MDResult, summarise
from superion.simulation.trust import Trust, sigmas_of
from superion.structures.bare import stated

Array = np.ndarray
_STRUCTURE = {
    "numbers": "numbers",
    "masses": "masses",
    "pbc": "pbc",
    "start": "positions, cell or velocities",
    "stated": "total charge or fragments",
    "fixed": "fixed atoms",
}
"""Parts of `meta.json` that a resumed run shares with the one that began, and how messages call them."""
Watch = Callable[[int, Atoms], None]
"""Looks at the step and the structure of a frame; raises SimulationError to end the run before it."""


def run_md(
    atoms: Atoms,
    calculator: object,
    settings: MDSettings,
    folder: str | Path,
    *,
    resume: bool = False,
    progress: bool | Literal["bar"] = True,
    provenance: dict[str, Any] | None = None,
    watch: Watch | None = None,
    charges: ChargeModel | None = None,
) -> MDResult:
    """Run molecular dynamics of `atoms` and write it into `folder`.

    calculator: any ASE calculator with `calculate`. resume: go on with the run in `folder`, which must
    have the same structure, settings (but for `steps`) and model; begin it if there is none.
    progress: a bar on a terminal, else lines; "bar": always a bar. provenance: JSON-ready facts on the model
    that are kept in `meta.json`. watch: sees every frame before it is kept, and may end the run. charges:
    what an electric field acts on; if not given, the charge model of the potential of the calculator.

    A resumed run is identical, bit for bit, to an unbroken one if the calculator is deterministic.
    Damaged chunks are redone. Raises InputError (unsuitable structure, calculator, settings or folder),
    BusyError (another process works in the folder) and SimulationError (the guard or `watch` stopped the
    run; all frames up to there are kept).
    """
    folder = Path(folder)
    check_structure(atoms, settings)
    check_run(len(atoms), settings, folder)
    fixed = fixed_atoms(atoms)
    masses = atoms.get_masses()[:, None]
    integrator = build(settings, masses, fixed, atoms.cell.array)
    stress = settings.ensemble == "npt" or "stress" in settings.record
    extra = tuple(name for name in settings.record if name in ("charges", "dipole"))
    electric = _coupling(atoms, calculator, settings, charges)
    evaluate = ForceField(atoms, calculator, extra, stress=stress, electric=electric, fixed=fixed)
    trust = Trust(atoms, calculator, settings)
    guard = Guard(atoms, settings, folder)

    def look(state: State) -> tuple[float, float] | None:
        guard.every_frame(state)
        deviation = trust(state)
        guard.every_look(state, deviation)
        if watch is not None:
            seen = atoms.copy()
            seen.set_constraint()
            seen.set_cell(state.cell)
            seen.positions = state.positions.copy()
            watch(state.step, seen)
        return deviation

    with locked(folder) as place:
        meta = open_run(folder, atoms, settings, provenance or {}, resume=resume)
        recorder = Recorder(
            folder,
            meta_digest(meta),
            settings,
            masses,
            integrator,
            fixed=len(fixed),
            stress=evaluate.has_stress,
            check=place.check,
        )
        resumed_at = None
        if recorder.follow() and recorder.state is not None:
            state = recorder.state
            resumed_at = state.step
            _check_model(state, evaluate, folder)
        else:
            state = initial_state(
                atoms,
                temperature=settings.temperature,
                seed=settings.seed,
                step=-settings.equilibrate,
                keep=settings.keep_velocities,
                fixed=fixed,
            )
            with guard.explained(state, moved=False):
                evaluate(state)
                guard.every_step(state)
                deviation = look(state)
            place.check()
            if not (folder / META).exists():
                write_meta(folder, meta)
            if recorder.add(state, deviation):
                recorder.flush()
        with RunProgress(
            progress,
            done=state.step + settings.equilibrate,
            total=settings.steps + settings.equilibrate,
            timestep=settings.timestep,
        ) as shown:
            try:
                while state.step < settings.steps:
                    with guard.explained(state):
                        _advance(state, integrator, evaluate, guard, settings.sample_every)
                        deviation = look(state)
                    if recorder.add(state, deviation):
                        recorder.flush()
                        evaluate.forget()
                        if recorder.follow() and recorder.state is not None:
                            state = recorder.state
                    shown.update(state.step + settings.equilibrate, recorder.latest)
            except BaseException:
                recorder.flush()
                raise
        recorder.drop_stale()
        result = summarise(
            folder,
            recorder.series(),
            settings,
            atoms=len(atoms),
            fixed=len(fixed),
            sigmas=sigmas_of(calculator),
            resumed_at=resumed_at,
            seconds=shown.seconds,
            ns_per_day=shown.ns_per_day,
        )
        place.check()
        result.write()
        return result


def _coupling(
    atoms: Atoms, calculator: object, settings: MDSettings, charges: ChargeModel | None
) -> FieldCoupling | None:
    """What the electric settings do; InputError if there are no charges for a field to act on."""
    if settings.electric is None:
        return None
    potential = model_of(calculator)
    if charges is None and potential is not None:
        charges = potential.response
    if charges is None:
        raise InputError(
            f"an electric field needs charges to act on, but the calculator {named(calculator)} "
            "has no charge model.",
            remedy="use a model with electrostatics (in Python, run_md takes charges).",
        )
    return FieldCoupling(settings.electric, atoms, charges)


def _advance(state: State, integrator: Integrator, evaluate: ForceField, guard: Guard, steps: int) -> None:
    """Move `state` from one frame to the next; the guard, not numpy, tells of numbers that overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            integrator.step(state, evaluate)
            state.step += 1
            guard.every_step(state)


def check_structure(atoms: Atoms, settings: MDSettings) -> None:
    """Raise InputError for a structure that the integrators cannot move."""
    if len(atoms) < 2:
        raise InputError(
            f"dynamics needs at least 2 atoms, found {len(atoms)}.",
            remedy="repeat the cell (--supercell 3x3x3), or start from another structure.",
        )
    fixed = fixed_atoms(atoms)
    if fixed and settings.ensemble == "npt":
        raise InputError(
            f"{len(fixed)} atoms of the structure are fixed, but a barostat moves them with the cell.",
            remedy="use nvt or nve, or a structure file without fixed atoms.",
        )
    if len(fixed) == len(atoms):
        raise InputError("all atoms of the structure are fixed.", remedy="let some of them move.")
    masses = atoms.get_masses()
    bad = np.flatnonzero(~(masses > 0) | ~np.isfinite(atoms.positions).all(axis=1))
    if len(bad):
        raise InputError(f"atoms {bad[:5].tolist()} have no positive mass or no finite position.")
    if settings.ensemble == "npt" and not (atoms.pbc.all() and atoms.cell.rank == 3):
        raise InputError(
            f"npt needs a cell that is periodic along all three axes, found pbc {atoms.pbc.tolist()}.",
            remedy="use nvt (--ensemble nvt), or a structure file with three lattice vectors.",
        )
    if settings.barostat == "anisotropic":
        axes_of(atoms.cell.array)
    if settings.keep_velocities and not atoms.has("momenta"):
        raise InputError(
            "velocities should be kept, but the structure has no velocities.",
            remedy="leave out keep_velocities (--keep-velocities), or start from a frame that has them "
            "(--record velocities, then `superion export DIR FILE --last`).",
        )


def open_run(
    folder: Path, atoms: Atoms, settings: MDSettings, provenance: dict[str, Any], *, resume: bool
) -> dict[str, Any]:
    """Content of `meta.json`, compared with what is asked for; the lock of the folder must be held.

    A new run has none yet: it is written when the first forces are known to be good.
    """
    started, chunks = (folder / META).exists(), count_chunks(folder)
    if not resume and (started or chunks):
        raise InputError(
            "the folder already holds a run; nothing is ever overwritten.",
            file=folder,
            remedy="resume it (--resume, in Python resume=True), use another folder, or delete this one.",
        )
    fresh = {
        "format": FORMAT,
        "numbers": atoms.numbers.tolist(),
        "masses": atoms.get_masses().tolist(),
        "pbc": atoms.pbc.tolist(),
        "start": _fingerprint(atoms, settings),
        "stated": stated(atoms),
        "fixed": list(fixed_atoms(atoms)),
        "settings": settings.model_dump(mode="json"),
        "versions": {
            **{name: version(name) for name in ("superion", "ase", "numpy")},
            "python": platform.python_version(),
        },
        "provenance": provenance,
    }
    if chunks and not started:
        raise CorruptFileError(
            f"the file is missing, but {chunks} chunks are there.",
            file=folder / META,
            remedy="restore it from a copy, or start in another folder.",
        )
    if not started:
        return fresh
    remove_dead(folder)
    meta = read_meta(folder)
    recorded = MDSettings.model_validate(meta["settings"])
    check_same(recorded, settings, folder)
    if settings.steps < recorded.steps:
        raise InputError(
            f"the run has {recorded.steps} steps; resuming can only add to them, found {settings.steps}.",
            file=folder,
            remedy="read the part of the trajectory that you need.",
        )
    differs = [
        what
        for key, what in _STRUCTURE.items()
        if key in meta and meta[key] != fresh[key]  # older runs state no charges and no fixed atoms
    ]
    if differs:
        raise InputError(
            f"the run began from another structure: {', '.join(differs)} differ.",
            file=folder,
            remedy="give the structure it began from, or start in another folder.",
        )
    if settings.steps != recorded.steps:
        meta["settings"]["steps"] = settings.steps
        write_meta(folder, meta)
    return meta


def _fingerprint(atoms: Atoms, settings: MDSettings) -> str:
    parts = [atoms.positions, atoms.cell.array]
    if settings.keep_velocities:
        parts.append(atoms.get_momenta())
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def _check_model(state: State, evaluate: ForceField, folder: Path) -> None:
    """Raise InputError if the calculator is not the one whose forces are on disk."""
    again = unpack(*pack(state))
    evaluate(again)
    evaluate.forget()
    off = float(np.abs(again.forces - state.forces).max())
    if not off <= 1e-4 * (1 + float(np.abs(state.forces).max())):
        raise InputError(
            f"the calculator gives other forces than the one that began this run (up to {off:.2e} eV/Å).",
            file=folder,
            remedy="resume with the same model, or start in another folder.",
        )
