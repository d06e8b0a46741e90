"""Activation energies of walkers whose Arrhenius line is known; bounds, kinks, bad input."""

import numpy as np
import pytest
from ase import units
from scipy.stats import chi2
from walkers import confined

from superion.analysis import transport
from superion.analysis.arrhenius import ArrheniusSettings, arrhenius
from superion.analysis.measured import fractions, measured
from superion.errors import InputError

STEP = 100.0  # fs
DIFFUSION = ArrheniusSettings(quantity="diffusion")
CELL = 20.0


def diffusivity(kelvin, energy, prefactor=0.02):
    """Å²/fs."""
    return prefactor * np.exp(-energy / (units.kB * kelvin))


def run(rng, kelvin, truth, frames=400, ions=12, paths=None):
    """The result of transport of ions that walk with a diffusion coefficient, beside one heavy atom."""
    if paths is None:
        paths = np.cumsum(rng.normal(scale=np.sqrt(2 * truth * STEP), size=(frames, ions, 3)), axis=0)
    positions = np.concatenate([paths, np.zeros((len(paths), 1, 3))], axis=1)
    cells = np.broadcast_to(CELL * np.eye(3), (len(paths), 3, 3))
    numbers = np.array([3] * paths.shape[1] + [79])
    return transport(
        positions, cells, STEP * np.arange(len(paths)), numbers, np.where(numbers == 3, 6.94, 1e9),
        temperature=kelvin, unwrapped=True, reference="none",
    )  # fmt: skip


def test_intervals_cover_the_energy_the_prefactor_and_the_value_at_300_k():
    """Nominal 95 %: between 90 and 99 % of 150 series of runs whose errors are those that they say."""
    rng = np.random.default_rng(3)
    template, kelvins = run(rng, 600, diffusivity(600, 0.2)), (600, 700, 800, 1000)
    inside = np.zeros(3)
    for _ in range(150):
        runs = []
        for kelvin, freedom in zip(kelvins, (15, 25, 40, 60), strict=True):
            truth = 0.1 * diffusivity(kelvin, 0.2)
            value = truth * rng.chisquare(freedom) / freedom
            low, high = value * freedom / chi2.ppf([0.975, 0.025], freedom)
            runs.append(
                template.with_values(temperature=kelvin, diffusion=value, diffusion_interval=(low, high))
            )
        found = arrhenius(runs, DIFFUSION)
        if found.status != "line":  # by chance, one in a hundred
            continue
        values = (0.2, 0.002, 0.1 * diffusivity(300.0, 0.2))
        ends = (found.activation_interval, found.prefactor_interval, found.extrapolated[0].interval)
        inside += [low <= value <= high for value, (low, high) in zip(values, ends, strict=True)]
    assert (inside >= 0.90 * 150).all(), inside
    assert (inside <= 0.99 * 150).all(), inside


