"""Structures on disk between two steps: extended XYZ, written atomically."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from ase import Atoms
from ase.io import write

from superion.files import write_atomic
from superion.simulation import MDSettings, Trajectory, to_ase
from superion.structures import read_frames
from superion.structures.bare import bare


def write_frames(path: str | Path, frames: Sequence[Atoms]) -> None:
    """Write structures with their labels; positions are rounded to 1e-8 Å. No frames make an empty file."""
    write_atomic(path, (_text(atoms) for atoms in frames))


def _text(atoms: Atoms) -> str:
    copy, text = atoms.copy(), io.StringIO()
    for key in ("source", "unmapped_labels"):
        copy.info.pop(key, None)
    write(text, copy, format="extxyz")
    return text.getvalue()


def load_frames(path: str | Path) -> list[Atoms]:
    """Structures that `write_frames` wrote; none for an empty file."""
    path = Path(path)
    return read_frames(path) if path.stat().st_size else []


def snapshot(atoms: Atoms, start: Atoms, trajectory: str, kelvin: float, config_type: str) -> Atoms:
    """A frame of a run from `start` as a structure to label: in its cell, named, with the charge of `start`.

    Atoms that `start` fixes are fixed in it too.

    atoms: with `step` in its info, as `to_ase` gives it. kelvin: temperature of the run.
    """
    copy = bare(start, constraints=True)
    copy.set_cell(atoms.cell)
    copy.positions = atoms.positions
    copy.wrap()
    copy.info |= {
        "config_type": config_type,
        "trajectory": trajectory,
        "frame_id": f"{trajectory}-{atoms.info['step']:06d}",
        "temperature_K": kelvin,
    }
    return copy


def write_sample(
    path: str | Path, trajectory: Trajectory, start: Atoms, name: str, sampled_with: str
) -> list[Atoms]:
    """Write the production frames of a run, but for its start, without labels; the frames.

    name: of the trajectory. sampled_with: what moved the atoms; it stands in every frame.
    """
    settings = MDSettings.model_validate(trajectory.meta["settings"])
    moved = to_ase(trajectory)[0 if settings.equilibrate else 1 :]
    frames = [snapshot(atoms, start, name, settings.target(atoms.info["step"]), "sampled") for atoms in moved]
    for atoms in frames:
        atoms.info["sampled_with"] = sampled_with
    write_frames(path, frames)
    return frames
