from dataclasses import replace

import numpy as np
import pytest
from synthetic_crystal import CHARGES, SCREENING, charged, samples

from superion.calculations.locality import LocalitySettings, Samples, fit_charges
from superion.calculations.locality.charge_doubts import charge_doubts
from superion.calculations.locality.charges import fit_changes
from superion.calculations.locality.fields import field_changes
from superion.errors import InputError

SETTINGS = LocalitySettings(radii=[4, 6], reference={"Li": 3, "Mg": 2, "Cl": 3}, perturbations=2)


@pytest.fixture(scope="module")
def ionic() -> Samples:
    return samples(SETTINGS, term=charged())


def test_known_charges_and_screening_are_found(ionic) -> None:
    found = fit_charges(ionic, 4.0)
    assert found.charges == pytest.approx(CHARGES, rel=1e-5)
    assert found.screening == pytest.approx(SCREENING, rel=1e-5)
    assert found.determined
    assert found.after < 1e-7 < 1e-3 < found.before


def test_known_charges_are_found_to_one_per_cent_under_noise() -> None:
    """Errors are honest: the truth lies within four of them, and the bootstrap says the same."""
    many = SETTINGS.model_copy(update={"perturbations": 6})
    found = fit_charges(samples(many, term=charged(), noise=5e-4), 4.0, screening=SCREENING)
    assert found.charges == pytest.approx(CHARGES, rel=0.01)
    assert found.bootstrap is not None
    for symbol, truth in CHARGES.items():
        assert abs(found.charges[symbol] - truth) < 4 * found.errors[symbol]
        assert found.bootstrap[symbol] == pytest.approx(found.errors[symbol], rel=0.8)
    assert found.after == pytest.approx(5e-4 * np.sqrt(2), rel=0.1)


def test_errors_from_the_jacobian_are_the_scatter_of_repeated_fits(ionic) -> None:
    data = field_changes(ionic, 4.0).screened(SCREENING)
    fits = []
    for seed in range(40):
        noise = 1e-3 * np.random.default_rng(seed).normal(size=data.change.shape)
        fits.append(
            fit_changes(replace(data, change=data.change + noise), 4.0, screening=SCREENING, resamples=0)
        )
    for symbol in CHARGES:
        scatter = np.std([f.charges[symbol] for f in fits], ddof=1)
        assert np.mean([f.errors[symbol] for f in fits]) == pytest.approx(scatter, rel=0.35)


def test_one_factor_for_formal_charges(ionic) -> None:
    formal = {symbol: 2.5 * q for symbol, q in CHARGES.items()}
    found = fit_charges(ionic, 4.0, formal=formal)
    assert found.charges == pytest.approx(CHARGES, rel=1e-5)


def test_charges_are_neutral_and_the_cation_is_positive(ionic) -> None:
    found = fit_charges(ionic, 6.0, screening=3.0)
    counts = {s: int(np.sum(ionic.start.symbols == s)) for s in CHARGES}
    assert sum(counts[s] * q for s, q in found.charges.items()) == pytest.approx(0, abs=1e-10)
    assert found.charges["Li"] > 0
    turned = fit_charges(ionic, 6.0, screening=3.0, positive="Cl")
    assert turned.charges == pytest.approx({s: -q for s, q in found.charges.items()})
    assert turned.errors == pytest.approx(found.errors)


def test_a_screening_that_the_radius_cannot_see_is_said_to_be_undetermined() -> None:
    noisy = samples(SETTINGS.model_copy(update={"radii": [6]}), term=charged(4.0), noise=1e-3)
    found = fit_charges(noisy, 6.0)
    assert found.determined is False
    assert found.charges == pytest.approx(CHARGES, rel=0.05)


def test_forces_and_derivatives_are_those_of_the_coulomb_term(ionic) -> None:
    data = field_changes(ionic, 4.0)
    charges = np.array([CHARGES[s] for s in data.elements])
    forces, by_charge, by_screening = data.forces(charges, SCREENING)
    truth = field_changes(ionic.without(charged()), 4.0).change
    assert np.abs(data.change - forces - truth).max() < 1e-7
    step = 1e-5
    for k in range(3):
        shift = step * np.eye(3)[k]
        up, down = (data.forces(charges + s * shift, SCREENING)[0] for s in (1, -1))
        assert np.abs((up - down) / (2 * step) - by_charge[:, :, k]).max() < 1e-9
    step = 1e-3  # pairs too far apart to matter come and go
    up, down = (data.forces(charges, SCREENING + s * step)[0] for s in (1, -1))
    assert np.abs((up - down) / (2 * step) - by_screening).max() < 1e-5


def test_a_radius_without_atoms_names_the_largest_that_has_some(ionic) -> None:
    with pytest.raises(InputError, match=r"nothing displaced within 8 Å.*choose --radius up to 6\.\d+ Å"):
        fit_charges(ionic, 8.0)


def test_formal_charges_that_cannot_be_are_refused(ionic) -> None:
    with pytest.raises(InputError, match=r"add up to \+16 e"):
        fit_charges(ionic, 6.0, formal={"Li": 1, "Mg": 4, "Cl": -1})
    with pytest.raises(InputError, match="differ in Cl"):
        fit_charges(ionic, 6.0, formal={"Li": 1, "Mg": -1})
    with pytest.raises(InputError, match="has no Br"):
        fit_charges(ionic, 6.0, positive="Br")


def test_a_fit_is_judged(ionic) -> None:
    """Charges explain no noise, and oxidation states are held against them where they are neutral."""
    assert fit_charges(ionic, 4.0).doubts == ()
    data = field_changes(ionic, 4.0)
    noise = np.random.default_rng(1).normal(size=data.change.shape)
    lost = fit_changes(replace(data, change=noise), 4.0, screening=SCREENING, resamples=0)
    assert "of the mean square change of forces beyond 4 Å: most of it has another cause" in lost.doubts[0]
    assert lost.record().doubts == list(lost.doubts)
    errors, counts = dict.fromkeys(("Li", "P", "S"), 0.01), {"Li": 3, "P": 1, "S": 4}
    said = charge_doubts({"Li": 1.3, "P": -0.7, "S": -0.8}, errors, counts, 1.0, 0.1, 4.0)
    assert said == [
        "Li has +1.30 e, beyond its oxidation state +1",
        "P has -0.70 e, against its oxidation state +5",
    ]
    assert charge_doubts({"Li": 0.5, "P": 1.3, "S": -0.7}, errors, counts, 1.0, 0.1, 4.0) == []
    counts["Li"] = 2  # not neutral: nothing is said of states
    assert charge_doubts({"Li": 1.3, "P": -0.7, "S": -0.8}, errors, counts, 1.0, 0.1, 4.0) == []
    vague = charge_doubts({"Li": 0.5, "P": 0.01, "S": -0.4}, errors, counts, 1.0, 0.1, 4.0)
    assert vague == ["the charge of P is within two standard errors of zero"]
