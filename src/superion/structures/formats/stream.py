"""Files read frame by frame: a frame of a trajectory, and the file that it comes from.

Nothing but the frame at hand is kept, however long the file is. A file that ends within a frame is one of a
run that goes on, or was killed: what is whole is read, and `Stream.cut` tells the rest.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.constraints import FixAtoms

from superion.errors import InputError
from superion.structures.foreign import Foreign
from superion.structures.xyz import MOST, RATIO

Array = np.ndarray
BUFFER = 1 << 20
FEW = 8
"""Lines that are sooner read one by one."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One frame, as its file has it.

    numbers: (N,) atomic numbers. positions: (N, 3) Å, from the origin of the cell. cell: (3, 3) Å, rows are
    lattice vectors. pbc: (3,) bool. step: number of the step of the dynamics. time: fs. temperature: K, of
    the velocities. velocities: (N, 3) Å/fs. masses: (N,) amu. fixed: indices of atoms that do not move.
    unwrapped: atoms that left the cell were not moved back into it. All that a file does not say is None.
    """

    numbers: Array
    positions: Array
    cell: Array
    pbc: Array
    step: int | None = None
    time: float | None = None
    temperature: float | None = None
    velocities: Array | None = None
    masses: Array | None = None
    fixed: tuple[int, ...] = ()
    unwrapped: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A number that a file states for all its frames, and the words for where it stands."""

    value: float
    where: str


