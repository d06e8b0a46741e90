"""Crystallographic files: whatever they say is read as meant, warned of, or refused."""

import warnings

import numpy as np
import pytest

from superion.errors import InputError
from superion.neighbours import neighbour_pairs
from superion.structures.cif import DEUTERIUM_MASS, read_cif

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
WHOLE = CIF.format(one="1", two="1")


def read(text):
    return read_cif(text.encode(), "a.cif")


def formula(text):
    (atoms,) = read(text)
    return atoms.get_chemical_formula()


def stating(entry, text=WHOLE):
    return text.replace("_cell_length_a", f"{entry}\n_cell_length_a")


def typed(kind, label="Li1", share="1"):
    """The crystal with type symbols; the first site as given."""
    text = WHOLE.replace("_atom_site_label\n", "_atom_site_label\n_atom_site_type_symbol\n")
    return text.replace("Li1 0.0 0.0 0.0 1", f"{label} {kind} 0.0 0.0 0.0 {share}").replace("Cl1", "Cl1 Cl1-")


@pytest.mark.parametrize(("one", "two"), [("1", "1.0"), ("1.0000(2)", "1"), ("1.", "+1"), ("1e0", "0.9995")])
def test_ordered(one, two):
    assert formula(CIF.format(one=one, two=two)) == "ClLi"


@pytest.mark.parametrize(("one", "two", "site"), [("1", ".", "Cl1"), ("?", "1", "Li1")])
def test_an_unknown_occupancy_is_one_and_told(one, two, site):
    with pytest.warns(UserWarning, match=rf"a\.cif: the occupancy of site {site} is not given: 1 is taken"):
        assert formula(CIF.format(one=one, two=two)) == "ClLi"


@pytest.mark.parametrize("nonsense", ["nan", "inf", "abc", "0,5", "1e999", "0x1", "--1", "1/0"])
def test_an_occupancy_that_is_no_number(nonsense):
    message = rf"a\.cif: the occupancy of site Cl1 is '{nonsense}', which is no number"
    with pytest.raises(InputError, match=message):
        read(CIF.format(one="1", two=nonsense))


def test_all_faults_at_once():
    text = CIF.format(one="abc", two="nan").replace("0.5(1) 0.5 0.5", "x 0.5 0.5").replace("'P 1'", "'Q 7'")
    with pytest.raises(InputError) as caught:
        read(text)
    for part in ("site Li1 is 'abc'", "site Cl1 is 'nan'", "coordinate of site Cl1 is 'x'", "'Q 7' is not"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("one", "two", "site"), [("0.5", "1", "Li1"), ("1", "0.733(12)", "Cl1"), ("0", "1", "Li1")]
)
def test_partial_occupancy(one, two, site):
    with pytest.raises(
        InputError, match=rf"a.cif: site {site} is partially occupied.*supply an ordered structure"
    ):
        read(CIF.format(one=one, two=two))


def test_two_atoms_on_one_site():
    shared = WHOLE.replace("0.5(1) 0.5 0.5", "1.0 0.0 0.0")
    with pytest.raises(InputError, match=r"sites Li1 and Cl1 share one position, each occupied fully"):
        read(shared)
    without = "\n".join(line.removesuffix(" 1") for line in shared.splitlines() if "occupancy" not in line)
    with pytest.raises(InputError, match="share one position"):
        read(without)
    halves = shared.replace("0.0 1", "0.0 0.5")
    with pytest.raises(InputError, match=r"Li1/Cl1 is partially occupied \(0.5 Li \+ 0.5 Cl\).*superion arr"):
        read(halves)


def test_formula_finds_missing_sites():
    stated = stating("_chemical_formula_sum 'Li Cl'")
    assert formula(stated) == "ClLi"
    assert formula(WHOLE[: WHOLE.index("Cl1")]) == "Li"
    with pytest.raises(InputError, match=r"a.cif: the sites give Li, but the file says Li Cl\..*truncated"):
        read(stated[: stated.index("Cl1")])


