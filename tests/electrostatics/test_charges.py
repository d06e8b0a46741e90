import numpy as np
import pytest
from ase import Atoms

from superion.electrostatics import ChargeModel, FixedCharges
from superion.electrostatics.charges import restore_charges
from superion.errors import InputError, ModelError


def test_one_charge_for_each_element():
    charges = FixedCharges({"Li": 0.445, "P": 2.225, "S": -0.890}).charges(Atoms("SLiPLi"))
    np.testing.assert_array_equal(charges, [-0.890, 0.445, 2.225, 0.445])
    assert charges.dtype == np.float64


def test_is_a_charge_model():
    assert isinstance(FixedCharges({}), ChargeModel)


def test_missing_species_is_named():
    with pytest.raises(ModelError, match=r"no charge for Br, Cl \(atom 2\).*knows Li, S"):
        FixedCharges({"Li": 1, "S": -2}).charges(Atoms("Li2BrCl"))


def test_wrong_symbol_is_refused():
    with pytest.raises(InputError, match="'LI' is not an element symbol"):
        FixedCharges({"LI": 1.0})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_charge_must_be_finite(value):
    with pytest.raises(InputError, match="finite number"):
        FixedCharges({"Li": value})


def test_settings_round_trip():
    model = FixedCharges({"Li": 0.1 + 0.2, "S": -1 / 3})
    restored = restore_charges(model.settings(), model.arrays())
    assert isinstance(restored, FixedCharges)
    assert restored.values == model.values


def test_unknown_kind_is_refused():
    with pytest.raises(ModelError, match="unknown charge model 'oracle'"):
        restore_charges({"kind": "oracle"}, {})
