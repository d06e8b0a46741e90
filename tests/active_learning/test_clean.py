"""Synthetic outliers: each is found for its own reason, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from pydantic import ValidationError
from toy_salt import frames, lone_atoms

from superion.active_learning.clean import CleanSettings, clean, mostly_rejected
from superion.structures import read_frames


def good(count: int = 20) -> list[Atoms]:
    """Frames with normally distributed labels: 20 samples stay within median ± 2 quartile ranges (2.7 σ)."""
    rng = np.random.default_rng(7)
    made = frames(count // 2, "ab", seed=3)
    for k, atoms in enumerate(made):
        atoms.info["REF_energy"] = 8 * (-3.0 + 0.01 * np.linspace(-1.5, 1.5, count)[k])
        atoms.arrays["REF_forces"] = rng.normal(size=(8, 3))
    return made


PUBLISHED = {"energy_iqr": 2.0, "force_iqr": 10.0, "consistent": False}
"""Random forces belong to no atoms: only spreads can be judged here."""


def reasons(made, **settings) -> dict[int, str]:
    found = clean(made, CleanSettings(**(PUBLISHED | settings)))
    assert sorted([*found.kept, *(r.index for r in found.rejected)]) == list(range(len(made)))
    return {r.index: r.reason for r in found.rejected}


def test_good_frames_and_lone_atoms_stay():
    assert reasons([*good(), *lone_atoms()]) == {}
    assert reasons([Atoms("Li2", [(0, 0, 0), (0, 0, 2)])]) == {}


def test_energy_outlier():
    made = good()
    made[4].info["REF_energy"] += 8 * 0.05
    assert set(reasons(made)) == {4}
    assert "median ± 2 interquartile ranges" in reasons(made)[4]
    assert reasons(made, energy_iqr=None) == {}


def test_energies_are_compared_within_one_composition():
    made = good()
    other = [atoms.copy() for atoms in made]
    for atoms in other:
        atoms.symbols[0] = "Na"
        atoms.info["REF_energy"] = atoms.info["REF_energy"] - 80.0
    assert reasons([*made, *other]) == {}


@pytest.mark.parametrize("size", [30.0, -30.0])
def test_force_outlier_of_one_component(size):
    made = good()
    made[11].arrays["REF_forces"][2, 1] = size
    found = reasons(made)
    assert set(found) == {11}
    assert "force" in found[11]
    assert "Li2" in found[11].replace("Cl2", "Li2")
    assert reasons(made, force_iqr=None) == {}


def test_limits_are_median_and_quartiles():
    made = good()
    energies = np.array([atoms.info["REF_energy"] / 8 for atoms in made])
    low, middle, high = np.percentile(energies, (25, 50, 75))
    for factor, caught in ((1.99, False), (2.01, True)):
        # the outlier replaces an extreme of the same side, so that it moves no quartile
        moved = [atoms.copy() for atoms in made]
        moved[int(energies.argmax())].info["REF_energy"] = 8 * (middle + factor * (high - low))
        assert bool(reasons(moved)) is caught


def test_a_collision_rejects_the_whole_trajectory():
    made = good()
    made[13].positions[1] = made[13].positions[0] + [0.0, 0.0, 0.55]
    found = reasons(made)
    assert set(found) == set(range(10, 20))
    assert "trajectory b: ions closer than 0.6 Å in b-3" in found[10]
    assert "0.550 Å" in found[10]
    assert reasons(made, min_distance=0.5) == {}


def test_bonds_are_watched_from_the_first_frame():
    made = good()
    start = made[0]
    for atoms in made:
        atoms.positions, atoms.cell = start.positions.copy(), start.cell.copy()
    i = int(np.flatnonzero(start.numbers == 3)[0])
    vector = start.get_distances(i, np.flatnonzero(start.numbers == 17), mic=True, vector=True)
    nearest = vector[np.linalg.norm(vector, axis=1).argmin()]
    made[6].positions[i] += 0.25 * nearest
    found = reasons(made, bonds=["Li-Cl"])
    assert set(found) == {6}
    assert "bond" in found[6]
    assert reasons(made) == {}
    assert reasons(made, bonds=["Li-Cl"], bond_variation=0.5) == {}
    assert reasons(made, bonds=["Cl-Cl"]) == {}


def test_known_frames_set_the_standard():
    one = [good()[0]]
    one[0].info["REF_energy"] += 8.0
    assert reasons(one) == {}
    (rejected,) = clean(one, CleanSettings(**PUBLISHED), known=good()).rejected
    assert (rejected.index, rejected.frame) == (0, "a-0")
    assert "energy" in rejected.reason


def test_a_bond_must_name_two_elements():
    with pytest.raises(ValidationError, match="two chemical symbols"):
        CleanSettings(bonds=["P=S"])
    with pytest.raises(ValidationError, match="two chemical symbols"):
        CleanSettings(bonds=["P-Xx"])


LPS = Path(__file__).parents[2] / "data" / "lps"


def test_new_labels_may_be_far_from_the_known_ones():
    """Seven frames of a volume curve and five perturbed ones know nothing of dynamics at 500 to 1000 K."""
    known = [*read_frames(LPS / "eos.extxyz"), *read_frames(LPS / "strained.extxyz")[:5]]
    new = read_frames(LPS / "train.extxyz")[::2]
    found = clean(new, known=known)
    assert found.rejected == []
    by_spread = clean(new[:3], CleanSettings(energy_iqr=2.0, force_iqr=10.0), known=known[:7])
    assert mostly_rejected(by_spread).startswith("3 of 3 new labels were left out")
    assert clean(new[:3], known=known[:7]).rejected == []


def test_a_wrong_label_among_new_ones_is_left_out():
    known = read_frames(LPS / "train.extxyz")[:10]
    new = read_frames(LPS / "train.extxyz")[10:16]
    new[2].info["REF_energy"] += 25
    new[4].arrays["REF_forces"][7] += [0, 300, 0]
    found = clean(new, known=known)
    assert found.kept == [0, 1, 3, 5]
    assert found.rejected[0].reason.startswith("energy: +2")
    assert found.rejected[1].reason.startswith("forces of atom 7: a force of 300 eV/Å")
    assert mostly_rejected(found) == ""


def test_what_surprises_a_calibrated_model_is_left_out():
    made = good(6)
    surprises = [2.0, 3.0, 2.5, 2.2, 90.0, None]
    settings = CleanSettings(consistent=False)
    (rejected,) = clean(made, settings, surprises=surprises).rejected
    assert rejected.index == 4
    assert "90 predicted deviations, where 2.5 are usual" in rejected.reason
    assert clean(made, settings, surprises=[30.0] * 6).rejected == []
