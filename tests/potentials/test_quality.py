"""Defaults of a fit by name: what a quality fills in, and what stands."""

import pytest
from test_fit import SOAP

from superion.errors import InputError
from superion.potentials.gap.quality import FAR, NEAR
from superion.potentials.gap.settings import FitSettings
from superion.recipes.electrostatics import ElectrostaticsSettings
from superion.recipes.kernel import KQEqGapSettings
from superion.recipes.registry import fit_preset
from superion.settings_file import validate
from superion.study.models import all_completed, read_model


def test_a_quality_is_blocks_and_channels_and_what_is_given_stands():
    assert FitSettings(quality="fast") == FitSettings()
    fine = FitSettings.model_validate({"quality": "fine"})
    assert (fine.soaps, fine.learn_channels) == ((NEAR, FAR), True)
    assert FitSettings.model_validate(fine.model_dump()) == fine
    own = FitSettings.model_validate({"quality": "fine", "soap": {"n_max": 5}, "learn_channels": False})
    assert own.soaps == (NEAR.model_copy(update={"n_max": 5}), FAR)
    assert not own.learn_channels
    assert FitSettings.model_validate({"quality": "fine", "soap": None, "more_soap": []}).soaps == ()
    assert FitSettings(quality="fine", soap=SOAP).soap == SOAP
    learned = FitSettings.model_validate({"quality": "learned"})
    assert (learned.soaps, learned.learn_channels) == ((NEAR,), True)
    with pytest.raises(InputError, match=r"quality: .*'fast', 'learned' or 'fine'"):
        validate({"quality": "finest"}, FitSettings)


@pytest.mark.parametrize("shared", ["fast", "fine"])
def test_models_of_a_study_may_differ_in_quality(shared):
    """Whatever the study says for all: each is what it would be alone."""
    shared_fit = FitSettings.model_validate({"quality": shared, "sigma": {"force": 0.03}})
    entries = {"a": {"quality": "fast"}, "b": {"quality": "fine"}, "c": {}, "d": {"soap": {"n_max": 5}}}
    models = {name: read_model((name, {"preset": "gap", **entry})) for name, entry in entries.items()}
    found = all_completed(models, shared_fit, ElectrostaticsSettings(), True)
    for name, entry in entries.items():
        alone = {"quality": shared, "sigma": {"force": 0.03}, **entry}
        assert found[name].settings == FitSettings.model_validate(alone)


def test_every_gaussian_process_has_a_quality_and_nothing_else_has():
    for name, inside in (("gap", ()), ("es-gap", ()), ("qeq-gap", ("fit",)), ("kqeq-gap", ("fit",))):
        recipe = fit_preset(name)
        given = recipe.of_quality({"joint": False} if name == "kqeq-gap" else {}, "fine")
        settings = validate(given, recipe.settings)
        for key in inside:
            settings = getattr(settings, key)
        assert settings == FitSettings(quality="fine")
    kept = fit_preset("qeq-gap").of_quality({"fit": {"seed": 3, "quality": "fast"}, "qeq": {}}, "fine")
    assert kept == {"fit": {"seed": 3, "quality": "fine"}, "qeq": {}}
    with pytest.raises(InputError, match=r"4g has no quality.*schema fit --preset 4g"):
        fit_preset("4g").of_quality({}, "fine")


def test_a_joint_fit_says_how_to_have_a_fine_local_term():
    with pytest.raises(ValueError, match=r"joint: false.*fit\.learn_channels: false"):
        KQEqGapSettings.model_validate({"fit": {"quality": "fine"}})
    assert KQEqGapSettings.model_validate({"fit": {"quality": "fine"}, "joint": False})
    joint = KQEqGapSettings.model_validate({"fit": {"quality": "fine", "learn_channels": False}})
    assert joint.fit.soaps == (NEAR, FAR)
