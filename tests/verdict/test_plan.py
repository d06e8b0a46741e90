"""What would decide: chances against simulated studies, and a way out for everything that is undecided."""

from __future__ import annotations

import json
import math
from functools import partial

import numpy as np
import pytest
from synthetic_properties import put, write_properties
from synthetic_rows import error_row, plain_row, row
from typer.testing import CliRunner

from superion.cli.app import app
from superion.verdict import Value, study_verdict
from superion.verdict.effort import Amounts, More, least_factor, least_fits, power
from superion.verdict.plan import Costs, remedies
from superion.verdict.pooled import properties_of
from superion.verdict.rules import decide
from superion.verdict.uncertain import FIT, FRAMES, Part, Uncertain, fit_part

LEVEL = 0.05 / 4


def shown(distance, parts, level=LEVEL):
    return Uncertain(distance, parts).above(0.0) <= level


def test_the_chance_of_more_fits_is_what_a_simulation_finds():
    """The estimate stays, 1500 new sets of so many fits are drawn."""
    rng, distance, spread = np.random.default_rng(0), 0.1, 0.03
    parts = {FIT: Part(spread**2, 3)}
    more, chance = least_fits(partial(power, distance, parts, LEVEL, Amounts(4)), 4)
    assert 0.8 <= chance < 0.97
    draws = spread * rng.normal(size=(1500, more.fits))
    rate = np.mean([shown(distance, {FIT: fit_part(each)}) for each in draws])
    assert rate == pytest.approx(chance, abs=0.05)
    assert least_fits(partial(power, spread, parts, LEVEL, Amounts(4)), 4) is None


@pytest.mark.parametrize("trajectories", [3, 10])
def test_the_chance_of_more_test_trajectories_is_what_a_simulation_finds(trajectories):
    """1500 new test sets, whose estimate, variance and degrees of freedom are those of more trajectories."""
    rng, distance, spread = np.random.default_rng(1), 0.05, 0.06
    parts = {FRAMES: Part(spread**2, trajectories - 1)}

    def chance(factor):
        return power(distance, parts, LEVEL, Amounts(5), More(5, test=factor))

    factor, found = least_factor(chance)
    count = math.ceil(factor * trajectories)
    each = distance + spread * math.sqrt(trajectories) * rng.normal(size=(1500, count))
    rate = np.mean([shown(one.mean(), {FRAMES: Part(one.var(ddof=1) / count, count - 1)}) for one in each])
    assert found >= 0.8
    assert rate == pytest.approx(found, abs=0.06)


def test_the_chance_of_more_training_data_is_what_a_simulation_finds():
    """1000 studies of five fits with so many times as much data, whose fits scatter less."""
    rng, distance, spread = np.random.default_rng(2), 0.05, 0.05
    parts = {FIT: Part(spread**2, 4)}
    factor, found = least_factor(
        lambda factor: power(distance, parts, LEVEL, Amounts(5), More(5, training=factor))
    )
    narrow = spread / math.sqrt(factor)
    rate = np.mean(
        [
            shown(distance + narrow * rng.normal(), {FIT: fit_part(narrow * rng.normal(size=5))})
            for _ in range(1000)
        ]
    )
    assert rate == pytest.approx(found, abs=0.05)


def plans(rows, costs=None):
    found = properties_of(decide(rows))
    return {each.name: remedies(each, len(found), costs) for each in found if each.outcome == "undecided"}


def test_everything_that_is_undecided_has_a_way_out():
    rng = np.random.default_rng(7)
    costs = Costs(fit=30.0, training=4, test=2, frames=20)
    close = plain_row((0.5, 0.49), 0.04, 4, rng, common=0)
    (first, *others) = plans([close], costs)["defects"]
    assert (first.lever, first.unit) == ("fits", "fits")
    assert first.amount > 4
    assert first.seconds == 30.0 * (first.amount - 4)
    assert first.text == f"{first.amount:.0f} resampled fits instead of 4 ({_about(first.seconds)})"
    assert [way.lever for way in others] == ["training trajectories", "everything", "tolerance"]
    assert "instead of 4 (" in others[0].text
    blurred = plain_row((0.5, 0.49), 0.5, 4, rng, common=0)
    assert [way.lever for way in plans([blurred], costs)["defects"]] == ["labels", "tolerance"]
    apart = plain_row((0.5, 0.0), 0.01, 4, rng)
    assert plans([apart])["defects"][0].lever == "labels"
    assert [way.lever for way in plans([row(0.5, 0.4, [])])["defects"]] == ["fits"]
    assert [way.lever for way in plans([row(None, 0.4, [])])["defects"]] == ["value"]
    errors = error_row((0.1, 0.086), 0.001, 10, rng, frames=20)
    assert "test trajectories" in {way.lever for way in plans([errors], costs)["forces"]}


def _about(seconds):
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.1f} min"


def test_what_the_plan_says_decides(tmp_path):
    """A tolerance that it names decides when it is set, and one a little smaller does not."""
    rng = np.random.default_rng(4)
    rows = [plain_row((0.5, 0.45), 0.06, 5, rng, common=0)]
    way = next(way for way in plans(rows)["defects"] if way.lever == "tolerance")
    wide, narrow = (decide(rows, {"defects": factor * way.amount}) for factor in (1.01, 0.95))
    assert properties_of(wide)[0].outcome == "not helped"
    assert properties_of(narrow)[0].outcome == "undecided"


def test_the_command_shows_the_plan_and_json_holds_it(tmp_path):
    folder = write_properties(tmp_path / "study")
    for draw in (None, *range(1, 7)):
        for k, potential in enumerate(("gap", "es-gap")):
            number = 25 * np.exp(0.03 * np.random.default_rng([draw or 0, k]).normal())
            value = Value(name="bulk modulus", unit="GPa", kind="positive", value=number)
            put(folder, "elastic", potential, draw, [value])
    found = study_verdict(folder)
    assert set(found.plan) == {"elastic", "conductivity"}
    reason = next(each for each in found.reasons if each.name == "elastic")
    assert reason.why == "the error bars allow both answers"
    assert reason.next.startswith("Next: ")
    out = tmp_path / "verdict.json"
    result = CliRunner().invoke(
        app, ["verdict", str(folder), "--plan", "--json", str(out)], env={"COLUMNS": "200"}
    )
    assert result.exit_code == 0, result.output
    for way in found.plan["elastic"]:
        assert way.text in result.output
    stored = json.loads(out.read_text())["plan"]["elastic"]
    assert [way["text"] for way in stored] == [way.text for way in found.plan["elastic"]]
