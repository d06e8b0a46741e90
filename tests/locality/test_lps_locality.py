"""The results in data/lps/locality are what its samples say."""

import json
from pathlib import Path

import pytest

from superion.calculations.locality import Samples, fit_charges, locality
from superion.calculations.locality.subtract import terms_of
from superion.electrostatics import CoulombTerm

FOLDER = Path(__file__).parents[2] / "data" / "lps" / "locality"


@pytest.fixture(scope="module")
def measured() -> Samples:
    return Samples.read(FOLDER)


def test_spreads_are_those_written_down(measured) -> None:
    subtract = {"li7p3s11": [CoulombTerm.li7p3s11()], "charges.json": terms_of(FOLDER / "charges.json")}
    found, written = locality(measured, subtract), json.loads((FOLDER / "locality.json").read_text())
    for table, other in (
        (found.forces, written["forces"]),
        *((found.without[name], written["without"][name]) for name in subtract),
    ):
        assert {s: [row.radius for row in rows] for s, rows in table.items()} == {
            s: [3, 4.5, 6] for s in ("Li", "P", "S")
        }
        for species, rows in table.items():
            for row, again in zip(rows, other[species], strict=True):
                assert row.spread == pytest.approx(again["spread"], rel=1e-4)
                assert row.freedom == again["freedom"]


def test_charges_are_those_written_down(measured) -> None:
    found = fit_charges(measured, 4.5, screening=2.0, resamples=0)
    written = json.loads((FOLDER / "charges.json").read_text())
    assert found.charges == pytest.approx(written["charges"], rel=1e-4)
    assert found.errors == pytest.approx(written["errors"], rel=1e-3)


def test_forces_of_far_atoms_are_electrostatic(measured) -> None:
    """Charges explain more than half of the variance of what atoms beyond 4.5 Å do."""
    found = fit_charges(measured, 4.5, screening=2.0, resamples=0)
    assert found.after**2 < 0.5 * found.before**2
    assert found.charges["Li"] > 0 > found.charges["S"]
