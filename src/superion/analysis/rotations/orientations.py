"""How polyhedra are turned in every frame: the rotation that lays the first shape onto the present one.

By Kabsch (Acta Cryst. A 32, 922, 1976); correlation functions of the directions to ligands by Legendre
polynomials, averaged over all origins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from superion.errors import InputError
from superion.simulation.trajectory import Trajectory, to_ase
from superion.structures.polyhedra import Polyhedron, polyhedra

Array = np.ndarray
BLOCK = 500
BROKEN = 1.5
"""Times its first length that a bond may have before an anion is said to decompose."""
LAGS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Orientations:
    """U polyhedra that stay whole in F frames.

    units: their centres and ligands. rotations: (F, U, 3, 3). centres: (F, U, 3) lattice coordinates,
    unwrapped. broken: (name, centre, frame) of those that came apart, which are left out.
    """

    units: tuple[Polyhedron, ...]
    rotations: Array
    centres: Array
    broken: tuple[tuple[str, int, int], ...]


def orientations(run: Trajectory, leave_out: Sequence[str]) -> Orientations:
    """Rotations of all polyhedra of a trajectory against its first frame; InputError if there are none."""
    first = to_ase(run.part(slice(0, 1)))[0]
    units = polyhedra(first, leave_out)
    if not units:
        raise InputError(
            "there are no anions with a centre and three ligands or more.",
            file=run.source or None,
            remedy="give a trajectory of a crystal or a glass with anions such as PS4, or name the mobile "
            "element with --species.",
        )
    inverse = np.linalg.inv(run.cells[0])
    whole, turned, centres, broken = [], [], [], []
    for unit in units:
        ligands = np.array(unit.ligands)
        start = run.positions[0]
        image = np.round((unit.vectors - (start[ligands] - start[unit.centre])) @ inverse)
        parts, came_apart = [], None
        for begin in range(0, len(run), BLOCK):
            block = slice(begin, begin + BLOCK)
            places = run.positions[block]
            vectors = places[:, ligands] - places[:, unit.centre, None] + image @ run.cells[block]
            longer = np.linalg.norm(vectors, axis=2) > BROKEN * np.linalg.norm(unit.vectors, axis=1)
            if longer.any():
                came_apart = begin + int(longer.any(axis=1).argmax())
                break
            parts.append(_rotations(unit.vectors, vectors))
        if came_apart is not None:
            broken.append((unit.name, unit.centre, came_apart))
            continue
        whole.append(unit)
        turned.append(np.concatenate(parts).astype(np.float32))  # long runs have millions
        centres.append(unit.centre)
    if not whole:
        name, centre, frame = broken[0]
        raise InputError(
            f"every anion comes apart, the first one, {name} around atom {centre}, at frame {frame}.",
            file=run.source or None,
            remedy="analyse the part before (--frames), or look whether the mobile element is the right one.",
        )
    scaled = np.empty((len(run), len(centres), 3), dtype=np.float32)
    for begin in range(0, len(run), BLOCK):
        block = slice(begin, begin + BLOCK)
        scaled[block] = run.positions[block][:, centres] @ np.linalg.inv(run.cells[block])
    return Orientations(tuple(whole), np.stack(turned, axis=1), scaled, tuple(broken))


def _rotations(shape: Array, vectors: Array) -> Array:
    """(F, 3, 3) proper rotations R with R shape ≈ vectors (F, n, 3), by least squares."""
    u, _, vt = np.linalg.svd(np.einsum("fna,nb->fab", vectors, shape))
    hand = np.linalg.det(u @ vt)
    u[:, :, -1] *= hand[:, None]
    return np.asarray(u @ vt)


def angle(first: Array, second: Array) -> Array:
    """Degrees between rotations (…, 3, 3)."""
    trace = np.einsum("...ab,...ab->...", first, second)
    return np.degrees(np.arccos(np.clip(0.5 * (trace - 1), -1, 1)))


def correlations(found: Orientations) -> tuple[Array, Array, Array]:
    """Lags in frames, and C1 = ⟨cos θ⟩ and C2 = ⟨(3 cos² θ − 1)/2⟩ of the directions to ligands at them."""
    frames = len(found.rotations)
    lags = np.unique(np.geomspace(1, max(frames // 2, 1), LAGS).astype(int))
    lags = np.concatenate([[0], lags])
    one, two = np.zeros(len(lags)), np.zeros(len(lags))
    for k, unit in enumerate(found.units):
        shape = unit.vectors / np.linalg.norm(unit.vectors, axis=1)[:, None]
        ways = found.rotations[:, k] @ shape.T  # (F, 3, n)
        for at, lag in enumerate(lags.tolist()):
            cosine = (ways[: frames - lag] * ways[lag:]).sum(axis=1)
            one[at] += cosine.mean()
            two[at] += 1.5 * (cosine**2).mean() - 0.5
    return lags, one / len(found.units), two / len(found.units)


def relaxation(lags: Array, values: Array, step: float) -> float | None:
    """Time in ps at which a correlation falls to 1/e, interpolated; None if it does not."""
    below = np.flatnonzero(values < np.exp(-1))
    if not len(below) or below[0] == 0:
        return None
    k = int(below[0])
    part = (values[k - 1] - np.exp(-1)) / (values[k - 1] - values[k])
    return float(step * (lags[k - 1] + part * (lags[k] - lags[k - 1])))
