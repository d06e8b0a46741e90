"""What files of other programs must give; see foreign/README.md."""

from pathlib import Path

import numpy as np
import pytest
from ase import units
from ase.io import read, write

from superion.errors import InputError
from superion.structures import get_label, read_frames, read_structure
from superion.structures.foreign import Foreign

FILES = Path(__file__).parent / "foreign"
LPS = Path(__file__).parents[2] / "data" / "lps"
KBAR = 0.1 * units.GPa
VOIGT = [0.01, 0.02, 0.03, 0.006, 0.005, 0.004]


@pytest.mark.parametrize(
    ("name", "keys", "formula", "label", "expected"),
    [
        ("ase_free_energy.extxyz", {"energy": "energy"}, "NaCl", "energy", -3.0),
        ("ase_free_energy.extxyz", ["energy=free_energy"], "NaCl", "energy", -3.01),
        (
            "ase_free_energy.extxyz",
            ["stress=stress"],
            "NaCl",
            "stress",
            [0.0, 0.001, 0.002, 0.003, 0.004, 0.005],
        ),
        (
            "vasp_stress_kbar_free_energy.xyz",
            ["stress=stress:kbar"],
            "Na2Cl2",
            "stress",
            KBAR * np.array([-251.08806, -229.26928, 55.73891, -11.81179, 73.44855, 13.78052]),
        ),
        (
            "vasp_stress_kbar_free_energy.xyz",
            ["stress=dft_stress:-kbar:voigt"],
            "Na2Cl2",
            "stress",
            -KBAR * np.array([-251.08806, -229.26928, 55.73891, -11.81179, 73.44855, 13.78052]),
        ),
        ("pred_charges.xyz", ["charges=mbis_charges"], "OH2", "charges", [-0.9, 0.45, 0.45]),
        ("pred_charges.xyz", ["charges=pred_charges"], "OH2", "charges", [-0.4, 0.2, 0.2]),
        ("mace_predictions_beside_labels.xyz", ["energy=energy"], "OH2", "energy", -2080.86),
        (
            "nep_lowercase_keys.xyz",
            ["forces=force"],
            "Li4F4",
            "forces",
            [[0.1 * k, 0.0, -0.1] for k in range(8)],
        ),
        ("stress6_voigt.xyz", ["stress=stress:voigt"], "Li4F4", "stress", VOIGT),
        ("stress6_voigt.xyz", ["stress=stress:eV/A^3:voigt"], "Li4F4", "stress", VOIGT),
        (
            "stress6_voigt.xyz",
            ["stress=stress:vasp"],
            "Li4F4",
            "stress",
            [0.01, 0.02, 0.03, 0.005, 0.004, 0.006],
        ),
        (
            "stress6_voigt.xyz",
            ["virial=stress:lammps"],
            "Li4F4",
            "stress",
            -np.array([10, 20, 30, 4, 5, 6]) / 64e3,
        ),
        (
            "stress6_voigt.xyz",
            ["stress=stress:xx,xy,xz,yy,yz,zz:-GPa"],
            "Li4F4",
            "stress",
            -units.GPa * np.array([0.01, 0.006, 0.004, 0.005, 0.03, 0.02]),
        ),
        ("foreign_iso.xyz", ["energy=energy"], "Li", "energy", -0.31543927852796194),
        (
            "lammps_dump_forces.lammpstrj",
            ["forces=forces"],
            "Li6P2S8",
            "forces",
            [[0.1 * k, 0.0, 0.0] for k in range(16)],
        ),
        (
            "lammps_charge.data",
            ["charges=initial_charges"],
            "Li6P2S8",
            "charges",
            [0.445] * 6 + [2.225] * 2 + [-0.89] * 8,
        ),
    ],
)
def test_mapped_labels(name, keys, formula, label, expected):
    atoms = read_frames(FILES / name, keys)[0]
    assert atoms.get_chemical_formula("metal") == read_formula(formula)
    np.testing.assert_allclose(get_label(atoms, label), expected, rtol=1e-12, atol=1e-15)


def read_formula(text):
    from ase.formula import Formula

    return Formula(text).format("metal")


