"""`superion census` names and drops what looks wrong; `superion fit` holds out frames and names its worst."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.io import read, write
from command_line import refused, succeeds
from toy_salt import FIT, frames, lone_atoms

LPS = Path(__file__).parents[2] / "data" / "lps"


@pytest.fixture
def faulty(tmp_path) -> Path:
    """Eight frames and a copy of one; one energy is off by 25 eV."""
    made = read(LPS / "train.extxyz", ":8")
    made[3].info["REF_energy"] += 25
    twin = made[5].copy()
    twin.info["frame_id"] = "twin"
    write(tmp_path / "faulty.extxyz", [*made, twin], format="extxyz")
    return tmp_path / "faulty.extxyz"


def names(path: Path) -> list[str]:
    return [atoms.info["frame_id"] for atoms in read(path, ":")]


def test_copies_and_suspects_are_listed_and_dropped(faulty, tmp_path):
    everything = names(faulty)
    shown = succeeds(
        "census", faulty, "--duplicates", tmp_path / "d.json", "--drop-duplicates", tmp_path / "once.extxyz",
        "--drop-suspects", tmp_path / "sound.extxyz", "--json", tmp_path / "c.json",
    )  # fmt: skip
    assert (
        f"energies of 1 frame are far from what forces and the other energies imply: {everything[3]}" in shown
    )
    assert json.loads((tmp_path / "d.json").read_text()) == [[everything[5], "twin"]]
    assert names(tmp_path / "once.extxyz") == everything[:8]
    assert names(tmp_path / "sound.extxyz") == [*everything[:3], *everything[4:]]
    assert json.loads((tmp_path / "c.json").read_text())["suspects"][0]["frame"] == everything[3]
    succeeds("census", faulty, "--drop-duplicates", tmp_path / "x.xyz", "--drop-suspects", tmp_path / "x.xyz")
    assert names(tmp_path / "x.xyz") == [*everything[:3], *everything[4:8]]
    assert "warning" not in succeeds("census", tmp_path / "x.xyz")


def test_nothing_is_written_where_every_frame_looks_wrong(tmp_path):
    made = read(LPS / "train.extxyz", ":8")
    for atoms in made:
        atoms.arrays["REF_forces"] *= -1
    write(tmp_path / "all.extxyz", made, format="extxyz")
    shown = refused("census", tmp_path / "all.extxyz", "--drop-suspects", tmp_path / "none.extxyz")
    assert "every frame has a label that looks wrong" in shown
    assert not (tmp_path / "none.extxyz").exists()


def test_a_fit_holds_out_a_fraction_and_names_its_worst_frames(tmp_path):
    made = frames(5, "ab", seed=2)
    made[2].arrays["REF_forces"][3] += [9.0, 0, 0]
    made[2].arrays["REF_forces"][4] -= [9.0, 0, 0]
    write(tmp_path / "train.extxyz", made + lone_atoms(), format="extxyz")
    (tmp_path / "fit.yaml").write_text(yaml.safe_dump(FIT))
    shown = succeeds(
        "fit", tmp_path / "train.extxyz", "--config", tmp_path / "fit.yaml", "--output",
        tmp_path / "m.safetensors", "--test-fraction", 0.2, "--json", tmp_path / "m.json", "--workers", 1,
    )  # fmt: skip
    assert "tested on 2 frames, the last block of each of 2 trajectories" in shown
    found = json.loads((tmp_path / "m.json").read_text())
    assert (found["train"]["frames"], found["test"]["frames"]) == (8, 2)
    assert {row["frame"] for row in found["worst_frames"]["test"]} == {
        made[4].info["frame_id"],
        made[9].info["frame_id"],
    }
    first = found["worst_frames"]["train"][0]
    assert first["frame"] == made[2].info["frame_id"]
    assert first["atom"] in (3, 4)
    assert first["force_rmse"] == max(row["force_rmse"] for row in found["worst_frames"]["train"])
    assert np.isfinite(first["energy_error_per_atom"])
    assert "worst frames" in shown
    message = refused(
        "fit", tmp_path / "train.extxyz", "--output", tmp_path / "n.safetensors", "--test-fraction", 0.2,
        "--test", tmp_path / "train.extxyz",
    )  # fmt: skip
    assert "two answers to one question" in message
