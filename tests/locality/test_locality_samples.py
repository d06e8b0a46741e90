"""Oracles: forces that end at a known distance, charges that are known."""

import numpy as np
import pytest
from synthetic_crystal import CHARGES, REACH, SCREENING, charged, samples

from superion.calculations.locality import LocalitySettings, Samples, locality
from superion.calculations.locality.spreads import spreads
from superion.electrostatics import CoulombTerm, FixedCharges, Point, Slater
from superion.errors import InputError

SETTINGS = LocalitySettings(radii=[2.5, 4, 6], reference={"Li": 2, "Mg": 1, "Cl": 2}, perturbations=3)


@pytest.fixture(scope="module")
def local() -> Samples:
    return samples(SETTINGS)


@pytest.fixture(scope="module")
def ionic() -> Samples:
    return samples(SETTINGS, term=charged())


def test_pair_forces_do_not_change_beyond_their_reach(local) -> None:
    """Their energy reaches REACH and so do forces of pairs; many-body forces would reach twice as far."""
    for rows in spreads(local.responses()).values():
        for row in rows:
            assert (row.value > 1e-4) if row.radius < REACH else (row.value < 1e-12)


def test_charges_are_felt_at_every_radius(ionic) -> None:
    for rows in spreads(ionic.responses()).values():
        assert rows[1].value > 1e-3
        assert rows[2].value > 1e-3


def test_without_the_true_charges_nothing_is_left(ionic) -> None:
    result = locality(ionic, {"truth": [charged()], "half": [scaled(0.5)]})
    for species, rows in result.without["truth"].items():
        for row, before, half in zip(
            rows[1:], result.forces[species][1:], result.without["half"][species][1:], strict=True
        ):
            assert row.spread < 1e-7
            assert half.spread == pytest.approx(0.5 * before.spread, rel=1e-6)


def test_the_amplitude_of_displacements_is_kept(ionic) -> None:
    assert locality(ionic).displaced == pytest.approx(0.1, rel=0.05)


def test_terms_are_subtracted_together(ionic) -> None:
    once = locality(ionic, {"x": [scaled(1.0)]}).without["x"]["Li"][2].spread
    twice = locality(ionic, {"x": [scaled(0.25), scaled(0.75)]}).without["x"]["Li"][2].spread
    assert once == pytest.approx(twice, abs=1e-7)


def test_far_dipoles_spread_forces_as_a_sum_over_atoms_predicts(ionic) -> None:
    """Independent displacements σ of point charges q_j change the field by the gradients (3nn − 1)/r³.

    Images of an atom move together, so that their gradients add before they are squared; conducting
    surroundings add 4π/3V to their sum over a sphere.
    """
    given = LocalitySettings(radii=[6], reference={"Li": 2, "Mg": 2, "Cl": 2}, perturbations=20)
    found = samples(given, term=CoulombTerm(FixedCharges(CHARGES), Point()))
    predicted, seen = [], []
    shifts = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3), axis=-1).reshape(-1, 3) @ found.start.cell.array
    charges = np.array([CHARGES[s] for s in found.start.symbols])
    for r in found.responses():
        vectors = (found.start.positions - found.start.positions[r.atom])[:, None] + shifts
        frame = next(k for k, f in enumerate(found.frames) if f.info["locality_centres"][0] == r.atom)
        moved = found.moved(frame)
        v = vectors[moved]
        length = np.linalg.norm(v, axis=2)
        gradient = 3 * v[..., :, None] * v[..., None, :] / length[..., None, None] ** 5
        gradient -= np.eye(3) / length[..., None, None] ** 3
        total = gradient.sum(axis=1) + 4 * np.pi / 3 / found.start.get_volume() * np.eye(3)
        squares = ((14.399645 * charges[r.atom] * charges[moved, None, None] * total * 0.1) ** 2).sum() / 3
        predicted.append(squares)
        seen.append((r.deviations("unperturbed")[0] ** 2).mean())
    assert np.mean(seen) == pytest.approx(np.mean(predicted), rel=0.12)


def test_clearances_are_distances_to_the_nearest_displaced_atom(ionic) -> None:
    frame = ionic.frames[-1]
    centre = int(frame.info["locality_centres"][0])
    clear = ionic.clearances()[-1]
    moved = ionic.moved(len(ionic.frames) - 1)
    assert (clear[moved] == 0).all()
    assert clear[centre] > frame.info["locality_radius"]
    assert clear[centre] == max(clear)
    for k in np.flatnonzero(~moved):
        away = ionic.start.get_distances(k, np.flatnonzero(moved), mic=True)
        assert clear[k] == pytest.approx(away.min())


def test_samples_without_an_unperturbed_structure_are_refused(ionic) -> None:
    with pytest.raises(InputError, match="one unperturbed structure and its perturbations, found 0 and 3"):
        Samples.of(ionic.frames[:3])
    with pytest.raises(InputError, match="found 1 and 0"):
        Samples.of([ionic.start])


def test_a_sample_without_forces_is_named(ionic) -> None:
    frames = [ionic.start, ionic.frames[0].copy()]
    del frames[1].arrays["REF_forces"]
    with pytest.raises(InputError, match=r"frame R2\.5-.*: a sample without forces"):
        Samples.of(frames)


def scaled(factor: float) -> CoulombTerm:
    """The true term with all forces times `factor`."""
    charges = {symbol: factor**0.5 * q for symbol, q in CHARGES.items()}
    return CoulombTerm(FixedCharges(charges), Slater.from_screening(SCREENING))
