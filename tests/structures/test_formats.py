"""Readers of single formats, on files made here as the programs write them."""

import json

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.db import connect

from superion.errors import InputError
from superion.structures import read_frames, read_structure
from superion.structures.foreign import Foreign

BOX = np.array([[4.0, 0.0, 0.0], [0.5, 5.0, 0.0], [0.0, 0.2, 6.0]])


def deepmd(folder, types="0 1 0\n", names="Li\nCl\n", **changes):
    """Two sets of two and one frames, three atoms each."""
    rng = np.random.default_rng(3)
    part = folder / "set.000"
    part.mkdir(parents=True)
    (folder / "type.raw").write_text(types)
    if names:
        (folder / "type_map.raw").write_text(names)
    arrays = {
        "coord": rng.uniform(0, 1, (2, 9)) + np.array([0, 0, 0, 2, 0, 0, 0, 2.5, 2]),
        "box": np.tile(BOX.ravel(), (2, 1)),
        "energy": np.array([-1.0, -2.0]),
        "force": rng.normal(size=(2, 9)),
        "virial": np.tile([[3.0, 6, 5, 6, 2, 4, 5, 4, 1]], (2, 1)),
    }
    for name, value in (arrays | changes).items():
        if value is not None:
            np.save(part / f"{name}.npy", value)
    return folder


def test_a_folder_of_deepmd(tmp_path):
    frames = read_frames(deepmd(tmp_path / "system"))
    assert [atoms.info["REF_energy"] for atoms in frames] == [-1.0, -2.0]
    assert str(frames[0].symbols) == "LiClLi"
    assert frames[0].pbc.all()
    np.testing.assert_array_equal(frames[0].cell.array, BOX)
    force = np.load(tmp_path / "system/set.000/force.npy")
    np.testing.assert_array_equal(frames[1].arrays["REF_forces"], force[1].reshape(3, 3))
    np.testing.assert_allclose(frames[0].info["REF_stress"], -np.array([3.0, 2, 1, 4, 5, 6]) / 120)
    deepmd(tmp_path / "all" / "one")
    deepmd(tmp_path / "all" / "two")
    assert len(read_frames(tmp_path / "all")) == 4


