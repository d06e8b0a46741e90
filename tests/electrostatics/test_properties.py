import numpy as np
import pytest
from ase import Atoms

from superion.electrostatics import AtomicProperty, ElementValues
from superion.electrostatics.properties import part_of, prefixed, restore_property
from superion.errors import InputError, ModelError


def test_one_value_for_each_element():
    hardness = ElementValues({"Na": 4.6, "Cl": 9.9}, "hardness")
    assert isinstance(hardness, AtomicProperty)
    np.testing.assert_array_equal(hardness.values(Atoms("ClNaCl")), [9.9, 4.6, 9.9])
    forces, virial = hardness.vjp(Atoms("ClNaCl"), np.ones(3))
    assert forces.shape == (3, 3)
    assert virial.shape == (3, 3)
    assert not forces.any()
    assert not virial.any()


def test_missing_and_wrong_values_are_named():
    with pytest.raises(ModelError, match=r"no hardness for K \(atom 1\)"):
        ElementValues({"Na": 4.6}, "hardness").values(Atoms("NaK"))
    with pytest.raises(InputError, match="hardness of Na is nan"):
        ElementValues({"Na": float("nan")}, "hardness")
    with pytest.raises(InputError, match="'NA' is not an element symbol"):
        ElementValues({"NA": 1.0})


def test_round_trip():
    values = ElementValues({"Na": 1 / 3}, "electronegativity")
    restored = restore_property(values.settings(), values.arrays())
    assert isinstance(restored, ElementValues)
    assert (restored.of, restored.name) == (values.of, values.name)
    with pytest.raises(ModelError, match="unknown atomic property 'oracle'"):
        restore_property({"kind": "oracle"}, {})


def test_parts_keep_their_arrays_apart():
    both = prefixed("a", {"x": np.ones(1)}) | prefixed("b", {"x": np.zeros(1)})
    assert part_of("a", both)["x"] == 1
    assert part_of("b", both)["x"] == 0
