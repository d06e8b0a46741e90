import numpy as np
import pytest
from disordered_crystals import half_filled, write_cif

from superion.errors import InputError
from superion.structures.disorder import read_disordered


def test_orbits_of_a_perovskite(tmp_path):
    file = write_cif(
        tmp_path / "a.cif",
        [("Li", "0.5 0.5 0.5 0.33(2)"), ("La", "0.5 0.5 0.5 0.56"), ("Ti", "0 0 0 1"), ("O", "0.5 0 0 1.0")],
    )
    crystal = read_disordered(file)
    assert [(o.label, len(o.sites), o.ordered) for o in crystal.orbits] == [
        ("Li0/La1", 1, False),
        ("Ti2", 1, True),
        ("O3", 3, True),
    ]
    assert crystal.orbits[0].occupancy == {"Li": 0.33, "La": 0.56}
    assert crystal.formula() == {"Li": 0.33, "La": 0.56, "Ti": 1.0, "O": 3.0}
    assert len(crystal.rotations) == 48
    oxygen = crystal.fractional[crystal.orbits[2].sites]
    assert sorted(map(tuple, oxygen)) == [(0, 0, 0.5), (0, 0.5, 0), (0.5, 0, 0)]


def test_rounded_special_positions_and_equivalent_listing(tmp_path):
    """(1/3, 2/3, z) written with three digits is one site of two; its inversion image shares that orbit."""
    file = write_cif(
        tmp_path / "a.cif",
        [("Ge", "0.333 0.667 0.2 0.5"), ("P", "0.667 0.333 -0.2 0.5"), ("S", "0 0 0 1")],
        group="P -3 m 1",
        number=164,
        a=6.0,
        gamma=120,
    )
    crystal = read_disordered(file)
    assert [o.label for o in crystal.orbits] == ["Ge0/P1", "S2"]
    places = sorted(crystal.fractional[crystal.orbits[0].sites].tolist())
    np.testing.assert_allclose(places, [[1 / 3, 2 / 3, 0.2], [2 / 3, 1 / 3, 0.8]], atol=1e-12)


@pytest.mark.parametrize(
    ("supercell", "operations"), [((2, 2, 2), 48 * 8), ((2, 1, 1), 16 * 2), ((3, 2, 1), 8 * 6)]
)
def test_operations_of_a_supercell(tmp_path, supercell, operations):
    cell = read_disordered(half_filled(tmp_path / "a.cif")).repeat(supercell)
    assert len(cell.rotations) == operations
    permutations = cell.permutations()
    distance = np.linalg.norm(
        [
            d - np.rint(d / cell.cell.diagonal()) * cell.cell.diagonal()
            for d in cell.positions[:, None] - cell.positions
        ],
        axis=2,
    )
    for moved in permutations:
        np.testing.assert_allclose(distance[np.ix_(moved, moved)], distance, atol=1e-9)
    for orbit in cell.orbits:
        assert set(permutations[:, orbit.sites[0]]) == set(orbit.sites.tolist())


def test_repeat_agrees_with_ase(tmp_path):
    crystal = read_disordered(half_filled(tmp_path / "a.cif"))
    symbols = ["Li", "Cl"]
    mine = crystal.repeat((2, 1, 3)).atoms(symbols * 6)
    reference = crystal.atoms(symbols).repeat((2, 1, 3))
    assert mine.get_chemical_symbols() == reference.get_chemical_symbols()
    np.testing.assert_allclose(mine.positions, reference.positions, atol=1e-12)
    np.testing.assert_allclose(mine.cell, reference.cell)


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        ([("Li", "0 0 0 0.7"), ("Na", "0 0 0 0.5")], r"occupancies of site Li0/Na1 add up to 1\.2"),
        ([("Li", "0 0 0 -0.2")], r"site Li0 add up to -0\.2"),
    ],
)
def test_impossible_occupancies(tmp_path, sites, message):
    with pytest.raises(InputError, match=message):
        read_disordered(write_cif(tmp_path / "a.cif", sites))


def test_unusable_files(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_disordered(tmp_path / "none.cif")
    (tmp_path / "b.cif").write_text("data_b\n_cell_length_a 3\n")
    with pytest.raises(InputError, match="no crystal with a complete cell"):
        read_disordered(tmp_path / "b.cif")
    text = half_filled(tmp_path / "c.cif").read_text()
    (tmp_path / "c.cif").write_text(
        text.replace("_cell_length_a", "_chemical_formula_sum 'Li Cl'\n_cell_length_a")
    )
    with pytest.raises(InputError, match=r"the sites give Cl Li0\.5, but the file says Li Cl"):
        read_disordered(tmp_path / "c.cif")
