"""Several pairs of models in one study: what each is asked, in which words, with which chance of error."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from synthetic_properties import put, write_properties
from synthetic_rows import error_row

from superion.verdict import Value, study_verdict, study_verdicts
from superion.verdict.rules import decide
from superion.verdict.settings import Pair, VerdictSettings
from superion.verdict.wording import because

MODEL = Pair(baseline="gap", candidate="nn", question="model")
FIRST = Pair(baseline="gap", candidate="es-gap", question="electrostatics")


def write(folder: Path, *pairs: Pair, models: dict | None = None) -> Path:
    write_properties(folder)
    content = {"models": models or {}, "verdict": {"pairs": [pair.model_dump() for pair in pairs]}}
    (folder / "study.yaml").write_text(yaml.safe_dump(content))
    return folder


def modulus(value: float) -> Value:
    return Value(name="bulk modulus", unit="GPa", kind="positive", value=value)


@pytest.fixture
def ladder(tmp_path: Path) -> Path:
    """`nn` is twice as stiff as `gap`, in every draw by a little more or less."""
    rng = np.random.default_rng(5)
    for draw in (None, *range(1, 7)):
        put(tmp_path, "elastic", "nn", draw, [modulus(50 * np.exp(0.01 * rng.normal()))], ["a note of nn"])
    return write(tmp_path, FIRST, MODEL)


def test_each_pair_has_an_answer_of_its_own(ladder: Path) -> None:
    first, second = study_verdicts(ladder)
    assert first.answer.startswith("Long-range electrostatics is needed for forces")
    assert second.answer.startswith("nn instead of gap is undecided for ")
    assert study_verdict(ladder).answer == first.answer
    assert "elastic: a note of nn" in second.notes
    assert "elastic: a note of nn" not in first.notes


def test_reasons_between_models_name_them_and_not_electrostatics(ladder: Path) -> None:
    said = {f.row.name: because(f) for f in study_verdicts(ladder)[1].findings}
    assert said["bulk modulus"].startswith("With nn instead of gap it changes by")
    assert "it depends on nn" in said["bulk modulus"]
    assert said["forces of S"] == "The nn potential has no value of it."
    assert not [text for text in said.values() if "lectrostatic" in text]


def test_chances_of_error_are_those_of_all_pairs_together() -> None:
    """A row that is decided alone is not among forty others that say nothing."""
    rng = np.random.default_rng(11)
    clear = error_row((0.1, 0.080), 0.02, 5, rng)
    assert decide([clear])[0].outcome == "needed"
    others = [replace(error_row((0.1, 0.1), 0.3, 5, rng), pair=MODEL) for _ in range(40)]
    assert decide([clear, *others])[0].outcome == "undecided"


def test_a_model_that_was_not_fitted_has_its_one_value_in_every_draw(tmp_path: Path) -> None:
    put(tmp_path, "elastic", "nn", None, [modulus(50.0)])
    write(tmp_path, MODEL, models={"gap": {"preset": "gap"}, "nn": {"open": "nn.safetensors"}})
    (found,) = study_verdicts(tmp_path)
    row = next(f.row for f in found.findings if f.row.name == "bulk modulus")
    assert [b.value for _, b in row.pairs] == [50.0] * 6


def test_a_study_of_one_model_has_nothing_to_decide(tmp_path: Path) -> None:
    assert study_verdicts(write(tmp_path)) == []
    assert study_verdict(tmp_path).answer.startswith("Not answered")


def test_the_locality_test_bounds_the_baseline_that_it_was_made_for(tmp_path: Path) -> None:
    """Of the radii tested the largest within the cutoff of the baseline counts, of each pair its own."""
    far = {"S": [dict(radius=r, spread=s, low=s, high=s, error=1e-4, mean_force=1.0, freedom=500,
                      atoms={"0": s, "7": s})
                 for r, s in ((4.5, 0.08), (6.5, 0.004))]}  # fmt: skip
    wide = Pair(baseline="es-gap", candidate="gap", question="electrostatics")
    models = {"gap": {"preset": "gap"}, "es-gap": {"soap": {"cutoff": 7.0}}}
    write(tmp_path, FIRST, wide, MODEL, models=models)
    (tmp_path / "far.json").write_text(json.dumps({"kind": "locality", "forces": far, "without": {}}))
    settings = yaml.safe_load((tmp_path / "study.yaml").read_text())
    settings |= {"locality": "far.json", "fit": {"soap": {"cutoff": 5.0}}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(settings))
    found = study_verdicts(tmp_path)
    bounds = [next(f.bound for f in v.findings if f.row.name == "forces of S") for v in found]
    assert [None if bound is None else bound.radius for bound in bounds] == [4.5, 6.5, None]


def test_one_pair_may_stand_without_the_key_pairs() -> None:
    one = VerdictSettings.model_validate({"baseline": "gap", "candidate": "nn", "level": 0.1})
    assert one == VerdictSettings(pairs=(Pair(baseline="gap", candidate="nn"),), level=0.1)
    with pytest.raises(ValueError, match="candidate"):
        VerdictSettings.model_validate({"baseline": "gap"})
