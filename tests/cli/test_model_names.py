"""A model file is opened by every command that takes one, whatever it is called."""

from __future__ import annotations

import shlex
import shutil

import pytest
import yaml
from ase.io import write
from command_line import call, succeeds
from toy_salt import CHARGES, FIRM, FIT, RELAXED, crystal, frames
from user_files import CIF

MD = "--temperature 300 --steps 4 --sample-every 2"
QUENCH = "--melt-time 0.004 --hold-time 0.004 --rate 200000 --temperature-step 900 --sample-every 2"
COMMANDS = {
    "evaluate": "{model} train.extxyz",
    "md": f"{{model}} salt.extxyz --output run {MD}",
    "quench": f"{{model}} salt.extxyz --output quenched {QUENCH}",
    "relax": "{model} salt.extxyz -o rest.extxyz",
    "eos": "{model} salt.extxyz --points 5",
    "elastic": "{model} salt.extxyz",
    "phonons": "{model} salt.extxyz --supercell 1,1,1 --mesh 2,2,2",
    "profile": "salt.extxyz --model {model}",
    "select": "train.extxyz -o some.extxyz --count 2 --method extrapolation --model {model}",
    "arrange": "half.cif -o made.extxyz --energy {model} --charged --sweeps 2",
    "defect": "{model} salt.extxyz --species Li --supercell 2x2x2 --separation 2.4 --count 1 --fmax 1 -o d",
    "label": "train.extxyz --labeller {model} --executor threads:1 --store labels -o labelled.extxyz",
    "locality": "salt.extxyz --labeller {model} --subtract {model} --executor threads:1 "
    "--radii 2.6 --perturbations 2 -o spheres",
    "fit": "train.extxyz --preset es-gap --config gap.yaml --charges {model} -o new.safetensors",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    write(root / "salt.extxyz", crystal(RELAXED), format="extxyz")
    write(root / "train.extxyz", frames(3, "a", truth=FIRM, edge=RELAXED), format="extxyz")
    (root / "half.cif").write_text(CIF)
    (root / "gap.yaml").write_text(yaml.safe_dump(FIT))
    charges = ",".join(f"{symbol}={q}" for symbol, q in CHARGES.items())
    succeeds(
        *("fit", root / "train.extxyz", "--preset", "es-gap", "--config", root / "gap.yaml"),
        *("--charges", charges, "-o", root / "model.yaml"),
    )
    return root


ROWS = [
    *((command, "model.yaml") for command in COMMANDS),
    *((command, name) for command in ("fit", "label", "locality", "md") for name in ("model.json", "gpaw")),
]


@pytest.mark.parametrize(("command", "name"), ROWS)
def test_models_are_known_by_what_they_hold(store, tmp_path, monkeypatch, command, name):
    shutil.copytree(store, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    if name != "model.yaml":
        shutil.move("model.yaml", name)
    result = call(command, *shlex.split(COMMANDS[command].format(model=name)))
    assert result.exit_code == 0, (result.output, result.exception)
