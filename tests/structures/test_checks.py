import numpy as np
import pytest
from ase import Atoms

from superion.errors import InputError
from superion.structures.checks import check_structure


def check(atoms, distance=0.3):
    check_structure(atoms, distance, file="a.xyz", frame=5)


def test_sound_structures_pass():
    check(Atoms("OH", [[0, 0, 0], [0.97, 0, 0]]))
    check(Atoms("NaCl", [[0, 0, 0], [2.8, 0, 0]], cell=[5.6, 5.6, 5.6], pbc=True))
    check(
        Atoms("CC", [[0, 0, 0], [1.2, 0.7, 0]], cell=[[2.4, 0, 0], [1.2, 2.1, 0], [0, 0, 0]], pbc=[1, 1, 0])
    )


def test_overlap_names_both_atoms_and_the_frame():
    atoms = Atoms("LiPS", [[0, 0, 0], [2, 0, 0], [2, 0.25, 0]])
    with pytest.raises(InputError, match=r"a.xyz, frame 5: atoms 1 \(P\) and 2 \(S\) are 0.250 Å apart"):
        check(atoms)
    check(atoms, distance=0.2)


def test_overlap_through_the_cell_boundary():
    with pytest.raises(InputError, match=r"atoms 0 \(Li\) and 1 \(S\) are 0.200 Å apart"):
        check(Atoms("LiS", [[0.1, 0, 0], [4.9, 0, 0]], cell=[5, 5, 5], pbc=True))


def test_coincident_atoms():
    with pytest.raises(InputError, match=r"a.xyz, frame 5: atoms 0 and 1 .* overlap"):
        check(Atoms("LiS", np.zeros((2, 3)), cell=[5, 5, 5], pbc=True))


@pytest.mark.parametrize(
    ("cell", "pbc", "axes"),
    [
        ([0, 0, 0], True, "abc"),
        ([[4, 0, 0], [0, 4, 0], [4, 4, 0]], True, "abc"),
        ([[4, 0, 0], [8, 0, 0], [0, 0, 3]], [1, 1, 0], "ab"),
        ([0, 4, 4], [1, 0, 0], "a"),
    ],
)
def test_flat_cells(cell, pbc, axes):
    with pytest.raises(InputError, match=f"periodic along {axes} but spans no volume"):
        check(Atoms("Li", cell=cell, pbc=pbc))


def test_values_that_are_not_finite():
    with pytest.raises(InputError, match=r"position of atom 1 \(S\) is not finite: \[0.0, nan, 0.0\]"):
        check(Atoms("LiS", [[0, 0, 2], [0, np.nan, 0]]))
    with pytest.raises(InputError, match="the cell is not finite"):
        check(Atoms("Li", cell=[np.inf, 3, 3]))


def test_impossible_extent():
    with pytest.raises(InputError, match=r"extends over 6.64e\+07 Å"):
        check(Atoms("LiS", [[0, 0, 0], [0, 0, 66374750.0]]))
    with pytest.raises(InputError, match=r"extends over 2e\+04 Å"):
        check(Atoms("Li", cell=[4, 4, 2e4], pbc=True))
    check(Atoms("LiS", [[0, 0, 0], [0, 0, 9999.0]]))


def test_nothing_and_nameless():
    with pytest.raises(InputError, match="no atoms"):
        check(Atoms())
    with pytest.raises(InputError, match="atom 1 has no element"):
        check(Atoms("LiX", [[0, 0, 0], [2, 0, 0]]))
