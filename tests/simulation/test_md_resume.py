"""A run that is killed, damaged or short of disk goes on as if nothing had happened."""

import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from toy_crystals import Springs, crystal

import superion.simulation.chunks as chunks
from superion.errors import BusyError, CorruptFileError, InputError, SuperionError
from superion.files import locked
from superion.simulation import MDSettings, read_trajectory, run_md

MODES = {
    "nve": {"ensemble": "nve"},
    "langevin": {"ensemble": "nvt", "thermostat": "langevin"},
    "nose-hoover": {"ensemble": "nvt"},
    "npt": {"ensemble": "npt", "pressure": 1.0},
}

SCRIPT = """
import sys
from superion.simulation import MDSettings, run_md
from toy_crystals import Springs, crystal
settings = MDSettings.model_validate_json(sys.argv[2])
run_md(crystal(), Springs(crystal(), slow=0.001), settings, sys.argv[1], progress=False)
"""


def settings(mode="nose-hoover", **changes):
    options = {
        "temperature": 500,
        "timestep": 2,
        "steps": 200,
        "equilibrate": 20,
        "sample_every": 2,
        "chunk_frames": 15,
        "record": ["velocities", "stress"],
    }
    return MDSettings(**(options | MODES[mode] | changes))


def run(folder, mode="nose-hoover", *, resume=False, calculator=None, atoms=None, **changes):
    return run_md(
        atoms or crystal(),
        calculator or Springs(crystal()),
        settings(mode, **changes),
        folder,
        resume=resume,
        progress=False,
    )


def assert_identical(a, b):
    a, b = read_trajectory(a, equilibration=True), read_trajectory(b, equilibration=True)
    for field in fields(a):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if isinstance(x, np.ndarray):
            assert x.dtype == y.dtype, field.name
            assert x.tobytes() == y.tobytes(), field.name
        elif field.name not in ("meta", "source", "wrapped"):
            assert x is None, field.name
            assert y is None, field.name


class Interrupt(Springs):
    """Raises KeyboardInterrupt in evaluation number `after`."""

    after = 100

    def calculate(self, *args, **kwargs):
        if self.count == self.after:
            raise KeyboardInterrupt
        super().calculate(*args, **kwargs)


@pytest.mark.parametrize("mode", MODES)
def test_killed_process(tmp_path, mode):
    broken = tmp_path / "broken"
    places = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": places}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(broken), settings(mode).model_dump_json()], env=environment
    )
    limit = time.monotonic() + 600
    while not (broken / "chunk-000001.safetensors").exists():
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    written = len(read_trajectory(broken, equilibration=True))
    result = run(broken, mode, resume=True)
    assert 30 <= written < 110
    assert result.resumed_at == -20 + 2 * (written - 1)
    run(tmp_path / "whole", mode)
    assert_identical(tmp_path / "whole", broken)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("after", [0, 1, 30, 101])
def test_interrupt_keeps_every_frame(tmp_path, mode, after):
    calculator = Interrupt(crystal())
    calculator.after = after
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", mode, calculator=calculator)
    if after:
        kept = read_trajectory(tmp_path / "broken", equilibration=True)
        assert len(kept) == (after - 1) // 2 + 1
    run(tmp_path / "broken", mode, resume=True)
    run(tmp_path / "whole", mode)
    assert_identical(tmp_path / "whole", tmp_path / "broken")


def test_calculator_with_a_neighbour_list_that_remembers(tmp_path):
    atoms = bulk("Cu", cubic=True) * (2, 2, 1)
    options = {"atoms": atoms, "temperature": 1500, "steps": 180, "record": []}

    class Stop(EMT):
        count = 0

        def calculate(self, *args, **kwargs):
            self.count += 1
            if self.count > 130:
                raise KeyboardInterrupt
            super().calculate(*args, **kwargs)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", calculator=Stop(), **options)
    for path in sorted((tmp_path / "broken").glob("chunk-*"))[4:]:
        path.unlink()  # as after a kill: only full chunks are there
    run(tmp_path / "broken", calculator=EMT(), resume=True, **options)
    run(tmp_path / "whole", calculator=EMT(), **options)
    assert_identical(tmp_path / "whole", tmp_path / "broken")


@pytest.mark.parametrize("mode", ["langevin", "npt"])
def test_longer_run_equals_an_unbroken_one(tmp_path, mode):
    run(tmp_path / "grown", mode, steps=100)
    result = run(tmp_path / "grown", mode, steps=200, resume=True)
    assert result.resumed_at == 100
    run(tmp_path / "whole", mode, steps=200)
    assert_identical(tmp_path / "whole", tmp_path / "grown")
    assert read_trajectory(tmp_path / "grown").meta["settings"]["steps"] == 200


def test_finished_run_is_not_run_again(tmp_path):
    first = run(tmp_path)
    calculator = Springs(crystal())
    again = run(tmp_path, resume=True, calculator=calculator)
    assert calculator.count == 1  # the check of the model
    assert (again.frames, again.mean_temperature, again.drift) == (
        first.frames,
        first.mean_temperature,
        first.drift,
    )


def test_resume_begins_where_nothing_is(tmp_path):
    assert run(tmp_path, resume=True).resumed_at is None


