"""Learning curves of selectors: fair starts, honest counts, and a method that must win where it can."""

from __future__ import annotations

import numpy as np
import pytest
from toy_salt import crystal, frames, labelled, lone_atoms
from toy_training import SOAP

from superion.active_learning.compare import CompareSettings, compare_selectors
from superion.active_learning.judge import accuracy
from superion.active_learning.report.figures import comparison, draw_comparison
from superion.active_learning.select import SELECTORS
from superion.errors import InputError
from superion.potentials import FitSettings, Potential, fit
from superion.recipes.base import Job, Options
from superion.recipes.registry import fit_preset

FIT = FitSettings(pair=None, soap=SOAP)


def job(settings, preset="gap"):
    return Job(fit_preset(preset), settings, Options(repulsion=False))


def far(count: int, seed: int):
    """Frames with one atom pushed off its site."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        atoms = crystal()
        atoms.positions += rng.normal(0, 0.05, (8, 3))
        atoms.positions[0] += rng.normal(0, 0.5, 3)
        made.append(labelled(atoms, trajectory="far"))
    return made


@pytest.fixture(scope="module")
def result():
    settings = CompareSettings(initial=3, step=2, budget=7, repeats=2, seed=1)
    pool = [*frames(6, "ab", seed=1), *lone_atoms()]
    return compare_selectors(pool, frames(3, "c", seed=9), job(FIT), settings, progress=False)


def test_all_methods_begin_alike_and_end_with_the_same_number_of_labels(result):
    assert result.labels == [3, 5, 7]
    assert set(result.methods) == set(SELECTORS)
    for found in result.methods.values():
        assert np.shape(found.force_rmse) == (2, 3)
        first = [row[0] for row in found.force_rmse]
        assert first == [row[0] for row in result.methods["random"].force_rmse]
        assert first[0] != first[1]
        assert found.calibration.frames == 3


def test_with_the_whole_pool_every_method_ends_where_one_fit_does():
    pool, test = frames(3, "ab", seed=1), frames(2, "c", seed=9)
    settings = CompareSettings(methods=["random", "farthest"], initial=2, step=3, budget=6, repeats=1)
    found = compare_selectors(pool, test, job(FIT), settings, progress=False)
    assert found.labels == [2, 5, 6]
    whole = FIT.model_copy(update={"soap": SOAP.model_copy(update={"sparse_method": "all"})})
    ends = [
        compare_selectors(pool, test, job(whole), settings, progress=False).methods[m].force_rmse[0][-1]
        for m in settings.methods
    ]
    expected = accuracy(Potential(fit(pool, whole, {"": []})[""]), {"test": test})["test"]["force_rmse"]
    np.testing.assert_allclose(ends, expected, rtol=1e-5)


def test_where_the_pool_hides_what_the_test_asks_the_selectors_find_it():
    """Of 60 candidates six are what the test set is made of."""
    pool = [*frames(54, "a", seed=1), *far(6, seed=2)]
    settings = CompareSettings(
        methods=["random", "variance", "extrapolation"], initial=4, step=4, budget=12, repeats=3
    )
    found = compare_selectors(pool, far(8, seed=3), job(FIT), settings, progress=False).methods
    last = {name: np.mean([row[-1] for row in values.force_rmse]) for name, values in found.items()}
    assert last["variance"] < 0.8 * last["random"]
    assert last["extrapolation"] < 0.8 * last["random"]


def test_the_figure_shows_means_and_calibration(result, tmp_path):
    figure = comparison(result)
    left, right = figure.axes
    curves = {line.get_label(): line.get_ydata() for line in left.get_lines()}
    mean = 1000 * np.mean(result.methods["cur"].force_rmse, axis=0)
    np.testing.assert_allclose(curves["cur"], mean)
    assert len(right.get_lines()) == len(SELECTORS) + 1
    png, svg = draw_comparison(result, tmp_path)
    assert png.read_bytes().startswith(b"\x89PNG")
    assert svg.read_text().startswith("<?xml")


def test_refusals():
    with pytest.raises(InputError, match="budget is 25 labels, but the pool has 3 frames"):
        compare_selectors(frames(3, "a"), frames(2, "c"), job(FIT), CompareSettings(), progress=False)
    with pytest.raises(ValueError, match="must be above initial"):
        CompareSettings(initial=5, budget=5)
