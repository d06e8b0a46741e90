"""Calibration against synthetic errors of known size; stopping rules against histories by hand."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from toy_salt import frames, lone_atoms
from toy_training import SOAP

from superion.active_learning.calibration import LEVELS, calibrate
from superion.active_learning.judge import accuracy, diffusion_converged, force_calibration, improving
from superion.active_learning.results import Diffusion
from superion.errors import InputError
from superion.potentials import FitSettings, Potential, fit


def synthetic(scale: float, count: int = 400, size: int = 30, seed: int = 0):
    """Normal errors of `scale` times the predicted deviations, which vary by a factor of ten."""
    rng = np.random.default_rng(seed)
    deviations = [np.exp(rng.uniform(-3, -0.7, size)) for _ in range(count)]
    return [scale * s * rng.normal(size=size) for s in deviations], deviations


def test_honest_deviations():
    errors, deviations = synthetic(1.0)
    found = calibrate(errors, deviations)
    np.testing.assert_allclose(found.observed, LEVELS, atol=0.015)
    assert found.factor == pytest.approx(1.0, abs=4 * found.factor_error)
    spread = np.log(np.concatenate(deviations)).mean()
    assert found.nll == pytest.approx(0.5 * np.log(2 * np.pi * np.e) + spread, abs=0.02)
    assert (found.frames, found.errors) == (400, 12_000)


@pytest.mark.parametrize("scale", [0.3, 2.5])
def test_wrong_deviations_and_their_remedy(scale):
    errors, deviations = synthetic(scale)
    found = calibrate(errors, deviations)
    assert found.factor == pytest.approx(scale, abs=4 * found.factor_error)
    inside = [2 * NormalDist().cdf(NormalDist().inv_cdf((1 + p) / 2) / scale) - 1 for p in LEVELS]
    np.testing.assert_allclose(found.observed, inside, atol=0.02)
    mended = calibrate(errors, [found.factor * s for s in deviations])
    assert mended.factor == pytest.approx(1.0)
    assert found.nll_recalibrated == pytest.approx(mended.nll)
    assert mended.nll < found.nll
    for other in (0.9, 1.1):  # the factor of largest likelihood
        assert calibrate(errors, [other * found.factor * s for s in deviations]).nll > mended.nll


def test_the_uncertainty_of_the_factor_knows_that_errors_of_a_frame_go_together():
    """Errors of one frame share half their variance: the jackknife covers the truth, counting does not."""
    off, naive = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        common = rng.normal(size=(40, 1)) * np.ones((40, 50))
        errors = np.sqrt(0.5) * common + np.sqrt(0.5) * rng.normal(size=(40, 50))
        found = calibrate(list(errors), list(np.ones((40, 50))))
        off.append(abs(found.factor - 1) / found.factor_error)
        naive.append(abs(found.factor - 1) * np.sqrt(2 * errors.size))
    assert np.mean(np.array(off) < 1.96) > 0.85
    assert np.mean(np.array(naive) < 1.96) < 0.6


def test_one_frame_tells_nothing_about_the_spread():
    assert calibrate([np.ones(5)], [np.ones(5)]).factor_error is None


@pytest.mark.parametrize(
    ("errors", "deviations", "message"),
    [
        ([], [], "0 frames"),
        ([np.ones(3)], [np.ones(2)], r"shape \(3,\)"),
        ([np.ones(3)], [np.zeros(3)], "must be positive"),
    ],
)
def test_calibration_refuses(errors, deviations, message):
    with pytest.raises(InputError, match=message):
        calibrate(errors, deviations)


def test_force_calibration_is_calibration_of_forces():
    known, unseen = [*frames(4, "ab", seed=1), *lone_atoms()], frames(3, "c", seed=5)
    (gp,) = fit(known, FitSettings(pair=None, soap=SOAP), {"gap": []})["gap"]
    potential = Potential([gp])
    found = force_calibration(potential, [*unseen, *lone_atoms()], 0.05)
    wrong = [gp.evaluate(a).forces - a.arrays["REF_forces"] for a in unseen]
    assert found == calibrate(wrong, [gp.deviation(a).forces for a in unseen]).to_dict()
    gp.calibration = None  # as in models of before: the error of labels comes on top
    found = force_calibration(potential, [*unseen, *lone_atoms()], 0.05)
    spread = [np.sqrt(gp.deviation(a).forces ** 2 + 0.05**2) for a in unseen]
    assert found == calibrate(wrong, spread).to_dict()
    assert force_calibration(potential, lone_atoms(), 0.05) is None
    measured = accuracy(potential, {"new": unseen, "test": []})
    assert measured["test"] is None
    assert measured["new"]["force_rmse"] == pytest.approx(np.sqrt(np.mean(np.concatenate(wrong) ** 2)))


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], True),
        ([1.0, 1.0], True),
        ([1.0, 0.9, 0.8], True),
        ([1.0, 1.1, 0.97], False),
        ([1.0, 0.94, 1.2], True),
        ([1.0, 0.5, 0.49, 0.48], False),
        ([1.0, 0.5, 0.49, 0.47], True),
    ],
)
def test_improving(history, expected):
    assert improving(history, patience=2, tolerance=0.05) is expected


def result(value, low, high):
    return {"status": "converged", "diffusion": value, "diffusion_interval": (low, high)}


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([result(1.0, 0.8, 1.2)], False),
        ([result(1.0, 0.8, 1.2), result(1.1, 0.9, 1.3)], True),
        ([result(1.0, 0.9, 1.1), result(1.2, 0.9, 1.5)], False),
        ([result(9.0, 8.0, 9.9), result(1.0, 0.8, 1.2), result(1.1, 0.9, 1.3)], True),
        ([{"diffusion": None}, result(1.1, 0.9, 1.3)], False),
        ([result(1.0, 0.8, 1.2) | {"status": "melt"}, result(1.1, 0.9, 1.3)], False),
    ],
)
def test_diffusion_converged(history, expected):
    read = [Diffusion.model_validate({"reason": "x"} | one, strict=False) for one in history]
    assert diffusion_converged(read, patience=1) is expected
