"""Data of known answers: the Hamiltonians are right, and studies of the smallest find the answers."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from superion.structures import census

ZOO = Path(__file__).resolve().parents[2] / "benchmarks/zoo"


@pytest.fixture(autouse=True)
def _zoo(monkeypatch):
    monkeypatch.syspath_prepend(str(ZOO))
    yield
    for name in ("cases", "hamiltonians", "studies"):
        sys.modules.pop(name, None)


def test_ewald_gives_the_madelung_constant_of_rock_salt():
    from hamiltonians import COULOMB, ewald

    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True).repeat(2)
    energy, forces = ewald(salt.positions, np.where(salt.symbols == "Na", 1.0, -1.0), 2 * 5.64)
    assert -energy / 32 * 2.82 / COULOMB == pytest.approx(1.7475645946, abs=1e-8)  # Crandall, Buhler (1987)
    assert np.abs(forces).max() < 1e-7


@pytest.mark.parametrize("name", ["charged pair", "apolar pair", "small liquid", "noise", "a dozen charges"])
def test_forces_are_derivatives_of_energies(name):
    import cases

    rng = np.random.default_rng(4)
    made = {
        "charged pair": lambda: cases.pair("ammonium", "formate", 6.0, (np.eye(3), np.eye(3))),
        "apolar pair": lambda: cases.pair("methane", "methane", 5.0, (np.eye(3), np.eye(3))),
        "small liquid": lambda: cases.liquid(24)(rng),
        "noise": lambda: cases.noisy(12, noise=0.0)(rng),
        "a dozen charges": lambda: cases.ions(12)(rng),
    }[name]()
    if name.endswith("pair"):  # of rigid molecules: the sum of forces is the slope along the axis
        second = slice(5, None)
        first, other = ("ammonium", "formate") if name == "charged pair" else ("methane", "methane")
        low, high = (
            cases.pair(first, other, d, (np.eye(3), np.eye(3))).info["REF_energy"]
            for d in (made_distance(name) - 1e-4, made_distance(name) + 1e-4)
        )
        assert made.arrays["REF_forces"][second, 0].sum() == pytest.approx(-(high - low) / 2e-4, rel=1e-5)
        return
    terms = {
        "small liquid": lambda p, e: cases.pairwise(p, e * np.eye(3), cases.lennard_jones(0.0103, 3.4, 6.5)),
        "noise": lambda p, e: cases.pairwise(p, e * np.eye(3), cases.morse(0.3, 1.5, 2.6, 4.5)),
        "a dozen charges": lambda p, e: tuple(
            np.add(one, other)
            for one, other in zip(
                cases.ewald(p, np.repeat([1.0, -1.0], 6), e),
                cases.pairwise(p, e * np.eye(3), cases.lennard_jones(0.01, 2.2, 4.0)),
                strict=True,
            )
        ),
    }[name]
    moved = np.zeros_like(made.positions)
    moved[3, 1] = 1e-4
    edge = float(made.cell[0, 0])
    high, low = (terms(made.positions + sign * moved, edge)[0] for sign in (1, -1))
    assert made.arrays["REF_forces"][3, 1] == pytest.approx(-(high - low) / 2e-4, rel=1e-4, abs=1e-6)


def made_distance(name: str) -> float:
    return 6.0 if name == "charged pair" else 5.0


def test_the_census_does_not_doubt_correct_labels_of_molecules_drawn_apart():
    import cases

    train, test = cases.pairs("ammonium", "formate", np.linspace(5.5, 11, 6), np.linspace(12, 15, 4), (3, 2))(
        0
    )
    for k, atoms in enumerate(train + test):
        atoms.info["frame_id"] = f"{atoms.info['trajectory']}-{k}"
    found = census(train + test)
    assert not found.warnings
    assert not [one for one in found.notes if "unit" in one]


@pytest.mark.parametrize("name", ["a dozen charges", "small liquid"])
def test_studies_find_what_is_known(name, tmp_path):
    import cases
    import studies

    case = cases.SHORT[name]
    found = studies.run_case(case, studies.write_case(case, tmp_path, quick=True))
    assert not found.wrong
    assert {own["forces"] for own in found.models.values()} == {case.answer}
    assert found.given == case.answer
