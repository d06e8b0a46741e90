import json

import numpy as np
import pytest

from superion.calculations.locality.results import LocalityFile, read_locality
from superion.calculations.locality.spreads import Response, spreads
from superion.errors import CorruptFileError
from superion.verdict.rules import bounds, removed
from superion.verdict.uncertain import Part, Uncertain


def test_what_is_left_of_an_error_of_5_when_3_are_known_is_4():
    assert removed(5.0, 3.0) == pytest.approx(0.2)
    assert removed(5.0, 0.0) == 0.0
    assert removed(5.0, 6.0) == 1.0


def test_nobody_removes_more_than_a_model_that_knows_what_is_far():
    """Forces are a function of near atoms, which a model knows in part, and of far ones."""
    rng = np.random.default_rng(0)
    near, far = rng.normal(size=200_000), 0.6 * rng.normal(size=200_000)
    force, model = np.sin(2 * near) + far, 1.2 * near - 0.4 * near**3
    error = np.sqrt(np.mean((force - model) ** 2))
    knowing = np.sqrt(np.mean((force - model - far) ** 2))
    assert removed(error, 0.6) == pytest.approx(1 - knowing / error, abs=0.005)


def of_rows(rows):
    """A locality test with these rows by species."""
    return LocalityFile.model_validate({"forces": rows, "without": {}})


def entry(radius, spread, error=0.01, atoms=4, freedom=48):
    return {
        "radius": radius, "spread": spread, "error": error, "freedom": freedom, "low": 0.0, "high": 1.0,
        "mean_force": 1.0,
        "atoms": {str(k): spread for k in range(atoms)},
    }  # fmt: skip


def test_the_largest_radius_within_the_cutoff_counts():
    rows = {"Li": [entry(3.0, 0.3), entry(4.5, 0.2), entry(6.0, 0.1)], "S": [entry(6.0, 0.4)]}
    result = of_rows(rows)
    found = bounds(result, cutoff=5.0)
    assert set(found) == {"forces of Li"}
    assert (found["forces of Li"].radius, found["forces of Li"].spread) == (4.5, 0.2)


def test_forces_that_depend_on_nothing_far_leave_nothing_to_remove():
    """The spread of a local model beyond its cutoff is exactly zero."""
    zero = bounds(of_rows({"Li": [entry(4.0, 0.0, error=0.0)]}), cutoff=5.0)["forces of Li"]
    assert zero.spread == 0.0
    assert zero.removable(Uncertain(np.log(0.1), {"error": Part(0.01, 20)}), fraction=0.01) < 1e-6


def test_the_larger_of_two_errors_of_a_spread_counts():
    of_atoms = bounds(of_rows({"Li": [entry(3.0, 0.2, error=0.1)]}), 5.0)["forces of Li"]
    assert of_atoms.logarithm.parts["locality test"] == Part(0.25, 3)
    of_perturbations = bounds(of_rows({"Li": [entry(3.0, 0.2, error=0.001)]}), 5.0)["forces of Li"]
    assert of_perturbations.logarithm.parts["locality test"] == Part(1 / 96, 48)
    alone = bounds(of_rows({"Li": [entry(3.0, 0.2, error=None, atoms=1)]}), 5.0)["forces of Li"]
    assert alone.logarithm.parts["locality test"] == Part(1 / 96, 48)


def test_a_bound_at_its_limit_is_claimed_as_seldom_as_the_level_says():
    """1000 locality tests of eight atoms whose true spread is just what would remove a tenth."""
    rng, wrong = np.random.default_rng(5), 0
    error, limit = 0.1, 0.1 * np.sqrt(1 - 0.9**2)
    for _ in range(1000):
        responses = [Response("Li", k, 4.0, limit * rng.normal(size=(4, 3)), np.zeros(3)) for k in range(8)]
        result = of_rows({s: [r.to_json() for r in rows] for s, rows in spreads(responses).items()})
        known = Uncertain(np.log(error) + 0.03 * rng.normal(), {"fit": Part(0.03**2)})
        wrong += bounds(result, 4.0)["forces of Li"].removable(known, 0.1) < 0.05
    assert 0.01 < wrong / 1000 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({}, "forces: Field required"),
        ({"forces": []}, "forces: Input should be an object"),
        ({"forces": {"Li": [{"radius": 3.0}]}}, r"forces\.Li\.0\.spread: Field required"),
    ],
)
def test_a_foreign_file_is_named(tmp_path, result, message):
    path = tmp_path / "here.json"
    path.write_text(json.dumps(result))
    with pytest.raises(CorruptFileError, match=rf"here\.json: not what `superion loc.*{message}"):
        read_locality(path)
