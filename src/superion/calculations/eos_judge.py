"""Whether an equation of state is what its energies are of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from superion.calculations.branch import GIVE, Curve
from superion.calculations.eos import EquationOfState, birch_murnaghan
from superion.errors import InputError

Array = np.ndarray
MISFIT = 0.01
"""Residual over the height of the curve above which the curve is said not to be an equation of state."""
UNSURE = 0.1
"""Relative error of the bulk modulus, and its change when the outer volumes are left out, that are said."""
DERIVATIVES = (1.0, 10.0)
"""B₀' of solids: 3 to 6 of most, 8 of crystals of molecules or noble gases."""
SHAPE = 0.01
"""Part by which products of cell vectors, over the volume, may differ."""
BENT = 0.02
"""Negative curvature, over the largest, that is said."""


def judged(
    volumes: Sequence[float] | Array,
    energies: Sequence[float] | Array,
    fit: EquationOfState,
    *,
    explained: float = 0.0,
) -> list[str]:
    """What speaks against a fit to (n,) volumes (Å³) and energies (eV); empty if nothing does.

    explained: eV, error of single energies that is known of, such as that of forces that are left.
    """
    order = np.argsort(volumes)
    v, e = np.asarray(volumes)[order], np.asarray(energies)[order]
    notes = []
    height = float(np.ptp(e))
    if fit.residual > max(explained, MISFIT * height):
        notes.append(
            f"the residual of {1000 * fit.residual:.3g} meV is {100 * fit.residual / height:.2g} % of the "
            "height of the curve: its energies are not of one equation of state."
        )
    slopes = np.diff(e) / np.diff(v)
    bends = np.diff(slopes) / (0.5 * (v[2:] - v[:-2]))
    middle = v[1:-1]
    expected = np.diff(fit(v))
    expected = np.diff(expected / np.diff(v)) / (0.5 * (v[2:] - v[:-2]))
    noise = 4 * explained / np.square(np.diff(v)).min()
    concave = (bends < -BENT * np.abs(bends).max() - noise) & (expected > 0)
    if concave.any():
        notes.append(
            f"the energies are not convex at {', '.join(f'{x:.6g}' for x in middle[concave])} Å³, as they "
            "are on one branch: structures or energies there are of something else."
        )
    low, high = DERIVATIVES
    if not low <= fit.derivative <= high:
        notes.append(
            f"B0' is {fit.derivative:.3g}, and between {low:g} and {high:g} in crystals: the volumes are too "
            "few, too close together or not of one branch."
        )
    if fit.errors[2] > UNSURE * fit.modulus:
        notes.append(f"B0 is only known to {100 * fit.errors[2] / fit.modulus:.2g} %.")
    for side, count in (("below", int((v < fit.volume).sum())), ("above", int((v > fit.volume).sum()))):
        if count < 2:
            notes.append(
                f"{count} of {len(v)} volumes lies {side} the minimum: shift the range of volumes for one on "
                "both sides."
            )
    return notes + _ends(v, e, fit)


def same_shape(structures: Sequence[Atoms]) -> list[str]:
    """Whether cells differ in their volume alone, or in their shape as well."""
    shapes = [atoms.cell.array @ atoms.cell.array.T / atoms.get_volume() ** (2 / 3) for atoms in structures]
    off = float(np.abs(np.array(shapes) - shapes[0]).max() / np.abs(shapes[0]).max())
    if off < SHAPE:
        return []
    return [
        f"the cells differ by up to {100 * off:.2g} % in their shape: the curve is one along this path, and "
        "its modulus the bulk modulus only if the shapes are relaxed ones."
    ]


def judged_curve(curve: Curve, fit: EquationOfState) -> list[str]:
    """The same for a curve, what was found while it was made first."""
    explained = len(curve.structures[0]) * curve.fmax * GIVE
    return [*curve.notes, *judged(curve.volumes, curve.energies, fit, explained=explained)]


def _ends(volumes: Array, energies: Array, fit: EquationOfState) -> list[str]:
    """Whether the modulus depends on the outermost volumes."""
    if len(volumes) < 7:
        return []
    try:
        inner = birch_murnaghan(volumes[1:-1], energies[1:-1])
    except InputError:
        return ["without the smallest and the largest volume there is no minimum: the fit hangs on its ends."]
    if abs(inner.modulus / fit.modulus - 1) > max(UNSURE, 3 * inner.errors[2] / inner.modulus):
        return [
            f"without the smallest and the largest volume B0 is {inner.modulus / fit.modulus:.2g} times "
            "this: it depends on the choice of volumes."
        ]
    return []
