"""A salt whose exact energy is Coulomb plus pair repulsion, and studies of it that take seconds."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ase import Atoms
from ase.build import bulk
from ase.io import write
from ase.stress import full_3x3_to_voigt_6_stress

from superion.electrostatics import CoulombTerm, FixedCharges, Slater
from superion.potentials import Potential
from superion.potentials.repulsion import Repulsion

CHARGES = {"Li": 0.7, "Cl": -0.7}
TRUTH = Potential(
    [
        CoulombTerm(FixedCharges(CHARGES), Slater.from_screening(2.0), 1e-7),
        Repulsion({(3, 17): 3.6, (17, 17): 4.0}, height=6.0),
    ]
)
FIRM = Potential(
    [
        CoulombTerm(FixedCharges(CHARGES), Slater.from_screening(2.0), 1e-7),
        Repulsion({(3, 17): 2.9, (17, 17): 3.8}, height=30.0),
    ]
)
"""A salt whose minimum is near `crystal(RELAXED)`."""
RELAXED = 5.6
FIT = {
    "pair": {"cutoff": 4.0, "sparse_points": 8},
    "soap": {"cutoff": 4.0, "n_max": 3, "l_max": 2, "sparse_points": 12},
}


def crystal(edge: float = 5.1) -> Atoms:
    return bulk("LiCl", "rocksalt", a=edge, cubic=True)


def labelled(atoms: Atoms, truth: Potential = TRUTH, **info: Any) -> Atoms:
    found = truth.evaluate(atoms)
    atoms.info = {"REF_energy": found.energy, **info}
    atoms.info["REF_stress"] = full_3x3_to_voigt_6_stress(-found.virial / atoms.get_volume())
    atoms.arrays["REF_forces"] = found.forces
    return atoms


def frames(
    count: int = 4, trajectories: str = "abc", seed: int = 1, truth: Potential = TRUTH, edge: float = 5.1
) -> list[Atoms]:
    rng = np.random.default_rng(seed)
    made = []
    for name in trajectories:
        for k in range(count):
            atoms = crystal(edge)
            atoms.positions += rng.normal(0, 0.12, (8, 3))
            atoms.set_cell(atoms.cell * (1 + 0.02 * rng.normal()), scale_atoms=True)
            made.append(labelled(atoms, truth, trajectory=name, frame_id=f"{name}-{k}"))
    return made


def lone_atoms() -> list[Atoms]:
    return [
        Atoms(s, cell=[9, 9, 9], pbc=True, info={"REF_energy": e, "config_type": "IsolatedAtom"})
        for s, e in (("Li", -0.2), ("Cl", -0.3))
    ]


def settings(**changes: Any) -> dict[str, Any]:
    """A study of 120 frames of dynamics; `changes` replace values by dotted key (__ for the dot).

    Threads do what processes would: a process takes longer to start than this study takes.
    """
    value: dict[str, Any] = {
        "name": "salt",
        "data": {"files": ["salt.extxyz", "lone.extxyz"], "test": ["b"]},
        "structure": {"file": "start.extxyz"},
        "electrostatics": {"charges": dict(CHARGES), "accuracy": 1e-4},
        "fit": deepcopy(FIT),
        "dynamics": {
            "temperatures": [300],
            "timestep": 2.0,
            "steps": 240,
            "sample_every": 2,
            "chunk_frames": 20,
            "equilibrate": 20,
        },
        "transport": {"species": "Li"},
        "parallel": "threads:2",
    }
    for key, change in changes.items():
        *path, last = key.split("__")
        inner = value
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = deepcopy(change)
    return value


def write_inputs(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "salt.extxyz", frames(), format="extxyz")
    write(folder / "lone.extxyz", lone_atoms(), format="extxyz")
    write(folder / "start.extxyz", crystal(), format="extxyz")


def write_study(folder: Path, **changes: Any) -> Path:
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(settings(**changes), sort_keys=False))
    return path
