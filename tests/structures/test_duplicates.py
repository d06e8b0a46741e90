import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from superion.structures.duplicates import duplicate_groups, frame_name, structure_hash


def crystal(seed=0, pbc=True):
    rng = np.random.default_rng(seed)
    cell = np.diag([4.0, 5.0, 6.0]) + rng.uniform(-0.5, 0.5, (3, 3))
    return Atoms("Li3PS4", scaled_positions=rng.uniform(0.05, 0.95, (8, 3)), cell=cell, pbc=pbc)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(-2, 2), min_size=3, max_size=3))
def test_images_and_order_do_not_matter(seed, shift):
    atoms = crystal(seed)
    other = atoms[np.random.default_rng(seed).permutation(len(atoms))]
    other.positions[seed % 8] += shift @ atoms.cell.array
    assert structure_hash(other) == structure_hash(atoms)


def test_atoms_on_the_cell_boundary():
    low = Atoms("Li", [[1e-12, 0, 0]], cell=[4, 4, 4], pbc=True)
    high = Atoms("Li", [[4 - 1e-12, -1e-12, 4]], cell=[4, 4, 4], pbc=True)
    assert structure_hash(low) == structure_hash(high)


def change_element(atoms):
    atoms.symbols[0] = "Na"


def swap_elements(atoms):
    atoms.symbols[0], atoms.symbols[3] = "P", "Li"


def move(atoms):
    atoms.positions[2, 1] += 2e-5


def strain(atoms):
    atoms.set_cell(atoms.cell * 1.0001, scale_atoms=True)


def open_one_axis(atoms):
    atoms.pbc = [True, True, False]


def charge(atoms):
    atoms.info["total_charge"] = 1.0


@pytest.mark.parametrize("change", [change_element, swap_elements, move, strain, open_one_axis, charge])
def test_what_does_matter(change):
    other = crystal()
    change(other)
    assert structure_hash(other) != structure_hash(crystal())


def test_images_matter_without_periodicity():
    atoms, other = crystal(pbc=False), crystal(pbc=False)
    other.positions[0] += atoms.cell[0]
    assert structure_hash(other) != structure_hash(atoms)
    molecule = Atoms("OH", [[0, 0, 0], [0.97, 0, 0]])
    assert structure_hash(molecule) == structure_hash(molecule[[1, 0]])


def test_groups_and_names():
    frames = [crystal(1), crystal(2), crystal(1), crystal(3), crystal(2), crystal(1)]
    assert duplicate_groups(frames) == [[0, 2, 5], [1, 4]]
    assert frame_name(frames[0], 7) == "#7"
    frames[0].info["source"] = "a.xyz#0"
    assert frame_name(frames[0], 7) == "a.xyz#0"
    frames[0].info["frame_id"] = "md-7"
    assert frame_name(frames[0], 7) == "md-7"
