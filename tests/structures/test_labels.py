import numpy as np
import pytest
from ase import Atoms, units

from superion.errors import InputError
from superion.structures.labels import (
    LABELS,
    UNITS,
    canonical_value,
    get_label,
    is_isolated,
    parse_mapping,
    parse_mappings,
)

WATER = Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], cell=[4, 5, 6], pbc=True)


def value(text, raw, atoms=WATER):
    return canonical_value(parse_mapping(text), raw, atoms, file="f.xyz", frame=3)


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("energy=E", 1),
        ("energy=E:eV", 1),
        ("energy=E:meV", 1e-3),
        ("energy=E:Ha", 27.211386),
        ("energy=E:hartree", 27.211386),
        ("energy=E:Ry", 13.605693),
        ("energy=E:kcal/mol", 0.0433641),
        ("energy=E:kJ/mol", 0.01036427),
        ("forces=F:Ha/bohr", 51.422067),
        ("forces=F:Ry/bohr", 25.711033),
        ("forces=F:eV/Å", 1),
        ("forces=F:eV/A", 1),
        ("forces=F:meV/A", 1e-3),
        ("forces=F:-Ha/bohr", -51.422067),
        ("stress=s:GPa", 1 / 160.21766),
        ("stress=s:kbar", 1 / 1602.1766),
        ("stress=s:-kbar", -1 / 1602.1766),
        ("stress=s:-GPa", -1 / 160.21766),
        ("stress=s:eV/A^3", 1),
        ("stress=s:Ha/bohr^3", 183.63153),
        ("virial=w:Ha", 27.211386),
        ("charges=q:e", 1),
        ("charges=q:-e", -1),
        ("dipole=mu:e*bohr", 0.52917721),
        ("dipole=mu:e*A", 1),
        ("dipole=mu:debye", 0.20819433),
        ("dipole=mu:D", 0.20819433),
    ],
)
def test_factors_agree_with_tabulated_values(text, factor):
    assert parse_mapping(text).factor == pytest.approx(factor, rel=1e-6)


def test_units_agree_with_ase():
    assert UNITS["energy"]["Ha"] == units.Hartree
    assert UNITS["force"]["Ha/bohr"] == units.Hartree / units.Bohr
    assert UNITS["stress"]["kbar"] == pytest.approx(units.GPa / 10)
    assert UNITS["stress"]["kbar"] == pytest.approx(1e8 * units.Pascal)
    assert UNITS["dipole"]["debye"] == units.Debye
    assert UNITS["quadrupole"]["e*bohr^2"] == units.Bohr**2
    assert UNITS["quadrupole"]["debye*A"] == units.Debye


def test_names_and_keys_of_the_conventions():
    assert {name: label.key for name, label in LABELS.items()} == {
        "energy": "REF_energy",
        "forces": "REF_forces",
        "stress": "REF_stress",
        "charges": "REF_charges",
        "dipole": "REF_dipole",
        "bec": "REF_bec",
        "quadrupole": "REF_quadrupole",
        "total_charge": "total_charge",
        "config_type": "config_type",
        "trajectory": "trajectory",
        "frame_id": "frame_id",
    }


def test_canonical_key_may_stand_for_the_label():
    assert parse_mapping("REF_forces=forces").label is LABELS["forces"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("force=forces", "unknown label 'force'.*Did you mean 'forces'"),
        ("Energy=E", "unknown label 'Energy'.*Did you mean 'energy'"),
        ("energy=E:ev", "unknown unit 'ev'.*Did you mean 'eV'"),
        ("energy=E:Hatree", "unknown unit.*Did you mean 'hartree'"),
        ("forces=F:eV", "unknown unit 'eV' of forces"),
        ("stress=s:-GPA", "Did you mean 'GPa'.*leading '-'"),
        ("config_type=kind:eV", "is text and has no unit"),
        ("energy", "cannot understand.*label=key"),
        ("energy=", "cannot understand"),
        ("=E", "cannot understand"),
        ("energy=E:", "cannot understand"),
        ("energy=:eV", "cannot understand"),
    ],
)
def test_bad_mappings_say_what_to_write(text, message):
    with pytest.raises(InputError, match=message):
        parse_mapping(text)


@pytest.mark.parametrize("texts", [["energy=a", "energy=b"], ["stress=s", "virial=v"]])
def test_a_label_is_mapped_once(texts):
    with pytest.raises(InputError, match="mapped twice"):
        parse_mappings(texts)


def test_shapes_after_conversion():
    assert value("energy=E:Ha", 2) == pytest.approx(54.422772)
    assert isinstance(value("energy=E", np.array([2.0])), float)
    np.testing.assert_allclose(value("forces=F:meV/A", np.ones((3, 3))), np.full((3, 3), 1e-3))
    assert value("charges=q", np.ones((3, 1))).shape == (3,)
    assert value("bec=Z", np.ones((3, 3, 3))).shape == (3, 9)
    assert value("config_type=kind", 7) == "7"


def test_virial_becomes_stress():
    virial = np.array([1.0, 2, 3, 4, 5, 6])
    np.testing.assert_allclose(value("virial=w", virial), -virial / 120)
    matrix = np.array([[1.0, 6, 5], [6, 2, 4], [5, 4, 3]])
    np.testing.assert_allclose(value("virial=w", matrix), -virial / 120)
    np.testing.assert_allclose(value("virial=w:-Ha", matrix.ravel()), virial * units.Hartree / 120)


def test_matrix_stress_becomes_voigt_order():
    matrix = np.array([[1.0, 6, 5], [6, 2, 4], [5, 4, 3]])
    np.testing.assert_array_equal(value("stress=s", matrix), [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    ("text", "raw", "message"),
    [
        ("energy=E", np.nan, r"f.xyz, frame 3: energy \(E\) is not finite"),
        ("forces=F", [[0, 0, 0], [0, np.inf, 0], [0, 0, 0]], r"not finite at atom 1 \(H\)"),
        ("energy=E", "1.0D-3", "is not a number but '1.0D-3'"),
        ("forces=F", np.zeros((2, 3)), r"shape \(2, 3\); expected \(3, 3\) for 3 atoms"),
        ("forces=F", np.zeros(9), r"shape \(9,\); expected \(3, 3\)"),
        ("charges=q", np.zeros((3, 2)), r"shape \(3, 2\); expected \(3,\)"),
        ("dipole=mu", 1.2, r"shape \(\); expected \(3,\)"),
        ("stress=s", np.zeros(5), r"shape \(5,\); expected \(6,\)"),
        ("stress=s", np.arange(9.0), "not a symmetric matrix"),
        ("energy=E", [1.0, 2.0], r"expected \(\)"),
    ],
)
def test_bad_values_are_named(text, raw, message):
    with pytest.raises(InputError, match=message):
        value(text, raw)


def test_virial_without_a_cell_is_refused():
    with pytest.raises(InputError, match="needs the volume of a cell"):
        value("virial=w", np.ones(6), Atoms("H"))


def test_get_label_and_isolated():
    atoms = WATER.copy()
    assert get_label(atoms, "energy") is None
    atoms.info["REF_energy"] = -1.0
    atoms.arrays["REF_charges"] = np.arange(3.0)
    assert get_label(atoms, "energy") == -1.0
    assert get_label(atoms, "charges")[2] == 2
    assert not is_isolated(atoms)
    atoms.info["config_type"] = "IsolatedAtom"
    assert is_isolated(atoms)
