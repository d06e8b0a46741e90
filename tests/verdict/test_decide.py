import numpy as np
import pytest
from scipy.special import stdtr
from synthetic_rows import error_row, plain_row, row

from superion.calculations.locality.results import LocalityFile
from superion.errors import InputError
from superion.verdict.rules import bounds, decide
from superion.verdict.settings import ELECTROSTATICS
from superion.verdict.uncertain import adjusted

DELTA = 0.1  # the tolerance of defects, eV
TABLES, ROWS = 4000, 10
ALLOWED = 0.05 + 3 * np.sqrt(0.05 * 0.95 / TABLES)


def outcomes(rows, **more):
    return [finding.outcome for finding in decide(rows, **more)]


@pytest.mark.parametrize("fits", [3, 5, 10])
def test_what_is_plain_is_decided(fits):
    rng = np.random.default_rng(fits)
    rows = [
        plain_row((0.5, 0.0), 0.003, fits, rng, reference=0.0, common=0),
        plain_row((0.5, 0.49), 0.003, fits, rng, reference=0.0, common=0),
        plain_row((0.01, 0.7), 0.003, fits, rng, reference=0.0, common=0),
        plain_row((0.3, 0.9), 0.003, fits, rng, reference=0.0, common=0),
        plain_row((0.5, 0.48), 0.003, fits, rng),
        plain_row((0.5, 0.0), 0.003, fits, rng),
        error_row((0.1, 0.05), 0.005, fits, rng),
        error_row((0.1, 0.1), 0.005, fits, rng),
        error_row((0.1, 0.15), 0.005, fits, rng),
    ]
    found = decide(rows)
    assert [f.outcome for f in found] == [
        "needed", "not helped", "not needed", "not helped", "not helped", "undecided",
        "needed", "not helped", "not helped",
    ]  # fmt: skip
    assert [f.shown for f in found] == [
        ["corrects"], ["same"], ["agrees", "worsens"], ["worsens"], ["same"], ["depends"],
        ["removes"], ["too little"], ["too little"],
    ]  # fmt: skip


def test_an_error_common_to_both_fits_does_not_hide_what_they_differ_by():
    rng = np.random.default_rng(0)
    assert outcomes([plain_row((0.5, 0.5), 0.01, 5, rng, common=50.0)]) == ["not helped"]


@pytest.mark.parametrize("fits", [0, 1, 2])
def test_fewer_than_three_resampled_fits_decide_nothing(fits):
    found = decide([plain_row((0.5, 0.0), 1e-9, fits, np.random.default_rng(0), reference=0.0)])[0]
    assert found.outcome == "undecided"
    assert "spread" in found.why
    assert not found.tests


