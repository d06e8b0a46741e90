"""Trajectories in (extended) XYZ, and those of CP2K with the cell in a file of its own.

Of each frame the elements, positions, cell, velocities and time are read. `time` and `step` in the second
line are fs and numbers, as GPUMD, QUIP, CP2K and superion write them, in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from ase import units
from ase.data import atomic_masses, atomic_numbers
from ase.io.extxyz import key_val_str_to_dict

from superion.errors import InputError
from superion.structures.formats.stream import Snapshot, Stream, kelvin
from superion.structures.xyz import comment_line

Array = np.ndarray
_CP2K = re.compile(r"^\s*i\s*=\s*(\d+)\s*,(?:\s*time\s*=\s*([-+.\dEe]+)\s*,)?")
_SYMBOL = re.compile(r"[A-Z][a-z]?")
_PLAIN = "species:S:1:pos:R:3"
_TRUE = (b"T", b"True", b"1")
CONSTANT = 1e-4
"""Å by which a constant cell may change."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the columns of a frame stand, by name: first column and number of columns."""

    places: dict[str, tuple[int, int]]

    @classmethod
    @cache
    def of(cls, declared: str) -> _Columns:
        parts, start = declared.split(":"), 0
        places = {}
        for name, width in zip(parts[::3], map(int, parts[2::3]), strict=True):
            places[name] = (start, width)
            start += width
        return cls(places)

    def numbers(self, name: str, width: int) -> list[int] | None:
        place = self.places.get(name)
        return list(range(place[0], place[0] + width)) if place and place[1] == width else None


def frames(stream: Stream) -> Iterator[Snapshot]:
    """Frames one after another; InputError for a damaged one, and for one without a cell."""
    stream.untimed = "its frames have no `time`"
    cells = read_cells(stream.foreign.cell_file) if stream.foreign.cell_file else None
    codes: dict[bytes, int] = {}
    frame = 0
    while line := stream.line():
        if not line.strip():
            continue
        word = line.strip()
        if not word.isdigit() or int(word) < 1:
            raise stream.damaged(frame, f"expected the number of atoms, found {_text(line)!r}.")
        comment = stream.line()
        if not comment.endswith(b"\n"):
            stream.end_within(frame, "it ends within its second line")
            return
        rows = stream.rows(int(word), frame)
        if rows is None:
            return
        found = _frame(stream, _text(comment, None), rows, frame, codes)
        yield found if cells is None else replace(found, cell=cells.at(found.step, frame), pbc=_ALL)
        frame += 1


_ALL = np.array([True, True, True])


def _frame(stream: Stream, comment: str, rows: list[bytes], frame: int, codes: dict[bytes, int]) -> Snapshot:
    info, declared = _said(stream, comment, frame)
    try:
        columns = _Columns.of(declared)
        species = columns.places["species" if "species" in columns.places else "Z"][0]
        places = columns.numbers("pos", 3)
        assert places is not None
    except (KeyError, ValueError, AssertionError):
        raise stream.damaged(
            frame, f"Properties={declared} names no species and positions.", stream.line_number - len(rows)
        ) from None
    try:
        words = [row.split(None, species + 1)[species] for row in rows]
    except IndexError:
        raise stream.damaged(frame, "an atom has fewer columns than the others.") from None
    for word in set(words) - codes.keys():
        codes[word] = _code(stream, word, frame)
    numbers = np.array([codes[word] for word in words])
    velocity, momentum, mass = (
        columns.numbers(name, width) for name, width in (("vel", 3), ("momenta", 3), ("masses", 1))
    )
    wanted = places + (velocity or momentum or []) + (mass or [])
    table = stream.table(rows, wanted, frame)
    masses = table[:, -1] if mass else None
    weights = atomic_masses[numbers] if masses is None else masses
    velocities = None
    if velocity or momentum:
        velocities = table[:, 3:6] if velocity else table[:, 3:6] / weights[:, None] * units.fs
        velocities = velocities if velocities.any() else None
    fixed: tuple[int, ...] = ()
    if "move_mask" in columns.places:
        at = columns.places["move_mask"][0]
        fixed = tuple(k for k, row in enumerate(rows) if row.split(None, at + 1)[at] not in _TRUE)
    cell = info.get("Lattice", stream.foreign.cell)
    if cell is None and stream.foreign.cell_file is None:
        raise InputError(
            "it names no cell.",
            file=stream.path,
            frame=frame,
            remedy="give the lengths of the cell in Å, --cell 10,10,12, or nine numbers; or --cell-file "
            "PROJECT-1.cell, as CP2K writes it.",
        )
    matrix = np.zeros((3, 3)) if cell is None else np.array(cell, dtype=np.float64)
    pbc = np.array(info.get("pbc", _ALL), dtype=bool)
    if matrix.shape != (3, 3) or pbc.shape != (3,):
        problem = "Lattice is not nine numbers, or pbc not three truth values."
        raise stream.damaged(frame, problem, stream.line_number - len(rows))
    return Snapshot(
        numbers=numbers,
        positions=table[:, :3],
        cell=matrix.T if "Lattice" in info else matrix,
        pbc=pbc,
        step=info.get("step"),
        time=info.get("time"),
        temperature=None if velocities is None else kelvin(weights, velocities, len(fixed)),
        velocities=velocities,
        masses=masses,
        fixed=fixed,
    )


