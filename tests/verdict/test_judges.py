"""What may judge: labels that no fit has seen, by a choice that was made before there were results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_properties import put, write_properties
from synthetic_rows import error_row, plain_row

from superion.errors import CorruptFileError
from superion.verdict import study_verdict
from superion.verdict.plan import remedies
from superion.verdict.pooled import properties_of
from superion.verdict.rules import decide
from superion.verdict.settings import NAME, Pair, changed, choice, record
from superion.verdict.wording import because

SEEN = "3 of its 3 labelled structures were trained on"
PAIRS = (Pair(baseline="gap", candidate="es-gap"),)
ASKED = {"defects": {"count": 2}, "elastic": {}, "forces": {}, "conductivity": {}}


def test_a_reference_that_a_fit_has_seen_decides_nothing():
    rng = np.random.default_rng(0)
    honest = plain_row((0.5, 0.0), 0.003, 6, rng, reference=0.0, common=0)
    seen = replace(honest, reference=honest.reference.model_copy(update={"seen": SEEN}))
    assert [each.outcome for each in decide([honest])] == ["needed"]
    (found,) = decide([seen])
    assert (found.outcome, found.shown) == ("undecided", ["depends"])
    assert f"that no fit has seen ({SEEN})" in because(found)
    right = replace(seen, baseline=honest.candidate, candidate=honest.baseline)
    assert "agrees" not in decide([right])[0].shown


def test_errors_of_labels_that_a_fit_has_seen_do_not_count():
    rng = np.random.default_rng(1)
    row = error_row((0.1, 0.05), 0.005, 6, rng)
    seen = replace(row, baseline=row.baseline.model_copy(update={"seen": SEEN}))
    (finding,) = decide([seen])
    assert (finding.outcome, finding.why) == ("undecided", SEEN)
    other = error_row((0.1, 0.1), 0.005, 6, rng, name="forces of S")
    (found,) = properties_of(decide([seen, other]))
    assert found.outcome == "not helped"
    (alone,) = properties_of(decide([seen]))
    assert [way.text for way in remedies(alone, 1)] == [f"labels of structures that no fit has seen: {SEEN}"]


def chosen(seen, **tolerances):
    return choice(tolerances, 0.05, PAIRS, ASKED, seen=seen)


def test_what_is_changed_after_results_were_seen_is_said(tmp_path):
    folder = write_properties(tmp_path)
    record(folder, chosen(False))
    record(folder, chosen(False, elastic=0.2))  # before there were results: that is the choice
    record(folder, chosen(True, elastic=0.2))
    assert study_verdict(folder, {"elastic": 0.2}).changed == ()
    found = study_verdict(folder, {"elastic": 0.2, "defects": 0.6}, 0.01)
    assert found.answer.endswith(
        "Changed after results were seen: the tolerance of defects is 0.6, was 0.1; the level is 0.01, was "
        "0.05."
    )
    assert found.record().changed == list(found.changed)


def test_properties_that_are_asked_for_later_are_said(tmp_path):
    folder = write_properties(tmp_path)
    record(folder, chosen(False))
    later = choice({}, 0.05, PAIRS, ASKED | {"defects": {"count": 9}}, seen=True)
    record(folder, later)
    put(folder, "eos", "gap", None, [])
    tolerances = later.tolerances
    assert changed(folder, tolerances, 0.05, ["defects", "elastic", "eos"]) == [
        "the settings of defects are others", "the equation of state was not asked for",
    ]  # fmt: skip


def test_the_hash_is_that_of_the_choice(tmp_path):
    assert chosen(False).hash == chosen(True).hash != chosen(False, defects=0.2).hash
    assert changed(tmp_path, {}, 0.05, []) is None
    record(tmp_path, chosen(True))
    assert changed(tmp_path, {}, 0.05, []) is None  # nothing is known of before
    (tmp_path / NAME).write_text("{}")
    with pytest.raises(CorruptFileError, match="choices"):
        changed(tmp_path, {}, 0.05, [])
