import numpy as np
import pytest
from ase import units

from superion.errors import InputError
from superion.neighbours import neighbour_pairs
from superion.structures.glass import BARE_DISTANCES, MIN_DISTANCES, SLACK, anion, glass, glass_formula

CHARGE = {"S": -2, "PS4": -3, "P2S7": -4, "P2S6": -2}


@pytest.mark.parametrize("percent", [50, 55, 60, 200 / 3, 67, 70, 75, 80, 90])
def test_anions_hold_all_atoms_and_balance_lithium(percent):
    formula = glass_formula(percent, 150)
    assert abs(formula.atoms - 150) <= 21
    assert abs(formula.percent - percent) < 0.5
    anions = formula.anions()
    assert sum(CHARGE[name] * n for name, n in anions.items()) == -formula.elements["Li"]
    made = sum(
        (n * np.array([anion(name).symbols.count(s) for s in "PS"]) for name, n in anions.items()),
        np.zeros(2),
    )
    assert made.tolist() == [formula.elements["P"], formula.elements["S"]]
    assert sum(formula.elements.values()) == formula.atoms


@pytest.mark.parametrize(
    ("percent", "atoms", "elements"),
    [
        (75, 96, {"Li": 36, "P": 12, "S": 48}),  # Li3PS4
        (70, 42, {"Li": 14, "P": 6, "S": 22}),  # Li7P3S11
        (200 / 3, 104, {"Li": 32, "P": 16, "S": 56}),  # Li4P2S7
        (0, 14, {"Li": 0, "P": 4, "S": 10}),
        (100, 12, {"Li": 8, "P": 0, "S": 4}),
    ],
)
def test_known_compositions(percent, atoms, elements):
    assert glass_formula(percent, atoms).elements == elements


@pytest.mark.parametrize(("name", "bridges"), [("PS4", 0), ("P2S7", 1), ("P2S6", 2)])
def test_units_are_tetrahedra(name, bridges):
    unit = anion(name)
    distance = unit.get_all_distances()
    p, s = (np.flatnonzero(unit.symbols == e) for e in "PS")
    bonded = np.isclose(distance[np.ix_(p, s)], 2.05)
    assert (bonded.sum(axis=1) == 4).all()
    assert (bonded.sum(axis=0) == 2).sum() == bridges
    for row, atom in zip(bonded, p, strict=True):
        bonds = unit.positions[s[row]] - unit.positions[atom]
        cosines = (bonds @ bonds.T)[np.triu_indices(4, 1)] / 2.05**2
        np.testing.assert_allclose(cosines, -1 / 3, atol=1e-12)
    assert distance[np.ix_(s, s)][np.triu_indices(len(s), 1)].min() > 3.3


@pytest.mark.parametrize(
    ("percent", "bare"), [(75, False), (70, False), (60, False), (80, False), (40, True)]
)
def test_packing(percent, bare):
    formula = glass_formula(percent, 80)
    packed = glass(formula, 1.9, np.random.default_rng(2), bare=bare)
    assert packed.symbols.count("Li") == formula.elements["Li"]
    assert len(packed) == formula.atoms
    grams = packed.get_masses().sum() / units.kg * 1000
    assert grams / (packed.get_volume() * 1e-24) == pytest.approx(1.9)
    pairs = neighbour_pairs(packed, 4.0)
    allowed = BARE_DISTANCES if bare else MIN_DISTANCES
    names = [
        "-".join(sorted((packed.symbols[i], packed.symbols[j])))
        for i, j in zip(pairs.i, pairs.j, strict=True)
    ]
    smallest = {
        name: min(d for d, n in zip(pairs.distance, names, strict=True) if n == name) for name in set(names)
    }
    for name in {"Li-Li", "Li-P", "Li-S"} & smallest.keys():
        assert smallest[name] >= SLACK * allowed[name] - 1e-9
    if not bare:
        bonds = [
            sum(
                n == "P-S" and d < 2.5
                for n, d, i in zip(names, pairs.distance, pairs.i, strict=True)
                if i == p
            )
            for p in np.flatnonzero(packed.symbols == "P")
        ]
        assert set(bonds) == {4}
    again = glass(formula, 1.9, np.random.default_rng(2), bare=bare)
    np.testing.assert_array_equal(again.positions, packed.positions)


def test_refused_glasses():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="cannot be packed"):
        glass(glass_formula(75, 50), 8.0, rng)
    with pytest.raises(InputError, match="below 50 %"):
        glass(glass_formula(30, 100), 1.9, rng)
    with pytest.raises(InputError, match="0 to 100 mol %"):
        glass_formula(120, 100)
    with pytest.raises(InputError, match="at least 10 atoms"):
        glass_formula(75, 5)
    with pytest.raises(InputError, match=r"minimum distance 'Li-O'"):
        glass(glass_formula(75, 50), 1.9, rng, min_distances={"Li-O": 2.0})
    with pytest.raises(InputError, match="density must be positive"):
        glass(glass_formula(75, 50), -1.0, rng)
