"""Small structures to label, and settings of the labeller that labels them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.io import write

from superion.reference import LabellerSettings


def argon(count: int = 4) -> list[Atoms]:
    """Dimers to tetramers of argon in a box, each with all sorts of facts beside its structure."""
    rng = np.random.default_rng(1)
    frames = []
    for k in range(count):
        number = 2 + k % 3
        positions = np.arange(number)[:, None] * [1.2, 0.1, 0.0] + rng.uniform(-0.05, 0.05, (number, 3))
        positions[0, 0] = k
        positions[1:, 0] += k
        atoms = Atoms(f"Ar{number}", np.round(positions, 8), cell=[9, 9.5, 10], pbc=True)
        atoms.info |= {"frame_id": f"argon-{k}", "trajectory": f"t{k % 2}", "note": "kept", "weight": 1.5}
        atoms.set_array("residue", np.arange(number))
        frames.append(atoms)
    return frames


def write_argon(path: Path, count: int = 4) -> Path:
    write(path, argon(count), format="extxyz")
    return path


def faulty(fault: str = "", **arguments: Any) -> LabellerSettings:
    given = {"fault": fault, **{k: str(v) if isinstance(v, Path) else v for k, v in arguments.items()}}
    return LabellerSettings.model_validate(
        {"labeller": {"ase": "fake_calculators:Faulty", "arguments": given}}
    )


def truth(atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray]:
    """Energy, forces and stress that a label of `faulty` must have."""
    atoms = atoms.copy()
    atoms.calc = LennardJones(rc=4.0)
    return atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