def test_formula_finds_one_missing_atom_of_many():
    rows = [f"Li{k} {k / 20:.3f} 0 0 1" for k in range(20)] + [
        f"S{k} {k / 10:.3f} .5 .5 1" for k in range(10)
    ]
    head = stating("_chemical_formula_sum 'Li20 S10'").partition("Li1 ")[0]
    assert formula(head + "\n".join(rows) + "\n") == "Li20S10"
    with pytest.raises(InputError, match=r"the sites give Li19 S10, but the file says Li20 S10\."):
        read(head + "\n".join(rows[1:]) + "\n")


def test_a_nominal_formula_beside_an_ordered_crystal_is_told():
    with pytest.warns(
        UserWarning, match=r"sites give Cl Li, but the formula says Li0\.98 Cl \(times 1\), which"
    ):
        assert formula(stating("_chemical_formula_sum 'Li0.98 Cl'")) == "ClLi"


@pytest.mark.parametrize("text", ["Li4 D4", "Li4D4", "D Li", "Li2.0 H2.00", "Li1 H1,"])
def test_multiples_and_deuterium_in_the_formula(text):
    (atoms,) = read(stating(f"_chemical_formula_sum '{text}'", WHOLE.replace("Cl1", "D1")))
    assert atoms.get_chemical_formula() == "HLi"
    assert atoms.get_masses()[atoms.symbols == "H"] == DEUTERIUM_MASS


def test_a_formula_that_cannot_be_compared_is_told():
    with pytest.warns(UserWarning, match="'Li Cl x H2O' is not a plain sum"):
        assert formula(stating("_chemical_formula_sum 'Li Cl x H2O'")) == "ClLi"


def test_missing_or_impossible_cell():
    with pytest.raises(InputError, match="does not give a complete cell"):
        read(WHOLE.replace("_cell_length_c 5\n", ""))
    with pytest.raises(InputError, match="complete cell: _cell_length_c is 'five', which is no number"):
        read(WHOLE.replace("_cell_length_c 5\n", "_cell_length_c five\n"))
    for wrong in ("_cell_length_c 0", "_cell_length_c -5", "_cell_length_c 1e7"):
        with pytest.raises(InputError, match=r"no cell has the lengths 5, 5, "):
            read(WHOLE.replace("_cell_length_c 5", wrong))
    with pytest.raises(InputError, match=r"no cell has the lengths 5, 5, 5 Å and the angles 90, 10, 120°"):
        read(WHOLE.replace("beta 90", "beta 10").replace("gamma 90", "gamma 120"))
    with pytest.raises(InputError, match="gives _cell_length_a twice"):
        read(stating("_cell_length_a 6"))


@pytest.mark.parametrize("kind", ["Li", "Li1+", "Li+1", "Li+", "LI", "li", "7Li", "Li1"])
def test_type_symbols(kind):
    assert formula(typed(kind, "M1")) == "ClLi"


@pytest.mark.parametrize(
    ("label", "stated", "found"),
    [("LI1", "", "Li"), ("li1", "", "Li"), ("O1W", "", "O"), ("OW", "", "O"), ("CO1", "Co Cl", "Co")],
)
def test_labels(label, stated, found):
    text = WHOLE.replace("Li1", label)
    text = stating(f"_chemical_formula_sum '{stated}'", text) if stated else text
    assert read(text)[0].get_chemical_symbols() == [found, "Cl"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (WHOLE.replace("Li1", "Wat1"), "site Wat1 is called 'Wat1', which is no element"),
        (WHOLE.replace("Li1", "M1"), "site M1 is called 'M1', which is no element"),
        (WHOLE.replace("Li1", "CO1"), "site CO1 may be C or Co"),
        (WHOLE.replace("Li1", "Li/Na1"), "site Li/Na1 is called 'Li/Na1', of which the shares are not given"),
        (typed("OH"), "site Li1 is of type 'OH', which is no element"),
        (typed("X"), "site Li1 is of type 'X', which is no element"),
        (typed("Li,Na"), "site Li1 is of type 'Li,Na', of which the shares are not given"),
        (typed("0.5Li+0.5Qq"), "where 'Qq' is no element"),
    ],
)
def test_sites_that_are_no_element(text, message):
    with pytest.raises(InputError, match=message) as caught:
        read(text)
    assert "_atom_site_type_symbol Li" in str(caught.value)
    mended = text.replace(text.splitlines()[-2], "Li1 Li 0 0 0 1" if "type_symbol" in text else "Li1 0 0 0 1")
    assert formula(mended) == "ClLi"


