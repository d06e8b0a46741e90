"""All other formats, as `ase.io` reads them; files are text in UTF-8 whatever the locale is."""

from __future__ import annotations

import io
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import ase.io
from ase import Atoms
from ase.io.formats import filetype, ioformats
from ase.io.trajectory import TrajectoryReader

from superion.errors import InputError
from superion.structures.formats import vasprun
from superion.structures.formats.base import Reader, Source
from superion.structures.formats.stream import Snapshot, Stream, snapshot_of

UNSAFE = ("bundletrajectory", "db", "aselmdb", "postgresql", "mysql", "py")
"""Formats that run or unpickle what is in the file, or ask a server."""
UNFINISHED: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "aims-output": (
        {"non_convergence_ok": True},
        "Have a nice day.",
        "Begin self-consistency loop: Re-initialization",
        "Self-consistency cycle converged.",
    )
}
"""Outputs that are read up to their last whole step: arguments of the reader, the last line of a run that has
ended, the line between steps, and one that a whole step has. The last step of any other run lacks its
structure or its final energy."""


MARKS = (b"Invoking FHI-aims", b"Begin self-consistency loop: ")
"""What only FHI-aims writes, whose outputs have no ending of their own."""


class _Named(io.StringIO):
    """Text with the name of its file, by which some readers tell their versions apart."""

    def __init__(self, text: str, path: Path) -> None:
        super().__init__(text)
        self.name = str(path)


def format_of(source: Source) -> str:
    """The name of the format in ASE, judged by the name of the file, then by its first bytes."""
    if source.name.endswith(".vasp"):
        return "vasp"
    if any(mark in source.data[:1_000_000] for mark in MARKS):
        return "aims-output"
    return str(filetype(str(source.path)))


def _safe(source: Source) -> str:
    """The format; InputError for one that is not read."""
    kind = format_of(source)
    if kind in UNSAFE:
        raise InputError(
            f"files of the format {kind} are not read, for reading one may run code.",
            file=source.path,
            remedy="convert it where it was made: `ase convert FILE out.extxyz`.",
        )
    return kind


def _read(source: Source) -> list[Atoms]:
    kind = _safe(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of readers that will move to packages of their own
        warnings.simplefilter("ignore", DeprecationWarning)
        return _unfinished(source, kind) if kind in UNFINISHED else _whole(source, kind)


def _whole(source: Source, kind: str) -> list[Atoms]:
    if kind == "vasp" and source.foreign.elements:
        return list(ase.io.iread(_with_elements(source), index=":", format=kind))
    known = ioformats.get(kind)
    if known is not None and known.acceptsfd and not known.isbinary:
        return list(ase.io.iread(_Named(source.text, source.path), index=":", format=kind))
    return list(ase.io.iread(source.path, index=":", format=kind, do_not_split_by_at_sign=True))


def _with_elements(source: Source) -> _Named:
    """A POSCAR of old versions of VASP, which name no elements, with a line that does."""
    lines = source.text.split("\n")
    if len(lines) > 5 and all(word.isdecimal() for word in lines[5].split()):
        lines.insert(5, " ".join(source.foreign.elements))
    return _Named("\n".join(lines), source.path)


def _unfinished(source: Source, kind: str) -> list[Atoms]:
    options, end, between, whole = UNFINISHED[kind]
    text = source.text
    if end not in text:
        steps = text.split(between)[:-1]
        while steps and whole not in steps[-1]:
            steps.pop()
        if not steps:
            raise InputError(
                "the run ended before its first step was whole.",
                file=source.path,
                remedy="let it run to its end.",
            )
        text = between.join(steps)
    return list(ioformats[kind].read(_Named(text, source.path), slice(None), **options))


def _frames(stream: Stream) -> Iterator[Snapshot]:
    """Frames one after another, as far as the reader of ASE does not read the whole file first."""
    kind = _safe(Source(stream.path, stream.path.name.lower(), b"", stream.foreign))
    stream.untimed = f"a file of the format {kind} states no time between its frames"
    if kind == "vasp-xml":
        yield from vasprun.frames(stream)
    elif kind == "traj":
        yield from _trajectory(stream)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            images = ase.io.iread(stream.path, index=":", format=kind, do_not_split_by_at_sign=True)
        for atoms in images:
            yield replace(snapshot_of(atoms), step=None, time=None)


def _trajectory(stream: Stream) -> Iterator[Snapshot]:
    """The frames of a file in ASE's own format, which is read where it is asked for."""
    with ExitStack() as stack:
        try:
            packed = stream.path.suffix == ".gz"
            source = stack.enter_context(_unpacked(stream)) if packed else stream.path
            reader = stack.enter_context(TrajectoryReader(source))
        except Exception as error:  # the reader raises many kinds
            raise InputError(
                f"cannot be read as a trajectory of ASE ({type(error).__name__}: {error}).",
                file=stream.path,
                remedy="the file is damaged or truncated: copy it again.",
            ) from error
        count = len(reader)
        for k in range(count):
            try:
                found = snapshot_of(reader[k])
            except Exception as error:  # the reader raises many kinds
                if k == 0 or _readable(reader, count - 1):
                    raise InputError(
                        f"cannot be read ({type(error).__name__}: {error}).",
                        file=stream.path,
                        frame=k,
                        remedy=f"the file is damaged here: copy it again, or take --frames :{k}.",
                    ) from error
                stream.end_within(k)
                return
            stream.part = (k + 1, count)
            yield found


def _unpacked(stream: Stream) -> IO[bytes]:
    """A compressed file, unpacked into one without a name, for readers that jump to and fro."""
    unpacked = tempfile.TemporaryFile(prefix="superion-")  # noqa: SIM115  # the caller closes it
    shutil.copyfileobj(stream.file, unpacked)
    unpacked.seek(0)
    return unpacked


def _readable(reader: TrajectoryReader, k: int) -> bool:
    try:
        reader[k]
    except Exception:  # the reader raises many kinds
        return False
    return True


ASE = Reader(
    "structure file",
    lambda source: True,
    _read,
    "the file is damaged or its name does not say its format; write it as extended XYZ (.extxyz) or "
    "POSCAR (.vasp). A POSCAR without elements needs them: --elements Li,P,S.",
    _frames,
)