def _said(stream: Stream, comment: str, frame: int) -> tuple[dict[str, Any], str]:
    """What the second line says, `step`, `time`, `Lattice` and `pbc`, and its Properties."""
    cp2k = _CP2K.match(comment)
    if cp2k:
        said: dict[str, Any] = {"step": int(cp2k[1])}
        return said | ({"time": float(cp2k[2])} if cp2k[2] else {}), _PLAIN
    try:
        info = key_val_str_to_dict(comment_line(comment, stream.path, frame))
    except (ValueError, KeyError, IndexError) as error:
        raise stream.damaged(frame, f"the second line of the frame cannot be understood ({error}).") from None
    said = {key: info[key] for key in ("Lattice", "pbc") if key in info}
    for key, value in info.items():
        if key.lower() in ("time", "step") and isinstance(value, int | float | np.number):
            said[key.lower()] = float(value) if key.lower() == "time" else int(value)
    return said, str(info.get("Properties", _PLAIN))


def _code(stream: Stream, word: bytes, frame: int) -> int:
    """The atomic number of a symbol, a number, or a label such as Li1."""
    text = word.decode("utf-8", "replace")
    found = _SYMBOL.match(text)
    if text.isdecimal():
        return int(text)
    for symbol in (text, found[0] if found else "", text[:1]):
        if symbol in atomic_numbers and symbol != "X":
            return atomic_numbers[symbol]
    raise stream.damaged(frame, f"{text[:20]!r} is not an element.")


def _text(line: bytes, most: int | None = 60) -> str:
    return line.decode("utf-8", "replace").strip("\r\n")[:most]


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of the steps of a run: steps (F,), cells (F, 3, 3) Å."""

    path: Path
    steps: Array
    cells: Array

    def at(self, step: int | None, frame: int) -> Array:
        """The cell of a step, or of a frame whose step is not known; InputError where there is none."""
        if step is not None:
            k = int(np.searchsorted(self.steps, step))
            if k < len(self.steps) and self.steps[k] == step:
                return np.asarray(self.cells[k])
        elif frame < len(self.cells):
            return np.asarray(self.cells[frame])
        if not np.ptp(self.cells, axis=0).any():
            return np.asarray(self.cells[0])
        raise InputError(
            f"the file of cells has none of step {step}." if step is not None else "it has too few cells.",
            file=self.path,
            frame=frame,
            remedy="give the file of the same run, written as often as the positions "
            "(MOTION / PRINT / CELL / EACH of CP2K).",
        )

    def constant(self) -> Array:
        """The one cell (3, 3) of all steps; InputError if it changes."""
        if np.ptp(self.cells, axis=0).max() > CONSTANT:
            raise InputError(
                "the cell changes: dipoles are followed at one constant cell.",
                file=self.path,
                remedy="give a run at constant volume.",
            )
        return np.asarray(self.cells[0])


def read_cells(path: Path) -> Cells:
    """The `.cell` file of CP2K: step, time, the nine numbers of the lattice vectors, volume."""
    if not path.is_file():
        raise InputError("there is no such file.", file=path, remedy="check the path after --cell-file.")
    try:
        table = np.loadtxt(path, comments="#", ndmin=2)
    except (ValueError, UnicodeDecodeError) as error:
        raise _no_cells(path, str(error)) from error
    if table.shape[0] < 1 or table.shape[1] < 11 or not np.isfinite(table).all():
        raise _no_cells(path, f"found a table of {table.shape[0]} rows and {table.shape[1]} columns")
    order = np.argsort(table[:, 0], kind="stable")
    return Cells(path, table[order, 0].astype(np.int64), table[order, 2:11].reshape(-1, 3, 3))


def _no_cells(path: Path, problem: str) -> InputError:
    return InputError(
        f"is no file of cells of CP2K ({problem}).",
        file=path,
        remedy="its rows are step, time in fs, nine numbers of the lattice vectors in Å, volume; give a "
        "constant cell with --cell 10,10,12.",
    )
