"""A study takes electric settings for its dynamics, and runs begun before there were any go on."""

import pytest
from toy_salt import write_inputs, write_study

from superion.errors import InputError
from superion.simulation.chunks import read_meta, write_meta
from superion.study.config import read_study, schema
from superion.study.config import write_study as save
from superion.study.dynamics import Job, _continues


def test_electric_settings(tmp_path):
    write_inputs(tmp_path)
    electric = {"displacement": [None, None, 0.1]}
    found = read_study(write_study(tmp_path, potentials=["es-gap"], dynamics__electric=electric))
    assert found.dynamics.at(300).electric.displacement == (None, None, 0.1)
    (tmp_path / "copy").mkdir()
    save(found, tmp_path / "copy")
    assert read_study(tmp_path / "copy" / "study.yaml").dynamics == found.dynamics
    assert "ElectricSettings" in schema()["$defs"]


def test_wrong_electric_settings_are_named(tmp_path):
    write_inputs(tmp_path)
    with pytest.raises(InputError, match=r"dynamics.electric.feld"):
        read_study(write_study(tmp_path, dynamics__electric={"feld": [0, 0, 1]}))
    with pytest.raises(InputError, match="gap has none: take it out of models"):
        read_study(write_study(tmp_path, dynamics__electric={}))
    with pytest.raises(InputError, match="constant cell"):
        read_study(write_study(tmp_path, dynamics__electric={}, dynamics__ensemble="npt"))


def test_older_runs_are_continued(tmp_path):
    """Settings that are new since a run was begun have their defaults in it."""
    write_inputs(tmp_path)
    settings = read_study(write_study(tmp_path)).dynamics.at(300)
    recorded = settings.model_dump(mode="json")
    del recorded["electric"]
    folder = tmp_path / "md"
    folder.mkdir()
    atoms = {"numbers": [3], "masses": [6.94], "pbc": [True, True, True]}
    meta = {"format": "superion trajectory 1", **atoms, "settings": recorded, "provenance": {"model": "a"}}
    write_meta(folder, meta)
    assert read_meta(folder)["settings"] == recorded
    job = Job("md", folder, tmp_path / "m", tmp_path / "s", (1, 1, 1), settings, {"model": "a"})
    assert _continues(job)
    other = settings.model_copy(update={"temperature": 400.0})
    assert not _continues(Job("md", folder, tmp_path / "m", tmp_path / "s", (1, 1, 1), other, {"model": "a"}))
