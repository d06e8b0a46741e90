from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from superion.errors import InputError
from superion.structures.read import read_frames
from superion.structures.split import hold_out, split_by_trajectory, trajectory_of

LPS = Path(__file__).parents[2] / "data" / "lps"
NAMES = ["Li7P3S11-1000K-s2", "Li7P3S11-500K-s3", "Li7P3S11-800K-s1"]


def frame(x, **info):
    return Atoms("LiS", [[0, 0, 0], [x, 0, 0]], info=info)


@pytest.fixture(scope="module")
def lps():
    files = ("train", "strained", "isolated")
    return [atoms for name in files for atoms in read_frames(LPS / f"{name}.extxyz")]


@pytest.mark.parametrize(
    ("info", "name"),
    [
        ({"trajectory": "run A", "frame_id": "x-1"}, "run A"),
        ({"frame_id": "Li7P3S11-800K-s1-00160"}, "Li7P3S11-800K-s1"),
        ({"frame_id": "Li7P3S11-eos-0.90"}, "Li7P3S11-eos"),
        ({"frame_id": "frame12", "source": "a.xyz#3"}, "frame"),
        ({"frame_id": "0012", "source": "a.xyz#3"}, "a.xyz"),
        ({"frame_id": "isolated-Li"}, "isolated-Li"),
        ({"source": "folder/a#b.xyz#3"}, "folder/a#b.xyz"),
        ({}, "unnamed"),
    ],
)
def test_trajectory_of(info, name):
    assert trajectory_of(frame(2, **info)) == name


def test_named_trajectories_take_their_strained_frames_along(lps):
    train, test = split_by_trajectory(lps, test=["Li7P3S11-800K-s1"])
    assert (len(train), len(test)) == (25 + 22 + 3, 24 + 22)
    assert {trajectory_of(a) for a in test} == {"Li7P3S11-800K-s1"}
    assert {a.info["config_type"] for a in test} == {"md", "strained"}
    assert [a for a in lps if a in train] == train  # order kept


def test_one_name_need_not_be_a_list(lps):
    train, test = split_by_trajectory(lps, test="Li7P3S11-500K-s3")
    assert len(test) == 20
    assert len(train) == 76


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.8, 0.99])
def test_fraction_never_divides_a_trajectory(lps, seed, fraction):
    train, test = split_by_trajectory(lps, test=fraction, rng=np.random.default_rng(seed))
    sides = [{trajectory_of(a) for a in side} for side in (train, test)]
    assert not sides[0] & sides[1]
    assert sides[1] <= set(NAMES)
    assert sides[0] >= {"isolated-Li", "isolated-P", "isolated-S"}
    assert set(NAMES) & sides[0]
    assert test
    assert len(train) + len(test) == len(lps)


def test_fraction_is_met_with_many_trajectories_and_repeats_with_the_seed():
    frames = [frame(2 + 0.01 * k, trajectory=f"t{k // 3}") for k in range(120)]
    splits = [split_by_trajectory(frames, test=0.2, rng=np.random.default_rng(s)) for s in (1, 1, 2)]
    assert all(len(test) == 24 for _, test in splits)
    assert splits[0] == splits[1]
    assert splits[0] != splits[2]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (["Li7P3S11-800-s1"], "no trajectory 'Li7P3S11-800-s1'.*Did you mean 'Li7P3S11-800K-s1'"),
        (["isolated-Li"], "no trajectory 'isolated-Li'.*isolated atoms are always trained on"),
        ([], "the test set would be empty"),
        (NAMES, "the training set would be empty"),
        (0.0, "between 0 and 1"),
        (1, "between 0 and 1"),
        (0.2, "needs a random generator"),
    ],
)
def test_bad_requests(lps, test, message):
    with pytest.raises(InputError, match=message):
        split_by_trajectory(lps, test=test)


def test_one_trajectory_cannot_be_split():
    frames = [frame(2 + 0.1 * k, trajectory="a") for k in range(5)]
    with pytest.raises(InputError, match="belong to 1 trajectory"):
        split_by_trajectory(frames, test=0.4, rng=np.random.default_rng(0))


def test_duplicates_across_the_split_are_an_error():
    frames = [frame(2.0, trajectory="a", frame_id="a-1"), frame(2.1, trajectory="a", frame_id="a-2")]
    frames += [frame(2.1, trajectory="b", frame_id="b-1"), frame(2.2, trajectory="b", frame_id="b-2")]
    with pytest.raises(InputError, match=r"one structure, but would be divided .*: a-2, b-1\."):
        split_by_trajectory(frames, test=["b"])
    frames[2].info["trajectory"] = "a"
    train, test = split_by_trajectory(frames, test=["b"])
    assert (len(train), len(test)) == (3, 1)


def test_a_fraction_is_held_out_by_whole_trajectories_or_by_blocks():
    rng = np.random.default_rng(0)
    many = [frame(2 + 0.01 * k, trajectory=f"t{k // 4}") for k in range(40)]
    train, test, how = hold_out(many, 0.2, rng)
    assert (len(train), len(test)) == (32, 8)
    assert not {trajectory_of(a) for a in train} & {trajectory_of(a) for a in test}
    assert how.startswith("8 frames of whole trajectories: t")
    one = [frame(2 + 0.01 * k, trajectory="a") for k in range(20)]
    train, test, how = hold_out(one, 0.2, rng)
    assert test == one[16:]
    assert train == one[:16]
    assert how.startswith("4 frames, the last block of trajectory a; frames at its edge")
    two = [*one, *(frame(3 + 0.01 * k, trajectory="b") for k in range(10))]
    train, test, how = hold_out(two, 0.1, rng)
    assert test == [*one[18:], *two[29:]]
    assert "the last block of each of 2 trajectories" in how


def test_a_fraction_that_cannot_be_held_out_is_an_error():
    one = [frame(2 + 0.01 * k, trajectory="a") for k in range(4)]
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"test fraction is 1\.5"):
        hold_out(one, 1.5, rng)
    with pytest.raises(InputError, match="4 frames of 1 trajectories cannot be divided"):
        hold_out(one, 0.1, rng)
    one[3] = one[0].copy()
    with pytest.raises(InputError, match=r"one structure.*superion census FRAMES --drop-duplicates FILE"):
        hold_out(one, 0.25, rng)
