"""Opening a trajectory of any program: its paths, continuous, with only what an analysis needs in memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_masses, atomic_numbers, chemical_symbols
from ase.io.formats import string2index

from superion.errors import InputError, SuperionError
from superion.progress import follow
from superion.simulation.chunks import META
from superion.simulation.pile import Pile
from superion.simulation.runs import beside, join
from superion.simulation.timing import Given, check_said, frame_times, temperature_of
from superion.simulation.trajectory import Source, Trajectory, read_trajectory
from superion.structures.foreign import Foreign
from superion.structures.formats import Reader, open_stream
from superion.structures.formats.stream import Snapshot, Stream
from superion.structures.paths import Unwrapper, continued
from superion.structures.read import read_raw

Array = np.ndarray
SAME_PLACE = 1e-3
"""Å by which atoms of two frames of the same step may differ: the frame was written twice."""


def open_trajectory(
    path: Source | Sequence[Source],
    *,
    timestep: float | None = None,
    temperature: float | None = None,
    elements: Sequence[str] = (),
    cell: Any = None,
    cell_file: Source | None = None,
    topology: Source | None = None,
    masses: Mapping[str, float] | None = None,
    frames: str = ":",
    unwrapped: bool = False,
    unwrap: bool = True,
    velocities: bool = False,
    needed: Sequence[str] = ("timestep",),
    memory: float | None = None,
    progress: bool = False,
) -> Trajectory:
    """The trajectory in a folder of a run or in a file of another program, also compressed (`.gz`).

    Extended XYZ, trajectories of ASE, XDATCAR, vasprun.xml, dumps of LAMMPS, XYZ of CP2K, and what `ase.io`
    and chemfiles know. Several paths are parts of one run, each going on from the last (`runs.join`).

    What a file does not say has to be said here; where both say it and differ, a warning names the file's
    number and this one is taken:
    timestep: fs from frame to frame *of the file*, which is the time step of the dynamics times the steps
        between frames. temperature: K.
    elements: of the types of a LAMMPS dump, in their order. cell: (3, 3) Å, cell_file: of CP2K, of XYZ files
        without a cell. topology: a file of the structure, for coordinates alone (DCD, XTC).
    masses: amu by element, such as {"Li": 6.015}; otherwise those of the file, or the natural ones.
    frames: which ones, in ASE's notation, counted from the start, such as "100:" or "::10".
    unwrapped: atoms of the file were never moved back into the cell. unwrap: False leaves the paths as they
        are in the file. velocities: keep them, too, if the file has them.
    needed: of "timestep" and "temperature" what must be known. memory: bytes of positions above which they
        lie in a temporary file; None: half of what is free. progress: show how far it is.

    A last frame that is not whole is left out, with a warning. Raises InputError, naming file, frame and
    remedy, for damaged frames, atoms that change, frames that are not evenly spaced, steps of about half the
    cell, and all that is needed and nobody says.
    """
    given = Given(timestep, temperature)
    own = Foreign.of(elements=elements)
    foreign = Foreign(
        elements=own.elements,
        cell=None if cell is None else tuple(map(tuple, np.asarray(cell, dtype=np.float64).tolist())),
        cell_file=None if cell_file is None else Path(cell_file),
        topology=None if topology is None else tuple(read_raw(topology, own)[0].numbers.tolist()),
    )
    paths = [path] if isinstance(path, str | Path) else list(path)
    if not paths:
        raise InputError("no trajectory is named.", remedy="name a folder of a run or a file.")
    chosen = _chosen(frames)
    found = []
    for one in map(Path, paths):
        if (one / META).exists():
            _without(
                one, timestep=timestep, temperature=temperature, elements=elements, cell=cell,
                cell_file=cell_file, topology=topology, masses=masses, unwrapped=unwrapped,
            )  # fmt: skip
            found.append(read_trajectory(one).part(chosen))
            continue
        with open_stream(one, foreign) as (stream, reader, snapshots):
            found.append(
                _read(
                    stream, reader, snapshots, given,
                    chosen=chosen, masses=masses or {}, unwrapped=unwrapped, unwrap=unwrap,
                    keep=velocities, needed=needed, memory=memory, progress=progress,
                )
            )  # fmt: skip
    return found[0] if len(found) == 1 else join(found, [str(one) for one in paths])


Trajectory.opener = open_trajectory


def open_runs(paths: Sequence[Source], *, replicas: bool = False, **said: Any) -> tuple[Trajectory, int]:
    """One trajectory of one or several runs, and how many independent runs stand side by side in it.

    Parts of one run are joined (`runs.join`), independent runs put side by side (`runs.beside`). said: as of
    `open_trajectory`.
    """
    if not replicas or len(paths) == 1:
        return open_trajectory(paths, **said), 1
    return beside([open_trajectory(path, **said) for path in paths], [str(path) for path in paths]), len(
        paths
    )


def _without(path: Path, **given: Any) -> None:
    """InputError for what has no effect with a run, which knows it."""
    for name, value in given.items():
        if value is not None and value is not False and value != () and value != []:
            raise InputError(
                f"--{name.replace('_', '-')} has no effect with a run, which knows it.",
                file=path,
                remedy="leave it out.",
            )


def _chosen(frames: str) -> slice:
    try:
        found = string2index(frames)
    except ValueError:
        found = None
    if isinstance(found, int) and found >= 0:
        found = slice(found, found + 1)
    numbers = (found.start, found.stop, found.step) if isinstance(found, slice) else (-1,)
    if any(number is not None and number < 0 for number in numbers) or numbers[-1] == 0:
        raise InputError(
            f"cannot understand --frames {frames!r}.",
            remedy="write START:STOP:STEP, counted from the start: --frames 100: or --frames ::10.",
        )
    assert isinstance(found, slice)
    return found


@contextmanager
def _at(path: Path, frame: int) -> Iterator[None]:
    """Let errors raised inside name file and frame."""
    try:
        yield
    except SuperionError as error:
        if error.file is not None:
            raise
        raise type(error)(error.problem, file=path, frame=frame, remedy=error.remedy) from error


def _read(
    stream: Stream, reader: Reader, snapshots: Iterator[Snapshot], given: Given, *, chosen: slice,
    masses: Mapping[str, float], unwrapped: bool, unwrap: bool, keep: bool, needed: Sequence[str],
    memory: float | None, progress: bool,
) -> Trajectory:  # fmt: skip
    """All frames of a stream, one after another."""
    paths, speeds, follow_paths = Pile(memory), Pile(memory), Unwrapper()
    cells: list[Array] = []
    said: dict[str, list[Any]] = {"place": [], "step": [], "time": [], "temperature": []}
    first: Snapshot | None = None
    wrapped = False
    numbered = islice(enumerate(_once(snapshots)), chosen.start, chosen.stop, chosen.step)
    for place, (frame, one) in follow(numbered, f"reading {stream.path.name}", stream.done, show=progress):
        if first is None:
            first = one
        elif len(paths) == 1:
            check_said(stream, first, given, needed)
        with _at(stream.path, frame):
            _check_same(first, one, frame)
            cell = continued(one.cell, cells[-1]) if cells and one.pbc.all() else one.cell
            continuous = one.unwrapped or unwrapped or not one.pbc.any()
            wrapped = wrapped or not (continuous or unwrap)
            paths.add(
                follow_paths(one.positions, cell, one.pbc) if unwrap and not continuous else one.positions
            )
        cells.append(cell if not cells or not np.array_equal(cell, cells[-1]) else cells[-1])
        if keep and one.velocities is not None:
            speeds.add(one.velocities)
        for name, value in (
            ("place", place), ("step", one.step), ("time", one.time), ("temperature", one.temperature)
        ):  # fmt: skip
            said[name].append(value)
    if first is None:
        raise InputError(
            f"the file holds no whole frame{f': {stream.cut}' if stream.cut else ''}.",
            file=stream.path,
            remedy="check the path and --frames; wait, if the run has just begun."
            if not reader.hint
            else f"{reader.hint} Or check --frames; a run that has just begun needs time.",
        )
    check_said(stream, first, given, needed)
    if stream.cut:
        warnings.warn(f"{stream.path}: the end of the file is not whole; {stream.cut}.", stacklevel=3)
    places = np.array(said["place"])
    steps, times_of_file, temperatures = (_series(said[name]) for name in ("step", "time", "temperature"))
    times, timed_by = frame_times(stream, places, steps, times_of_file, given)
    kelvin, heated_by = temperature_of(stream, temperatures, given)
    meta: dict[str, Any] = {
        "format": reader.name,
        "settings": {} if kelvin is None else {"temperature": kelvin},
        "said": {"timestep": timed_by, "temperature": heated_by},
    }
    if first.fixed:
        meta["fixed"] = list(first.fixed)
    return Trajectory(
        numbers=np.asarray(first.numbers, dtype=np.int64),
        masses=_masses(first, masses),
        pbc=np.asarray(first.pbc, dtype=bool),
        steps=places if steps is None else steps.astype(np.int64),
        times=times,
        positions=paths.array(),
        cells=np.array(cells),
        meta=meta,
        temperature=temperatures,
        velocities=speeds.array() if keep and len(speeds) == len(paths) else None,
        source=str(stream.path),
        wrapped=wrapped,
    )


def _once(snapshots: Iterator[Snapshot]) -> Iterator[tuple[int, Snapshot]]:
    """Frames with their numbers, without those that a restarted run wrote a second time."""
    before: Snapshot | None = None
    for frame, one in enumerate(snapshots):
        again = (
            before is not None
            and one.step is not None
            and one.step == before.step
            and one.positions.shape == before.positions.shape
            and float(np.abs(one.positions - before.positions).max()) < SAME_PLACE
        )
        if not again:
            yield frame, one
        before = one


def _check_same(first: Snapshot, one: Snapshot, frame: int) -> None:
    """InputError for a frame of other atoms or periodic axes than the first, and for what is no frame."""
    finite = np.isfinite(one.positions).all() and np.isfinite(one.cell).all()
    if not finite or (
        one is first and not ((one.numbers >= 0) & (one.numbers < len(chemical_symbols))).all()
    ):
        raise InputError(
            "it has positions or a cell that are not finite, or atoms of no element.",
            remedy=f"the file is damaged here: copy it again, or take the frames before (--frames :{frame}).",
        )
    if np.array_equal(one.numbers, first.numbers) and np.array_equal(one.pbc, first.pbc):
        return
    if len(one.numbers) != len(first.numbers):
        problem = f"it has {len(one.numbers)} atoms, the first frame {len(first.numbers)}"
    elif not np.array_equal(one.pbc, first.pbc):
        problem = f"it is periodic along {_axes(one.pbc)}, the first frame along {_axes(first.pbc)}"
    elif np.array_equal(np.sort(one.numbers), np.sort(first.numbers)):
        problem = "its atoms stand in another order than those of the first frame"
    else:
        problem = f"its atoms are {_formula(one.numbers)}, those of the first frame {_formula(first.numbers)}"
    raise InputError(
        f"{problem}: no paths lead from one to the other.",
        remedy=f"give a run of the same atoms in one order, or take the frames before (--frames :{frame}).",
    )


def _axes(pbc: Array) -> str:
    return " and ".join(axis for axis, periodic in zip("abc", pbc, strict=True) if periodic) or "no axis"


def _formula(numbers: Array) -> str:
    kinds, counts = np.unique(numbers, return_counts=True)
    return " ".join(f"{chemical_symbols[z]}{n}" for z, n in zip(kinds.tolist(), counts.tolist(), strict=True))


def _series(values: list[Any]) -> Array | None:
    """(F,) of the numbers of all frames, None if one has none."""
    return None if any(value is None for value in values) else np.array(values, dtype=np.float64)


def _masses(first: Snapshot, given: Mapping[str, float]) -> Array:
    found = np.array(atomic_masses[first.numbers] if first.masses is None else first.masses)
    for symbol, mass in given.items():
        of = first.numbers == atomic_numbers.get(symbol, -1)
        if not of.any() or not (np.isfinite(mass) and mass > 0):
            raise InputError(
                f"cannot use the mass {mass} of {symbol!r}; found {_formula(first.numbers)}.",
                remedy="name elements of the trajectory with masses in amu: --masses Li=6.015.",
            )
        found[of] = mass
    return found
