"""What structures state of their charges goes with them: through files, copies and supercells."""

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms, FixCartesian

from superion.electrostatics import ChargeEquilibration, Gaussian
from superion.errors import InputError
from superion.structures import read_frames
from superion.structures.bare import bare, fragment_charges, repeated, total_of


def crystal(charges):
    """Two molecules in a cell, numbered 4 and 2."""
    atoms = Atoms("LiFNaCl", [[0, 0, 0], [0, 0, 1.6], [3, 3, 3], [3, 3, 5.3]], cell=[6, 6.5, 7], pbc=True)
    atoms.arrays["fragment"] = np.array([4, 4, 2, 2])
    atoms.info["fragment_charges"] = charges
    return atoms


def model():
    return ChargeEquilibration(
        {"Li": -1.0, "F": 4.0, "Na": -0.5, "Cl": 3.0},
        dict.fromkeys(("Li", "F", "Na", "Cl"), 25.0),
        Gaussian(0.6),
    )


@pytest.mark.parametrize("times", [(1, 1, 1), (2, 1, 1), (1, 3, 2)])
def test_a_supercell_has_the_charges_of_its_cell(times):
    """Periodic repetition changes no charge, also where fragments have charges."""
    atoms = crystal({4: 0.25, 2: -0.25})
    whole = repeated(atoms, times)
    np.testing.assert_array_equal(whole.positions, atoms.repeat(times).positions)
    copies = int(np.prod(times))
    assert len(np.unique(whole.arrays["fragment"])) == 2 * copies
    np.testing.assert_allclose(model().charges(whole), np.tile(model().charges(atoms), copies), atol=1e-6)


def test_a_supercell_has_the_charge_of_all_copies():
    atoms = Atoms("LiF", [[0, 0, 0], [0, 0, 1.6]], cell=[6, 6, 6], pbc=True)
    atoms.info = {"total_charge": -0.5}
    assert repeated(atoms, (2, 2, 1)).info == {"total_charge": -2.0}


@pytest.mark.parametrize(
    ("labels", "charges"), [([4, 4, 2, 2], {4: 0.25, 2: -0.25}), ([1, 0, 0, 1], np.array([1, -1]))]
)
def test_fragments_come_out_of_a_file_as_they_went_in(labels, charges, tmp_path):
    atoms = crystal(charges)
    atoms.arrays["fragment"] = np.array(labels)
    atoms.write(tmp_path / "c.extxyz")
    (read,) = read_frames(tmp_path / "c.extxyz")
    np.testing.assert_array_equal(read.arrays["fragment"], atoms.arrays["fragment"])
    np.testing.assert_allclose(model().charges(read), model().charges(atoms), atol=1e-7)
    assert "unmapped_labels" not in read.info


def test_a_copy_without_labels_keeps_what_is_stated_of_charges():
    atoms = crystal([0, 0, 1.0, 0, -1.0])
    atoms.info |= {"REF_energy": 1.0, "total_charge": 0.0}
    atoms.arrays["REF_charges"] = np.zeros(4)
    copy = bare(atoms)
    assert set(copy.arrays) == {"numbers", "positions", "fragment"}
    assert set(copy.info) == {"fragment_charges", "total_charge"}


def test_a_misspelt_fragment_is_named(tmp_path):
    atoms = crystal([0, 0, 0, 0, 0])
    atoms.arrays["fragments"] = atoms.arrays.pop("fragment")
    atoms.write(tmp_path / "c.extxyz")
    with pytest.raises(InputError, match='no arrays\\["fragment"\\]'):
        read_frames(tmp_path / "c.extxyz")
    del atoms.info["fragment_charges"]
    atoms.write(tmp_path / "c.extxyz")
    with pytest.warns(UserWarning, match=r"'fragments' is not read. Did you mean 'fragment'\?"):
        read_frames(tmp_path / "c.extxyz")


@pytest.mark.parametrize("written", ["1", "1.5", "'1 2 3 4 5 6 7 8 9'", "'1 -1'"])
def test_charges_of_fragments_written_by_hand(written, tmp_path):
    """A reader of extended XYZ makes a number of one, and a matrix of nine, of which columns come first."""
    charges = [float(word) for word in written.strip("'").split()]
    rows = "".join(f"H {3 * k} 0 0 {k}\n" for k in range(len(charges)))
    comment = f"Properties=species:S:1:pos:R:3:fragment:I:1 pbc=F fragment_charges={written}".replace(
        "'", '"'
    )
    (tmp_path / "a.extxyz").write_text(f"{len(charges)}\n{comment}\n{rows}")
    (atoms,) = read_frames(tmp_path / "a.extxyz")
    assert fragment_charges(atoms) == dict(enumerate(charges))
    assert total_of(atoms) == sum(charges)


def test_the_total_charge_is_stated_alone_or_by_fragments():
    atoms = crystal({4: 0.25, 2: 1.0})
    assert total_of(atoms) == 1.25
    atoms.info["total_charge"] = 2
    assert total_of(atoms) == 2.0
    assert total_of(Atoms("H")) is None


def test_constraints_are_kept_where_they_are_asked_for():
    atoms = crystal([0, 0, 1.0, 0, -1.0])
    atoms.set_constraint([FixAtoms([1]), FixCartesian(2, (True, False, False))])
    assert not bare(atoms).constraints
    first, second = bare(atoms, constraints=True).constraints
    assert (first.index.tolist(), second.index.tolist()) == ([1], [2])
    first.index[:] = 0
    assert atoms.constraints[0].index.tolist() == [1]