def test_intervals_of_walkers_hold_the_energy():
    """The same from paths, whose intervals also leave room for cages nobody sees."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(8):
        found = arrhenius([run(rng, t, diffusivity(t, 0.2)) for t in (600, 700, 800, 1000)], DIFFUSION)
        held += found.activation_interval[0] <= 0.2 <= found.activation_interval[1]
    assert held >= 7
    assert 0.1 < np.ptp(found.activation_interval) / 0.2 < 1.5  # and says something


def test_conductivity_of_a_fixed_cell_has_the_energy_of_diffusion():
    rng = np.random.default_rng(4)
    runs = [run(rng, t, diffusivity(t, 0.2)) for t in (600, 800, 1000)]
    one, other = arrhenius(runs), arrhenius(runs, DIFFUSION)
    assert one.activation_energy == pytest.approx(other.activation_energy, abs=1e-6)
    density = 12 / CELL**3 * 1e30
    factor = density * units._e**2 * 1e-4 / units._k / 100  # D in cm²/s to σT in S K/cm
    assert one.prefactor == pytest.approx(factor * other.prefactor, rel=1e-4)


def kinked(rng, seed_energy):
    hot = [run(rng, t, diffusivity(t, 0.2), 1500, 30) for t in (1000, 900, 800)]
    joint = diffusivity(750.0, 0.2)
    cold = [
        run(rng, t, joint * np.exp(-seed_energy * (1 / t - 1 / 750.0) / units.kB), 1500, 30)
        for t in (700, 600, 500)
    ]
    return hot + cold


def test_a_change_of_slope_is_found_and_none_where_there_is_none():
    rng = np.random.default_rng(5)
    found = arrhenius(kinked(rng, 0.5), DIFFUSION)
    assert found.status == "change of slope"
    assert found.activation_energy is None
    cold, hot = found.branches
    assert cold.activation_interval[0] < 0.5 < cold.activation_interval[1]
    assert hot.activation_interval[0] < 0.2 < hot.activation_interval[1]
    assert found.extrapolated[0].value < 0.1 * 0.1 * diffusivity(300.0, 0.2)
    assert arrhenius(kinked(rng, 0.2), DIFFUSION).status == "line"


def test_caged_temperatures_give_bounds_that_are_used():
    rng = np.random.default_rng(6)
    caged = [run(rng, t, None, paths=confined(rng, 400, 12, 2.0, 400.0, STEP)) for t in (500, 600)]
    hot = run(rng, 1000, diffusivity(1000, 0.2))
    assert all(one.diffusion is None for one in caged)
    found = arrhenius([*caged, hot], DIFFUSION)
    assert found.status == "lower bound only"
    least = max(
        np.log(hot.diffusion / one.diffusion_bound) * units.kB / (1 / one.temperature - 1 / 1000)
        for one in caged
    )
    assert 0 < 0.5 * least < found.activation_bound < 1.5 * least
    alone = arrhenius(caged, DIFFUSION)
    assert alone.status == "not known"
    assert [point.bound for point in alone.points] == [one.diffusion_bound for one in caged]


def test_a_bound_far_below_the_line_is_a_change_of_slope():
    rng = np.random.default_rng(7)
    hot = [run(rng, t, diffusivity(t, 0.1), 1000, 30) for t in (1000, 900, 800, 700)]
    still = run(rng, 600, None, paths=rng.normal(scale=0.1, size=(1000, 30, 3)))
    found = arrhenius([*hot, still], DIFFUSION)
    assert found.status == "change of slope"
    assert "600 K" in found.reason
    assert found.extrapolated[0].value is None


def test_how_far_the_line_carries():
    """A parabola through three near temperatures leaves 300 K open; two temperatures say nothing of it."""
    rng = np.random.default_rng(8)
    runs = [run(rng, t, diffusivity(t, 0.2)) for t in (900, 950, 1000)]
    found = arrhenius(runs, DIFFUSION)
    assert found.extrapolated[0].beyond
    assert 300 < found.reach < 900
    two = arrhenius(runs[::2], DIFFUSION)
    assert two.reach is None
    assert any("Add a third temperature" in note for note in two.notes)
    inside = arrhenius(runs, ArrheniusSettings(quantity="diffusion", extrapolate=(940,))).extrapolated[0]
    assert not inside.beyond
    assert inside.spans == 0


def test_what_cannot_stand_on_one_line_is_refused():
    rng = np.random.default_rng(9)
    one, other = (run(rng, t, diffusivity(t, 0.2)) for t in (600, 800))
    with pytest.raises(InputError, match="one temperature"):
        arrhenius([one, one])
    with pytest.raises(InputError, match="b is of Li with"):
        arrhenius([one, other.with_values(charge=2.0)], names=["a", "b"])
    molten = other.with_values(status="melt")
    found = arrhenius([one, run(rng, 700, diffusivity(700, 0.2)), molten])
    assert [point.used for point in found.points] == [True, True, False]


def test_measurements_are_matched_by_composition(tmp_path):
    table = tmp_path / "measured.csv"
    table.write_text(
        "ID,Reduced Composition,Ionic conductivity (S cm-1),DOI\n"
        "a,Li7P3S11,0.0032,x\nb,P3Li7S11,<1E-10,y\nc,Li3PS4,1e-7,z\nd,(Li7P3)S11,0.0086,w\n"
    )
    found = measured(table, "Li7P3S11")
    assert [(one.conductivity, one.source) for one in found] == [(3.2, "x"), (8.6, "w")]
    assert fractions("Li2(PS4)0.5")["S"] == pytest.approx(2 / 4.5)
    assert fractions("nonsense") is None
    table.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no column of formulae"):
        measured(table, "Li")
