from itertools import product

import numpy as np
import pytest
from disordered_crystals import half_filled, write_cif

from superion.errors import InputError
from superion.structures.composition import round_composition
from superion.structures.disorder import read_disordered
from superion.structures.oxidation import oxidation_states


def three_orbits(path, first=0.55, second=0.7):
    """Li on 3 and on 1 sites, S on 3 sites, Zr/P on one."""
    return read_disordered(
        write_cif(
            path,
            [
                ("Li", f"0.5 0.5 0 {first}"),
                ("Li", f"0 0 0 {second}"),
                ("Zr", "0.5 0.5 0.5 0.5"),
                ("P", "0.5 0.5 0.5 0.5"),
                ("S", "0.5 0 0 1"),
            ],
        )
    )


def test_least_change_against_brute_force(tmp_path):
    crystal = three_orbits(tmp_path / "a.cif").repeat((2, 1, 1))
    charges = oxidation_states(["Li", "Zr", "P", "S"])
    found = round_composition(crystal, charges, adjust=["Li"])
    best = min(
        (
            ((a - 3.3) ** 2 / 6 + (b - 1.4) ** 2 / 2 + 2 * (zr - 1) ** 2 / 2, a, b, zr)
            for a, b, zr in product(range(7), range(3), range(3))
            if a + b + 4 * zr + 5 * (2 - zr) == 12
        )
    )
    assert (found[0]["Li"], found[1]["Li"], found[2]["Zr"]) == best[1:]
    assert found[2]["Zr"] + found[2]["P"] == 2
    assert found[3] == {"S": 6}


@pytest.mark.parametrize("seed", range(5))
def test_neutral_and_close(tmp_path, seed):
    first, second = np.random.default_rng(seed).uniform(0.2, 0.8, 2)
    second = (2 * 6 - 4 - 5) / 2 - 3 * first  # neutral on average
    if not 0 < second < 1:
        second, first = 0.6, 0.3
    crystal = three_orbits(tmp_path / "a.cif", round(first, 3), round(second, 3)).repeat((2, 2, 1))
    charges = oxidation_states(["Li", "Zr", "P", "S"])
    counts = round_composition(crystal, charges)
    assert sum(charges[s] * n for c in counts for s, n in c.items()) == 0
    for orbit, chosen in zip(crystal.orbits, counts, strict=True):
        for symbol, n in chosen.items():
            assert abs(n - orbit.occupancy[symbol] * len(orbit.sites)) < 1


def test_no_neutral_cell_names_the_orbits(tmp_path):
    crystal = read_disordered(half_filled(tmp_path / "a.cif"))
    with pytest.raises(InputError, match=r"Cl1? with the charges|Li0: 0.5 Li on 1 sites") as caught:
        round_composition(crystal, {"Li": 1.0, "Cl": -0.5})
    assert "Li0: 0.5 Li on 1 sites" in str(caught.value)
    assert "--adjust" in str(caught.value)
    assert round_composition(crystal.repeat((2, 1, 1)), {"Li": 1.0, "Cl": -0.5}) == [{"Li": 1}, {"Cl": 2}]


def test_adjusting_as_far_as_neutrality_asks(tmp_path):
    crystal = read_disordered(half_filled(tmp_path / "a.cif")).repeat((2, 2, 1))
    charges = oxidation_states(["Li", "Cl"])
    with pytest.raises(InputError, match=r"has -2 e"):
        round_composition(crystal, charges)
    assert round_composition(crystal, charges, adjust=["Li"]) == [{"Li": 4}, {"Cl": 4}]
    with pytest.raises(InputError, match="cannot adjust K"):
        round_composition(crystal, charges, adjust=["K"])


def test_oxidation_states():
    assert oxidation_states(["S", "Li", "P"], {"P": 4}) == {"Li": 1.0, "P": 4.0, "S": -2.0}
    with pytest.raises(InputError, match="no oxidation state is known for Kr, Xe"):
        oxidation_states(["Xe", "O", "Kr"])
    assert oxidation_states(["Fe", "Xe"], {"Fe": 2, "Xe": 2}) == {"Fe": 2.0, "Xe": 2.0}
