"""Whether atoms can be kept apart, and what is made of files that ask for more than that."""

from itertools import combinations

import numpy as np
import pytest
from disordered_crystals import GARNET, half_filled, write_cif

from superion.errors import InputError
from superion.structures.disorder import read_disordered
from superion.structures.feasibility import clashes, filling, no_arrangement
from superion.structures.montecarlo import allowed_start
from superion.structures.plan import plan
from superion.structures.sites import Group, SiteModel, site_model


@pytest.fixture
def garnet(tmp_path):
    (tmp_path / "garnet.cif").write_text(GARNET)
    return read_disordered(tmp_path / "garnet.cif")


def random_model(rng):
    """Two groups on nine sites that exclude each other by chance."""
    near = rng.random((9, 9)) < 0.35
    near = np.triu(near, 1) | np.triu(near, 1).T
    groups = tuple(
        Group(sites, np.array([len(sites) - n, n]))
        for sites, n in ((np.arange(5), int(rng.integers(1, 4))), (np.arange(5, 9), int(rng.integers(1, 3))))
    )
    exclusions = tuple(frozenset(np.flatnonzero(row).tolist()) for row in near)
    positions = rng.uniform(0, 5, (9, 3))
    fixed = np.zeros(9, dtype=np.uint8)
    return SiteModel(5 * np.eye(3), positions, ("", "Li"), fixed, groups, exclusions, np.arange(9)[None])


def test_against_all_arrangements():
    rng = np.random.default_rng(0)
    answers = []
    for _ in range(60):
        model = random_model(rng)
        first, second = (int(g.counts[1]) for g in model.groups)
        every = (
            set(a) | set(b) for a in combinations(range(5), first) for b in combinations(range(5, 9), second)
        )
        possible = any(all(not model.exclusions[s] & filled for s in filled) for filled in every)
        found = filling(model, rng)
        assert (found is not None) == possible
        if found is not None:
            chosen = set(np.flatnonzero(found).tolist())
            assert len(chosen & set(range(5))) == first
            assert all(not model.exclusions[s] & chosen for s in chosen)
            start = allowed_start(model, rng)
            assert all(start[list(model.exclusions[s])].sum() == 0 for s in np.flatnonzero(start))
        else:
            with pytest.raises(InputError, match="no arrangement keeps"):
                allowed_start(model, rng)
        answers.append(possible)
    assert 5 < sum(answers) < 55


def test_a_start_is_found_where_moving_atoms_apart_is_not_enough(garnet):
    model = plan(garnet).model
    start = allowed_start(model, np.random.default_rng(3), sweeps=1)
    filled = start != 0
    assert all(not filled[list(model.exclusions[s])].any() for s in model.free[filled[model.free]])
    assert [np.bincount(start[g.sites]).tolist() for g in model.groups] == [[64, 0, 56]]


def test_the_garnet_names_its_orbits_at_once(garnet):
    model = site_model(garnet, [{"Li": 23}, {"Li": 33}, {"La": 24}, {"Zr": 16}, {"O": 96}])
    assert filling(model) is None
    worst = clashes(model)[0]
    assert (worst.first, worst.second) == ("Li1", "Li2")
    assert worst.distance == pytest.approx(1.6405, abs=1e-3)
    assert worst.filled == pytest.approx((23 / 24, 33 / 96))
    assert "Li1 (0.96 filled) and Li2 (0.34 filled), 1.64 Å apart" in str(no_arrangement(model))


def test_the_garnet_is_arranged_by_exchange_between_orbits(garnet):
    settled = plan(garnet)
    (note,) = settled.notes
    assert "sites Li1 (0.96 filled) and Li2 (0.34 filled), 1.64 Å apart" in note
    assert "--between-orbits" in note
    assert "--min-distance 1.64 keeps" in note
    assert sum(settled.model.groups[0].counts[1:]) == 56
    with pytest.raises(
        InputError, match=r"Li1 .* and Li2 .*give --between-orbits.* or --min-distance 1\.64\."
    ):
        plan(garnet, min_distance=2.0)
    for options in ({"between_orbits": True, "min_distance": 2.0}, {"min_distance": 1.64}):
        assert plan(garnet, **options).notes == ()
    with pytest.raises(InputError, match="no arrangement keeps"):
        plan(garnet, min_distance=1.65)


