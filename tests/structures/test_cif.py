import pytest

from superion.errors import InputError
from superion.structures.cif import check_cif_occupancies, read_cif

CIF = """data_test
_symmetry_space_group_name_H-M 'P 1'
_cell_length_a 5
_cell_length_b 5
_cell_length_c 5
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Li1 0.0 0.0 0.0 {one}
Cl1 0.5(1) 0.5 0.5 {two}
"""


@pytest.mark.parametrize(("one", "two"), [("1", "1.0"), ("1.0000(2)", "."), ("?", "1")])
def test_ordered_cif(one, two):
    check_cif_occupancies(CIF.format(one=one, two=two).encode(), "a.cif")


@pytest.mark.parametrize(
    ("one", "two", "site"), [("0.5", "1", "Li1"), ("1", "0.733(12)", "Cl1"), ("0", "1", "Li1")]
)
def test_partial_occupancy(one, two, site):
    with pytest.raises(
        InputError, match=rf"a.cif: site {site} is partially occupied.*supply an ordered structure"
    ):
        check_cif_occupancies(CIF.format(one=one, two=two).encode(), "a.cif")


def test_two_atoms_on_one_site():
    shared = CIF.format(one="1", two="1").replace("0.5(1) 0.5 0.5", "1.0 0.0 0.0")
    with pytest.raises(InputError, match=r"sites Li1 and Cl1 share one position.*superion arrange"):
        check_cif_occupancies(shared.encode(), "a.cif")
    without = "\n".join(line.removesuffix(" 1") for line in shared.splitlines() if "occupancy" not in line)
    with pytest.raises(InputError, match="share one position"):
        check_cif_occupancies(without.encode(), "a.cif")


def test_formula_finds_missing_sites():
    whole = CIF.format(one="1", two="1")
    stated = whole.replace("_cell_length_a", "_chemical_formula_sum 'Li Cl'\n_cell_length_a")
    assert read_cif(stated.encode(), "a.cif")[0].get_chemical_formula() == "ClLi"
    cut = stated[: stated.index("Cl1")]
    assert len(read_cif(whole[: whole.index("Cl1")].encode(), "a.cif")[0]) == 1
    with pytest.raises(InputError, match=r"a.cif: the sites give Li, but the file says Li Cl\..*truncated"):
        read_cif(cut.encode(), "a.cif")


def test_multiples_and_deuterium_in_the_formula():
    text = CIF.format(one="1", two="1").replace("Cl1", "D1")
    stated = text.replace("_cell_length_a", "_chemical_formula_sum 'Li4 D4'\n_cell_length_a")
    assert read_cif(stated.encode(), "a.cif")[0].get_chemical_formula() == "HLi"


def test_missing_cell():
    text = CIF.format(one="1", two="1").replace("_cell_length_c 5\n", "")
    with pytest.raises(InputError, match="does not give a complete cell"):
        read_cif(text.encode(), "a.cif")
