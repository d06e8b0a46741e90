"""Exploration: where runs start, how they follow each other, when they end, what is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms, FixCartesian
from ase.geometry import find_mic
from toy_salt import crystal, frames, lone_atoms
from toy_training import DYNAMICS, SOAP

from superion.active_learning.explore import draw_starts, snapshots
from superion.active_learning.explore_settings import ExploreSettings
from superion.active_learning.explorers import Exploration, explore
from superion.active_learning.frames import load_frames, write_frames
from superion.active_learning.maxvol import ExtrapolationGrade
from superion.active_learning.measures import MEASURES
from superion.active_learning.pool import Pool
from superion.active_learning.variance import force_deviation
from superion.errors import InputError
from superion.files import read_json
from superion.potentials import FitSettings, Potential, fit
from superion.potentials.repulsion import Repulsion
from superion.simulation import read_trajectory


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """A model, its training set, and a committee that disagrees on like ions closer than 3.5 Å."""
    root = tmp_path_factory.mktemp("explore")
    known = [*frames(4, "ab", seed=1), *lone_atoms()]
    write_frames(root / "training.extxyz", known)
    Potential(fit(known, FitSettings(soap=SOAP), {"gap": []})["gap"]).save(root / "gap.safetensors")
    gap = Potential.load(root / "gap.safetensors")
    Potential([*gap.terms, Repulsion({(3, 3): 3.5, (17, 17): 3.5}, height=40.0)]).save(
        root / "other.safetensors"
    )
    return root


def go(inputs: Path, folder: Path, starts=None, parallel: str | int = "serial", model=None, **changes):
    settings = ExploreSettings.model_validate({"dynamics": DYNAMICS, "snapshots": 3, **changes})
    return explore(
        Exploration(
            starts or [crystal()],
            model or inputs / "gap.safetensors",
            settings,
            folder,
            "g000",
            np.random.default_rng(1),
            judge=inputs / "gap.safetensors",
            training=inputs / "training.extxyz",
            committee=[inputs / "gap.safetensors", inputs / "other.safetensors"],
            parallel=parallel,
            progress=False,
        )
    )


def test_every_start_at_every_temperature(inputs, tmp_path):
    found = go(inputs, tmp_path, [crystal(), crystal()])
    assert [run["run"] for run in found.runs] == ["00-300K", "00-600K", "01-300K", "01-600K"]
    assert all(run["stopped"] is None and run["frames"] == 11 for run in found.runs)
    assert len(found.candidates) == 12
    names = [atoms.info["frame_id"] for atoms in found.candidates]
    assert names[:3] == ["g000-00-300K-000012", "g000-00-300K-000028", "g000-00-300K-000040"]
    assert len(set(names)) == 12
    seeds = {read_json(tmp_path / run["run"] / "job.json")["settings"]["seed"] for run in found.runs}
    assert len(seeds) == 4
    last = read_trajectory(tmp_path / "00-300K").positions[-1]
    np.testing.assert_allclose(
        np.sort(found.candidates[2].get_all_distances(mic=True).ravel()),
        np.sort(
            Atoms(crystal().numbers, last, cell=crystal().cell, pbc=True).get_all_distances(mic=True).ravel()
        ),
        atol=1e-12,
    )


def test_atoms_that_a_start_fixes_stay_through_generations(inputs, tmp_path):
    """Runs hold them, what is kept of the runs says so, also from a file, and starts drawn from it."""
    atoms = crystal()
    atoms.set_constraint(FixAtoms([0, 5]))
    starts = draw_starts([atoms], 1, np.random.default_rng(0))
    found = go(inputs, tmp_path, starts)
    write_frames(tmp_path / "kept.extxyz", found.candidates)
    again = draw_starts(load_frames(tmp_path / "kept.extxyz"), 3, np.random.default_rng(0))
    for moved in [*found.candidates, *again]:
        assert moved.constraints[0].get_indices().tolist() == [0, 5]
        away = np.linalg.norm(find_mic(moved.positions - atoms.positions, moved.cell)[0], axis=1)
        assert (away[[0, 5]] < 1e-7).all()
        assert (np.delete(away, [0, 5]) > 1e-3).all()


def test_no_run_starts_from_what_dynamics_cannot_hold():
    partly, whole = crystal(), crystal()
    partly.set_constraint(FixCartesian(0, (True, False, False)))
    whole.set_constraint(FixAtoms(range(len(whole))))
    with pytest.warns(UserWarning, match="no run starts from 2 of 3 structures"):
        drawn = draw_starts([partly, crystal(), whole], 4, np.random.default_rng(0))
    assert len(drawn) == 4
    assert not any(atoms.constraints for atoms in drawn)
    with pytest.warns(UserWarning, match="2 of 2"), pytest.raises(InputError, match="no structure to start"):
        draw_starts([partly, whole], 1, np.random.default_rng(0))


def test_done_again_it_is_the_same(inputs, tmp_path):
    first, second = (go(inputs, tmp_path / name) for name in ("a", "b"))
    resumed = go(inputs, tmp_path / "a")
    for other in (second, resumed):
        for x, y in zip(first.candidates, other.candidates, strict=True):
            np.testing.assert_array_equal(x.positions, y.positions)
        assert other.runs == first.runs


def test_processes_give_what_one_process_gives(inputs, tmp_path):
    alone = go(inputs, tmp_path / "a", stop={"measure": "extrapolation", "above": 1e3, "every": 20})
    many = go(
        inputs, tmp_path / "b", parallel=2, stop={"measure": "extrapolation", "above": 1e3, "every": 20}
    )
    assert many.runs == alone.runs
    for x, y in zip(alone.candidates, many.candidates, strict=True):  # they have one BLAS thread each
        np.testing.assert_allclose(x.positions, y.positions, atol=1e-9)


def test_a_ramp_goes_on_from_the_last_frame(inputs, tmp_path):
    go(inputs, tmp_path, ramp=True)
    (start,) = load_frames(tmp_path / "00-600K.extxyz")
    before = read_trajectory(tmp_path / "00-300K").positions[-1]
    np.testing.assert_allclose(start.positions, before, atol=1e-7)


def measure_of(name: str, inputs: Path):
    if name == "deviation":
        potential = Potential.load(inputs / "gap.safetensors")
        return lambda atoms: force_deviation(potential, atoms)
    if name == "committee":
        extra = Potential.load(inputs / "other.safetensors").terms[-1]
        return lambda atoms: np.linalg.norm(extra.evaluate(atoms).forces, axis=1).max() / 2
    known = load_frames(inputs / "training.extxyz")
    return ExtrapolationGrade(Pool(known, known, [Potential.load(inputs / "gap.safetensors")]))


@pytest.mark.parametrize("name", ["deviation", "extrapolation", "committee"])
def test_a_run_ends_before_the_model_leaves_its_data(name, inputs, tmp_path):
    """Where it ends is where the measure of the unwatched run first exceeds the threshold.

    The committee's is known from its making: two members that differ by one term differ from their mean by
    half its forces.
    """
    hot = DYNAMICS | {"temperatures": [2000], "steps": 200}
    go(inputs, tmp_path / "free", dynamics=hot)
    trajectory = read_trajectory(tmp_path / "free" / "00-2000K")
    measure = measure_of(name, inputs)
    values = np.array(
        [
            measure(Atoms(trajectory.numbers, r, cell=c, pbc=True))
            for r, c in zip(trajectory.positions, trajectory.cells, strict=True)
        ]
    )
    checked = trajectory.steps % 8 == 0
    above = float(np.median(values[checked]))
    assert above > 0
    expected = trajectory.steps[checked & (values > above)][0]
    found = go(inputs, tmp_path / "watched", dynamics=hot, stop={"measure": name, "above": above, "every": 8})
    (run,) = found.runs
    assert f"stopped at step {expected}: the {MEASURES[name].about}" in run["stopped"]
    assert run["frames"] == expected // 4
    kept = read_trajectory(tmp_path / "watched" / "00-2000K").positions
    np.testing.assert_array_equal(kept, trajectory.positions[: expected // 4])
    again = go(inputs, tmp_path / "watched", dynamics=hot, stop={"measure": name, "above": above, "every": 8})
    assert again.runs == found.runs


def test_a_start_outside_the_data_is_itself_a_candidate(inputs, tmp_path):
    strange = crystal()
    strange.positions[0] += [0.9, 0.7, 0.4]
    found = go(
        inputs,
        tmp_path,
        [strange],
        ramp=True,
        stop={"measure": "extrapolation", "above": 1.5, "every": 4},
    )
    assert len(found.runs) == 1  # a walker that was stopped does not go on to the next temperature
    assert found.runs[0]["frames"] == 0
    assert found.candidates[0].info["frame_id"] == "g000-00-300K-000000"


def test_colliding_atoms_end_a_run_and_nothing_else(inputs, tmp_path):
    found = go(inputs, tmp_path, dynamics=DYNAMICS | {"min_distance": 2.5, "temperatures": [300, 3000]})
    stopped = [run["stopped"] for run in found.runs]
    assert stopped[0] is None or "closer than 2.5" in stopped[0]
    assert "closer than 2.5 Å" in stopped[1]


def test_snapshots_are_equidistant_and_leave_out_the_start():
    steps = [Atoms("H", info={"step": k}) for k in range(11)]
    assert [a.info["step"] for a in snapshots(steps, 5)] == [2, 4, 6, 8, 10]
    assert [a.info["step"] for a in snapshots(steps, 99)] == list(range(1, 11))
    assert snapshots(steps[:1], 5) == []


def test_starts_are_drawn_without_labels_all_before_any_twice():
    known = [*frames(3, "a"), *lone_atoms()]
    drawn = draw_starts(known, 5, np.random.default_rng(0))
    assert all(atoms.info == {} and set(atoms.arrays) == {"numbers", "positions"} for atoms in drawn)
    assert len({atoms.positions.tobytes() for atoms in drawn[:3]}) == 3
    with pytest.raises(InputError, match="no structure to start"):
        draw_starts(lone_atoms(), 1, np.random.default_rng(0))


def test_checks_must_meet_frames():
    with pytest.raises(ValueError, match="multiple of sample_every"):
        ExploreSettings.model_validate({"dynamics": DYNAMICS, "stop": {"above": 1.0, "every": 6}})
