"""Write a small file of each format, and its numbers: `python tests/frozen/freeze.py FOLDER`.

What lies beside this script was written by superion 0.1.0. A new format gets files of its own; old ones stay.
"""

from __future__ import annotations

import json
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ase import Atoms
from ase.build import bulk
from ase.io import read, write

TESTS = Path(__file__).parents[1]
BULKY = ("figures", "report.html", ".lock", "properties.log")
"""What of a study is not kept: it can be made again."""


def structures(folder: Path) -> dict[str, Atoms]:
    """What models are evaluated on, as the file has it."""
    return {atoms.info["frame_id"]: atoms for atoms in read(folder / "structures.extxyz", ":")}


def values(model: Any, atoms: Atoms) -> dict[str, Any]:
    """Everything that a model says of a structure, JSON-ready."""
    found = model.evaluate(atoms)
    named = {"forces": found.forces, "virial": found.virial, "charges": found.charges}
    named["dipole"] = found.dipole
    return {"energy": found.energy} | {k: v.tolist() for k, v in named.items() if v is not None}


def write_models(folder: Path) -> None:
    """A model of each kind of term, and `expected.json`."""
    from kernel_cases import molecules
    from test_model_contents import MODELS, neural

    from superion.errors import SuperionError
    from superion.potentials import Potential

    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, atoms in zip(("methanol", "box"), molecules(2)[::-1], strict=True):
        atoms.info = {"frame_id": name, "total_charge": 0.0}
        if name == "box":
            atoms.set_cell([6.0, 6.5, 7.0])
            atoms.pbc = True
        made.append(atoms)
    write(folder / "structures.extxyz", made, format="extxyz")
    kinds = {name.replace(" ", "-").replace(",", ""): make for name, make in MODELS.items()}
    for generation in ("3g", "latent-charges"):
        kinds[f"neural-{generation}"] = lambda g=generation: neural(g)
    expected: dict[str, Any] = {}
    for name, make in kinds.items():
        model = Potential(make())
        model.save(folder / f"{name}.safetensors")
        expected[name] = {}
        for place, atoms in structures(folder).items():
            try:
                expected[name][place] = values(model, atoms)
            except SuperionError as error:
                print(f"{name}, {place}: {error}")
    (folder / "expected.json").write_text(json.dumps(expected))


def write_study(folder: Path) -> None:
    """A study of a salt with both potentials, everything but its figures."""
    import toy_salt

    from superion.study import run_study

    toy_salt.write_inputs(folder)
    start = bulk("LiCl", "rocksalt", a=5.1, orthorhombic=True)
    write(folder / "start.extxyz", start, format="extxyz")
    settings = toy_salt.settings(
        dynamics__steps=200,
        dynamics__temperatures=[900],
        dynamics__chunk_frames=60,
        fit__pair__sparse_points=4,
        fit__soap__sparse_points=6,
        fits={"count": 0},
        properties={},
        parallel=1,
    )
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    run_study(file, folder / "study")
    for name in BULKY:
        path = folder / "study" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    (folder / "salt.extxyz").unlink()


def write_training(folder: Path) -> None:
    """A training of two generations, everything but its figures, trajectories and labeller."""
    import toy_training

    from superion.active_learning.run import run_training

    file = toy_training.write_training(
        folder,
        protocol__generations=1,
        explore__walkers=1,
        explore__dynamics=toy_training.DYNAMICS | {"temperatures": [600]},
        select__count=2,
        models=["gap"],
        protocol__model="gap",
    )
    run_training(file, folder / "training", label=toy_training.truth, progress=False)
    for name in (*BULKY, "convergence.png", "convergence.svg", "generation-000/explore"):
        path = folder / "training" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def write_labels(folder: Path) -> None:
    """A store with a label that is done and one that failed."""
    from superion.reference import Labels, open_store

    labels = Labels(-1.5, np.array([[0.1, 1 / 3, -2e-17]]), stress=np.arange(6.0) / 7, method="m")
    with open_store(folder) as store:
        store.start("0", "frame 0")
        store.done("0", "frame 0", labels, "calculator", 1.0, "s")
        store.failed("1", "frame 1", "did not converge", True, 2.0)
    (folder / ".lock").unlink(missing_ok=True)


def write_base(folder: Path) -> None:
    """A correction of a Lennard-Jones potential of ASE, whose file does not hold what runs it."""
    import superion

    folder.mkdir(parents=True, exist_ok=True)
    engine = folder / "engine.yaml"
    arguments = {"epsilon": 0.15, "sigma": 2.3, "rc": 6.0, "smooth": True}
    engine.write_text(yaml.safe_dump({"ase": "ase.calculators.lj:LennardJones", "arguments": arguments}))
    frames = []
    for seed in range(4):
        atoms = bulk("Cu", cubic=True) * (2, 1, 1)
        atoms.rattle(0.06, seed=seed)
        atoms.info |= {"frame_id": str(seed), "trajectory": f"t{seed}", "REF_energy": -0.1 * seed}
        atoms.arrays["REF_forces"] = 0.3 * np.sin(atoms.positions)
        frames.append(atoms)
    settings = {"pair": None, "soap": {"cutoff": 4.0, "n_max": 3, "l_max": 2, "sparse_points": 6}}
    model = superion.fit(frames, "gap", settings, base=engine)
    model.save(folder / "corrected.safetensors")
    write(folder / "structures.extxyz", frames[:1], format="extxyz")
    (atoms,) = structures(folder).values()
    (folder / "expected.json").write_text(json.dumps(values(model, atoms)))


def write_results(file: Path) -> None:
    """A result of each kind, by kind."""
    from result_examples import EXAMPLES
    from superion.results import write_result
    from test_result_models import model_of

    found = {}
    for kind, example in EXAMPLES.items():
        write_result(file, model_of(kind).model_validate_json(json.dumps(example)))
        found[kind] = json.loads(file.read_text())
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.path[:0] = [str(TESTS), *(str(TESTS / room) for room in ("potentials", "study", "active_learning"))]
    socket.gethostname = lambda: "host"
    target = Path(sys.argv.pop(1))
    write_models(target / "models")
    write_study(target / "salt")
    write_labels(target / "labels")
    write_training(target / "training")
    write_base(target / "base")
    write_results(target / "results.json")
