import gzip

import numpy as np
import pytest
from ase import units
from typer.testing import CliRunner

from superion.cli.app import app
from superion.errors import InputError
from superion.structures.read import read_frames

MOLECULE = """begin
comment a water cation, numbers made up
atom 0.0 0.0 0.0 O -0.25 0.0 0.1 0.2 0.3
atom 1.8 0.0 0.0 H 0.60 0.0 -0.1 0.0 0.0
atom -0.4 1.7 0.0 H 0.65 0.0 0.0 -0.2 -0.3
energy -76.5
charge 1.0
end
"""
CRYSTAL = """begin
lattice 8.0 0.0 0.0
lattice 0.0 8.0 0.0
lattice 0.0 1.0 9.0
atom 0.0 0.0 0.0 Na 0.9 0.0 0.0 0.0 0.01
atom 4.0 4.0 4.5 Cl -0.9 0.0 0.0 0.0 -0.01
energy -622.25
charge -0.0
end
"""
FORCE = units.Hartree / units.Bohr


def written(folder, text, name="input.data"):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["input.data", "train.input.data", "other.txt", "input.data.gz"])
def test_atomic_units_become_those_of_the_conventions(tmp_path, name):
    molecule, crystal = read_frames(written(tmp_path, MOLECULE + "\n" + CRYSTAL, name))
    assert molecule.get_chemical_symbols() == ["O", "H", "H"]
    assert not molecule.pbc.any()
    np.testing.assert_allclose(molecule.positions[1], [1.8 * units.Bohr, 0, 0], rtol=1e-15)
    np.testing.assert_array_equal(molecule.arrays["REF_charges"], [-0.25, 0.60, 0.65])
    np.testing.assert_allclose(
        molecule.arrays["REF_forces"][0], np.array([0.1, 0.2, 0.3]) * FORCE, rtol=1e-15
    )
    assert molecule.info["REF_energy"] == pytest.approx(-76.5 * units.Hartree, rel=1e-15)
    assert molecule.info["total_charge"] == 1.0
    assert crystal.pbc.all()
    np.testing.assert_allclose(crystal.cell[2], np.array([0.0, 1.0, 9.0]) * units.Bohr, rtol=1e-15)
    assert str(crystal.info["total_charge"]) == "0.0"
    assert crystal.info["source"].endswith("#1")


def test_one_frame_can_be_chosen(tmp_path):
    (crystal,) = read_frames(written(tmp_path, MOLECULE + CRYSTAL), index="-1")
    assert crystal.get_chemical_formula() == "ClNa"


def test_zero_charges_throughout_are_no_labels(tmp_path):
    empty = MOLECULE.replace("-0.25", "0.0").replace("0.60", "0.0").replace("0.65", "0.0")
    (alone,) = read_frames(written(tmp_path, empty))
    assert "REF_charges" not in alone.arrays
    first, _ = read_frames(written(tmp_path, empty + CRYSTAL))
    np.testing.assert_array_equal(first.arrays["REF_charges"], np.zeros(3))


def test_energy_and_total_charge_may_be_missing(tmp_path):
    (atoms,) = read_frames(written(tmp_path, MOLECULE.replace("energy -76.5\ncharge 1.0\n", "")))
    assert {"REF_energy", "total_charge"}.isdisjoint(atoms.info)
    assert "REF_forces" in atoms.arrays


@pytest.mark.parametrize(
    ("old", "new", "frame", "words"),
    [
        ("atom 4.0 4.0 4.5 Cl", "atom 4.0 4.5 Cl", 1, "line 14: 'atom' has 8 values, expected 9"),
        ("0.0 0.0 -0.01", "0.0 0.0 nan", 1, "line 14: 'nan' is not a finite number"),
        ("energy -622.25", "energy -622,25", 1, "line 15: '-622,25' is not a number"),
        ("energy -76.5", "enregy -76.5", 0, "line 6: unknown keyword 'enregy'. Did you mean 'energy'?"),
        ("lattice 0.0 8.0 0.0\n", "", 1, "2 lattice vectors, expected three or none"),
        ("4.5 Cl", "4.5 Qq", 1, "line 14: 'Qq' is not an element symbol"),
        ("energy -76.5", "energy -76.5\nenergy -76.5", 0, "line 7: 'energy' is given twice"),
        ("charge 1.0\nend", "charge 1.0", 0, "line 8: a structure begins before that of line 1"),
        ("charge -0.0\nend\n", "charge -0.0\n", 1, "line 9 has no 'end'"),
        ("end\nbegin", "end\nstart\nbegin", 1, "line 9: expected 'begin', found 'start'"),
    ],
)
def test_faults_have_an_address(tmp_path, old, new, frame, words):
    text = MOLECULE + CRYSTAL
    assert text.count(old) == 1
    path = written(tmp_path, text.replace(old, new))
    with pytest.raises(InputError) as caught:
        read_frames(path)
    assert str(caught.value).startswith(f"{path}, frame {frame}: ")
    assert words in str(caught.value)
    assert "Remedy: " in str(caught.value)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "input.data"
    path.write_bytes(b"begin\n\xff\xfe\nend\n")
    with pytest.raises(InputError, match="not text"):
        read_frames(path)


def test_census_of_the_command_line(tmp_path):
    path = written(tmp_path, MOLECULE + CRYSTAL, "salt.input.data")
    result = CliRunner().invoke(app, ["census", str(path)])
    assert result.exit_code == 0, result.output
    for word in ("salt.input.data", "total_charge", "charges", "forces"):
        assert word in result.output
