import numpy as np
import pytest
from toy_salt import CHARGES, frames

from superion.errors import InputError
from superion.potentials import FitSettings, Potential, fit
from superion.recipes import local
from superion.recipes.base import Job, Options, fit_jobs
from superion.recipes.electrostatics import ElectrostaticsSettings
from superion.recipes.registry import FIT_PRESETS, fit_preset


def fixed_terms(name: str, data, charges: ElectrostaticsSettings | None = None, *, repulsion=True):
    """What a recipe subtracts from the labels before the local term is fitted."""
    options = Options(electrostatics=charges or ElectrostaticsSettings(), repulsion=repulsion)
    recipe = fit_preset(name)
    return list(recipe.parts.fixed(data, recipe.settings(), options))


def test_es_gap_is_gap_and_a_coulomb_term() -> None:
    data = frames(2, "a")
    local = fixed_terms("gap", data)
    charged = fixed_terms("es-gap", data, ElectrostaticsSettings(charges=CHARGES))
    assert [term.kind for term in local] == ["repulsion"]
    assert [term.kind for term in charged] == ["coulomb", "repulsion"]
    assert charged[1].settings() == local[0].settings()
    np.testing.assert_allclose(sorted(set(charged[0].evaluate(data[0]).charges)), [-0.7, 0.7])


def test_repulsion_can_be_left_out_and_vanishes_in_the_data() -> None:
    data = frames(2, "a")
    assert fixed_terms("gap", data, repulsion=False) == []
    assert fixed_terms("gap", data)[0].evaluate(data[0]).energy == 0.0


def test_default_charges_are_neutral_in_the_stoichiometry_they_are_for() -> None:
    lps = ElectrostaticsSettings().charges
    assert abs(7 * lps["Li"] + 3 * lps["P"] + 11 * lps["S"]) < 1e-12


def test_charges_that_leave_no_frame_neutral_are_refused() -> None:
    with pytest.raises(InputError, match="every periodic frame a total charge"):
        fixed_terms("es-gap", frames(1, "a"), ElectrostaticsSettings(charges={"Li": 0.7, "Cl": -0.6}))


def test_an_unknown_preset_lists_the_presets() -> None:
    with pytest.raises(InputError, match=r"'es_gap'.*'es-gap'.*presets are gap, es-gap"):
        fit_preset("es_gap")


def test_recipes_say_which_models_know_how_sure_they_are() -> None:
    for name, sure in (("gap", True), ("es-gap", True), ("qeq-gap", True), ("kqeq-gap", True), ("2g", False)):
        recipe = fit_preset(name)
        assert recipe.predicts_deviations(recipe.settings()) is sure
        assert not recipe.predicts_deviations(recipe.resampled(recipe.settings(), 1))
    gap = FitSettings.model_validate({"sigma": {"force": 0.03}})
    assert fit_preset("gap").force_sigma(gap) == 0.03


def test_gap_and_es_gap_share_one_design_matrix(monkeypatch) -> None:
    """What recipes fit together is, bit for bit, one fit with two sets of fixed terms."""
    data, calls = frames(4, "a"), []
    settings = FitSettings.model_validate({"soap": {"sparse_points": 6}})
    charges = ElectrostaticsSettings(charges=CHARGES)
    targets = {name: fixed_terms(name, data, charges) for name in ("gap", "es-gap")}
    drawn = [data[0], data[1], data[1], data[3]]
    expected = fit(drawn, settings.model_copy(update={"seed": 5, "uncertainty": False}), targets)
    monkeypatch.setattr(local, "fit", lambda *a, **k: calls.append(list(a[2])) or fit(*a, **k))
    options = Options(electrostatics=charges, whole=data)
    jobs = {
        name: Job(recipe, recipe.resampled(settings, 5), options)
        for name, recipe in FIT_PRESETS.items()
        if name in targets
    }
    found = fit_jobs(drawn, jobs)
    assert calls == [["gap", "es-gap"]]
    for name, terms in expected.items():
        assert Potential(found[name]).digest == Potential(terms).digest
