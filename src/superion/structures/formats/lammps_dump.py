"""Text dumps of LAMMPS, with elements or with numbered types and their elements.

Atoms stand in any order and are sorted by their `id`. Of several coordinates those that were never moved back
into the cell are preferred: xu, then xsu, then x or xs with the images ix, then x, then xs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms, units
from ase.calculators.lammps import convert
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import atomic_masses, atomic_numbers

from superion.errors import InputError
from superion.structures.formats.base import Reader, Source, whole
from superion.structures.formats.stream import Snapshot, Stream, kelvin, shown

Array = np.ndarray
MASS_TOLERANCE = 0.3
"""amu; a mass further from that of every element names none."""
_KEPT = ("f_", "v_", "d_", "d2_", "c_", "i_", "i2_")
"""Beginnings of the columns of computes, fixes, variables and properties, which stay arrays."""
_TRICLINIC = ("xy", "xz", "yz")
MOVING = frozenset(
    ["id", "mass", *(f"{axis}{kind}" for axis in "xyz" for kind in ("", "s", "u", "su"))]
    + [f"{kind}{axis}" for axis in "xyz" for kind in ("v", "i")]
)
"""Columns that a trajectory has use for."""


@dataclass(frozen=True, slots=True)
class DumpFrame:
    """A frame as it is written: words of its header, sorted columns by name, cell and its origin in Å."""

    step: int
    time: float | None
    units: str | None
    pbc: Array
    cell: Array
    origin: Array
    numbers: Array
    columns: dict[str, Array]

    def position(self) -> tuple[Array, bool]:
        """(N, 3) Å from the origin of the cell, and whether they were never moved back into it."""
        has = self.columns.__contains__
        for scaled, unwrapped in (("", "u"), ("s", "u"), ("", ""), ("s", "")):
            names = [f"{axis}{scaled}{unwrapped}" for axis in "xyz"]
            if not all(map(has, names)):
                continue
            found = self._three(names)
            found = found @ self.cell if scaled else self._length(found) - self.origin
            images = ("ix", "iy", "iz")
            if not unwrapped and all(map(has, images)):
                return found + self._three(images) @ self.cell, True
            return found, bool(unwrapped)
        raise InputError(
            "the dump of LAMMPS has no coordinates.",
            remedy="write columns such as `id element xu yu zu` (dump custom).",
        )

    def velocities(self) -> Array | None:
        """(N, 3) Å/fs, None if there are none."""
        if not all(name in self.columns for name in ("vx", "vy", "vz")):
            return None
        own = convert(self._three(("vx", "vy", "vz")), "velocity", self.units or "metal", "ASE")
        return np.asarray(own * units.fs)

    def _three(self, names: list[str] | tuple[str, ...]) -> Array:
        return np.column_stack([self.columns[name] for name in names])

    def _length(self, values: Array) -> Array:
        return np.asarray(convert(values, "distance", self.units or "metal", "ASE"))


def dump_frames(stream: Stream, wanted: frozenset[str] | None = None) -> Iterator[DumpFrame]:
    """Frames one after another; InputError for a damaged one, or for types that name no element.

    wanted: names of the columns to read; None for all.
    """
    frame, header = 0, _Header()
    while line := stream.line():
        if not line.strip():
            continue
        if not line.startswith(b"ITEM:"):
            raise stream.damaged(frame, f"expected 'ITEM: …', found {shown(line)}.")
        words = line.decode("utf-8", "replace").split()[1:]
        if words[:1] == ["ATOMS"]:
            rows = stream.rows(header.count, frame)
            if rows is None:
                return
            yield header.frame(stream, words[1:], rows, frame, wanted)
            frame, header = frame + 1, header.next()
        elif not header.read(stream, words, frame):
            stream.end_within(frame, "it ends within its header")
            return
    if header.begun:
        stream.end_within(frame, "it ends within its header")


@dataclass(slots=True)
class _Header:
    """What stands before the atoms of a frame."""

    step: int = -1
    time: float | None = None
    units: str | None = None
    count: int = 0
    pbc: Array | None = None
    cell: Array | None = None
    origin: Array | None = None
    begun: bool = False
    box: list[str | bytes] | None = None
    codes: dict[bytes, int] | None = None
    """Atomic numbers of the words for elements, types or masses that were met."""

    def next(self) -> _Header:
        """That of the next frame, with what need not be read again: the box until another one comes."""
        return replace(self, step=-1, time=None, count=0, begun=False)

    def read(self, stream: Stream, words: list[str], frame: int) -> bool:
        """Read an item; False if the file ends within it."""
        self.begun = True
        kind = " ".join(words)
        rows = stream.lines(3 if kind.startswith("BOX") else 1)
        if len(rows) < (3 if kind.startswith("BOX") else 1) or not rows[-1].endswith(b"\n"):
            return False
        if kind == "TIMESTEP":
            self.step = int(stream.table(rows, (0,), frame)[0, 0])
        elif kind == "TIME":
            self.time = float(stream.table(rows, (0,), frame)[0, 0])
        elif kind == "UNITS":
            self.units = rows[0].decode("utf-8", "replace").strip()
            if self.units not in ("metal", "real", "electron", "si", "cgs"):
                raise InputError(
                    f"the dump of LAMMPS is in the units {self.units!r}, which have no length in Å.",
                    file=stream.path,
                    frame=frame,
                    remedy="run LAMMPS in the units metal or real.",
                )
        elif kind == "NUMBER OF ATOMS":
            self.count = int(stream.table(rows, (0,), frame)[0, 0])
        elif kind.startswith("BOX BOUNDS") and [kind, *rows] != self.box:
            self._box(stream, words[2:], rows, frame)
            self.box = [kind, *rows]
        return True

    def _box(self, stream: Stream, words: list[str], rows: list[bytes], frame: int) -> None:
        self.pbc = np.array(["p" in word for word in words[-3:]] if len(words) >= 3 else [False] * 3)
        if words[:1] == ["abc"]:  # general triclinic boxes
            found = stream.table(rows, (0, 1, 2, 3), frame)
            cell, origin = found[:, :3], found[:, 3]
        else:
            tilted = len(rows[0].split()) > 2
            found = stream.table(rows, (0, 1, 2) if tilted else (0, 1), frame)
            tilts = dict(zip(words[:3] if words[:1] == ["xy"] else _TRICLINIC, found[:, -1], strict=True))
            xy, xz, yz = (tilts[name] if tilted else 0.0 for name in _TRICLINIC)
            low = found[:, 0] - [min(0, xy, xz, xy + xz), min(0, yz), 0]
            high = found[:, 1] - [max(0, xy, xz, xy + xz), max(0, yz), 0]
            a, b, c = high - low
            cell, origin = np.array([[a, 0, 0], [xy, b, 0], [xz, yz, c]]), low
        name = self.units or "metal"
        self.cell = np.asarray(convert(cell, "distance", name, "ASE"))
        self.origin = np.asarray(convert(origin, "distance", name, "ASE"))

    def frame(
        self, stream: Stream, names: list[str], rows: list[bytes], frame: int, wanted: frozenset[str] | None
    ) -> DumpFrame:
        if self.cell is None or self.origin is None or self.pbc is None or self.count < 1:
            raise stream.damaged(frame, "the frame has no cell, or no atoms.")
        words = ("element", "typelabel")
        numeric = [
            k for k, name in enumerate(names) if name not in words and (wanted is None or name in wanted)
        ]
        table = stream.table(rows, numeric, frame)
        if self.codes is None:
            self.codes = {}
        numbers = _numbers(stream, names, rows, self.codes)
        if "id" in names:
            ids = table[:, numeric.index(names.index("id"))]
            order = np.argsort(ids, kind="stable")
            table, numbers, ids = table[order], numbers[order], ids[order]
            if (ids[1:] == ids[:-1]).any():
                raise stream.damaged(frame, "two atoms have the same id.")
        columns = {names[k]: table[:, at] for at, k in enumerate(numeric)}
        return DumpFrame(self.step, self.time, self.units, self.pbc, self.cell, self.origin, numbers, columns)


def _numbers(stream: Stream, names: list[str], rows: list[bytes], codes: dict[bytes, int]) -> Array:
    """Atomic numbers in the order of the file; codes: of the words that were met, which grows."""
    elements = stream.foreign.elements
    for name in ("element", "mass", "type"):
        if name in names and (name != "type" or elements):
            break
    else:
        raise InputError(
            "the dump of LAMMPS has no column `element`: types are numbers that name no element.",
            file=stream.path,
            remedy="name the elements in the order of the types, --elements Li,P,S; or write the dump with "
            "`dump 1 all custom 100 run.lammpstrj id element xu yu zu` and `dump_modify 1 element Li P S`.",
        )
    at = names.index(name)
    words = [row.split(None, at + 1)[at] for row in rows]
    for word in set(words) - codes.keys():
        codes[word] = _code(stream, name, word.decode("utf-8", "replace"), elements)
    return np.array([codes[word] for word in words])


def _code(stream: Stream, column: str, word: str, elements: tuple[str, ...]) -> int:
    if column == "element":
        if word in atomic_numbers:
            return atomic_numbers[word]
        raise InputError(
            f"{word!r} in the column `element` is not an element.",
            file=stream.path,
            remedy="write the dump with `dump_modify 1 element Li P S`.",
        )
    if column == "mass":
        off = np.abs(atomic_masses[1:] - float(word))
        if off.min() < MASS_TOLERANCE:
            return int(off.argmin()) + 1
        raise InputError(
            f"an atom has the mass {word}, which is that of no element.",
            file=stream.path,
            remedy="write the dump with a column `element`.",
        )
    number = int(float(word))
    if not 1 <= number <= len(elements):
        raise InputError(
            f"the dump has more types than the {len(elements)} elements {', '.join(elements)}.",
            file=stream.path,
            remedy="name one element for each type, in their order, with --elements.",
        )
    return atomic_numbers[elements[number - 1]]


def frames(stream: Stream) -> Iterator[Snapshot]:
    """Frames of a trajectory; times and velocities where the dump says in which `UNITS` (dump_modify)."""
    steps: list[int] = []
    for one in dump_frames(stream, MOVING):
        steps = [*steps[-1:], one.step]
        stream.untimed = "a dump of LAMMPS counts steps, and does not say how long one is" + (
            f": here frames are {steps[1] - steps[0]} steps apart" if len(steps) == 2 else ""
        )
        positions, unwrapped = one.position()
        velocities = None if one.units is None else one.velocities()
        masses = one.columns.get("mass")
        time = None
        if one.time is not None and one.units is not None:
            time = float(convert(one.time, "time", one.units, "ASE") / units.fs)
        yield Snapshot(
            numbers=one.numbers,
            positions=positions,
            cell=one.cell,
            pbc=one.pbc,
            step=one.step,
            time=time,
            temperature=None
            if velocities is None
            else kelvin(atomic_masses[one.numbers] if masses is None else masses, velocities),
            velocities=velocities,
            masses=masses,
            unwrapped=unwrapped,
        )


def _atoms(one: DumpFrame) -> Atoms:
    """A frame with charges, forces, velocities and what computes wrote."""
    positions, _ = one.position()
    atoms = Atoms(one.numbers, positions=positions + one.origin, cell=one.cell, pbc=one.pbc)
    atoms.set_celldisp(one.origin)
    name, columns = one.units or "metal", one.columns
    velocities = one.velocities()
    if velocities is not None:
        atoms.set_velocities(velocities / units.fs)
    if "q" in columns:
        atoms.set_initial_charges(convert(columns["q"], "charge", name, "ASE"))
    if all(key in columns for key in ("fx", "fy", "fz")):
        forces = convert(np.column_stack([columns[key] for key in ("fx", "fy", "fz")]), "force", name, "ASE")
        atoms.calc = SinglePointCalculator(atoms, forces=forces)  # a dump has no energy
    for key, values in columns.items():
        if key.startswith(_KEPT):
            atoms.new_array(key, values, dtype=int if key.startswith(("i_", "i2_")) else float)
        elif key == "type":
            atoms.new_array(key, values, dtype=int)
    atoms.info["timestep"] = one.step
    return atoms


def _read(source: Source) -> list[Atoms]:
    return whole(source, lambda stream: map(_atoms, dump_frames(stream)))


LAMMPS_DUMP = Reader(
    "dump of LAMMPS", lambda source: source.data.lstrip().startswith(b"ITEM:"), _read, stream=frames
)
