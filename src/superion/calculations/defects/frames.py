"""Relaxed structures on disk, to be labelled; and their labels read back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import write

from superion.calculations.defects.assemble import Cell, sweep
from superion.calculations.defects.relaxer import Relaxed
from superion.calculations.defects.result import DefectResult
from superion.calculations.defects.settings import DefectSettings
from superion.calculations.defects.structures import Defect
from superion.errors import InputError
from superion.files import write_atomic
from superion.structures import get_label, read_frames
from superion.structures.bare import bare
from superion.structures.read import read_raw

FRAMES = "defects.extxyz"
CRYSTAL = "crystal"
SAME = 1e-5
"""eV; energies of one model that differ by less are of one structure."""


def write_structures(
    path: Path, cells: Sequence[Cell], defects: Sequence[Defect], crystal: Atoms, settings: DefectSettings
) -> None:
    """Every relaxed structure, crystals included, named by supercell, defect and field.

    info: frame_id, defect, supercell, electric_field (V/Å), model_energy (eV, without the field) and
    model_dipole (e·Å, against the crystal without field).
    """
    frames = []
    for cell in cells:
        frames += list(_frames(CRYSTAL, cell, cell.start, cell.crystal, cell.crystal_fields, settings))
        for k, defect in enumerate(defects):
            start = defect.atoms(crystal, cell.supercell)
            frames += list(
                _frames(defect.name, cell, start, cell.defects[k], cell.defect_fields[k], settings)
            )
    text = StringIO()
    write(text, frames, format="extxyz")
    write_atomic(path, text.getvalue())


def read_starts(folder: Path) -> dict[str, Atoms]:
    """Relaxed structures without field by their names; InputError if the folder has none."""
    file = folder / FRAMES
    if not file.is_file():
        raise InputError(
            "holds no defects.", file=folder, remedy="name the folder of a run of defects that is done."
        )
    return {str(atoms.info["frame_id"]): atoms for atoms in read_frames(file) if not _in_field(atoms)}


def _in_field(atoms: Atoms) -> bool:
    return bool(np.any(atoms.info.get("electric_field", 0.0)))


def frame_id(supercell: Sequence[int], name: str, where: str = "0") -> str:
    """The name of a structure; where: its field, such as `z+0.1`, or 0."""
    return f"{'x'.join(map(str, supercell))}/{name}/{where}"


def _frames(
    name: str,
    cell: Cell,
    start: Atoms,
    relaxed: Relaxed,
    fields: dict[Any, list[Relaxed]],
    settings: DefectSettings,
) -> Iterator[Atoms]:
    yield from _frame(name, cell, start, relaxed, "0", (0.0, 0.0, 0.0))
    for (axis, sign), found in fields.items():
        count = len(settings.branches[0 if sign > 0 else 1])
        for k, (value, one) in enumerate(zip(sweep(settings, sign), found, strict=True)):
            where = f"{axis}{value:+g}" + ("" if k < count else f"-back{'+' if sign > 0 else '-'}")
            yield from _frame(name, cell, start, one, where, [value * (axis == other) for other in "xyz"])


def _frame(
    name: str, cell: Cell, start: Atoms, relaxed: Relaxed, where: str, electric: Sequence[float]
) -> Iterator[Atoms]:
    if relaxed.failure:
        return
    atoms = bare(start)
    atoms.positions[:] = relaxed.positions
    atoms.info |= {
        "frame_id": frame_id(cell.supercell, name, where),
        "config_type": "defect",
        "defect": name,
        "supercell": "x".join(map(str, cell.supercell)),
        "electric_field": np.array(electric),
        "model_energy": relaxed.energy,
    }
    if relaxed.dipole is not None:
        atoms.info["model_dipole"] = relaxed.dipole
    yield atoms


@dataclass(frozen=True, slots=True)
class LabelledEnergy:
    """A formation energy (eV) by labels of the relaxed structures, beside that of the model.

    The structures are relaxed with the model, not with the method of the labels.
    """

    name: str
    supercell: tuple[int, ...]
    label: float
    model: float | None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        apart = None if self.model is None else self.model - self.label
        return {
            "name": self.name,
            "supercell": list(self.supercell),
            "label_energy_eV": self.label,
            "energy_eV": self.model,
            "difference_eV": apart,
        }


def labelled_energies(result: DefectResult, path: str | Path) -> list[LabelledEnergy]:
    """Formation energies from labelled structures of a run, those without field.

    Raises InputError if no defect of the result and its crystal both have an energy there, and if the
    structures are those of another run: energies of the model that they carry must be those of the result.
    """
    energies: dict[str, float] = {}
    models: dict[str, float] = {}
    for atoms, raw in zip(read_frames(path), read_raw(path), strict=True):
        energy, name = get_label(atoms, "energy"), str(atoms.info.get("frame_id"))
        if energy is not None:
            energies[name] = float(energy)
            models[name] = float(raw.info.get("model_energy", np.nan))
    found = []
    for one in result.defects:
        mine, theirs = frame_id(one.supercell, one.name), frame_id(one.supercell, CRYSTAL)
        if mine not in energies or theirs not in energies:
            continue
        apart = models[mine] - models[theirs]
        if one.energy is not None and not abs(apart - one.energy) < SAME:
            raise InputError(
                f"the structures of {one.name} are of another run: its energy was {apart:.6f} eV there "
                f"and is {one.energy:.6f} eV here.",
                file=path,
                remedy="label the structures that this run wrote.",
            )
        found.append(LabelledEnergy(one.name, one.supercell, energies[mine] - energies[theirs], one.energy))
    if not found:
        wanted = frame_id(result.defects[0].supercell, result.defects[0].name)
        raise InputError(
            f"no defect and its crystal both have an energy here; expected frames such as {wanted!r}.",
            file=path,
            remedy="label the structures of the run: superion label DIR/defects.extxyz --labeller …",
        )
    return found