@pytest.mark.parametrize(
    "kind", ["'0.615(5)Li + 0.385(5)Na'", "0.615Li+0.385Na", "'0.615Li1+, 0.385Na1+'", "'.615 Li/.385 Na'"]
)
def test_two_elements_in_one_symbol(kind):
    message = r"site Li1 is partially occupied \(0.615 Li \+ 0.385 Na\)"
    with pytest.raises(InputError, match=message):
        read(typed(kind))


def test_vacancies_and_dummies_are_left_out():
    with pytest.warns(UserWarning, match="vacant site Li1 left out"):
        assert formula(typed("Va")) == "Cl"
    flagged = WHOLE.replace("occupancy\n", "occupancy\n_atom_site_calc_flag\n")
    flagged = flagged.replace("0.0 1\n", "0.0 1 dum\n").replace("0.5 1\n", "0.5 1 d\n")
    with pytest.warns(UserWarning, match="dummy site Li1 left out"):
        assert formula(flagged) == "Cl"


def test_other_spellings():
    """Names of any version, no quotes, fractions, windows line ends, a byte order mark, Latin-1."""
    text = WHOLE.replace("_cell_length", "_CELL.LENGTH").replace("'P 1'", "P 1").replace("0.5 0.5", "1/2 1/2")
    text = "\ufeff" + stating("loop_\n_publ_author_name\nMüller\n'B. Å.'", text).replace("\n", "\r\n")
    assert formula(text) == "ClLi"
    assert len(read_cif(text[1:].encode("latin-1"), "a.cif")) == 1
    lines = WHOLE.replace("fract", "Cartn").replace("0.5(1) 0.5 0.5", "2.5 2.5 2.5")
    np.testing.assert_allclose(read(lines)[0].positions, [[0, 0, 0], [2.5, 2.5, 2.5]])


@pytest.mark.parametrize(
    "text", [WHOLE + "Br1 0.1 0.2\n", WHOLE.replace("Cl1 ", ""), WHOLE + "\n;\nend", WHOLE[:-20], "Li 0 0 0"]
)
def test_a_malformed_file_names_the_line(text):
    with pytest.raises(InputError, match=r"a\.cif: cannot be read as a CIF \(line \d+: .*each row of a loop"):
        read(text)


def test_no_structure_is_no_error_here():
    assert read("") == read("data_x\n_cell_length_a 3\n") == []
    assert len(read(WHOLE + WHOLE.replace("data_test", "data_other"))) == 2


def test_a_large_cell_takes_no_time():
    """10,000 sites, as simulations write them: a loop over pairs would take minutes."""
    places = (np.stack(np.meshgrid(*3 * [np.arange(22)], indexing="ij"), -1).reshape(-1, 3) + 0.5) / 22
    rows = "\n".join(f"Li{k} {x:.5f} {y:.5f} {z:.5f} 1" for k, (x, y, z) in enumerate(places.tolist()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = WHOLE.replace(" 5\n", " 55\n")[: WHOLE.index("Li1 ") + 3]
        (atoms,) = read(text + rows + "\n")
    assert len(atoms) == 22**3
    assert len(neighbour_pairs(atoms, 2.4).i) == 0
