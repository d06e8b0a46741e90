"""A study says all that stands against it at once, before anything is computed or written."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from toy_salt import RELAXED, crystal, frames, labelled, write_inputs, write_study
from typer.testing import CliRunner

from superion.cli.app import app
from superion.study import run_study
from superion.work.state import State


def told(folder: Path, **changes: object) -> str:
    """What the command says of a study that it refuses; nothing else may be in the folder after it."""
    path = write_study(folder, **changes)
    before = {found: found.stat().st_mtime_ns for found in folder.rglob("*")}
    result = CliRunner().invoke(app, ["run", str(path), "--output", str(folder / "out")])
    assert result.exit_code == 2, result.output
    assert {found: found.stat().st_mtime_ns for found in folder.rglob("*")} == before
    return " ".join(result.output.split())


def test_files_that_are_missing_are_all_named(tmp_path):
    write_inputs(tmp_path)
    message = told(
        tmp_path,
        data__files=["gone.extxyz", "salt.extxyz", "lost.extxyz"],
        structure__file="start.cif",
        locality="locality.json",
        properties={"eos": {"file": "eos.extxyz"}},
        fits={"count": 10**9},
    )
    for name in ("gone.extxyz", "lost.extxyz", "start.cif", "locality.json", "eos.extxyz"):
        assert f"there is no file {tmp_path / name}" in message
    assert "fits.count" in message
    assert "6 things stand against it" in message


def test_contents_are_all_looked_at(tmp_path):
    write_inputs(tmp_path)
    start = crystal()
    start.symbols[0] = "K"
    write(tmp_path / "start.extxyz", start)
    (tmp_path / "l.json").write_text("[1, 2]")
    message = told(
        tmp_path,
        transport__species="Na",
        electrostatics={"charges": {"Li": 0.7}},
        locality="l.json",
        properties={"defects": {"species": "Mg"}, "eos": {}},
    )
    assert "transport.species: Na is not in the structure, which has Cl, K, Li" in message
    assert "structure.file: K of the structure occurs in no frame of the data, which have Cl, Li" in message
    assert "electrostatics: no charge for Cl" in message
    assert "l.json: not what `superion locality` writes" in message
    assert "the crystal has no Mg" in message
    assert "properties.eos" in message
    assert "6 things stand against it, and nothing was computed" in message


def test_files_that_cannot_be_read_are_all_named(tmp_path):
    write_inputs(tmp_path)
    (tmp_path / "torn.extxyz").write_text("4\nLattice=\n")
    bare = [Atoms(a.numbers, a.positions, cell=a.cell, pbc=True) for a in frames(2, "a")]
    write(tmp_path / "bare.extxyz", bare)
    (tmp_path / "m.safetensors").write_bytes(b"not a model")
    (tmp_path / "start.extxyz").write_text("nothing\n")
    message = told(
        tmp_path,
        data__files=["torn.extxyz", "bare.extxyz", "salt.extxyz"],
        electrostatics={"model": "m.safetensors"},
    )
    for name in ("torn.extxyz", "bare.extxyz", "m.safetensors", "start.extxyz"):
        assert name in message
    assert "4 things stand against it" in message


def test_a_file_without_labels_among_others_is_named(tmp_path):
    write_inputs(tmp_path)
    bare = [Atoms(a.numbers, a.positions, cell=a.cell, pbc=True) for a in frames(2, "a")]
    for k, atoms in enumerate(bare):
        atoms.info = {"trajectory": "c", "frame_id": f"c-bare-{k}"}
    write(tmp_path / "bare.extxyz", bare)
    message = told(tmp_path, data__files=["salt.extxyz", "lone.extxyz", "bare.extxyz"])
    assert "data.files: no frame of bare.extxyz has a label" in message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dynamics__steps": 10**12}, "a run of 1e+12 steps"),
        ({"fit__soap__cutoff": 500.0}, "fit.soap.cutoff"),
        ({"electrostatics__accuracy": 0}, "electrostatics.accuracy"),
        ({"electrostatics__accuracy": float("nan")}, "electrostatics.accuracy"),
        ({"electrostatics": {"charges": "qeq", "qeq": {"accuracy": 1e-30}}}, "electrostatics.qeq.accuracy"),
        ({"electrostatics": {"charges": "qeq", "qeq": {"bounds": {"Xx": [0, 1]}}}}, "qeq.bounds names 'Xx'"),
        ({"electrostatics__charged_cells": "makov-payne"}, "dielectric constant"),
        ({"structure__supercell": [1000, 1000, 1000]}, "supercell"),
    ],
)
def test_sizes_and_numbers(tmp_path, changes, expected):
    write_inputs(tmp_path)
    assert expected in told(tmp_path, **changes)


def cluster(seed: int) -> Atoms:
    rng = np.random.default_rng(seed)
    atoms = crystal(RELAXED)[:8]
    atoms.pbc = False
    atoms.positions += rng.normal(0, 0.08, (8, 3))
    return atoms


def test_a_study_of_molecules_ends(tmp_path, capsys):
    """Without transport, and that is told before anything else."""
    write(tmp_path / "salt.extxyz", [labelled(cluster(k), trajectory="ab"[k % 2]) for k in range(6)])
    write(tmp_path / "start.extxyz", cluster(9))
    path = write_study(
        tmp_path,
        data__files=["salt.extxyz"],
        data__test=["b"],
        dynamics__steps=20,
        dynamics__equilibrate=0,
        dynamics__max_temperature=1e6,
        potentials=["es-gap"],
        transport__species="Na",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folder = run_study(path, tmp_path / "out")
    said = capsys.readouterr()
    assert "not periodic along three axes: no conductivity is computed" in (said.out + said.err)
    steps = State.read(folder).records
    assert {record.status for record in steps.values()} == {"done"}
    assert not any(name.startswith("transport/") for name in steps)
    assert (folder / "report.html").exists()
    asked = told_of_conductivity(tmp_path)
    assert "properties.conductivity" in asked
    assert "leave this property out, or start from a crystal" in asked


def told_of_conductivity(folder: Path) -> str:
    path = write_study(
        folder, name="other", data__files=["salt.extxyz"], properties={"conductivity": {}, "elastic": {}}
    )
    result = CliRunner().invoke(app, ["run", str(path), "--output", str(folder / "other")])
    assert result.exit_code == 2
    assert not (folder / "other").exists()
    message = " ".join(result.output.split())
    assert "properties.elastic" in message
    return message
