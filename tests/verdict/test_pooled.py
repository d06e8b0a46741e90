"""One answer for each property: what it rests on, and how often it errs."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_rows import error_row, plain_row, row

from superion.verdict.pooled import properties_of, shrunk
from superion.verdict.rules import decide
from superion.verdict.settings import ELECTROSTATICS, Pair
from superion.verdict.wording import sentence

DELTA = 0.1  # the tolerance of defects, eV


def pooled(rows, **more):
    return properties_of(decide(rows, **more))


def of(kind, rows):
    pair = Pair(baseline="gap", candidate=kind, question="electrostatics", charges=kind)
    return [replace(row, pair=pair) for row in rows]


def test_a_property_is_needed_if_its_rows_together_miss_less():
    """Each of ten misses by half the tolerance too much and is left open; together they are not."""
    rng = np.random.default_rng(0)
    rows = [
        plain_row((0.2, 0.0), 0.06, 6, rng, reference=0.0, common=0, name=f"vacancy {k}") for k in range(10)
    ]
    found = decide(rows)
    assert {finding.outcome for finding in found} == {"undecided"}
    (whole,) = properties_of(found)
    assert (whole.outcome, len(whole.rows)) == ("needed", 10)


def test_the_row_of_the_whole_speaks_for_its_property():
    rng = np.random.default_rng(1)
    kinds = {"forces of Li": (0.1, 0.05), "forces of S": (0.1, 0.1), "forces of all atoms": (0.1, 0.1)}
    (found,) = pooled([error_row(truth, 0.005, 6, rng, name=name) for name, truth in kinds.items()])
    assert (found.whole.row.name, found.outcome, found.contradicted) == (
        "forces of all atoms",
        "undecided",
        True,
    )
    assert "single values need it, but all together not" in sentence([found])
    (found,) = pooled([error_row((0.1, 0.1), 0.005, 6, rng, name=name) for name in kinds])
    assert found.outcome == "not helped"


def test_a_row_without_values_keeps_a_property_open():
    rng = np.random.default_rng(2)
    known = plain_row((0.5, 0.49), 0.003, 6, rng, common=0)
    (found,) = pooled([known, row(None, 0.5, [], name="in a field")])
    assert found.outcome == "undecided"
    assert pooled([known])[0].outcome == "not helped"


def test_only_the_whole_ladder_says_that_no_electrostatics_is_needed():
    """Carbon chains with and without a charge: fixed charges do nothing, where 4G halves the error."""
    rng = np.random.default_rng(3)

    def rows(gain):
        names = ("forces of C", "forces of all atoms")
        return [error_row((0.1175, 0.1175 * gain), 0.02, 6, rng, name=name) for name in names]

    fixed, strong = pooled([*of("fixed", rows(1.0)), *of("4g", rows(0.42))])
    assert (fixed.outcome, strong.outcome) == ("not helped", "needed")
    assert sentence([fixed]) == (
        "This electrostatics (fixed charges) does not help forces; whether equilibrated charges and latent "
        "charges would was not shown."
    )
    assert sentence([strong]) == "Long-range electrostatics is needed for forces."
    alone = pooled(of("fixed", rows(1.0)))[0]
    assert "not needed" not in sentence([alone])
    assert {finding.outcome for finding in alone.rows} == {"not helped"}
    ladder = pooled([each for kind in ("fixed", "equilibrated", "latent") for each in of(kind, rows(1.0))])
    assert {each.outcome for each in ladder} == {"not needed"}
    half = pooled([*of("equilibrated", rows(1.0)), *of("latent", rows(0.42))])
    assert [each.outcome for each in half] == ["not helped", "needed"]


def test_what_the_local_model_does_right_needs_nothing_whatever_was_compared():
    rng = np.random.default_rng(4)
    (found,) = pooled([plain_row((0.01, 0.7), 0.003, 6, rng, reference=0.0, common=0)])
    assert (found.outcome, found.complete) == ("not needed", False)


def test_models_that_differ_otherwise_are_not_needed_as_ever():
    pair = Pair(baseline="gap", candidate="nn", question="model")
    rows = [replace(error_row((0.1, 0.1), 0.005, 6, np.random.default_rng(5)), pair=pair)]
    assert pooled(rows)[0].outcome == "not needed"


def tables(truth, error, fits, count, rows, seed=0, common=0.0):
    """p-values of "needed" of tables of so many rows with references at 0."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        own = [
            plain_row(truth, error, fits, rng, reference=0.0, common=common, name=f"row {k}")
            for k in range(rows)
        ]
        yield properties_of(decide(own))[0]


@pytest.mark.parametrize("fits", [4, 10])
@pytest.mark.parametrize("truth", [(0.0, 0.0), (DELTA, 0.0), (2 * DELTA, 2 * DELTA), (DELTA, -3 * DELTA)])
@pytest.mark.parametrize("error", [0.01, 0.3])
def test_noise_makes_no_property_needed(truth, error, fits):
    """At the limit, and where fits scatter by three tolerances and everything seems to miss its reference."""
    count = 60
    false = sum(each.needed <= 0.05 for each in tables(truth, error, fits, count, rows=6))
    assert false / count <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / count)


@pytest.mark.physics
@pytest.mark.parametrize("common", [0.0, 1.0])
@pytest.mark.parametrize("fits", [3, 5, 10])
@pytest.mark.parametrize("rows", [1, 3, 10])
def test_no_more_properties_are_called_needed_than_may_be(rows, fits, common):
    count = 150
    for truth, error in (((0.0, 0.0), 0.3), ((DELTA, 0.0), 0.02), ((DELTA, 0.0), 0.3)):
        found = list(tables(truth, error, fits, count, rows, common=common))
        assert np.mean([each.needed <= 0.05 for each in found]) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / count)


def test_the_scatter_of_fits_is_no_miss():
    """Of rows that miss nothing nothing shrinks, though one model scatters four times as much."""
    rng, gains = np.random.default_rng(6), []
    for _ in range(150):
        own = []
        for k in range(8):
            values = rng.normal(size=(9, 2)) * (0.4, 0.1)
            values[1:] += values[0]
            own.append(row(*values[0], values[1:], 0.0, name=f"row {k}"))
        gains.append(shrunk(decide(own)).value)
    assert abs(np.mean(gains)) < 4 * np.std(gains) / np.sqrt(len(gains))
    assert np.std(gains) > 1


def test_properties_share_the_chance_of_error_and_not_their_rows():
    """A property of one row is as sure beside one of ten rows as beside one of one."""
    rng = np.random.default_rng(7)
    single = plain_row((0.5, 0.0), 0.05, 5, rng, reference=0.0, common=0)
    others = [error_row((0.1, 0.1), 0.2, 5, rng, name=f"forces of {k}") for k in range(10)]
    first, second = (
        next(each for each in pooled([single, *others[:n]]) if each.name == "defects") for n in (1, 10)
    )
    assert first.needed == pytest.approx(second.needed)
    assert single.pair == ELECTROSTATICS
