"""Labelled structures of a locality test: the folder they live in, and what they say of every atom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from superion.calculations.locality.spreads import Response
from superion.errors import InputError
from superion.structures import get_label, read_frames
from superion.structures.duplicates import frame_name
from superion.terms import Term

Array = np.ndarray
SAMPLES = "samples.extxyz"
STILL = 1e-9
"""Å; an atom that moved less has not moved."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The unperturbed structure and its perturbations, with forces (N, 3) eV/Å of each."""

    start: Atoms
    start_forces: Array
    frames: list[Atoms]
    forces: list[Array]

    @classmethod
    def of(cls, frames: Sequence[Atoms]) -> Samples:
        """From labelled frames, of which one is unperturbed; InputError for anything else."""
        plain = [atoms for atoms in frames if "locality_centres" not in atoms.info]
        others = [atoms for atoms in frames if "locality_centres" in atoms.info]
        if len(plain) != 1 or not others:
            raise InputError(
                f"expected one unperturbed structure and its perturbations, found {len(plain)} and "
                f"{len(others)}.",
                file=frames[0].info.get("source") if len(frames) else None,
                remedy="give the samples that `superion locality` wrote.",
            )
        forces = [get_label(atoms, "forces") for atoms in (*plain, *others)]
        for k, (atoms, force) in enumerate(zip((*plain, *others), forces, strict=True)):
            if force is None or len(atoms) != len(plain[0]):
                raise InputError(
                    "a sample without forces, or of another structure.", frame=frame_name(atoms, k)
                )
        return cls(plain[0], forces[0], others, forces[1:])

    @classmethod
    def read(cls, path: Path) -> Samples:
        """From a file, or from the folder of a test."""
        file = path / SAMPLES if path.is_dir() else path
        if not file.is_file():
            raise InputError(
                "holds no samples of a locality test.",
                file=path,
                remedy="give a folder made by `superion locality`, with all labels done.",
            )
        return cls.of(read_frames(file))

    def without(self, *terms: Term) -> Samples:
        """The same with the forces of terms subtracted."""
        forces = [
            force - sum(term.evaluate(atoms).forces for term in terms)
            for atoms, force in zip(
                (self.start, *self.frames), (self.start_forces, *self.forces), strict=True
            )
        ]
        return Samples(self.start, forces[0], self.frames, forces[1:])

    def responses(self) -> list[Response]:
        """One for each reference atom and radius."""
        rows: dict[tuple[float, int], list[Array]] = {}
        for atoms, force in zip(self.frames, self.forces, strict=True):
            for centre in np.atleast_1d(atoms.info["locality_centres"]).astype(int).tolist():
                rows.setdefault((float(atoms.info["locality_radius"]), centre), []).append(force[centre])
        return [
            Response(self.start.symbols[atom], atom, radius, np.array(found), self.start_forces[atom])
            for (radius, atom), found in rows.items()
        ]

    def moved(self, frame: int) -> Array:
        """(N,) whether an atom of a frame is displaced."""
        return np.abs(self.frames[frame].positions - self.start.positions).max(axis=1) > STILL

    def displacement(self) -> float:
        """Standard deviation (Å) along each axis of the atoms that are displaced."""
        moves = np.concatenate(
            [(atoms.positions - self.start.positions)[self.moved(k)] for k, atoms in enumerate(self.frames)]
        )
        return float(np.sqrt((moves**2).mean())) if len(moves) else 0.0

    def clearances(self) -> list[Array]:
        """(N,) Å of each frame, distances of atoms to the nearest displaced one, in the relaxed structure.

        An atom that is displaced has 0.
        """
        away = self.start.get_all_distances(mic=bool(self.start.pbc.any()))
        return [away[:, self.moved(k)].min(axis=1, initial=np.inf) for k in range(len(self.frames))]

    def summary(self) -> dict[str, Any]:
        """What the structure is, JSON-ready."""
        return {
            "formula": self.start.get_chemical_formula(),
            "atoms": len(self.start),
            "cell": self.start.cell.array.tolist(),
            "displacement": self.displacement(),
            "method": self.start.info.get("reference", ""),
        }