def test_sites_almost_far_enough_are_filled_as_the_file_says(tmp_path):
    """A chain of Li 1.9 Å apart, three quarters filled: 2 Å would leave room for half."""
    sites = [("Li", "0 0 0 0.75"), ("Cl", "0.5 0.5 0 0.75"), ("Cl", "0 0.5 0.5 0")]
    crystal = read_disordered(
        write_cif(tmp_path / "a.cif", sites, group="P 4/m m m", number=123, a=6.0, c=1.9)
    )
    settled = plan(crystal.repeat((1, 1, 4)), min_distance=None)
    assert "those farther apart than 1.89 Å may be filled both (--min-distance)" in settled.notes[0]
    assert settled.counts[0] == {"Li": 3}


def test_numbers_far_from_neutral_name_the_options(tmp_path):
    crystal = read_disordered(half_filled(tmp_path / "a.cif")).repeat((2, 2, 2))
    with pytest.raises(
        InputError, match=r"has -4 e.*--adjust Li \(4 -> 8\), or keep the charge with --charged"
    ):
        plan(crystal)
    assert plan(crystal, adjust=["Li"]).counts == [{"Li": 8}, {"Cl": 8}]
    charged = plan(crystal, charged=True)
    assert charged.counts == [{"Li": 4}, {"Cl": 8}]
    assert "has -4 e: a uniform background neutralises it" in charged.notes[0]


def test_numbers_almost_neutral_are_adjusted_and_told(tmp_path):
    sites = [("Li", "0 0 0 0.95"), ("Cl", ".5 .5 .5 1")]
    crystal = read_disordered(write_cif(tmp_path / "a.cif", sites)).repeat((3, 3, 2))
    settled = plan(crystal)
    assert settled.counts == [{"Li": 18}, {"Cl": 18}]
    crystal = read_disordered(write_cif(tmp_path / "a.cif", [("Li", "0 0 0 0.92"), sites[1]])).repeat(
        (3, 3, 2)
    )
    settled = plan(crystal, min_distance=0)
    assert settled.counts == [{"Li": 18}, {"Cl": 18}]
    assert crystal.formula()["Li"] == pytest.approx(16.56)
    with pytest.raises(InputError, match="--adjust Li"):
        plan(
            read_disordered(write_cif(tmp_path / "a.cif", [("Li", "0 0 0 0.8"), sites[1]])).repeat((3, 3, 2))
        )


def test_an_ordered_crystal_is_taken_whatever_its_charge(tmp_path):
    crystal = read_disordered(write_cif(tmp_path / "a.cif", [("Zn", "0 0 0 1"), ("Cl", ".5 .5 .5 1")]))
    assert "the cell has +1 e" in plan(crystal).notes[0]


def test_a_cell_too_small_for_its_numbers_is_told(tmp_path):
    sites = [("Li", "0 0 0 0.6"), ("Na", "0 0 0 0.4"), ("Cl", ".5 .5 .5 1")]
    crystal = read_disordered(write_cif(tmp_path / "a.cif", sites))
    assert "whole numbers are far from the mean ones (Li 0.6 -> 1, Na 0.4 -> 0)" in plan(crystal).notes[0]
    assert plan(crystal.repeat((5, 1, 1))).notes == ()


def test_a_supercell_that_can_be_neutral_is_named(tmp_path):
    """The perovskite La0.5Li0.5TiO3 needs two cells; mixed valence needs none."""
    oxide = [("Ti", "0 0 0 1"), ("O", "0.5 0 0 1")]
    sites = [("Li", "0.5 0.5 0.5 0.5"), ("La", "0.5 0.5 0.5 0.5"), *oxide]
    crystal = read_disordered(write_cif(tmp_path / "a.cif", sites))
    with pytest.raises(InputError, match=r"has \+0 e.*a supercell of 2 cells \(--supercell\)"):
        plan(crystal)
    settled = plan(crystal.repeat((2, 1, 1)))
    assert settled.notes == ()
    assert settled.counts[0] == {"Li": 1, "La": 1}
    rows = [("Li", "0 0 0 1"), ("Mn", "0.5 0 0 1"), ("Mn", "0 0.5 0 1")]
    rows += [("O", f"0.5 0.5 {z} 1") for z in (0.0, 0.25, 0.5, 0.75)]
    ordered = plan(read_disordered(write_cif(tmp_path / "b.cif", rows, group="P 1", number=1, a=9.0)))
    assert ordered.charges["Mn"] == 3.5
    assert ordered.notes[0].startswith("the crystal is neutral with Mn +3.5 (usually +2)")
