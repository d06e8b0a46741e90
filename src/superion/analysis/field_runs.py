"""From trajectory folders of runs in fields to dielectric constants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from superion.analysis.blocks import FRAMES
from superion.analysis.dielectric import (
    Dielectric,
    from_displacements,
    from_fields,
    from_fluctuations,
    linear_notes,
)
from superion.analysis.electric_result import DielectricResponse, DielectricResult, DielectricRun
from superion.electrostatics.charges import ChargeModel
from superion.electrostatics.polarization import dipole_path
from superion.errors import InputError
from superion.simulation import ElectricSettings, Trajectory
from superion.simulation.trajectory import each_atoms
from superion.structures import read_frames

Array = np.ndarray
Runs = Sequence[tuple[Path, Trajectory]]
NO_VOLUME = "a dielectric constant needs a cell with a volume, periodic along three axes."
FAR = 4.0
"""Standard errors by which two ways to the same constant may differ."""
FARTHEST = 0.5
"""Step of a dipole from frame to frame, in e times a lattice vector, above which it is said to jump."""


def analyse(
    runs: Runs, *, epsilon_inf: float | None = None, blocks: int = 10, discard: float | None = None
) -> DielectricResult:
    """Dielectric constants.

    runs: one entry for each run, from its fluctuations. response: from the mean dipole at different constant
    fields, or from the mean field at different constant displacements, of runs that began from one structure;
    None for a single run. epsilon_inf: electronic part; if not given, that of the settings of each run.
    discard: ps left out at the start of each run; None: until its dipole fluctuates about one mean.
    """
    entries, chosen, starts = [], [], []
    for folder, trajectory in runs:
        settings = electric_settings(trajectory, folder)
        if settings.at_constant_d.any() and epsilon_inf not in (None, settings.epsilon_inf):
            raise InputError(
                f"the run at constant displacement was made with epsilon_inf {settings.epsilon_inf:g}, which "
                f"its fluctuations depend on; found {epsilon_inf:g}.",
                file=folder,
                remedy="leave it out, or run with another one.",
            )
        chosen.append(settings)
        assert trajectory.tracked_dipole is not None
        found = from_fluctuations(
            trajectory.tracked_dipole,
            _volume(trajectory, folder),
            trajectory.kelvin,
            epsilon_inf=settings.epsilon_inf if epsilon_inf is None else epsilon_inf,
            constant_d=settings.at_constant_d.tolist(),
            blocks=blocks,
            start=None if discard is None else first_frame(trajectory, discard, folder),
        )
        starts.append(found.start)
        times = trajectory.times
        entries.append(_entry(folder, found, float(times[found.start] - times[0]) / 1000))
    response = _response(runs, chosen, starts, epsilon_inf, blocks)
    if response is not None:
        response.notes += _apart(entries, response)
    return DielectricResult(runs=entries, response=response)


def _apart(entries: Sequence[DielectricRun], response: DielectricResponse) -> list[str]:
    """Fluctuations and response are the same number wherever both are linear and stationary."""
    notes = [
        f"{entry.run} is {entry.status}: its mean is that of a transient."
        for entry in entries
        if entry.status == "not stationary"
    ]
    for entry in entries:
        off = abs(entry.epsilon - response.epsilon)
        if off > FAR * np.hypot(entry.error, response.error):
            notes.append(
                f"fluctuations of {entry.run} give {entry.epsilon:.3g}, {off:.2g} away: the response "
                "is not linear, or a run has not come to its mean."
            )
    return notes


def first_frame(trajectory: Trajectory, discard: float, folder: Path) -> int:
    """Number of the first frame later than `discard` (ps) after the first; InputError if there is none."""
    if not discard >= 0:
        raise InputError(f"discard must be zero or a positive number of ps, found {discard}.")
    late = np.flatnonzero(trajectory.times >= trajectory.times[0] + 1000 * discard - 1e-6)
    if not len(late):
        raise InputError(
            f"discard = {discard} ps leaves no frame.", file=folder, remedy="discard less, or run longer."
        )
    return int(late[0])


def _entry(run: Path, found: Dielectric, start_ps: float | None = None) -> DielectricRun:
    return DielectricRun(
        run=str(run),
        status=found.status,
        start_frame=found.start,
        start_ps=start_ps,
        independent_samples=found.samples,
        epsilon=found.mean,
        error=found.mean_error,
        tensor=found.tensor.tolist(),
        tensor_error=found.error.tolist(),
        notes=list(found.notes),
    )


def of_labels(
    path: Path, kelvin: float, *, epsilon_inf: float = 1.0, blocks: int = 10, start: int | None = None
) -> DielectricResult:
    """The same from fluctuations of the dipole labels of frames along one path at constant field."""
    dipoles, volume = labelled_dipoles(path)
    if volume == 0:
        raise InputError(NO_VOLUME, file=path)
    found = from_fluctuations(dipoles, volume, kelvin, epsilon_inf=epsilon_inf, blocks=blocks, start=start)
    return DielectricResult(runs=[_entry(path, found)])


def of_charges(
    runs: Runs,
    charges: ChargeModel,
    *,
    epsilon_inf: float = 1.0,
    blocks: int = 10,
    discard: float | None = None,
) -> DielectricResult:
    """The same from fluctuations of trajectories of any program, with dipoles of the charges of a model.

    Ions carry their Born charges along their paths (`polarization.dipole_path`). InputError for a run at
    constant displacement, whose fluctuations belong to the charges it was made with.
    """
    entries = []
    for path, trajectory in runs:
        electric = trajectory.meta.get("settings", {}).get("electric") or {}
        if any(d is not None for d in electric.get("displacement", ())):
            raise InputError(
                "the run was at constant displacement.",
                file=path,
                remedy="leave out --model: the run tracked its own dipole.",
            )
        whole = trajectory.unwrapped()
        found = from_fluctuations(
            dipole_path(each_atoms(whole, range(len(whole))), charges),
            _volume(whole, path),
            whole.kelvin,
            epsilon_inf=epsilon_inf,
            blocks=blocks,
            start=None if discard is None else first_frame(whole, discard, path),
        )
        entries.append(_entry(path, found, float(whole.times[found.start] - whole.times[0]) / 1000))
    return DielectricResult(runs=entries)


def labelled_dipoles(path: Path) -> tuple[Array, float]:
    """Labels `REF_dipole` (F, 3) e·Å of the frames of a file along one path, and `volume_of` them.

    Raises InputError for a frame without label, with other atoms or another cell than the first, and for a
    dipole that jumps by more than half of e times a lattice vector.
    """
    frames = read_frames(path)
    first, inverse = frames[0], np.linalg.inv(frames[0].cell.complete().array)
    before = None
    for k, atoms in enumerate(frames):
        if "REF_dipole" not in atoms.info:
            raise InputError(
                "it has no REF_dipole.",
                file=path,
                frame=k,
                remedy="`superion wannier` writes dipoles along a path.",
            )
        same = np.array_equal(atoms.numbers, first.numbers) and np.array_equal(atoms.pbc, first.pbc)
        if not (same and np.allclose(atoms.cell.array, first.cell.array, atol=1e-6)):
            raise InputError(
                "its atoms or its cell are not those of the first frame.",
                file=path,
                frame=k,
                remedy="give the frames of one run at constant volume.",
            )
        dipole = np.asarray(atoms.info["REF_dipole"], dtype=np.float64)
        step = 0.0 if before is None else float(np.abs((dipole - before) @ inverse)[first.pbc].max(initial=0))
        if step > FARTHEST:
            raise InputError(
                f"the dipole jumps by {step:.2f} of e times a lattice vector from the frame before.",
                file=path,
                frame=k,
                remedy="give frames that are closer together, in order, whose dipole is followed through the "
                "cell, as `superion wannier` does.",
            )
        before = dipole
    return np.array([atoms.info["REF_dipole"] for atoms in frames]), volume_of(first.cell.array, first.pbc)


def electric_settings(trajectory: Trajectory, folder: Path) -> ElectricSettings:
    """The electric settings of a run; InputError if it has none."""
    recorded = trajectory.meta["settings"].get("electric")
    if recorded is None or trajectory.tracked_dipole is None:
        raise InputError(
            "the run has no tracked dipole.",
            file=folder,
            remedy="run it with --field 0,0,0 (or another field, or a displacement).",
        )
    return ElectricSettings.model_validate(recorded)


def _response(
    runs: Runs,
    settings: Sequence[ElectricSettings],
    starts: Sequence[int],
    epsilon_inf: float | None,
    blocks: int,
) -> DielectricResponse | None:
    if len(runs) < 2:
        return None
    first, trajectory = runs[0]
    for folder, other in runs[1:]:
        if other.meta["start"] != trajectory.meta["start"]:
            raise InputError(
                f"the run began from another structure than {first}: their dipoles have other origins.",
                file=folder,
                remedy="start all runs from the same structure, or look at one run at a time.",
            )
    kinds = {tuple(one.at_constant_d.tolist()) for one in settings}
    if len(kinds) > 1:
        raise InputError(
            "some runs have a constant displacement where others have a constant field.",
            remedy="compare runs of one kind.",
        )
    if any(next(iter(kinds))):
        vacuum = np.array([[d or 0.0 for d in one.displacement] for one in settings])
        fields = [
            run.electric_field[k:]
            for k, (_, run) in zip(starts, runs, strict=True)
            if run.electric_field is not None
        ]
        blocks = _possible(fields, blocks)
        value, error = from_displacements(vacuum, fields, blocks=blocks)
        notes = linear_notes(vacuum, fields, blocks=blocks)
        return DielectricResponse(epsilon=value, error=error, constant="constant displacements", notes=notes)
    dipoles = [
        run.tracked_dipole[k:]
        for k, (_, run) in zip(starts, runs, strict=True)
        if run.tracked_dipole is not None
    ]
    blocks = _possible(dipoles, blocks)
    applied = np.array([one.field for one in settings])
    value, error = from_fields(
        applied,
        dipoles,
        _volume(trajectory, first),
        epsilon_inf=1.0 if epsilon_inf is None else epsilon_inf,
        blocks=blocks,
    )
    notes = linear_notes(applied, dipoles, blocks=blocks)
    return DielectricResponse(epsilon=value, error=error, constant="constant fields", notes=notes)


def _possible(series: Sequence[Array], blocks: int) -> int:
    """As many blocks as asked for, or as the shortest run has frames for after its start."""
    return min(blocks, max(2, min(len(one) for one in series) // FRAMES))


def _volume(trajectory: Trajectory, folder: Path) -> float:
    volume = volume_of(trajectory.cells[0], trajectory.pbc)
    if volume == 0:
        raise InputError(NO_VOLUME, file=folder)
    return volume


def volume_of(cell: Array, pbc: Array) -> float:
    """Å³; zero unless all three axes are periodic, for then there is no volume that charges fill."""
    return abs(float(np.linalg.det(cell))) if np.all(pbc) else 0.0
