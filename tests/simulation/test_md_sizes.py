"""Runs that nobody can finish are refused at once, with a remedy."""

from collections import namedtuple

import pytest
from toy_crystals import Springs, crystal

import superion.simulation.estimate as estimate
from superion.errors import InputError
from superion.simulation import MDSettings, run_md
from superion.simulation.quench import QuenchSettings, melt_quench
from superion.structures.bare import repeated


def settings(**changes):
    return MDSettings(**({"temperature": 300, "steps": 100} | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 10**12}, r"1e\+12 steps of 32 atoms needs about 15 TB"),
        ({"steps": 10**5000}, "steps of 32 atoms needs about"),
        ({"steps": 10**9, "equilibrate": 10**12, "sample_every": 10**6}, "would take about 371 days"),
        ({"steps": 10**10, "sample_every": 1, "record": ["velocities"]}, r"of memory|writes about"),
    ],
)
def test_steps(tmp_path, changes, message):
    calculator = Springs(crystal())
    with pytest.raises(InputError, match=message):
        run_md(crystal(), calculator, settings(**changes), tmp_path / "run", progress=False)
    assert calculator.count == 0
    assert not (tmp_path / "run").exists()


def test_room_on_the_disk(tmp_path, monkeypatch):
    disk = namedtuple("disk", "free")
    monkeypatch.setattr(estimate.shutil, "disk_usage", lambda place: disk(10_000))
    with pytest.raises(
        InputError, match=r"writes about 16.\d kB; 10 kB are free on the disk.*--sample-every"
    ):
        run_md(crystal(), Springs(crystal()), settings(steps=200), tmp_path / "run", progress=False)
    run_md(
        crystal(), Springs(crystal()), settings(steps=200, sample_every=100), tmp_path / "run", progress=False
    )


def test_supercells():
    with pytest.raises(InputError, match=r"a 1000000x1000x1 supercell has 3.2e\+10 atoms"):
        repeated(crystal(), (10**6, 1000, 1))
    with pytest.raises(InputError, match="supercell has"):
        repeated(crystal(), (10**5000, 1, 1))
    assert len(repeated(crystal(), (2, 1, 1))) == 64


@pytest.mark.parametrize("changes", [{"temperature_step": 1e-12}, {"melt_time": 1e15}, {"rate": 1e-14}])
def test_quenches(tmp_path, changes):
    with pytest.raises(InputError, match=r"would take about|of memory|writes about"):
        melt_quench(crystal(), Springs(crystal()), QuenchSettings(**changes), tmp_path / "q", progress=False)
    assert not (tmp_path / "q").exists()
