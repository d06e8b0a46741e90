"""Images of paths on disk, ready to be labelled; energies of other models and of labels at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write

from superion.calculations.barriers.results import OnPath
from superion.errors import InputError
from superion.files import write_atomic
from superion.model import Model
from superion.structures import get_label, read_frames
from superion.structures.bare import bare

FRAMES = "barriers.extxyz"
MOVED = 1e-3
"""Å by which atoms of a labelled image may differ from the image."""


def frame_id(name: str, image: int) -> str:
    """The name of an image."""
    return f"{name}/{image}"


def write_images(path: Path, paths: Mapping[str, Sequence[Atoms]]) -> None:
    """All images; info: frame_id, config_type, hop, image, model_energy (eV)."""
    frames = []
    for name, images in paths.items():
        for k, image in enumerate(images):
            atoms = bare(image)
            atoms.info |= {"frame_id": frame_id(name, k), "config_type": "barrier", "hop": name, "image": k}
            atoms.info["model_energy"] = float(image.info["model_energy"])
            frames.append(atoms)
    text = StringIO()
    if frames:
        write(text, frames, format="extxyz")
    write_atomic(path, text.getvalue())


def read_images(folder: Path) -> dict[str, list[Atoms]]:
    """Images of a run by the names of its hops; InputError if the folder has none."""
    file = folder / FRAMES
    if not file.is_file() or not file.stat().st_size:
        raise InputError(
            "holds no paths.", file=folder, remedy="name the folder of a run of `superion neb` that is done."
        )
    found: dict[str, list[Atoms]] = {}
    for atoms in read_frames(file):
        name, _, _ = str(atoms.info["frame_id"]).rpartition("/")
        found.setdefault(name, []).append(atoms)
    return found


def energies_of(model: Model, images: Sequence[Atoms], name: str | None = None) -> OnPath:
    """Energies of a model at images of a path."""
    found = model.in_background().evaluate_batch([bare(image) for image in images])
    return on_path(name or model.name, [one.energy for one in found])


def labelled(path: Path, paths: Mapping[str, Sequence[Atoms]]) -> dict[str, OnPath]:
    """Energies of labels at images, by hop; images without a label are left out.

    Raises InputError where no hop has labels of both an end and another image, and where a labelled
    structure is not the image of its name.
    """
    frames = {str(atoms.info.get("frame_id")): atoms for atoms in read_frames(path)}
    found = {}
    for name, images in paths.items():
        energies: list[float | None] = []
        for k, image in enumerate(images):
            atoms = frames.get(frame_id(name, k))
            energy = None if atoms is None else get_label(atoms, "energy")
            if atoms is not None and energy is not None and not _same(atoms, image):
                raise InputError(
                    f"the structure {frame_id(name, k)} is not the image of that name of this run.",
                    file=path,
                    remedy=f"label the images that this run wrote: superion label DIR/{FRAMES} --labeller …",
                )
            energies.append(None if energy is None else float(energy))
        if energies[0] is not None and sum(energy is not None for energy in energies) > 1:
            found[name] = on_path("labels", energies)
    if not found:
        wanted = frame_id(next(iter(paths), "path"), 0)
        raise InputError(
            f"no path has labels here; expected frames such as {wanted!r} with energies, the first image "
            "of a path among them.",
            file=path,
            remedy=f"label the images of the run: superion label DIR/{FRAMES} --labeller …",
        )
    return found


def on_path(name: str, energies: Sequence[float | None]) -> OnPath:
    """Energies against the first, and what they say of the barrier."""
    first, last = energies[0], energies[-1]
    known = [energy for energy in energies if energy is not None]
    top = max(known)
    return OnPath(
        name=name,
        energies_eV=[None if energy is None or first is None else energy - first for energy in energies],
        forward_eV=None if first is None else top - first,
        backward_eV=None if last is None else top - last,
    )


def _same(atoms: Atoms, image: Atoms) -> bool:
    if len(atoms) != len(image) or not np.array_equal(atoms.numbers, image.numbers):
        return False
    return bool(np.abs(atoms.positions - image.positions).max(initial=0.0) < MOVED)
