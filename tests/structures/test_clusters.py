"""What is independent of what: trajectories, points of scans, blocks of the only trajectory of its kind."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from superion.structures.clusters import clusters_of, freedom, is_scan, strata


def run(name, count, formula="LiCl", seed=0, npt=0.0):
    rng = np.random.default_rng(seed)
    made = []
    for k in range(count):
        atoms = bulk(formula, "rocksalt", a=5.1, cubic=True)
        atoms.set_cell(atoms.cell * (1 + npt * rng.normal()), scale_atoms=True)
        atoms.rattle(0.1, rng=rng)
        atoms.info = {"trajectory": name, "frame_id": f"{name}-{k}"}
        made.append(atoms)
    return made


def scan(name="curve", count=7):
    made = []
    for k in range(count):
        atoms = bulk("LiCl", "rocksalt", a=5.1 * (0.97 + 0.01 * k), cubic=True)
        atoms.info = {"trajectory": name, "frame_id": f"{name}-{k}"}
        made.append(atoms)
    return made


def apart(distances, name="pair", rigid=True):
    made = []
    for k, distance in enumerate(distances):
        one, other = molecule("CH4"), molecule("H2O")
        other.translate([0, 0, distance])
        pair = one + other
        if not rigid:
            pair.rattle(0.05, seed=k)
        pair.set_cell([30, 30, 30])
        pair.pbc = True
        pair.info = {"trajectory": name, "frame_id": f"{name}-{k}"}
        made.append(pair)
    return made


def test_scans_are_told_from_dynamics():
    assert is_scan(scan())
    assert is_scan(scan()[::-1])
    assert is_scan(apart([7, 5, 9, 12]))
    assert not is_scan(apart([5, 7, 9, 12], rigid=False))
    assert not is_scan(run("a", 12))
    assert not is_scan(run("a", 12, npt=0.02))
    assert not is_scan(scan(count=2))
    assert not is_scan([Atoms("H"), Atoms("He"), Atoms("Ne"), Atoms("H")])


def test_every_frame_belongs_to_its_trajectory_or_is_a_point():
    assert clusters_of([*run("a", 2), *run("b", 1), *scan(count=4)]) == [
        "a", "a", "b", "curve: curve-0", "curve: curve-1", "curve: curve-2", "curve: curve-3",
    ]  # fmt: skip


def test_trajectories_take_the_place_of_those_of_their_composition_alone():
    found = strata([*run("a", 4), *run("other", 25, "NaF"), *run("b", 6), *scan()])
    shown = {each.name: (each.of, [len(unit) for unit in each.units]) for each in found}
    assert shown["a, b"] == ("trajectory", [4, 6])
    assert shown["other"] == ("block", [3] * 5 + [2] * 5)
    assert shown["curve"] == ("point", [1] * 7)
    assert sorted(k for each in found for unit in each.units for k in unit) == list(range(42))
    (single,) = strata(run("a", 5), by="frames")
    assert (single.of, len(single.units)) == ("frame", 5)


def test_degrees_of_freedom_are_those_of_what_rules():
    assert freedom(strata([*run("a", 4), *run("b", 4), *run("c", 4)])) == pytest.approx(2)
    assert 1 < freedom(strata([*run("a", 40), *run("b", 40), *scan()])) < 1.01
    assert freedom(strata(run("a", 1))) == 0
