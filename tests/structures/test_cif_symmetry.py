"""Symmetry of crystallographic files, and the sites that it puts together."""

import numpy as np
import pytest
from ase.spacegroup import Spacegroup

from superion.errors import InputError
from superion.structures.cif import read_cif
from superion.structures.cif_symmetry import symmetries
from superion.structures.disorder import read_disordered

HEAD = """data_a
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
{symmetry}
loop_
_atom_site_label
{column}
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
{sites}
"""
MIRROR = "loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\n'x, -y, z'"
LISTED = "loop_\n_space_group_symop_operation_xyz\n"


def cif(symmetry, *sites, a=10, multiplicity=True):
    """Sites: label, multiplicity, coordinates, occupancy."""
    rows = [site if multiplicity else " ".join([site.split()[0], *site.split()[2:]]) for site in sites]
    column = "_atom_site_symmetry_multiplicity" if multiplicity else ""
    return HEAD.format(a=a, symmetry=symmetry, column=column, sites="\n".join(rows))


def orbits(tmp_path, text):
    (tmp_path / "a.cif").write_text(text)
    return {o.label: len(o.sites) for o in read_disordered(tmp_path / "a.cif").orbits}


def test_every_space_group_by_its_number():
    """The general position of all 230 groups, against the tables of ASE."""
    for number in range(1, 231):
        gamma = 120 if 143 <= number <= 194 else 90
        symmetry = symmetries({"_symmetry_int_tables_number": [str(number)]}, 90, gamma)[0]
        where = np.array([0.123, 0.217, 0.389])
        mine = symmetry.rotations @ where + symmetry.translations
        theirs = [w @ where + t for w, t in zip(*Spacegroup(number).get_op(), strict=True)]
        assert {tuple(p) for p in np.round(mine, 6) % 1} == {tuple(p) for p in np.round(theirs, 6) % 1}, (
            number
        )


@pytest.mark.parametrize(
    ("name", "angle", "count"),
    [
        ("F m 3 m", 90, 192),
        ("Fm-3m", 90, 192),
        ("F_m_-3_m", 90, 192),
        ("P 21/c", 90, 4),
        ("P 1 1 21/b", 90, 4),
        ("P2(1)/c", 90, 4),
        ("P n m a (62)", 90, 8),
        ("F d -3 m S", 90, 192),
        ("F d -3 m :2", 90, 192),
        ("R -3 c", 120, 36),
        ("R -3 c", 85, 12),
        ("C m c a", 90, 16),
    ],
)
def test_names(name, angle, count):
    alpha = 85 if angle == 85 else 90
    (symmetry,) = symmetries({"_symmetry_space_group_name_h-m": [name]}, alpha, angle)
    assert len(symmetry.rotations) == count
    assert symmetry.notes == ()


def test_an_old_symbol_beside_its_own_operations():
    loop = LISTED + "x,y,z\nx,1/2+y,1/2+z\n1/2+x,y,1/2+z\n1/2+x,1/2+y,z"
    text = cif(f"_symmetry_space_group_name_H-M 'F m 3 m'\n{loop}", "Li 4 0 0 0 1", "Cl 4 .5 .5 .5 1")
    with pytest.warns(
        UserWarning, match="lists 4 symmetry operations, where F m -3 m has 192: those of the l"
    ):
        (atoms,) = read_cif(text.encode(), "a.cif")
    assert atoms.get_chemical_formula() == "Cl4Li4"
    (whole,) = read_cif(text.replace(loop, "").encode(), "a.cif")
    assert whole.get_chemical_formula() == "Cl4Li4"


def test_no_symmetry_is_told():
    with pytest.warns(UserWarning, match="gives no symmetry: P 1 is taken"):
        read_cif(cif("", "Li 1 0 0 0 1").encode(), "a.cif")


@pytest.mark.parametrize(
    ("symmetry", "message"),
    [
        (LISTED + "x,y,z\nx+1/4,y,z", r"2 symmetry operations are not a group: 'x\+1/2,y,z', the product of"),
        (LISTED + "x,y,z\n-x,-y", "its symmetry operation '-x,-y' cannot be understood"),
        (LISTED + "x,y,z\nx,x,x", "its symmetry operation 'x,x,x' is none of a crystal"),
        (LISTED + "x,y,z\nx-y,-y,z", "do not fit its cell: they change lengths and angles"),
        ("_symmetry_space_group_name_H-M 'F m 5 m'", "its space group 'F m 5 m' is not known"),
        ("_symmetry_Int_Tables_number 231", "has the number '231', which is not one of 1 to 230"),
        (
            "_symmetry_space_group_name_H-M 'P m -3 m'\n_symmetry_Int_Tables_number 225",
            "names the space group 'P m -3 m', which is number 221, but gives the number 225",
        ),
    ],
)
def test_symmetry_that_cannot_be_used(symmetry, message):
    with pytest.raises(InputError, match=message):
        read_cif(cif(symmetry, "Li 1 0 0 0 1").encode(), "a.cif")