def simulated(local, electrostatic, error, fits, seed):
    """Values (2, N, n) of the fits to all frames and (K, 2, N, n) of the resampled ones."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(fits + 1, 2, TABLES, ROWS)) / np.sqrt(2)
    main = np.array([local, electrostatic])[:, None, None] + error * own[0]
    resampled = main + error * own[1:]
    return main, resampled


def p_values(main, resampled):
    """The rule for a reference at 0, written down a second time and for many tables at once."""
    freedom = len(resampled) - 1

    def p_above(value, spread, bound):
        return stdtr(freedom, -(value - bound) / spread)

    def of(weights):
        value, all_ = np.tensordot(weights, main, (0, 0)), np.tensordot(resampled, weights, (1, 0))
        return value, all_.std(axis=0, ddof=1)

    def exceeds(value, spread):
        return p_above(abs(value), spread, DELTA) + p_above(abs(value), spread, -DELTA)

    def within(value, spread):
        return p_above(-abs(value), spread, -DELTA)

    change, miss, total = of([-1.0, 1.0]), of([1.0, 0.0]), of([1.0, 1.0])
    closer = p_above(-np.sign(change[0]) * total[0], total[1], 0.0)
    corrects = np.maximum(np.maximum(exceeds(*change), exceeds(*miss)), closer)
    worsens = np.maximum(exceeds(*change), 1 - closer)
    return {
        "corrects": corrects,
        "same": within(*change),
        "agrees": within(*miss),
        "worsens": worsens,
        "depends": exceeds(*change),
    }


def rates(p, needed, spared):
    """How many tables claim anything false: a "needed", a "not needed" (all claims given are false)."""
    m, n = (np.concatenate([p[name] for name in names], axis=1) for names in (needed, spared))
    return [(adjusted(q) <= 0.05).any(axis=1).mean() for q in (m, n)]


WITH = (["corrects"], ["same", "agrees", "worsens"])
WITHOUT = (["depends"], ["same"])


@pytest.mark.parametrize("fits", [3, 5, 10])
@pytest.mark.parametrize(
    ("local", "electrostatic", "error"),
    [
        (0.0, 0.0, 10.0),  # noise alone, far larger than the tolerance
        (DELTA, 0.0, 0.01),  # the smallest difference that is not small: neither may be claimed
        (DELTA, 0.0, 3.0),
        (1.5 * DELTA, -1.5 * DELTA, 0.005),  # both miss the reference by as much
        (2 * DELTA, 3 * DELTA, 0.02),
    ],
)
def test_noise_decides_no_table_of_ten_rows_more_often_than_it_may(local, electrostatic, error, fits):
    """4000 tables; 0.05 and three binomial standard deviations, 0.060."""
    p = p_values(*simulated(local, electrostatic, error, fits, seed=fits))
    change = abs(electrostatic - local)
    needed, spared = rates(p, *WITH)
    assert needed <= ALLOWED
    if max(change, abs(local)) >= DELTA:  # else "not needed" is true
        assert spared <= ALLOWED
    depends, same = rates(p, *WITHOUT)
    if change <= DELTA:
        assert depends <= ALLOWED
    if change >= DELTA:
        assert same <= ALLOWED


@pytest.mark.parametrize("fits", [3, 5, 10])
def test_the_level_is_used_up_where_every_claim_is_at_its_limit(fits):
    """1 − (1 − 0.05/10)¹⁰ = 0.0489 of independent tables claim "same" at a difference of the tolerance."""
    p = p_values(*simulated(DELTA, 0.0, 0.001, fits, seed=9))
    needed, spared = rates(p, *WITHOUT)
    assert needed == pytest.approx(0.0489, abs=3 * np.sqrt(0.0489 / TABLES))
    assert spared == pytest.approx(0.0489, abs=3 * np.sqrt(0.0489 / TABLES))


def test_a_table_is_decided_by_the_rule_as_it_is_written_down_here():
    names = {}
    for fits, (local, electrostatic, error) in [
        (3, (0.3, 0.1, 0.03)), (5, (0.1, 0.2, 0.05)), (10, (0.05, 0.3, 0.2)), (4, (0.15, -0.15, 0.01)),
    ]:  # fmt: skip
        main, resampled = simulated(local, electrostatic, error, fits, seed=1)
        p = p_values(main, resampled)
        for table in range(3):
            rows = [
                row(*main[:, table, k], resampled[:, :, table, k], reference=0.0 if k % 2 else None)
                for k in range(ROWS)
            ]
            found = decide(rows)
            for k, finding in enumerate(found):
                for test in finding.tests:
                    assert test.p == pytest.approx(p[test.claim][table, k], rel=1e-6, abs=1e-14)
                    names[test.claim] = names.get(test.claim, 0) + 1
            for family in ({"corrects", "depends"}, {"same", "agrees", "worsens"}):
                mine = [t for f in found for t in f.tests if t.claim in family]
                assert [t.adjusted for t in mine] == pytest.approx(adjusted([t.p for t in mine]))
    assert set(names) == {"corrects", "depends", "same", "agrees", "worsens"}


def test_errors_at_the_tolerance_are_claimed_as_seldom_as_the_level_says():
    """600 tables of one row with the spread of fits and of frames; three binomial standard deviations."""
    rng, claims = np.random.default_rng(4), []
    for _ in range(600):
        claims += decide([error_row((0.1, 0.09), 0.02, 4, rng, frames=20)])[0].shown
    for claim in ("removes", "too little"):
        assert 0.015 <= claims.count(claim) / 600 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)


def far(spread, error=1e-4, atoms=4, freedom=300, radius=5.0):
    entry = {
        "radius": radius, "spread": spread, "error": error, "freedom": freedom, "low": 0.0, "high": 1.0,
        "mean_force": 1.0, "atoms": {str(k): spread for k in range(atoms)},
    }  # fmt: skip
    return bounds(LocalityFile.model_validate({"forces": {"Li": [entry]}, "without": {}}), cutoff=5.0)


def test_a_locality_test_can_show_that_long_range_knowledge_would_remove_too_little():
    """The gain alone is too uncertain; forces hardly vary with what is far."""
    rng = np.random.default_rng(7)
    unsure = error_row((0.1, 0.095), 0.2, 3, rng)
    assert outcomes([unsure]) == ["undecided"]
    found = decide([unsure], bounds={ELECTROSTATICS: far(0.005)})[0]
    assert (found.outcome, found.shown) == ("not needed", ["bounded"])
    assert outcomes([unsure], bounds={ELECTROSTATICS: far(0.05)}) == ["undecided"]


def test_a_gain_that_the_locality_test_excludes_is_a_contradiction_and_decides_nothing():
    found = decide(
        [error_row((0.1, 0.05), 0.01, 10, np.random.default_rng(8))], bounds={ELECTROSTATICS: far(0.005)}
    )[0]
    assert set(found.shown) == {"removes", "bounded"}
    assert found.outcome == "undecided"


def test_a_value_of_one_potential_only_is_undecided_with_its_reason():
    rows = [row(None, 0.5, []), row(0.5, None, [])]
    assert [f.why for f in decide(rows)] == [
        "the local potential has no value of it", "the electrostatic potential has no value of it",
    ]  # fmt: skip
    assert outcomes(rows) == ["undecided"] * 2


def test_resampled_fits_that_agree_to_the_last_digit_are_no_fits():
    found = decide([row(0.5, 0.1, [(0.4, 0.2)] * 5)])[0]
    assert "cannot be different fits" in found.why


@pytest.mark.parametrize(
    ("tolerances", "message"),
    [
        ({"defect": 0.1}, "Did you mean 'defects'"),
        ({"defects": 0.0}, "must be above 0"),
        ({"defects": float("nan")}, "must be above 0"),
        ({"conductivity": 0.5}, r"is a factor and must be above 1.*give 1\.5 for 50 %"),
        ({"elastic": 10.0}, r"is a fraction and must be below 1.*give 0\.1 for 10 %"),
    ],
)
def test_tolerances_that_cannot_be_are_refused(tolerances, message):
    with pytest.raises(InputError, match=message):
        decide([], tolerances)


def test_the_level_is_a_chance():
    with pytest.raises(InputError, match=r"between 0 and 0\.5, found 5"):
        decide([], level=5.0)