@pytest.mark.parametrize("number", [0, 3, 7])
@pytest.mark.parametrize("damage", ["truncate", "flip", "delete"])
def test_only_the_damaged_chunk_is_redone(tmp_path, number, damage):
    run(tmp_path / "whole")
    run(tmp_path / "broken")
    path = tmp_path / "broken" / f"chunk-00000{number}.safetensors"
    raw = path.read_bytes()
    if damage == "truncate":
        path.write_bytes(raw[: len(raw) // 2])
    elif damage == "flip":
        path.write_bytes(raw[:-100] + bytes([raw[-100] ^ 4]) + raw[-99:])
    else:
        path.unlink()
    calculator = Springs(crystal())
    run(tmp_path / "broken", resume=True, calculator=calculator)
    assert path.read_bytes() == raw
    assert calculator.count <= 2 * 15 + 2
    assert_identical(tmp_path / "whole", tmp_path / "broken")


def test_partial_chunk_in_the_middle_is_redone_up_to_the_next(tmp_path):
    run(tmp_path / "broken", steps=100)
    run(tmp_path / "broken", steps=200, resume=True)
    run(tmp_path / "whole", steps=200)
    short = tmp_path / "broken" / "chunk-000004.safetensors"
    raw = short.read_bytes()
    short.write_bytes(raw[:-1])
    calculator = Springs(crystal())
    run(tmp_path / "broken", steps=200, resume=True, calculator=calculator)
    assert short.read_bytes() == raw
    assert calculator.count < 5
    assert_identical(tmp_path / "whole", tmp_path / "broken")


def test_redone_differently_everything_after_is_redone_too(tmp_path):
    """A calculator whose last bits differ, as on another machine: the chain of chunks must stay one run."""
    run(tmp_path)
    (tmp_path / "chunk-000002.safetensors").write_bytes(b"")
    shifted = Springs(crystal(), spring=2.0 * (1 + 1e-12))
    run(tmp_path, resume=True, calculator=shifted)
    trajectory = read_trajectory(tmp_path)
    assert trajectory.steps.tolist() == list(range(0, 201, 2))
    assert len(list(tmp_path.glob("chunk-*"))) == 8


def test_leftovers_of_a_killed_write_are_removed(tmp_path):
    run(tmp_path, steps=100)
    leftover = tmp_path / ".chunk-000004.safetensors.12345.tmp"
    leftover.write_bytes(b"half")
    run(tmp_path, steps=100, resume=True)
    assert not leftover.exists()


def test_full_disk(tmp_path, monkeypatch):
    write, calls = chunks.write_atomic, []

    def full(path, data):
        calls.append(path)
        if len(calls) > 4:  # meta.json and three chunks
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, data)

    monkeypatch.setattr(chunks, "write_atomic", full)
    with pytest.raises(
        SuperionError, match=r"chunk-000003.*No space left on device.*Remedy: make room on the disk"
    ):
        run(tmp_path / "broken")
    assert len(read_trajectory(tmp_path / "broken", equilibration=True)) == 45
    monkeypatch.setattr(chunks, "write_atomic", write)
    run(tmp_path / "broken", resume=True)
    run(tmp_path / "whole")
    assert_identical(tmp_path / "whole", tmp_path / "broken")


def test_nothing_is_overwritten(tmp_path):
    run(tmp_path, steps=100)
    with pytest.raises(InputError, match=r"already holds a run.*Remedy: resume it"):
        run(tmp_path, steps=100)
    (tmp_path / "meta.json").unlink()
    with pytest.raises(InputError, match="already holds a run"):
        run(tmp_path, steps=100)
    with pytest.raises(CorruptFileError, match=r"meta\.json: the file is missing, but 5 chunks"):
        run(tmp_path, steps=100, resume=True)


def test_damaged_meta_never_restarts_the_run(tmp_path):
    run(tmp_path, steps=100)
    before = sorted((path.name, path.stat().st_mtime_ns) for path in tmp_path.glob("chunk-*"))
    path = tmp_path / "meta.json"
    path.write_text(path.read_text().replace("63.546", "63.545", 1))
    with pytest.raises(CorruptFileError, match="restore the file from a copy"):
        run(tmp_path, steps=100, resume=True)
    assert sorted((path.name, path.stat().st_mtime_ns) for path in tmp_path.glob("chunk-*")) == before


def test_one_writer(tmp_path):
    run(tmp_path, steps=100)
    with locked(tmp_path), pytest.raises(BusyError, match="is working in this folder"):
        run(tmp_path, steps=200, resume=True)
    assert len(read_trajectory(tmp_path)) == 51


def test_what_may_not_change(tmp_path):
    run(tmp_path, steps=100)
    with pytest.raises(InputError, match=r"temperature was 500\.0, now 501\.0; seed was 0, now 1"):
        run(tmp_path, steps=100, resume=True, seed=1, temperature=501)
    with pytest.raises(InputError, match="the run has 100 steps; resuming can only add to them, found 80"):
        run(tmp_path, steps=80, resume=True)
    moved = crystal()
    moved.positions[0, 0] += 0.1
    with pytest.raises(InputError, match="positions, cell or velocities differ"):
        run(tmp_path, steps=100, resume=True, atoms=moved)
    with pytest.raises(InputError, match=r"another structure: numbers, masses differ"):
        run(tmp_path, steps=100, resume=True, atoms=crystal(symbol="Ag"))
    with pytest.raises(InputError, match="other forces than the one that began this run"):
        run(tmp_path, steps=100, resume=True, calculator=Springs(crystal(), spring=2.01))
