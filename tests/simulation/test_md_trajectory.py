"""Trajectory files: what is in them, and that damage is noticed."""

import json

import numpy as np
import pytest
from ase.io import read
from toy_crystals import Springs, crystal

from superion.errors import CorruptFileError, InputError
from superion.simulation import MDSettings, read_trajectory, run_md, to_ase, write_extxyz


@pytest.fixture
def folder(tmp_path):
    settings = MDSettings(
        temperature=900,
        timestep=2,
        steps=100,
        sample_every=2,
        chunk_frames=20,
        record=["velocities", "stress", "charges", "dipole"],
    )
    path = tmp_path / "run"
    run_md(crystal(), Springs(crystal()), settings, path, progress=False, provenance={"model": "springs"})
    return path


def damage(path, position, value=None):
    raw = bytearray(path.read_bytes())
    position %= len(raw)
    raw[position] = raw[position] ^ 1 if value is None else value
    path.write_bytes(raw)


def test_recorded_quantities(folder):
    trajectory = read_trajectory(folder)
    assert trajectory.meta["provenance"] == {"model": "springs"}
    assert trajectory.positions.dtype == np.float64
    # central differences over two frames of 4 fs
    speed = (trajectory.positions[2:] - trajectory.positions[:-2]) / 8.0
    assert np.allclose(trajectory.velocities[1:-1], speed, atol=0.02 * np.abs(speed).max())
    calculator = Springs(crystal())
    for k, atoms in enumerate(to_ase(trajectory)):
        calculator.calculate(atoms)
        assert trajectory.potential_energy[k] == calculator.results["energy"]
        assert np.array_equal(trajectory.stress[k], calculator.results["stress"])
        assert np.array_equal(trajectory.charges[k], calculator.results["charges"])
        assert np.array_equal(trajectory.dipole[k], calculator.results["dipole"])
        assert atoms.get_kinetic_energy() == pytest.approx(trajectory.kinetic_energy[k], rel=1e-12)


def test_positions_are_not_wrapped(tmp_path):
    atoms = crystal()
    atoms.positions += [40.0, 0, -30.0]
    run_md(atoms, Springs(atoms), MDSettings(temperature=300, steps=20, timestep=2), tmp_path, progress=False)
    assert np.abs(read_trajectory(tmp_path).positions - atoms.positions).max() < 1


def test_extxyz(folder, tmp_path):
    trajectory = read_trajectory(folder)
    write_extxyz(trajectory, tmp_path / "out.xyz", every=10)
    frames = read(tmp_path / "out.xyz", index=":")
    assert [frame.info["step"] for frame in frames] == [0, 20, 40, 60, 80, 100]
    assert np.allclose(frames[-1].positions, trajectory.positions[-1], atol=1e-7)
    assert frames[-1].info["time"] == 200
    assert frames[-1].info["potential_energy"] == pytest.approx(trajectory.potential_energy[-1])
    assert not any(key.startswith("REF_") for key in frames[-1].info)
    with pytest.raises(InputError, match="every must be at least 1"):
        to_ase(trajectory, every=0)


@pytest.mark.parametrize("position", [0, 9, 300, 5000, -1, -4000, -40_000])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_flipped_bit_is_noticed(folder, number, position):
    path = folder / f"chunk-00000{number}.safetensors"
    damage(path, position)
    with pytest.raises(CorruptFileError, match=rf"chunk-00000{number}.*Remedy: resume the run"):
        read_trajectory(folder)


@pytest.mark.parametrize("length", [0, 4, 1000, -1])
def test_a_truncated_chunk_is_noticed(folder, length):
    path = folder / "chunk-000001.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CorruptFileError, match="chunk-000001"):
        read_trajectory(folder)


def test_a_missing_chunk_is_noticed(folder):
    (folder / "chunk-000001.safetensors").unlink()
    with pytest.raises(CorruptFileError, match=r"chunk-000001.*the file is missing"):
        read_trajectory(folder)


def test_a_chunk_of_another_run_is_noticed(folder, tmp_path):
    other = tmp_path / "other"
    settings = MDSettings.model_validate(read_trajectory(folder).meta["settings"] | {"seed": 1})
    run_md(crystal(), Springs(crystal()), settings, other, progress=False)
    name = "chunk-000001.safetensors"
    (folder / name).write_bytes((other / name).read_bytes())
    with pytest.raises(CorruptFileError, match="does not continue the file before it"):
        read_trajectory(folder)


def test_meta_is_checked(folder):
    path = folder / "meta.json"
    text = path.read_text()
    path.write_text(text.replace('"model": "springs"', '"model": "strings"'))
    with pytest.raises(CorruptFileError, match=r"meta\.json: the content does not match"):
        read_trajectory(folder)
    path.write_text(text[:-10])
    with pytest.raises(CorruptFileError, match=r"not valid JSON.*restore the file from a copy"):
        read_trajectory(folder)
    path.write_text(json.dumps([1]))
    with pytest.raises(CorruptFileError, match="expected the format 'superion trajectory 1', found 'list'"):
        read_trajectory(folder)
    path.unlink()
    with pytest.raises(InputError, match="holds no run"):
        read_trajectory(folder)
