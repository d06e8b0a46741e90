"""Trajectories in vasprun.xml, one calculation after another; the whole file is never held.

Labels of single frames are read by ASE; here are positions, cells, masses, the temperature of each step, and
what the parameters say of all: POTIM, NBLOCK, TEBEG, TEEND.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError, iterparse

import numpy as np
from ase import units
from ase.data import atomic_numbers

from superion.structures.formats.stream import Said, Snapshot, Stream

Array = np.ndarray
_ENDED = (3, 5)
"""Codes of expat for a document that ends too soon."""
_WANTED = ("POTIM", "NBLOCK", "TEBEG", "TEEND", "IBRION", "SMASS", "MDALGO")


def frames(stream: Stream) -> Iterator[Snapshot]:
    """Frames one after another; a calculation that was not finished is left out."""
    numbers, masses = np.zeros(0, dtype=int), np.zeros(0)
    fixed: tuple[int, ...] = ()
    frame, inside, root = 0, False, None
    events = iter(iterparse(stream.file, events=("start", "end")))
    while True:
        try:
            event, element = next(events)
        except StopIteration:
            return
        except EOFError:
            if inside:
                stream.end_within(frame)
            return
        except ParseError as error:
            if error.code not in _ENDED:
                raise stream.damaged(frame, f"not valid XML ({error}).", error.position[0]) from error
            if inside:
                stream.end_within(frame, "its calculation is not finished")
            return
        if root is None:
            root = element
        if event == "start":
            inside = inside or element.tag == "calculation"
            continue
        if element.tag == "parameters":
            _state(stream, {i.get("name", ""): (i.text or "").strip() for i in element.iter("i")})
        elif element.tag == "atominfo":
            numbers, masses = _atoms(stream, element)
        elif element.tag == "structure" and element.get("name") == "initialpos":
            fixed = _fixed(element)
        elif element.tag == "calculation":
            yield _snapshot(stream, element, numbers, masses, fixed, frame)
            frame, inside = frame + 1, False
            root.clear()


def _state(stream: Stream, words: dict[str, str]) -> None:
    """Keep what the parameters say of time and temperature."""
    given: dict[str, float] = {}
    for name in _WANTED:
        try:
            given[name] = float(words[name])
        except (KeyError, ValueError):
            continue
    if given.get("IBRION", 0) != 0:
        stream.untimed = f"IBRION is {given['IBRION']:g}, which is no molecular dynamics"
        return
    potim, blocks = given.get("POTIM"), given.get("NBLOCK", 1)
    if potim and blocks == 1:
        stream.timestep = Said(potim, "POTIM")
    elif potim:
        stream.untimed = (
            f"POTIM is {potim:g} fs and NBLOCK {blocks:g}; whether each step or each {blocks:g}th is there, "
            "it does not say"
        )
    start, end = given.get("TEBEG"), given.get("TEEND")
    if start is None or end is None:
        return
    if start != end:
        stream.ramp = f"TEBEG is {start:g} K and TEEND {end:g} K"
    elif start > 0 and (given.get("MDALGO", 0) > 0 or given.get("SMASS", -3) > -3):
        stream.temperature = Said(start, "TEBEG = TEEND")


def _atoms(stream: Stream, element: Element) -> tuple[Array, Array]:
    rows = element.findall("array[@name='atoms']/set/rc")
    kinds = element.findall("array[@name='atomtypes']/set/rc")
    symbols = [(row[0].text or "").strip() for row in rows]
    unknown = [symbol for symbol in symbols if symbol not in atomic_numbers]
    if unknown or not symbols:
        raise stream.damaged(0, f"{unknown[0]!r} is not an element." if unknown else "it names no atoms.")
    own = [float(kind[2].text or 0) for kind in kinds]
    numbers = np.array([atomic_numbers[symbol] for symbol in symbols])
    return numbers, np.array([own[int(row[1].text or 0) - 1] for row in rows])


def _fixed(structure: Element) -> tuple[int, ...]:
    flags = structure.findall("varray[@name='selective']/v")
    return tuple(k for k, flag in enumerate(flags) if (flag.text or "").split() == ["F", "F", "F"])


def _snapshot(
    stream: Stream, step: Element, numbers: Array, masses: Array, fixed: tuple[int, ...], frame: int
) -> Snapshot:
    cell = _vectors(step.find("structure/crystal/varray[@name='basis']"))
    scaled = _vectors(step.find("structure/varray[@name='positions']"))
    if cell.shape != (3, 3) or scaled.shape != (len(numbers), 3):
        raise stream.damaged(frame, f"the calculation has {len(scaled)} of {len(numbers)} positions.", 0)
    kinetic = step.find("energy/i[@name='kinetic']")
    free = 3 * (len(numbers) - len(fixed)) - (0 if fixed else 3)
    energy = None if kinetic is None else float(kinetic.text or 0)
    return Snapshot(
        numbers,
        scaled @ cell,
        cell,
        np.array([True, True, True]),
        temperature=2 * energy / (max(free, 1) * units.kB) if energy else None,
        masses=masses,
        fixed=fixed,
    )


def _vectors(element: Any) -> Array:
    try:
        found = [[float(word) for word in (v.text or "").split()] for v in element.findall("v")]
        values = np.array(found, dtype=np.float64)
    except (ValueError, AttributeError):
        return np.zeros((0, 3))
    return values if values.ndim == 2 and np.isfinite(values).all() else np.zeros((0, 3))
