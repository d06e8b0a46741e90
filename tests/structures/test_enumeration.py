from collections import Counter
from itertools import combinations
from math import comb, factorial, prod

import numpy as np
import pytest
from disordered_crystals import half_filled, write_cif

from superion.errors import InputError
from superion.structures.composition import Counts
from superion.structures.disorder import read_disordered
from superion.structures.enumeration import enumerate_arrangements
from superion.structures.sites import VACANT, site_model
from superion.structures.symmetry import Canonical


def burnside(images: np.ndarray, content: list[int]) -> int:
    """Orbits of colourings with given numbers of each colour (W. Burnside, Theory of Groups, 1897).

    A permutation leaves a colouring as it is if each of its cycles has one colour.
    """
    fixed = 0
    for permutation in images:
        left, lengths = set(range(len(permutation))), []
        while left:
            start = at = left.pop()
            length = 1
            while (at := int(permutation[at])) != start:
                left.discard(at)
                length += 1
            lengths.append(length)
        ways: Counter[tuple[int, ...]] = Counter({(0,) * len(content): 1})
        for length in lengths:
            grown: Counter[tuple[int, ...]] = Counter()
            for used, count in ways.items():
                for colour in range(len(content)):
                    more = tuple(u + length * (c == colour) for c, u in enumerate(used))
                    if more[colour] <= content[colour]:
                        grown[more] += count
            ways = grown
        fixed += ways[tuple(content)]
    assert fixed % len(images) == 0
    return fixed // len(images)


def model(path, supercell, counts: Counts, min_distance=0.0, elements=("Li",)):
    sites = [(s, f"0 0 0 {0.9 / len(elements)}") for s in elements]
    crystal = read_disordered(write_cif(path, [*sites, ("Cl", ".5 .5 .5 1")], a=3.0)).repeat(supercell)
    return site_model(crystal, [counts, {"Cl": int(np.prod(supercell))}], min_distance=min_distance)


@pytest.mark.parametrize(
    ("supercell", "counts"),
    [
        ((2, 2, 2), {"Li": 4}),
        ((3, 2, 2), {"Li": 6}),
        ((3, 3, 1), {"Li": 7}),
        ((2, 2, 2), {"Li": 2, "Na": 3}),
        ((3, 2, 1), {"Li": 2, "Na": 2, "K": 2}),
        ((3, 2, 2), {"Li": 5, "Na": 7}),
    ],
)
def test_counts_against_burnside(tmp_path, supercell, counts):
    sites = int(np.prod(supercell))
    made = model(tmp_path / "a.cif", supercell, counts, elements=tuple(counts))
    found = enumerate_arrangements(made)
    canonical = Canonical(made)
    content = [sites - sum(counts.values()), *counts.values()]
    assert len(found) == burnside(canonical.images, content)
    total = factorial(sites) // prod(map(factorial, content))
    assert sum(canonical.degeneracy(a) for a in found) == total
    for arrangement in found:
        present = Counter(made.atoms(arrangement).get_chemical_symbols())
        assert all(present[s] == n for s, n in counts.items())
        assert present["Cl"] == sites


def test_exclusions_against_all_subsets(tmp_path):
    """Four Li on a 3 × 2 × 2 lattice, none of them nearest neighbours."""
    made = model(tmp_path / "a.cif", (3, 2, 2), {"Li": 3}, min_distance=3.1)
    canonical = Canonical(made)
    keys: Counter[bytes] = Counter()
    for chosen in combinations(made.free.tolist(), 3):
        if any(b in made.exclusions[a] for a, b in combinations(chosen, 2)):
            continue
        arrangement = made.fixed.copy()
        arrangement[list(chosen)] = made.kinds.index("Li")
        keys[canonical.key(arrangement)] += 1
    found = enumerate_arrangements(made)
    assert {canonical.key(a): canonical.degeneracy(a) for a in found} == dict(keys)
    assert 0 < sum(keys.values()) < comb(12, 3)


def test_two_groups_and_a_mixed_site(tmp_path):
    file = write_cif(
        tmp_path / "a.cif",
        [("Li", "0.5 0 0 0.34"), ("Ge", ".5 .5 .5 .5"), ("P", ".5 .5 .5 .5"), ("S", "0 0 0 1")],
        a=5.0,
    )
    made = site_model(
        read_disordered(file).repeat((2, 1, 1)), [{"Li": 2}, {"Ge": 1, "P": 1}, {"S": 2}], min_distance=0
    )
    found = enumerate_arrangements(made)
    canonical = Canonical(made)
    assert sum(map(canonical.degeneracy, found)) == comb(6, 2) * 2
    assert {made.atoms(a).get_chemical_formula() for a in found} == {"GeLi2PS2"}


def test_keys_of_equivalent_arrangements_agree(tmp_path):
    made = model(tmp_path / "a.cif", (2, 2, 2), {"Li": 3, "Na": 2}, elements=("Li", "Na"))
    canonical = Canonical(made)
    arrangement = made.random(np.random.default_rng(0))
    keys = {canonical.key(arrangement[p]) for p in made.permutations}
    assert len(keys) == 1
    images = {arrangement[p].tobytes() for p in made.permutations}
    assert canonical.degeneracy(arrangement) == len(images)


def test_limit_and_impossible(tmp_path):
    with pytest.raises(InputError, match="more than 3 inequivalent"):
        enumerate_arrangements(model(tmp_path / "a.cif", (2, 2, 2), {"Li": 4}), limit=3)
    with pytest.raises(InputError, match="no arrangement keeps"):
        enumerate_arrangements(model(tmp_path / "b.cif", (2, 2, 2), {"Li": 5}, min_distance=3.1))


def test_orbits_that_exchange(tmp_path):
    file = write_cif(
        tmp_path / "a.cif", [("Li", "0.5 0 0 0.3"), ("Li", ".5 .5 0 .3"), ("S", "0 0 0 1")], a=6.0
    )
    crystal = read_disordered(file)
    counts = [{"Li": 1}, {"Li": 1}, {"S": 1}]
    apart = site_model(crystal, counts, min_distance=0)
    together = site_model(crystal, counts, min_distance=0, between_orbits=True)
    total = [sum(map(Canonical(m).degeneracy, enumerate_arrangements(m))) for m in (apart, together)]
    assert total == [9, comb(6, 2)]
    full = site_model(crystal, [{"Li": 3}, {"Li": 0}, {"S": 1}], min_distance=0)
    assert full.groups == ()
    assert len(enumerate_arrangements(full)) == 1
    assert (full.fixed == VACANT).sum() == 3


def test_half_filled_cell_cannot_be_ordered_alone(tmp_path):
    crystal = read_disordered(half_filled(tmp_path / "a.cif"))
    assert not crystal.orbits[0].ordered