@pytest.mark.parametrize("path", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_nothing_is_read_that_is_not_mapped(path):
    if path.suffix == ".md":
        return
    for atoms in read_frames(path):
        assert not [key for key in (*atoms.info, *atoms.arrays) if key.startswith("REF_")]


def test_a_dump_has_no_energy():
    for atoms in read_frames(FILES / "lammps_dump_forces.lammpstrj"):
        assert list(atoms.info["unmapped_labels"]) == ["forces", "initial_charges"]


def test_keys_in_lower_case_make_a_cell():
    atoms = read_structure(FILES / "nep_lowercase_keys.xyz")
    np.testing.assert_array_equal(atoms.cell.array, 4 * np.eye(3))
    assert atoms.pbc.all()


def test_six_components_without_an_order_are_warned_of():
    with pytest.warns(
        UserWarning, match=r"taken in the order xx yy zz yz xz xy; .*--key stress=stress:UNIT:voigt"
    ):
        (atoms,) = read_frames(FILES / "stress6_voigt.xyz", ["stress=stress"])
    np.testing.assert_array_equal(atoms.info["REF_stress"], VOIGT)


def test_a_key_must_occur_in_some_file():
    foreign = Foreign.of(["energy=energy", "stress=dft_stress:voigt"])
    read_frames(FILES / "foreign_iso.xyz", foreign)
    with pytest.raises(InputError, match=r"foreign_iso.xyz: no frame has the key 'dft_stress'"):
        foreign.check()
    own = read_frames(LPS / "eos.extxyz", foreign)
    assert all("REF_energy" in atoms.info for atoms in own)  # where the mapped key is missing
    read_frames(FILES / "vasp_stress_kbar_free_energy.xyz", foreign)
    foreign.check()


def test_a_total_charge_for_frames_that_state_none(tmp_path):
    stated = read(FILES / "ase_free_energy.extxyz")
    stated.info["total_charge"] = -1
    write(tmp_path / "stated.extxyz", stated)
    foreign = Foreign.of(total_charge=1)
    assert read_frames(FILES / "ase_free_energy.extxyz", foreign)[0].info["total_charge"] == 1
    assert read_frames(tmp_path / "stated.extxyz", foreign)[0].info["total_charge"] == -1


@pytest.mark.parametrize("again", ["o.vasp", "o.extxyz", "o.traj"])
def test_fixed_atoms_stay_fixed(tmp_path, again):
    atoms = read_structure(FILES / "selective_dynamics.vasp")
    fixed = np.flatnonzero(atoms.numbers != 3)
    for _ in range(2):
        (constraint,) = atoms.constraints
        np.testing.assert_array_equal(constraint.get_indices(), fixed)
        write(tmp_path / again, atoms)
        atoms = read_structure(tmp_path / again)


def test_lammps_data_as_its_dump_has_it():
    data = read_structure(FILES / "lammps_charge.data")
    dump = read_frames(FILES / "lammps_dump_forces.lammpstrj", index="0")[0]
    np.testing.assert_array_equal(data.numbers, dump.numbers)
    np.testing.assert_allclose(data.cell.array, dump.cell.array)
    np.testing.assert_allclose(data.get_all_distances(mic=True), dump.get_all_distances(mic=True), atol=1e-6)
    assert data.cell.cellpar()[3:] != pytest.approx([90, 90, 90])


TYPES = """made by hand

3 atoms
2 atom types
0 6 xlo xhi
0 6 ylo yhi
0 6 zlo zhi
{masses}
Atoms{style}

1 1 {q}0 0 0
2 2 {q}2.5 0 0
3 1 {q}0 3 3
"""


def written(folder, masses="", style="", q=""):
    (folder / "salt.data").write_text(TYPES.format(masses=masses, style=style, q=q))
    return folder / "salt.data"


def test_elements_of_lammps_data(tmp_path):
    masses = "\nMasses\n\n1 6.94\n2 35.45 # Cl\n"
    assert str(read_structure(written(tmp_path, masses)).symbols) == "LiClLi"
    assert str(read_structure(written(tmp_path), None, Foreign.of(elements=["Na", "F"])).symbols) == "NaFNa"
    with pytest.raises(InputError, match=r"without masses, which name no element.*--elements Li,P,S"):
        read_structure(written(tmp_path))
    with pytest.raises(
        InputError, match=r"type 2 has the mass 17.5, which is that of no element.*--elements"
    ):
        read_structure(written(tmp_path, masses.replace("35.45", "17.5")))
    with pytest.raises(InputError, match=r"2 types, but 1 elements are named: Na"):
        read_structure(written(tmp_path), None, Foreign.of(elements=["Na"]))
    with pytest.raises(InputError, match=r"'Xx' is not an element"):
        Foreign.of(elements=["Na", "Xx"])


def test_atom_style_of_lammps_data(tmp_path):
    named = Foreign.of(elements=["Li", "Cl"])
    styled = Foreign.of(elements=["Li", "Cl"], atom_style="charge")
    assert len(read_structure(written(tmp_path, style=" # charge", q="1.0 "), None, named)) == 3
    assert len(read_structure(written(tmp_path, q="1.0 "), None, styled)) == 3
    with pytest.raises(InputError, match=r"does not say what the columns.*--atom-style charge"):
        read_structure(written(tmp_path, q="1.0 "), None, named)
    with pytest.raises(InputError, match=r"not those of the atom style 'charge'.*--atom-style"):
        read_structure(written(tmp_path), None, styled)


def test_types_of_a_dump_with_elements(tmp_path):
    head = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 6\n0 6\n0 6\n"
    (tmp_path / "a.lammpstrj").write_text(head + "ITEM: ATOMS id type x y z\n1 1 0 0 0\n2 2 3 3 3\n")
    (atoms,) = read_frames(tmp_path / "a.lammpstrj", Foreign.of(elements=["Li", "Cl"]))
    assert str(atoms.symbols) == "LiCl"
    with pytest.raises(InputError, match=r"more types than the 1 elements Li"):
        read_frames(tmp_path / "a.lammpstrj", Foreign.of(elements=["Li"]))