@pytest.mark.parametrize(("stated", "place"), [(2, 0.004), (1, 0.0)])
def test_the_multiplicity_decides_close_to_a_mirror(tmp_path, stated, place):
    """Li 0.04 Å off a mirror plane is one of two half-empty sites, or on the plane, as the file says."""
    text = cif(MIRROR, f"Li {stated} 0.25000000 0.00400000 0 0.25", "Cl 1 0.5 0.5 0.5 1")
    if stated == 1:
        with pytest.warns(UserWarning, match=r"Li was moved by 0.04 Å to where its multiplicity 1 wants it"):
            assert orbits(tmp_path, text) == {"Li": 1, "Cl": 1}
    else:
        assert orbits(tmp_path, text) == {"Li": 2, "Cl": 1}
        crystal = read_disordered(tmp_path / "a.cif")
        np.testing.assert_allclose(abs(crystal.fractional[crystal.orbits[0].sites, 1] - 0.5), 0.5 - place)
        assert crystal.formula()["Li"] == 0.5


def test_without_a_multiplicity_the_formula_decides_close_to_a_mirror(tmp_path):
    site = "Li 0 0.25000000 0.00240000 0 0.25"
    text = cif(MIRROR, site, "Cl 0 0.5 0.5 0.5 1", multiplicity=False)
    with pytest.warns(
        UserWarning, match="Li is so close to a special position that it may be one of 2 or of 1"
    ):
        assert orbits(tmp_path, text)["Li"] == 1
    stated = text.replace("_cell_length_a", "_chemical_formula_sum 'Li0.5 Cl'\n_cell_length_a")
    with pytest.warns(UserWarning, match="may be one of 1 or of 2 equivalent sites: 2 are taken"):
        assert orbits(tmp_path, stated)["Li"] == 2
    rounded = text.replace("0.00240000", "0.00")
    assert orbits(tmp_path, rounded.replace("0.25000000", "0.25"))["Li"] == 1


def test_a_site_far_off_its_special_position(tmp_path):
    """Noise of 0.01 in fractional coordinates, as some collections carry it."""
    with pytest.warns(UserWarning, match=r"Li was moved by 0.10 Å to where its multiplicity 1 wants it"):
        assert orbits(tmp_path, cif(MIRROR, "Li 1 0.25 0.010 0 0.5")) == {"Li": 1}


def test_other_conventions_of_the_multiplicity(tmp_path):
    """Some programs wrote the order of the site symmetry; one that cannot be is reported and not used."""
    assert orbits(tmp_path, cif(MIRROR, "Li 2 0.25 0 0 0.5", "Cl 1 0.5 0.3 0.5 1")) == {"Li": 1, "Cl": 2}
    with pytest.warns(
        UserWarning, match=r"site Li has another multiplicity by symmetry than stated \(Li: 2, no"
    ):
        assert orbits(tmp_path, cif(MIRROR, "Li 8 0.25 0.2 0 0.5")) == {"Li": 2}


@pytest.mark.parametrize("stated", [8, 16])
def test_the_origin_is_the_one_that_fits(tmp_path, stated):
    """Of F d -3 m, (1/8, 1/8, 1/8) is position 8a or 16c (International Tables A, group 227)."""
    symmetry = "_symmetry_space_group_name_H-M 'F d -3 m'"
    with pytest.warns(UserWarning, match=f"origin F d -3 m has: choice {2 if stated == 8 else 1} is taken"):
        found = orbits(tmp_path, cif(symmetry, f"Mg {stated} 0.125 0.125 0.125 1"))
    assert found == {"Mg": stated}


def test_the_origin_is_the_one_without_overlaps():
    """Spinel Li Mn2 O4 with the oxygen of origin choice 2, x = 0.263, and of choice 1, x = 0.388."""
    for shift, choice in ((0.0, 2), (-0.125, 1)):
        sites = [("Li", 0.125), ("Mn", 0.5), ("O", 0.2632)]
        rows = [f"{s} 0 {x - shift:.4f} {x - shift:.4f} {x - shift:.4f} 1" for s, x in sites]
        text = cif("_symmetry_space_group_name_H-M 'F d -3 m'", *rows, a=8.24, multiplicity=False)
        with pytest.warns(UserWarning, match=f"choice {choice} is taken"):
            (atoms,) = read_cif(text.encode(), "a.cif")
        assert atoms.get_chemical_formula() == "Li8Mn16O32"
        distances = atoms.get_all_distances(mic=True)
        np.testing.assert_allclose(np.sort(distances[8 + 0])[1], 1.958, atol=0.01)


def test_formula_of_a_disordered_crystal_that_differs_is_told(tmp_path):
    text = cif("_symmetry_Int_Tables_number 1", "Li 1 0 0 0 0.5", "Cl 1 .5 .5 .5 1", "S 1 .5 0 0 1")
    stated = text.replace("_cell_length_a", "_chemical_formula_sum '{}'\n_cell_length_a")
    assert orbits(tmp_path, stated.format("Li0.5 S Cl"))
    message = r"sites give Cl Li0.5 S, but the formula says Li0.54 S Cl \(times 1\), which differs in Li"
    with pytest.warns(UserWarning, match=message):
        orbits(tmp_path, stated.format("Li0.54 S Cl"))
    twice = stated.format("Li0.5 S Cl").replace("_cell_length_a", "_cell_formula_units_Z 2\n_cell_length_a")
    assert orbits(tmp_path, twice)
    half = twice.replace("Z 2", "Z 4").replace("Li0.5 S Cl", "Li0.25 S0.5 Cl0.5")
    with pytest.warns(UserWarning, match="states 4 formula units in the cell, its sites make 2"):
        orbits(tmp_path, half)
