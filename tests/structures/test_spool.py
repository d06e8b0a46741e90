"""Structures that memory need not hold: what is taken out is what was put in, and a census keeps nothing."""

import gzip
import os
import tempfile
import tracemalloc

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from ase.io import write
from typer.testing import CliRunner

from superion.cli.app import app
from superion.errors import StorageError
from superion.structures import census, consistency, read_frames, spool
from superion.structures.spool import Part, Spool
from superion.structures.xyz import XyzFrames


def lattice(count, atoms=64):
    """Frames of a thin lattice with energies and forces of springs to its points."""
    rng = np.random.default_rng(0)
    points = 3.6 * np.stack(np.meshgrid(*3 * [np.arange(6)]), -1).reshape(-1, 3)[:atoms]
    frames = []
    for k in range(count):
        moved = rng.normal(0, 0.05, points.shape)  # no pair comes into a cutoff or leaves it
        moved -= moved.mean(axis=0)
        found = Atoms("LiCl" * (atoms // 2), points + moved, cell=3 * [21.6], pbc=True)
        found.info |= {"REF_energy": float(10 * (moved**2).sum()), "trajectory": f"t{k % 3}"}
        found.arrays["REF_forces"] = -20 * moved
        frames.append(found)
    return frames


@pytest.mark.parametrize("kept", [0, 2000, None])
def test_what_is_taken_out_is_what_was_put_in(kept):
    frames = lattice(6, 8)
    frames[1].set_constraint(FixAtoms([0, 3]))
    frames[2].info["unmapped_labels"] = {"energy": "rms 1"}
    frames[3].set_array("momenta", np.arange(24.0).reshape(8, 3))
    found = Spool(frames, kept)
    assert len(found) == 6
    for k in (5, 0, 3, 1, 2, 4):
        assert found[k] == frames[k]
        assert found[k].info == frames[k].info
        assert found[k].arrays.keys() == frames[k].arrays.keys()
        np.testing.assert_array_equal(found[k].arrays["REF_forces"], frames[k].arrays["REF_forces"])
    assert found[1].constraints[0].index.tolist() == [0, 3]
    assert [a.info["REF_energy"] for a in Part(found, [4, 1])] == [
        frames[k].info["REF_energy"] for k in (4, 1)
    ]
    with pytest.raises(IndexError):
        found[6]


def test_without_a_temporary_folder_memory_has_to_do(monkeypatch):
    def nowhere(**options):
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryFile", nowhere)
    assert list(Spool(range(5), kept=0)) == [0, 1, 2, 3, 4]


def test_a_full_disk_is_told_with_the_folder(monkeypatch):
    found = Spool([1], kept=0)

    class Full:
        def seek(self, place):
            pass

        def write(self, data):
            raise OSError(28, "No space left on device")

    found._bytes.handle.close()
    found._bytes.handle = Full()
    with pytest.raises(StorageError, match=r"cannot be written \(No space left on device\).*TMPDIR="):
        found.append(2)


def test_a_census_of_frames_on_disk_is_that_of_frames_in_memory():
    frames = lattice(24, 16)
    frames[5].info["REF_energy"] += 25
    frames[7].arrays["REF_forces"] *= -1
    frames.append(frames[3].copy())
    assert census(Spool(frames, 0)).to_dict() == census(frames).to_dict()


def test_memory_does_not_grow_with_the_frames(tmp_path, monkeypatch):
    """Against what the frames of the file take when they are all held."""
    monkeypatch.setattr(spool, "KEPT", 0)
    monkeypatch.setattr(consistency, "ROWS", 400)
    out = tmp_path / "out.xyz"
    peaks, held = [], []
    for count in (4, 24, 72):
        path = tmp_path / f"{count}.xyz"
        write(path, lattice(count, 64), format="extxyz")
        if count > 4:  # what is loaded once counts in none
            tracemalloc.start()
        result = CliRunner().invoke(app, ["census", str(path), "--drop-duplicates", str(out)])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert result.exit_code == 0, result.output
        assert f"{count} of {count} frames" in result.output
        tracemalloc.start()
        frames = read_frames(path)
        held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert peaks[2] - peaks[1] < (held[2] - held[1]) / 3, (peaks, held)
    assert list(read_frames(out)) == frames


def test_a_packed_file_is_read_as_the_plain_one(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "KEPT", 0)
    plain, packed = tmp_path / "a.xyz", tmp_path / "a.xyz.gz"
    write(plain, lattice(3, 8), format="extxyz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert [XyzFrames(packed).text(k) for k in range(3)] == [XyzFrames(plain).text(k) for k in range(3)]


def test_a_pipe_is_read(tmp_path):
    path = tmp_path / "frames.xyz"
    os.mkfifo(path)
    text = "1\nProperties=species:S:1:pos:R:3\nLi 0 0 0\n" * 3
    if (child := os.fork()) == 0:
        path.write_text(text)
        os._exit(0)
    assert len(XyzFrames(path)) == 3
    os.waitpid(child, 0)
