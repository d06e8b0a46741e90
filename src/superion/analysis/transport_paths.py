"""From the positions of a trajectory to the paths whose diffusion is asked for, without drift."""

from __future__ import annotations

from typing import Literal

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from superion.analysis.displacement import collective, remove_drift
from superion.errors import InputError, suggest
from superion.structures.paths import smallest_height

Array = np.ndarray
Reference = Literal["system", "framework", "none"]


def mobile_atoms(numbers: Array, atoms: int, species: str) -> Array:
    """Mask (N,) of the mobile species."""
    if numbers.shape != (atoms,):
        raise InputError(f"numbers must have the shape ({atoms},), found {numbers.shape}.")
    present = sorted({chemical_symbols[int(z)] for z in numbers})
    if species not in present:
        raise InputError(
            f"no atom of species {species!r}; found {', '.join(present)}."
            f"{suggest(species.capitalize(), present)}",
            remedy="name a species of the trajectory: --species, in YAML species.",
        )
    return numbers == atomic_numbers[species]


def even_timestep(times: Array, frames: int) -> float:
    """Spacing (fs) of evenly spaced times (F,); InputError naming the first frame that breaks it."""
    times = np.asarray(times, dtype=float)
    if times.shape != (frames,) or not np.isfinite(times).all():
        raise InputError(f"times must be finite, of shape ({frames},), found the shape {times.shape}.")
    if frames < 2:
        raise InputError(f"a path needs at least two frames, found {frames}.", remedy="run longer.")
    steps = np.diff(times)
    step = float(np.median(steps))
    uneven = np.abs(steps - step) > 1e-3 * abs(step)
    if step <= 0 or uneven.any():
        frame = int(uneven.argmax()) + 1
        raise InputError(
            f"times are not evenly spaced: a step of {steps[frame - 1]:g} fs, {step:g} fs elsewhere.",
            frame=frame,
            remedy="write frames at a fixed interval, and drop frames that were written twice.",
        )
    return float((times[-1] - times[0]) / (frames - 1))


def parts_of(positions: Array, numbers: Array, replicas: int) -> list[slice]:
    """Atoms of each of so many independent runs; InputError where they are not of the same atoms."""
    if replicas == 1:
        return [slice(None)]
    count, rest = divmod(positions.shape[1], replicas) if replicas > 0 else (0, 1)
    if rest or not (numbers.reshape(replicas, count) == numbers[:count]).all():
        raise InputError(f"{positions.shape[1]} atoms are not {replicas} times the same.")
    return [slice(k * count, (k + 1) * count) for k in range(replicas)]


def without_drift(positions: Array, masses: Array, mobile: Array, reference: str) -> Array:
    """Positions (F, N, 3) with the drift of the reference removed."""
    if reference not in ("system", "framework", "none"):
        raise InputError(f"reference must be 'system', 'framework' or 'none', found {reference!r}.")
    if reference == "none":
        return positions
    if mobile.all():
        raise InputError(
            f"all atoms belong to the mobile species, so that the drift of the {reference} cannot be "
            "distinguished from their own motion.",
            remedy="take no reference: --reference none, in a study `transport: {reference: none}`, in "
            "Python reference='none'.",
        )
    return remove_drift(positions, masses, None if reference == "system" else ~mobile)


def current_path(positions: Array, masses: Array, mobile: Array) -> Array:
    """Path (F, 1, 3) of what carries the current: the mobile ions, seen from all other atoms.

    Those hold the opposite charge, which moves when momentum is conserved: ions of the share μ of the mass
    that all move by d about the centre of mass move by d/(1 − μ) through the framework.
    """
    path = collective(positions[:, mobile])
    if not mobile.all():
        others = np.where(mobile, 0.0, np.asarray(masses, dtype=float))
        centre = np.einsum("fna,n->fa", positions, others / others.sum())
        path -= np.sqrt(np.count_nonzero(mobile)) * centre[:, None, :]
    return path


def refuse_wrapped(paths: Array, cells: Array, atoms: Array) -> None:
    """InputError if an ion jumps by more than half the smallest height of the cell."""
    limit = 0.5 * smallest_height(cells.mean(axis=0))
    step = np.diff(paths, axis=0)
    length = np.einsum("fna,fna->fn", step, step)
    if length.size and length.max() > limit**2:
        frame, ion = np.unravel_index(length.argmax(), length.shape)
        raise InputError(
            f"atom {atoms[ion]} jumps by {np.sqrt(length.max()):.2f} Å, more than half the smallest height "
            f"of the cell ({limit:.2f} Å): the positions look wrapped.",
            frame=int(frame) + 1,
            remedy="pass the positions through `superion.analysis.unwrap` first.",
        )
