"""Forces that do not belong to their atoms: turned, of other atoms, of other frames, or of the other sign."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from superion.structures.clusters import drawn_apart
from superion.structures.consistency import Evidence, related
from superion.structures.labels import get_label
from superion.structures.suspects import Suspect, Suspicions, counted, say

Array = np.ndarray

UNRELATED = 0.6
"""Correlation of fitted forces with their labels below which they belong to something else."""
OPPOSITE = -0.6
AGREE = 0.8
"""Correlation with turned or moved forces from which that is what happened to them."""
UNRELATED_ALL = 0.35
"""Fraction of all forces, explained with neighbourhoods, below which they have nothing to do with them."""
FEWEST_ATOMS = 8
BLOCK = 500
"""Frames with strange forces that are compared with all others in one go."""
LEAST_TURN = 15.0
"""Degrees, of a single frame."""


def turned_forces(known: Evidence, found: Suspicions) -> bool:
    """Whether all forces are in another frame of rotation than the positions."""
    angle, axis = _angle(known.turn)
    if known.turned < 0.6 or angle < 5 or 1 - known.turned > 0.75 * (1 - known.straight):
        return False
    found.warnings.append(
        f"the forces fit their atoms when they are turned by {angle:.0f}° about [{axis}] (they then explain "
        f"{100 * known.turned:.0f} % of their square, as they are {100 * max(known.straight, 0):.0f} %): "
        "forces and positions are of different orientations; write both from one output of the code."
    )
    return True


def unknown_forces(known: Evidence, frames: Sequence[Atoms], found: Suspicions) -> None:
    """What to say where the model explains little: too few frames, or forces of other atoms."""
    if known.rich and known.straight > UNRELATED_ALL:
        return
    if not known.rich:
        found.notes.append(
            f"{counted(len(known.index))} are too few to judge labels by a fit (a quick one explains "
            f"{100 * max(0.0, known.typical) ** 2:.0f} % of forces that were left out)."
        )
        return
    if drawn_apart([frames[k] for k in known.index]):
        found.notes.append(
            "forces between molecules that are drawn apart reach beyond the neighbourhoods by which labels "
            "are judged; none was."
        )
        return
    order = related(frames, known)
    found.warnings.append(
        f"the forces have nothing to do with their atoms: those of {counted(len(known.index))} explain "
        f"{100 * max(0.0, known.straight):.0f} % of them"
        + (f", but {100 * order[1]:.0f} % of forces taken {order[0]}; " if order else "; ")
        + "write positions and forces of one structure, in one order of atoms."
    )


def suspect_forces(
    known: Evidence, frames: Sequence[Atoms], names: Sequence[str], absurd: set[int], found: Suspicions
) -> None:
    """Frames whose forces the others do not explain, nor a fit that includes them."""
    kinds: dict[str, list[Suspect]] = {
        "gradients": [],
        "turned": [],
        "moved": [],
        "other": [],
        "unrelated": [],
    }
    typical = np.sqrt(max(1 - known.typical**2, 1e-4))
    stray: list[int] = []
    for k, frame in enumerate(known.index):
        labels, predicted, name = get_label(frames[frame], "forces"), known.forces[k], names[frame]
        if frame in absurd or len(labels) < FEWEST_ATOMS or known.scale[k] < 0.3 * np.median(known.scale):
            continue
        seen = known.correlation[k]
        if seen < OPPOSITE and known.fitted[k] < UNRELATED:
            kinds["gradients"].append(
                Suspect(name, "forces", f"correlation {seen:.2f} with a fit of the others")
            )
            continue
        turn = _kabsch(predicted, labels)
        angle, _ = _angle(turn)
        after = _correlation(predicted, labels @ turn)
        if (
            len(labels) >= 6
            and angle > LEAST_TURN
            and after > max(AGREE, known.typical - 0.1)
            and 1 - max(seen, known.fitted[k]) > 3 * (1 - after)
        ):
            kinds["turned"].append(Suspect(name, "forces", f"they fit when turned by {angle:.0f}°"))
            continue
        if known.fitted[k] > UNRELATED or seen > 0.5:
            continue
        stray.append(k)
    others = _others(stray, frames, known)
    for k in stray:
        frame = known.index[k]
        labels, predicted, name = get_label(frames[frame], "forces"), known.forces[k], names[frame]
        if k in others:
            kinds["other"].append(Suspect(name, "forces", f"they are like those of {names[others[k]]}"))
        elif _permuted(predicted, labels, typical):
            kinds["moved"].append(Suspect(name, "forces", "they fit in another order of atoms"))
        else:
            seen = known.correlation[k]
            kinds["unrelated"].append(
                Suspect(name, "forces", f"correlation {seen:.2f} with a fit of the others")
            )
    for kind, text in _FORCES.items():
        if kind != "gradients" or 2 * len(kinds[kind]) <= len(known.index):  # else energies tell who is right
            say(found, kinds[kind], text)


_FORCES = {
    "gradients": "forces of {n} point against those of the others: {who}; are they gradients? Map them with "
    "--key 'forces=KEY:-eV/A', or leave them out.",
    "turned": "forces of {n} are turned against their atoms: {who}; write both in one orientation.",
    "moved": "forces of {n} are in another order of atoms: {who}; write both in one order.",
    "other": "forces of {n} belong to other frames: {who}; join positions and forces again.",
    "unrelated": "forces of {n} have nothing to do with their atoms: {who}; they are of another structure or "
    "in another order. Label them again, or leave them out.",
}


def _others(stray: Sequence[int], frames: Sequence[Atoms], known: Evidence) -> dict[int, int]:
    """The frames whose labels are the forces of those that have strange ones.

    Labels are read once for `BLOCK` strange frames, however many there are, and compared by one product.
    """
    found: dict[int, int] = {}
    for first in range(0, len(stray), BLOCK):
        sizes: dict[int, list[int]] = {}
        for k in stray[first : first + BLOCK]:
            sizes.setdefault(len(known.forces[k]), []).append(k)
        predicted = {n: np.array([_unit(known.forces[k]) for k in ks]) for n, ks in sizes.items()}
        best = {n: np.full(len(ks), AGREE) for n, ks in sizes.items()}
        for frame in known.index:
            labels = get_label(frames[frame], "forces")
            if labels is None or (n := len(labels)) not in sizes:
                continue
            like = predicted[n] @ _unit(labels)
            for m in np.flatnonzero(like > best[n]):
                k = sizes[n][m]
                if known.index[k] != frame:
                    best[n][m], found[k] = like[m], int(frame)
    return found


def _unit(forces: Array) -> Array:
    """(3 N,) of length 1, or 0."""
    norm = np.linalg.norm(forces)
    return np.ravel(forces) / norm if norm > 0 else np.zeros(np.size(forces))


def _permuted(predicted: Array, labels: Array, typical: float) -> bool:
    """Whether another order of atoms explains the forces, far better than it explains them mirrored."""
    from scipy.optimize import linear_sum_assignment

    def left(forces: Array) -> float:
        cost = ((predicted[:, None] - forces) ** 2).sum(axis=2)
        return float(np.sqrt(cost[linear_sum_assignment(cost)].sum() / (forces**2).sum()))

    mirrored = [left(-labels), left(labels[:, [1, 2, 0]]), left(labels[:, [2, 0, 1]])]
    return len(labels) >= 6 and left(labels) < min(2 * typical, 0.6 * min(mirrored))


def _angle(turn: Array) -> tuple[float, str]:
    """Degrees and axis by which labels must be turned to fit."""
    from scipy.spatial.transform import Rotation

    vector = Rotation.from_matrix(turn).as_rotvec()
    angle = float(np.linalg.norm(vector))
    axis = vector / angle if angle > 1e-6 else np.array([0.0, 0.0, 1.0])
    return float(np.degrees(angle)), " ".join(f"{x:.2f}" for x in axis + 0.0)


def _kabsch(to: Array, labels: Array) -> Array:
    """The proper rotation by which labels @ turn come closest to `to`."""
    u, _, v = np.linalg.svd(labels.T @ to)
    return np.asarray(u @ np.diag([1, 1, np.sign(np.linalg.det(u @ v))]) @ v)


def _correlation(a: Array, b: Array) -> float:
    norm = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / norm) if norm > 0 else 0.0
