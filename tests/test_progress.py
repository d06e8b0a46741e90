"""How long work will take is said after some units, or the first if that is long."""

import itertools

import pytest
from ase import Atoms

from superion.potentials import FitSettings
from superion.potentials.kernel_charges.gap import fit_kqeq_gap
from superion.potentials.kernel_charges.settings import KernelQEqSettings
from superion.progress import Forecast, duration, follow, track

KERNEL = {"cutoff": 4.0, "cutoff_width": 2.0, "n_max": 2, "l_max": 2, "sparse_points": 8}


@pytest.fixture
def clock(monkeypatch):
    """Sets how many seconds pass between two looks at the clock."""

    def runs(step):
        seconds = itertools.count(step=step)
        monkeypatch.setattr("superion.progress.monotonic", lambda: next(seconds))

    return runs


def test_the_second_unit_tells_of_the_rest(clock, capsys):
    clock(4.0)
    assert list(track(range(5), "work", 5)) == [0, 1, 2, 3, 4]
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "work: 2/5, 8 s, about 12 s left"
    assert last == "work: 5/5, 20 s, about 0 s left"


def test_what_has_no_known_end_is_told_by_the_part_that_is_done(clock, capsys):
    clock(6.0)
    parts = iter([0.25, 0.5])
    assert list(follow("abcd", "reading", lambda: next(parts))) == ["a", "b", "c", "d"]
    assert capsys.readouterr().err.splitlines() == [
        "reading: 25 %, 12 s, about 36 s left",
        "reading: 50 %, 24 s, about 24 s left",
    ]
    list(follow("abcd", "reading", lambda: 0.5, show=False))
    assert capsys.readouterr().err == ""


def test_what_is_short_or_not_to_be_shown_says_nothing(clock, capsys):
    clock(0.1)
    list(track(range(5), "work", 5))
    clock(100.0)
    list(track(range(5), "work", 5, show=False))
    Forecast("work", show=False).step(4, "1/5")
    assert capsys.readouterr().err == ""


def test_lines_are_ten_seconds_apart(clock, capsys):
    clock(3.0)
    forecast = Forecast("work", bounded=True)
    for k in range(1, 9):
        forecast.step(100 - k, f"step {k}")
    shown = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in shown] == ["work: step 2", "work: step 6"]
    assert shown[0].endswith("6 s, at most about 5 min left")


def test_a_slow_first_unit_is_not_taken_for_the_others(monkeypatch, capsys):
    looks = iter([0.0, 7.0, 7.1, 9.0, 12.0, 20.0])
    monkeypatch.setattr("superion.progress.monotonic", lambda: next(looks))
    forecast = Forecast("work")
    for left in (99, 98, 97, 96, 95):
        forecast.step(left, f"{left} left")
    told = [line.split(", ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert told == ["9 s, about 97 s left", "20 s, about 5 min left"]


def test_a_long_first_unit_is_told(clock, capsys):
    clock(20.0)
    Forecast("work").step(3, "1/4")
    assert capsys.readouterr().err == "work: 1/4, 20 s, about 60 s left\n"


def test_durations_are_read_at_a_glance():
    assert [duration(t) for t in (3, 99, 100, 3600, 7200)] == ["3 s", "99 s", "2 min", "60 min", "2.0 h"]


def test_fits_of_charges_and_a_local_term_tell_in_every_part(data_of_molecules, clock, capsys):
    clock(20.0)
    charges = KernelQEqSettings(electronegativity=[KERNEL], steps=2, cycles=2)
    local = FitSettings(soap=KERNEL | {"cutoff": 4.0}, pair=None)
    fit_kqeq_gap(data_of_molecules, charges, local, progress=True)
    shown = capsys.readouterr().err
    assert "learning from labels left out: step 1 of at most about 2, 20 s, at most about" in shown
    assert "charges and local term: cycle 1 of at most 2, frame 1 of 2, 20 s, at most about 60 s" in shown


@pytest.fixture
def data_of_molecules():
    """Two chains of lithium and chlorine with labels."""
    frames = []
    for x in (2.2, 2.4):
        atoms = Atoms("LiCl", [[0, 0, 0], [x, 0, 0]], info={"REF_energy": -5 + (x - 2.3) ** 2})
        atoms.info |= {"REF_dipole": [-0.8 * x, 0, 0], "total_charge": 0.0}
        frames.append(atoms)
    return frames
