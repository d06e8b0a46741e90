"""Which defects are made, and how they are recognised again."""

import numpy as np
import pytest
from ase import Atoms
from ase.geometry import get_distances
from ionic_salt import crystal, settings

from superion import read_structure
from superion.calculations.defects import defects_of, frenkel_pairs_of, interstitials_of, vacancies_of
from superion.calculations.defects.arrangement import arrangement
from superion.calculations.defects.structures import image_distance
from superion.errors import InputError

A = 5.64


def test_pairs_of_rock_salt_are_those_of_its_symmetry():
    """Tetrahedral sites around an ion: 8 at √3/4 a, 24 at √11/4 a, 24 at √19/4 a; four ions in the cell."""
    pairs = frenkel_pairs_of(crystal(), settings(separation=1.0, count=3, supercells=[(3, 3, 3)]))
    assert [pair.separation for pair in pairs] == pytest.approx([A * np.sqrt(n) / 4 for n in (3, 11, 19)])
    assert [pair.equivalent for pair in pairs] == [32, 96, 96]
    assert [pair.name for pair in pairs] == ["Na0-pair-2.44", "Na0-pair-4.68", "Na0-pair-6.15"]


def test_distinct_pairs_of_one_length_are_kept():
    """(1 1 5) and (3 3 3) quarters of the edge are equally long, and not the same; 24 and 8 for each ion."""
    wanted = settings(separation=7.0, count=2, supercells=[(4, 4, 4)])
    pairs = frenkel_pairs_of(crystal(), wanted)
    assert [pair.equivalent for pair in pairs] == [96, 32]
    assert len({pair.name for pair in pairs}) == 2
    assert [pair.separation for pair in pairs] == pytest.approx([A * np.sqrt(27) / 4] * 2)


def test_atoms_keep_their_order_and_are_not_wrapped():
    (pair,) = frenkel_pairs_of(crystal(), settings())
    perfect = crystal().repeat((2, 2, 2))
    moved = pair.atoms(crystal(), (2, 2, 2))
    way = moved.positions - perfect.positions
    assert np.flatnonzero(np.abs(way).max(axis=1) > 0).tolist() == [pair.vacancy]
    assert np.allclose(way[pair.vacancy], pair.displacement)
    assert pair.separation == pytest.approx(
        get_distances(perfect.positions[0], moved.positions[0], cell=perfect.cell, pbc=True)[1].item()
    )


def test_single_defects():
    (vacancy,) = vacancies_of(crystal(), settings(count=5))
    assert (vacancy.equivalent, len(vacancy.atoms(crystal(), (2, 2, 2)))) == (4, 63)
    (interstitial,) = interstitials_of(crystal(), settings(count=5))
    assert (interstitial.equivalent, len(interstitial.atoms(crystal(), (2, 2, 2)))) == (8, 65)
    away = get_distances(interstitial.site, crystal().positions, cell=crystal().cell, pbc=True)[1].min()
    assert away == pytest.approx(A * np.sqrt(3) / 4)
    both = defects_of(crystal(), settings(kinds=["vacancy", "interstitial"]))
    assert [one.kind for one in both] == ["vacancy", "interstitial"]


def test_pairs_of_li7p3s11_keep_clear_of_all_atoms():
    atoms = read_structure("data/lps/Li7P3S11.vasp")
    pairs = frenkel_pairs_of(atoms, settings(species="Li", count=6, supercells=[(2, 1, 1)]))
    assert len(pairs) == 6
    for pair in pairs:
        assert pair.separation >= 4.0
        others = np.delete(atoms.positions, pair.vacancy, axis=0)
        assert get_distances(pair.site, others, cell=atoms.cell, pbc=True)[1].min() >= 1.6
        assert pair.equivalent >= 2, "the crystal has a centre of inversion"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"species": "Li"}, "no Li; it has Cl, Na"),
        (
            {"supercells": [(1, 1, 1)], "separation": 6.0},
            "no Frenkel pair of Na of 6 to 12 Å fits into 1x1x1",
        ),
    ],
)
def test_refused(change, message):
    with pytest.raises(InputError, match=message):
        defects_of(crystal(), settings(**change))


def test_a_slab_is_refused():
    slab = crystal()
    slab.pbc = (True, True, False)
    with pytest.raises(InputError, match="periodic along all three axes"):
        defects_of(slab, settings())


@pytest.mark.parametrize(
    "wrong",
    [
        {"species": "Xy"},
        {"fields": [0.1], "kinds": ["vacancy"]},
        {"fields": [40.0]},
        {"supercells": []},
        {"unknown": 1},
        {"fmax": float("nan")},
    ],
)
def test_wrong_settings(wrong):
    with pytest.raises(ValueError, match="validation error"):
        settings(**wrong)


def test_arrangement():
    sites = crystal().repeat((2, 2, 2))
    here = np.arange(64)
    rng = np.random.default_rng(0)

    def moved(change):
        atoms = sites.copy()
        atoms.positions += rng.normal(scale=0.1, size=(64, 3))
        change(atoms)
        return arrangement(atoms, sites, here)

    assert moved(lambda atoms: None).perfect
    assert moved(lambda atoms: atoms.wrap()).perfect, "images do not matter"

    def interstitial(atoms):
        atoms.positions[0] += [4.23, 1.41, 1.41]

    found = moved(interstitial)
    assert found.vacancies == (0,)
    assert len(found.interstitials) == 1
    assert found.separation == pytest.approx(A * np.sqrt(11) / 4, abs=0.6)

    def exchange(atoms):
        atoms.positions[[0, 8]] = sites.positions[[8, 0]]

    found = moved(exchange)
    assert found.perfect
    assert found.exchanged == (0, 8)

    def wrong_element(atoms):
        atoms.positions[[0, 1]] = sites.positions[[1, 0]]

    found = moved(wrong_element)
    assert found.vacancies == (0, 1)


def test_distance_of_images_is_that_of_the_reduced_cell():
    skew = Atoms(cell=[[10, 0, 0], [9, 4, 0], [0, 0, 20]], pbc=True)
    assert image_distance(skew.cell.array) == pytest.approx(np.hypot(1, 4))


def test_an_added_atom_that_touches_another_is_refused():
    """Interstitial sites of P S4 tetrahedra, 1 Å from P, are there with a small clearance."""
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 2.05 / np.sqrt(3)
    thiophosphate = Atoms("PS4", positions=[[0.0, 0.0, 1.0], *corners], cell=3 * [7.0], pbc=True)
    thiophosphate += Atoms("Na", positions=[[3.5, 3.5, 3.5]])
    wanted = settings(kinds=("interstitial",), species="Na", framework=("S",), count=40)
    assert defects_of(thiophosphate, wanted)
    close = wanted.model_copy(update={"clearance": 0.5})
    with pytest.raises(
        InputError, match=r"the defect Na-interstitial-\d+: atoms 0 \(P\) and 48 \(Na\).*raise --cl"
    ):
        defects_of(thiophosphate, close)