@dataclass(slots=True)
class Stream:
    """A file that is read once, from its beginning to its end; `.gz` is decompressed on the way.

    foreign: what the file does not say of itself. line_number: of the line that was read last. cut: what is
    missing at the end of the file, in words, None if it ends with a whole frame. timestep: fs from frame to
    frame, temperature: K, where the file states them. untimed: why it states no time step, ramp: why it has
    no temperature, in words. part: frames read and in all, of files whose number of frames is known.
    """

    path: Path
    foreign: Foreign = field(default_factory=Foreign)
    line_number: int = 0
    cut: str | None = None
    timestep: Said | None = None
    temperature: Said | None = None
    untimed: str = ""
    ramp: str = ""
    part: tuple[int, int] | None = None
    _raw: Any = None
    _file: io.BufferedReader | None = None
    _ends: bool = True
    _got: int = 0
    _allowed: float = np.inf

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in (self._file, self._raw):
            if handle is not None:
                handle.close()

    @property
    def file(self) -> io.BufferedReader:
        """The decompressed file, for readers that do not read lines."""
        if self._file is None:
            self._raw = open(self.path, "rb", buffering=0)  # noqa: SIM115  # closed in __exit__
            packed = self._raw
            if self.path.suffix == ".gz":
                packed, self._allowed = _Unpacked(self._raw), max(MOST, RATIO * self.size)
            self._file = io.BufferedReader(packed, BUFFER)
        return self._file

    @property
    def size(self) -> int:
        """Bytes of the file as it lies on the disk."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def done(self) -> float:
        """Part of the file that was read, from 0 to 1."""
        if self.part is not None:
            return self.part[0] / self.part[1]
        return 0.0 if self._raw is None or self._raw.closed else int(self._raw.tell()) / max(self.size, 1)

    def lines(self, count: int) -> list[bytes]:
        """The next lines, fewer at the end of the file, with their ends."""
        try:
            found = list(islice(self.file, count))
        except EOFError:  # a compressed file that is cut
            self._ends = False
            return []
        except (gzip.BadGzipFile, zlib.error) as error:
            raise InputError(
                f"the compressed file cannot be read after line {self.line_number} ({error}).",
                file=self.path,
                remedy="it is damaged or not gzip; copy it again.",
            ) from error
        self.line_number += len(found)
        if found:
            self._ends = found[-1].endswith(b"\n")
        if self._allowed < np.inf:
            self._got += sum(map(len, found))
        if self._got > self._allowed:
            raise InputError(
                f"the compressed file unpacks to more than {RATIO} times its size.",
                file=self.path,
                remedy="trajectories compress 3 to 20 times; copy it again, or unpack it with `gunzip`.",
            )
        return found

    def head(self, size: int) -> bytes:
        """The first bytes; fewer of a compressed file that is cut or damaged, as far as it can be read."""
        found = b""
        try:
            while len(found) < size and (more := self.file.read1(size - len(found))):
                found += more
        except (EOFError, gzip.BadGzipFile, zlib.error):
            pass
        return found

    def line(self) -> bytes:
        """The next line with its end, empty at the end of the file."""
        found = self.lines(1)
        return found[0] if found else b""

    def rows(self, count: int, frame: int) -> list[bytes] | None:
        """The lines of so many atoms; None if the file ends within them, which is then said in `cut`.

        A last line without an end that is shorter than all others was cut, too.
        """
        found = self.lines(count)
        short = (
            len(found) == count > 1
            and not self._ends
            and len(found[-1].rstrip()) < min(len(row.rstrip()) for row in found[:-1])
        )
        if len(found) == count and not short:
            return found
        self.end_within(frame, f"it ends after {len(found) - (not self._ends)} of {count} atoms")
        return None

    def end_within(self, frame: int, what: str = "it is not whole") -> None:
        """Say that the file ends within a frame; nothing is left to read of it."""
        self.cut = f"frame {frame} is left out: {what}"

    def damaged(self, frame: int, problem: str, line: int | None = None) -> InputError:
        """The error for a frame that cannot be read."""
        return InputError(
            f"line {self.line_number if line is None else line}: {problem}",
            file=self.path,
            frame=frame,
            remedy=f"the file is damaged here: copy it again, or take the frames before (--frames :{frame}).",
        )

    def table(self, rows: Sequence[bytes], columns: Sequence[int], frame: int) -> Array:
        """Numbers (rows, columns) in the given columns of the lines that were read last.

        Raises InputError, naming file, frame and line, for a line that is too short, a word that is no number
        and a number that is not finite.
        """
        try:
            if len(rows) < FEW:
                words = [row.split() for row in rows]
                found = np.array([[float(line[column]) for column in columns] for line in words])
            else:
                found = np.loadtxt(rows, usecols=columns, comments=None, ndmin=2)
        except (ValueError, IndexError):
            found = np.zeros((0, 0))
        if found.shape != (len(rows), len(columns)) or not np.isfinite(found).all():
            raise self._bad_row(rows, columns, frame)
        return found

    def _bad_row(self, rows: Sequence[bytes], columns: Sequence[int], frame: int) -> InputError:
        for k, row in enumerate(rows):
            words = row.split()
            try:
                fine = all(np.isfinite(float(words[column])) for column in columns)
            except (IndexError, ValueError):
                fine = False
            if not fine:
                text = row.decode("utf-8", "replace").strip()[:80]
                problem = f"the columns of atom {k} are not those of the atoms before: {text!r}."
                return self.damaged(frame, problem, self.line_number - len(rows) + 1 + k)
        return self.damaged(frame, "the numbers of the frame cannot be read.")


class _Unpacked(io.RawIOBase):
    """A gzip file of which all is read that was written before it was cut."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._packed = gzip.GzipFile(fileobj=raw)

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill part of the buffer; EOFError where a cut file has no more."""
        data = self._packed.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def atoms_of(frame: Snapshot) -> Atoms:
    """A frame as Atoms, without time and temperature."""
    atoms = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc)
    if frame.masses is not None:
        atoms.set_masses(frame.masses)
    if frame.velocities is not None:
        atoms.set_velocities(frame.velocities / units.fs)
    if frame.fixed:
        atoms.set_constraint(FixAtoms(list(frame.fixed)))
    return atoms


def snapshot_of(atoms: Atoms) -> Snapshot:
    """Atoms as a frame; `step` and `time` (fs) of their `info` are taken, and the temperature of momenta."""
    info = {str(key).lower(): value for key, value in atoms.info.items()}
    moving = atoms.has("momenta") and bool(atoms.arrays["momenta"].any())
    fixed = tuple(sorted({int(k) for c in atoms.constraints if isinstance(c, FixAtoms) for k in c.index}))
    return Snapshot(
        numbers=atoms.numbers,
        positions=atoms.positions,
        cell=atoms.cell.array,
        pbc=atoms.pbc,
        step=_whole(info.get("step")),
        time=_number(info.get("time")),
        temperature=kelvin(atoms.get_masses(), atoms.get_velocities() * units.fs, len(fixed))
        if moving
        else None,
        velocities=atoms.get_velocities() * units.fs if moving else None,
        masses=atoms.get_masses() if atoms.has("masses") else None,
        fixed=fixed,
    )


def kelvin(masses: Array, velocities: Array, fixed: int = 0) -> float:
    """Temperature (K) of velocities (N, 3) Å/fs, whose momenta add up to zero unless atoms are fixed."""
    energy = 0.5 * float(masses @ (velocities**2).sum(axis=1)) / units.fs**2
    free = 3 * (len(masses) - fixed) if fixed else 3 * len(masses) - 3
    return 2 * energy / (max(free, 1) * units.kB)


def shown(line: bytes) -> str:
    """The beginning of a line for a message."""
    return repr(line.decode("utf-8", "replace").strip()[:60])


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    return float(value) if np.isfinite(value) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None or number != int(number) else int(number)
