"""Charges that contradict oxidation states are reported, and no others."""

import numpy as np
import pytest
from ase import Atoms

from superion.analysis.charges import charge_summary, written
from superion.terms import Evaluation


def doubts(symbols: str, charges: list[float], **info: float) -> list[str]:
    atoms = Atoms(symbols, np.arange(3 * len(charges)).reshape(-1, 3), cell=[30] * 3, pbc=True, info=info)
    found = Evaluation(
        0.0, np.zeros(len(atoms)), np.zeros((len(atoms), 3)), np.zeros((3, 3)), np.array(charges)
    )
    summary = charge_summary([atoms], [found])
    assert written(summary).startswith("charges (e): ")
    return summary["doubts"]


def test_more_than_the_oxidation_state_and_the_wrong_sign():
    said = doubts("Li3PS4", [1.6, 1.7, 1.5, -0.4, -1.1, -1.1, -1.1, -1.1])
    assert said == [
        "charges of Li go up to +1.70 e, beyond its oxidation state +1",
        "the mean charge of P is -0.40 e, against its oxidation state +5",
    ]
    assert doubts("LiCl", [-0.5, 0.5]) == [
        "the mean charge of Cl is +0.50 e, against its oxidation state -1",
        "the mean charge of Li is -0.50 e, against its oxidation state +1",
    ]


@pytest.mark.parametrize(
    ("symbols", "charges", "info"),
    [
        ("Li3PS4", [0.8, 0.8, 0.8, 1.2, -0.9, -0.9, -0.9, -0.9], {}),
        ("Li2PS4", [0.8, 0.8, 1.2, -0.9, -0.9, -0.9, -0.9], {"total_charge": -1.0}),
        ("Li2SO4", [0.8, 0.8, 2.4, -1, -1, -1, -1], {}),  # sulfur +6: counted otherwise
        ("NaLi", [1.5, -1.5], {}),
        ("Li2PS4", [1.6, 1.6, 0, 0, 0, 0, 0], {}),  # states no charge: not counted
    ],
)
def test_nothing_is_said_of_what_may_be(symbols, charges, info):
    assert doubts(symbols, charges, **info) == []
