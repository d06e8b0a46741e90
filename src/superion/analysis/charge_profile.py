"""From a trajectory folder or a structure file, and the charges of a model, to a profile along one axis."""

from __future__ import annotations

from typing import Literal

import numpy as np
from ase import Atoms

from superion.analysis.plateau import plateau
from superion.analysis.profile_result import ProfileResult, RegionField
from superion.analysis.profiles import ATOMS, electrostatic_profile, planes
from superion.electrostatics.sources import Sources
from superion.errors import InputError, ModelError
from superion.model import Model, terms_of
from superion.progress import track
from superion.simulation import ElectricSettings, Trajectory
from superion.sizes import check_size
from superion.structures.bare import total_of

Array = np.ndarray
AXES = {"x": 0, "y": 1, "z": 2, "a": 0, "b": 1, "c": 2}
EMPTY = 3.0
"""Å between atoms across the boundary that is called vacuum."""
STRAIGHT = 1e-3
"""Sine of the largest angle between a Cartesian axis and the normal of the planes averaged over."""


def sources(potential: Model) -> Sources:
    """What makes a field in a potential; ModelError if it has no charges."""
    charges = potential.response
    for term in terms_of(potential):
        found: Sources | None = getattr(term, "field_sources", lambda: None)()
        if found is not None and charges is not None:
            return found
    raise ModelError(
        f"{potential.name} has no charges with a density.",
        remedy="use a model of superion with electrostatics.",
    )


def cell_axis(cell: Array, axis: str) -> int:
    """Which lattice vector leads out of the planes to average over: 0, 1 or 2.

    axis: a, b or c names it. x, y or z is the direction of the normal of the other two. Raises InputError if
    no normal points there.
    """
    if axis not in AXES:
        raise InputError(f"unknown axis {axis!r}.", remedy="write x, y or z, or the cell axis a, b or c.")
    if axis in "abc":
        return AXES[axis]
    along = np.abs([planes(cell, k)[0][AXES[axis]] for k in range(3)])
    best = int(along.argmax())
    if along[best] < np.sqrt(1 - STRAIGHT**2):
        raise InputError(
            f"no two cell vectors are perpendicular to {axis}: the nearest normal, that of the planes out of "
            f"which {'abc'[best]} leads, is {np.degrees(np.arccos(min(along[best], 1.0))):.2g}° off.",
            remedy=f"turn the cell, or write --axis {'abc'[best]} for the normal of these planes.",
        )
    return best


def applied_fields(potential: Model, trajectory: Trajectory | None, frames: int) -> Array:
    """(F, 3) V/Å, what a unit charge of the model felt of outer fields: of its terms, and of the run."""
    fields = np.zeros((frames, 3))
    for term in terms_of(potential):
        fields += getattr(term, "applied_field", 0.0)
    if trajectory is not None and trajectory.electric_field is not None:
        settings = ElectricSettings.model_validate(trajectory.meta["settings"]["electric"])
        fields += settings.charge_scale * trajectory.electric_field
    return fields


def analyse(
    potential: Model,
    frames: list[Atoms],
    *,
    trajectory: Trajectory | None = None,
    axis: str = "z",
    layers: int | None = None,
    smoothing: float = 0.0,
    window: float = 0.0,
    surroundings: Literal["conducting", "vacuum"] = "conducting",
    region: tuple[float, float] | None = None,
    blocks: int = 10,
    progress: bool = False,
) -> ProfileResult:
    """Profile, and with `region` (Å) the mean field there.

    frames: structures, neutral if they do not say; those of `trajectory` if it is given. layers: None for
    layers of 0.1 Å, at least 400.
    """
    held = sources(potential)
    if held.polarizable is not None and surroundings == "vacuum":
        raise InputError(
            "the induced dipoles of the model are those of conducting surroundings.",
            remedy="take --surroundings conducting, with enough vacuum in the cell.",
        )
    if getattr(held.charges, "total_charge", None) is None:
        frames = [_neutral(atoms) for atoms in frames]
    cell = frames[0].cell.array
    out = cell_axis(cell, axis)
    normal, _, thick = planes(cell, out)
    check_size(
        f"a profile of {layers or 0} layers",
        size=8.0 * (layers or 0) * (len(frames) + 10 * min(len(frames[0]), ATOMS)),
        remedy="take fewer --layers.",
    )
    remarks = _vacuum_notes(frames[0], out) if surroundings == "vacuum" else []
    outer = applied_fields(potential, trajectory, len(frames))
    applied = outer @ normal
    induced = None
    if held.polarizable is not None:
        every = track(zip(frames, outer, strict=True), "induced dipoles", len(frames), show=progress)
        induced = [held.polarizable.induced_dipoles(atoms, field) for atoms, field in every]
    found = electrostatic_profile(
        frames,
        held.charges,
        held.densities,
        axis=out,
        layers=layers or max(400, int(np.ceil(thick / 0.1))),
        smoothing=smoothing,
        window=window,
        field=applied,
        dipoles=induced,
        surroundings=surroundings,
        progress=progress,
    )
    part = None if region is None else plateau(found, *region, blocks=blocks)
    return ProfileResult(
        axis=axis,
        normal=found.normal.tolist(),
        thickness_A=found.thickness,
        frames=len(frames),
        surroundings=surroundings,
        smoothing_A=smoothing,
        window_A=window,
        applied_V_per_A=float(applied.mean()),
        step_V=float(found.potential[-1] - found.potential[0]),
        height_A=found.height.tolist(),
        charge_e_per_A3=found.charge.tolist(),
        field_V_per_A=found.field.tolist(),
        potential_V=found.potential.tolist(),
        region=None
        if part is None
        else RegionField(
            low_A=part.low,
            high_A=part.high,
            field_V_per_A=part.field,
            error_V_per_A=part.error,
            spread_V_per_A=part.spread,
            vector_V_per_A=part.vector.tolist(),
            notes=list(part.notes),
        ),
        notes=remarks,
    )


def _vacuum_notes(atoms: Atoms, axis: int) -> list[str]:
    """Whether the cell holds a slab in one piece, with the vacuum at its boundary."""
    heights = np.sort(atoms.get_scaled_positions()[:, axis])
    _, _, thick = planes(atoms.cell.array, axis)
    at_boundary = float(heights[0] + 1 - heights[-1]) * thick
    inside = float(np.diff(heights).max(initial=0.0)) * thick
    if at_boundary < EMPTY:
        problem = f"{at_boundary:.2g} Å are empty at the boundary of the cell: no slab alone in space"
    elif inside > at_boundary:
        problem = (
            f"{inside:.2g} Å are empty inside and {at_boundary:.2g} Å at the boundary: the slab is cut in two"
        )
    else:
        return []
    return [
        f"{problem}. Shift the atoms (ASE: atoms.center(vacuum=10, axis={axis})), or take --surroundings "
        "conducting."
    ]


def _neutral(atoms: Atoms) -> Atoms:
    """The structure with a total charge, zero if none is given: a charged cell has no profile."""
    copy = atoms.copy()
    if total_of(copy) is None:
        copy.info["total_charge"] = 0.0
    return copy
