"""Oxidation states of compounds as chemistry counts them."""

import pytest

from superion.structures.formula import Formula
from superion.structures.oxidation import STATES, mixed_valence, neutral_states


@pytest.mark.parametrize(
    ("formula", "element", "state"),
    [
        ("Li3 P S4", "P", 5),
        ("Li4 P2 S6", "P", 4),
        ("Li3 P", "P", -3),
        ("Li2 S O4", "S", 6),
        ("Li Cl O4", "Cl", 7),
        ("Li Fe P O4", "Fe", 2),
        ("Li Co O2", "Co", 3),
        ("Li2 Mn O3", "Mn", 4),
        ("Li3 N", "N", -3),
        ("Na N O3", "N", 5),
        ("Cu In S2", "In", 3),
        ("Li2 C O3", "C", 4),
        ("Fe S2", "S", -1),
        ("Li10 Sn P2 S12", "Sn", 4),
        ("Sn S", "Sn", 2),
        ("Li7 La3 Zr2 O12", "Zr", 4),
        ("Li B H4", "H", -1),
    ],
)
def test_neutral_compounds(formula, element, state):
    amounts = Formula.parse(formula).amounts
    states, note = neutral_states(amounts)
    assert states[element] == state
    assert sum(states[s] * n for s, n in amounts.items()) == 0
    assert (f"{element} {state:+g} (usually" in note) == (STATES[element][0] != state)


def test_given_charges_are_kept():
    states, note = neutral_states({"Li": 4, "P": 2, "S": 6}, {"P": 5.0})
    assert states["P"] == 5
    assert note == ""


def test_mixed_valence_is_that_of_a_transition_metal():
    amounts = {"Li": 1.0, "Mn": 2.0, "O": 4.0}
    states, note = mixed_valence(amounts, neutral_states(amounts)[0])
    assert states["Mn"] == 3.5
    assert "Mn +3.5" in note
    halide = {"Li": 1.0, "Cl": 2.0}
    assert mixed_valence(halide, neutral_states(halide)[0]) is None
