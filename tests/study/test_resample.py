"""Fits to resampled frames: what is drawn, that it is the same for every potential, and how it resumes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from toy_salt import frames, lone_atoms, write_inputs, write_study

from superion.errors import InputError
from superion.potentials import Potential
from superion.recipes.base import fit_jobs
from superion.structures import is_isolated
from superion.study import fitting, run_study, status
from superion.study.resample import FitsSettings, design, resample

NAMES = [f"{p}-resampled-{k}" for k in (1, 2) for p in ("gap", "es-gap")]


def test_a_draw_holds_whole_trajectories_and_isolated_atoms_once() -> None:
    """Two of three, one of them perhaps twice."""
    data = [*frames(), *lone_atoms()]
    twice = next(k for k in range(1, 9) if len({*_names(data, k)}) == 1)
    draw = resample(data, FitsSettings(count=3), twice)
    drawn = [atoms for atoms in draw.frames if not is_isolated(atoms)]
    assert len(drawn) == 8
    assert set(map(_names(data, twice).count, "abc")) == {0, 8}
    assert {id(atoms) for atoms in drawn} < {id(atoms) for atoms in data}
    assert [atoms.symbols[0] for atoms in draw.frames if is_isolated(atoms)] == ["Li", "Cl"]
    record = draw.record()
    assert sum(entry["times"] for entry in record["frames"]) == len(draw.frames)
    assert max(entry["times"] for entry in record["frames"]) > 1
    assert len({entry["hash"] for entry in record["frames"]}) == len(record["frames"])


def test_draws_differ_from_each_other_and_do_not_depend_on_how_many_there_are() -> None:
    data = [*frames(), *lone_atoms()]
    few, many, other = (FitsSettings(count=n, seed=s) for n, s in ((1, 0), (9, 0), (1, 1)))
    records = [resample(data, settings, k).record() for settings, k in ((few, 1), (many, 2), (other, 1))]
    assert resample(data, many, 1).record() == records[0]
    assert len({str(record["frames"]) for record in records}) == 3


def _names(data: list[Atoms], number: int, **settings: Any) -> list[str]:
    drawn = resample(data, FitsSettings(**settings), number).frames
    return [atoms.info["trajectory"] for atoms in drawn if not is_isolated(atoms)]


@pytest.mark.parametrize("by", ["trajectories", "frames"])
def test_every_trajectory_is_drawn_equally_often(by: str) -> None:
    """Over as many draws as there are units; the only one of its kind in ten blocks."""
    data = frames()
    found = Counter(name for k in range(1, 13) for name in _names(data, k, by=by))
    assert found == dict.fromkeys("abc", 32 if by == "trajectories" else 44)
    alone = frames(12, "a")
    times = Counter(id(a) for k in range(1, 11) for a in resample(alone, FitsSettings(), k).frames)
    assert set(times.values()) == {9}


def test_what_is_drawn_is_recorded() -> None:
    found = design([*frames(), *lone_atoms()], FitsSettings(count=3))
    assert found is not None
    assert [(u.of, u.name, u.count) for u in found.units] == [("trajectory", "a, b, c", 3)]
    assert found.freedom == pytest.approx(2)
    single = design(frames(), FitsSettings(count=3, by="frames"))
    assert single is not None
    assert single.freedom == pytest.approx(11)


def test_every_draw_has_every_species() -> None:
    rare = Atoms("NaCl", [[0, 0, 0], [2.8, 0, 0]], cell=[9, 9, 9], pbc=True)
    data = [*frames(), rare]
    for number in range(1, 20):
        assert any(atoms is rare for atoms in resample(data, FitsSettings(), number).frames)
    with pytest.raises(InputError, match="no training frame"):
        resample(lone_atoms(), FitsSettings(), 1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("resampled")
    write_inputs(root)
    run_study(write_study(root, fits={"count": 2, "seed": 5}), root / "out", progress=False)
    return root


def test_a_study_keeps_the_fits_of_every_draw_and_pairs_them(finished: Path) -> None:
    out = finished / "out"
    models = {path.stem: Potential.load(path) for path in (out / "models").glob("*.safetensors")}
    assert set(models) == {"gap", "es-gap", *NAMES}
    for k in (1, 2):
        local, charged = (models[f"{name}-resampled-{k}"] for name in ("gap", "es-gap"))
        assert local.provenance["resampled"] == charged.provenance["resampled"]
        assert local.provenance["resampled"]["number"] == k
        assert [term.kind for term in charged.terms] == ["coulomb", "repulsion", "gp"]
        ours, theirs = local.terms[-1].arrays(), charged.terms[-1].arrays()
        for name in ours:
            assert np.array_equal(ours[name], theirs[name]) == (name != "weights"), name
    assert "resampled" not in models["gap"].provenance
    weights = [models[name].terms[-1].arrays()["weights"] for name in ("gap", *NAMES[::2])]
    assert not any(np.array_equal(a, b) for a, b in zip(weights, weights[1:] + weights[:1], strict=True))


def test_more_fits_and_fewer_leave_the_others_alone(finished: Path) -> None:
    out = finished / "out"
    before = {path: path.stat().st_mtime_ns for path in (out / "models").glob("*.safetensors")}
    study = write_study(finished, fits={"count": 3, "seed": 5})
    run_study(study, out, progress=False)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (out / "models" / "es-gap-resampled-3.safetensors").exists()
    run_study(write_study(finished, fits={"count": 2, "seed": 5}), out, progress=False)
    assert {path: path.stat().st_mtime_ns for path in (out / "models").glob("*.safetensors")} == before


def test_a_study_that_was_stopped_redoes_only_the_draw_it_was_in(tmp_path: Path, monkeypatch) -> None:
    write_inputs(tmp_path)
    study, out = write_study(tmp_path, fits={"count": 3}, potentials=["gap"]), tmp_path / "out"
    calls = []

    def stopped(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return fit_jobs(*arguments, **options)

    monkeypatch.setattr(fitting, "fit_jobs", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, out, progress=False)
    before = {path: path.stat().st_mtime_ns for path in (out / "models").glob("*.safetensors")}
    assert {path.stem for path in before} == {"gap", "gap-resampled-1"}
    run_study(study, out, progress=False)
    assert len(calls) == 5
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert status(out).next is None
