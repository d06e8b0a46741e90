"""Trainings of the toy salt that take seconds: eight atoms, few basis functions, exact labels at once."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from ase import Atoms
from ase.io import write
from toy_salt import CHARGES, FIT, TRUTH, frames, labelled, lone_atoms

from superion.potentials.many_body.soap import SoapSettings

SOAP = SoapSettings(cutoff=4.0, n_max=3, l_max=2, sparse_points=12)
DYNAMICS = {"temperatures": [300, 600], "timestep": 2.0, "steps": 40, "sample_every": 4, "chunk_frames": 5}


def truth(asked: Sequence[Atoms]) -> list[Atoms | None]:
    """Exact labels of the toy salt."""
    return [labelled(atoms.copy(), **atoms.info) for atoms in asked]


def settings(**changes: Any) -> dict[str, Any]:
    """A training of two generations; `changes` replace values by dotted key (__ for the dot)."""
    value: dict[str, Any] = {
        "name": "salt",
        "data": {"files": ["salt.extxyz", "lone.extxyz"], "test": ["b"]},
        "electrostatics": {"charges": dict(CHARGES), "accuracy": 1e-4},
        "fit": deepcopy(FIT),
        "labels": {"labeller": {"labeller": {"model": "truth.safetensors"}}, "executor": "threads:1"},
        "explore": {"walkers": 2, "dynamics": dict(DYNAMICS), "snapshots": 4},
        "select": {"method": "farthest", "count": 3},
        "protocol": {"generations": 2, "patience": 5},
        "budget": 50,
        "parallel": "serial",
    }
    for key, change in changes.items():
        *path, last = key.split("__")
        inner = value
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = change
    return value


def write_training(folder: Path, **changes: Any) -> Path:
    """Inputs and `training.yaml` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "salt.extxyz", frames(3, "ab", seed=2), format="extxyz")
    write(folder / "lone.extxyz", lone_atoms(), format="extxyz")
    TRUTH.save(folder / "truth.safetensors")
    path = folder / "training.yaml"
    path.write_text(yaml.safe_dump(settings(**changes), sort_keys=False))
    return path


def products(folder: Path) -> dict[str, bytes]:
    """All data and models of a training by name: what must not depend on when it was killed."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".extxyz", ".json", ".safetensors")
        and path.name not in ("state.json", "provenance.json", "job.json", "meta.json")
        and "chunk-" not in path.name
    }