def test_folders_of_deepmd_with_mixed_types_and_without_cell(tmp_path):
    mixed = deepmd(tmp_path / "mixed", types="0 0 0", real_atom_types=np.array([[0, 1, -1], [1, 1, 0]]))
    assert [str(atoms.symbols) for atoms in read_frames(mixed)] == ["LiCl", "Cl2Li"]
    assert read_frames(mixed)[0].arrays["REF_forces"].shape == (2, 3)
    open_ = deepmd(tmp_path / "open", box=None, virial=None)
    (open_ / "nopbc").touch()
    assert not read_frames(open_)[0].pbc.any()
    bare = deepmd(tmp_path / "bare", names="")
    assert str(read_frames(bare, Foreign.of(elements=["Na", "F"]))[0].symbols) == "NaFNa"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": ""}, r"type 1 has no element; named are none.*--elements Li,P,S"),
        ({"names": "Li Qq"}, "'Qq' is not an element"),
        ({"types": "0 2 0"}, "type 2 has no element"),
        ({"energy": np.array([1.0])}, "energy.npy has 1 frames, coord.npy more"),
        ({"coord": None}, "no coord.npy"),
        ({"energy": np.array([{}, {}], dtype=object)}, "energy.npy: is no array of numbers"),
        ({"force": np.zeros((2, 5))}, "cannot be read as folder of DeePMD-kit"),
        ({"types": "0 a 0"}, "a type is no number"),
    ],
)
def test_damaged_folders_of_deepmd(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_frames(deepmd(tmp_path / "system", **changes))


STRUCTURE = {
    "@module": "pymatgen.core.structure",
    "@class": "Structure",
    "charge": -1,
    "lattice": {"matrix": BOX.tolist(), "pbc": [True, True, True]},
    "sites": [
        {"species": [{"element": "Li", "occu": 1}], "abc": [0, 0, 0], "properties": {"magmom": 0.1}},
        {
            "species": [{"element": "Cl", "oxidation_state": -1, "occu": 1}],
            "abc": [0.5, 0.5, 0.5],
            "properties": {"magmom": 0.2},
        },
    ],
}


def written(folder, value):
    (folder / "a.json").write_text(json.dumps(value))
    return folder / "a.json"


def test_a_structure_of_pymatgen(tmp_path):
    atoms = read_structure(written(tmp_path, STRUCTURE))
    assert str(atoms.symbols) == "LiCl"
    np.testing.assert_allclose(atoms.positions[1], BOX.sum(axis=0) / 2)
    assert atoms.pbc.all()
    assert atoms.info["total_charge"] == -1


def test_collections_of_pymatgen_with_labels_beside(tmp_path):
    stress = [[1.0, 6, 5], [6, 2, 4], [5, 4, 3]]
    entry = {"structure": STRUCTURE, "force": [[0, 0, 1.0]] * 2, "stress": stress}
    entry |= {"corrected_total_energy": -9.0, "energy_per_atom": -4.0}
    path = written(tmp_path, {"mp-1": {"0-0": entry, "0-1": entry}})
    frames = read_frames(path, ["forces=force", "stress=stress:-kbar"])
    assert [atoms.info["frame_id"] for atoms in frames] == ["mp-1-0-0", "mp-1-0-1"]
    np.testing.assert_array_equal(frames[0].arrays["REF_forces"], [[0, 0, 1.0]] * 2)
    np.testing.assert_allclose(frames[0].info["REF_stress"], -0.1 * units.GPa * np.arange(1.0, 7.0))
    assert list(frames[0].info["unmapped_labels"]) == ["corrected_total_energy", "magmom"]


@pytest.mark.parametrize(
    ("species", "message"),
    [
        ([{"element": "Li", "occu": 0.5}], "frame 0: site 0 is not fully occupied by one element"),
        ([{"element": "Li", "occu": 0.5}, {"element": "Na", "occu": 0.5}], "not fully occupied"),
        ([{"element": "X0", "occu": 1}], "site 0 is no element but 'X0'"),
    ],
)
def test_sites_of_pymatgen_that_are_no_atoms(tmp_path, species, message):
    wrong = STRUCTURE | {"sites": [STRUCTURE["sites"][0] | {"species": species}, STRUCTURE["sites"][1]]}
    with pytest.raises(InputError, match=message):
        read_frames(written(tmp_path, wrong))


HEAD = """ CP2K| version string:                                          CP2K version {version}

 CELL| Volume [angstrom^3]:                                                120.000
 CELL| Vector a [angstrom]:       4.000     0.000     0.000    |a| =       4.000
 CELL| Vector b [angstrom]:       0.500     5.000     0.000    |b| =       5.025
 CELL| Vector c [angstrom]:       0.000     0.200     6.000    |c| =       6.003
 {coordinates}
  *** SCF run {end} ***
"""
OLD = """
 ENERGY| Total FORCE_EVAL ( QS ) energy [a.u.]:              -17.164344750869933

 ATOMIC FORCES in [a.u.]

 # Atom   Kind   Element          X              Y              Z
      1      1      Li          0.01000000    -0.02000000     0.00000000
      2      2      Cl         -0.01000000     0.02000000     0.00000000
 SUM OF ATOMIC FORCES           0.00000000     0.00000000     0.00000000     0.00000000

 STRESS TENSOR [GPa]

            X               Y               Z
  X       1.00000000      6.00000000      5.00000000
  Y       6.00000000      2.00000000      4.00000000
  Z       5.00000000      4.00000000      3.00000000
"""
NEW = """
 ENERGY| Total FORCE_EVAL ( QS ) energy [hartree]            -17.164344750869933

 FORCES| Atomic forces [hartree/bohr]
 FORCES|   Atom     x               y               z               |f|
 FORCES|      1  1.00000000E-02 -2.00000000E-02  0.00000000E+00   2.23606798E-02
 FORCES|      2 -1.00000000E-02  2.00000000E-02  0.00000000E+00   2.23606798E-02
 FORCES| Sum     0.00000000E+00  0.00000000E+00  0.00000000E+00   0.00000000E+00

 STRESS| Analytical stress tensor [bar]
 STRESS|                        x                   y                   z
 STRESS|      x        1.00000000000E+04   6.00000000000E+04   5.00000000000E+04
 STRESS|      y        6.00000000000E+04   2.00000000000E+04   4.00000000000E+04
 STRESS|      z        5.00000000000E+04   4.00000000000E+04   3.00000000000E+04
"""
COORDINATES = """
 MODULE QUICKSTEP:  ATOMIC COORDINATES IN angstrom

  Atom  Kind  Element       X           Y           Z          Z(eff)       Mass

       1     1 Li   3    0.000000    0.000000    0.100000      3.00       6.9400
       2     2 Cl  17    2.000000    2.500000    3.000000      7.00      35.4500

 SCF PARAMETERS
"""
TIGHT = COORDINATES.replace("angstrom\n\n", "ANGSTROM\n").replace("Mass\n\n", "Mass\n")


@pytest.mark.parametrize(("labels", "coordinates"), [(OLD, COORDINATES), (NEW, TIGHT)])
def test_outputs_of_cp2k(tmp_path, labels, coordinates):
    head = HEAD.format(version="2025.1", coordinates=coordinates, end="converged in    12 steps")
    (tmp_path / "run.out").write_text(head + labels)
    keys = {"energy": "energy", "forces": "forces", "stress": "stress"}
    atoms = read_structure(tmp_path / "run.out", keys=keys)
    assert str(atoms.symbols) == "LiCl"
    np.testing.assert_array_equal(atoms.cell.array, BOX)
    np.testing.assert_array_equal(atoms.positions[1], [2, 2.5, 3])
    assert atoms.info["REF_energy"] == pytest.approx(-17.164344750869933 * units.Hartree)
    force = units.Hartree / units.Bohr * np.array([0.01, -0.02, 0])
    np.testing.assert_allclose(atoms.arrays["REF_forces"], [force, -force])
    np.testing.assert_allclose(atoms.info["REF_stress"], -units.GPa * np.arange(1.0, 7.0))


def test_an_output_of_cp2k_that_did_not_converge(tmp_path):
    head = HEAD.format(version="2025.1", coordinates=TIGHT, end="NOT converged")
    (tmp_path / "run.out").write_text(head + NEW)
    with pytest.warns(UserWarning, match=r"run.out, frame 0: the calculation did not converge"):
        read_frames(tmp_path / "run.out", ["energy=energy"])
    (tmp_path / "run.out").write_text(HEAD.format(version="2025.1", coordinates="", end="NOT converged"))
    with pytest.raises(InputError, match=r"holds no coordinates.*PROJECT-pos-1.xyz"):
        read_frames(tmp_path / "run.out")


def test_formats_that_may_run_code_are_refused(tmp_path):
    with connect(tmp_path / "salt.db") as base:
        base.write(bulk("NaCl", "rocksalt", 5.64))
    with pytest.raises(InputError, match="the format db are not read, for reading one may run code"):
        read_frames(tmp_path / "salt.db")


def test_old_files_of_vasp_without_elements(tmp_path):
    atoms = Atoms("LiF", [[0, 0, 0], [1.6, 0, 0]], cell=[5, 5, 5], pbc=True)
    atoms.write(tmp_path / "new.vasp", format="vasp")
    lines = (tmp_path / "new.vasp").read_text().splitlines(keepends=True)
    (tmp_path / "POSCAR").write_text("".join(["old\n", *lines[1:5], *lines[6:]]))
    read = read_structure(tmp_path / "POSCAR", keys=Foreign.of(elements=["Na", "Cl"]))
    assert str(read.symbols) == "NaCl"
    with pytest.raises(InputError, match=r"chemical symbols.*--elements"):
        read_structure(tmp_path / "POSCAR")
    assert str(read_structure(tmp_path / "new.vasp", keys=Foreign.of(elements=["Na", "Cl"])).symbols) == "LiF"


def test_text_of_other_formats_is_utf8(tmp_path):
    atoms = Atoms("LiF", [[0, 0, 0], [1.6, 0, 0]], cell=[5, 5, 5], pbc=True)
    atoms.write(tmp_path / "a.vasp", format="vasp")
    text = (tmp_path / "a.vasp").read_text()
    (tmp_path / "a.vasp").write_bytes(("β-Å " + text).encode())
    assert str(read_structure(tmp_path / "a.vasp").symbols) == "LiF"
    (tmp_path / "a.vasp").write_bytes(("β-Å ".encode() + text.encode()).replace("Å".encode(), b"\xc5"))
    with pytest.raises(InputError, match=r"a.vasp: the file is not text in UTF-8 .* 0xc5 at byte 3, line 1"):
        read_structure(tmp_path / "a.vasp")
