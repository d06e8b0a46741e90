"""Transport results against walkers whose conductivity is known, and what they refuse."""

import json

import numpy as np
import pytest
from ase.data import atomic_masses
from pydantic import ValidationError

from superion.analysis import unwrap
from superion.analysis.diffusion import diffusion_coefficient
from superion.analysis.transport import conductivity_against_length, nernst_einstein, transport
from superion.analysis.transport_result import TransportResult
from superion.errors import InputError

TIMESTEP = 20.0  # fs
CELL = np.array([[11.0, 0.0, 0.0], [2.0, 10.0, 0.0], [0.0, -3.0, 12.0]])
NUMBERS = np.array([3] * 14 + [15] * 4 + [16] * 14)
MASSES = atomic_masses[NUMBERS]
DIFFUSION = 2e-3  # Å²/fs


def trajectory(seed=0, frames=1000, diffusion=DIFFUSION, vibration=0.15):
    """Brownian lithium in a vibrating framework that does not diffuse, unwrapped."""
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 10, size=(1, len(NUMBERS), 3)) + vibration * rng.normal(
        size=(frames, len(NUMBERS), 3)
    )
    steps = np.sqrt(2 * diffusion * TIMESTEP) * rng.normal(size=(frames, 14, 3))
    positions[:, :14] += steps.cumsum(axis=0)
    return positions


def run(positions, cells=CELL, numbers=NUMBERS, masses=MASSES, **options):
    options = {"temperature": 500.0, "reference": "framework"} | options
    times = TIMESTEP * np.arange(len(positions))
    return transport(positions, cells, times, numbers, masses, **options)


def test_nernst_einstein_by_hand():
    # D = 1e-7 cm²/s = 1e-11 m²/s, n = 20 / nm³ = 2e28 m⁻³, T = 300 K:
    # σ = 2e28 · (1.602177e-19)² · 1e-11 / (1.380649e-23 · 300) = 1.23949 S/m = 12.3949 mS/cm
    assert nernst_einstein(1e-6, 0.02, 300.0) == pytest.approx(12.3949, rel=1e-5)
    assert nernst_einstein(1e-6, 0.02, 300.0, charge=-2.0) == pytest.approx(4 * 12.3949, rel=1e-5)


def test_units_and_consistency_of_a_converged_result():
    result = run(trajectory(), charge=2.0)
    assert result.status == "converged"
    assert result.diffusion == pytest.approx(0.1 * DIFFUSION, rel=0.4)
    low, high = result.diffusion_interval
    assert low < 0.1 * DIFFUSION < high
    volume = abs(np.linalg.det(CELL))
    assert result.volume == pytest.approx(volume)
    assert result.conductivity == pytest.approx(
        nernst_einstein(10 * result.diffusion, 14 / volume, 500.0, 2.0)
    )
    ratio = result.conductivity / result.diffusion
    assert result.conductivity_interval == pytest.approx((ratio * low, ratio * high))
    assert np.trace(result.diffusion_tensor) / 3 == pytest.approx(result.diffusion)
    assert (result.length, result.ions, result.frames) == (pytest.approx(20.0), 14, 1000)
    assert result.hops == pytest.approx(60 * result.diffusion * 20000 * 14 / 9)
    assert result.slope == pytest.approx(1.0, abs=0.25)
    assert result.diffusion_bound is None
    assert result.conductivity_bound is None


def test_result_is_json_ready_and_frozen():
    for frames, diffusion in ((1000, DIFFUSION), (200, 1e-9)):
        result = run(trajectory(frames=frames, diffusion=diffusion))
        again = json.loads(json.dumps(result.to_dict(), allow_nan=False))
        assert again["status"] == result.status
        assert again["msd"] == list(result.msd)
    with pytest.raises(ValidationError, match="frozen"):
        result.status = "converged"
    assert isinstance(result.with_values(species="Na"), TransportResult)


def test_displacement_curve_is_that_of_the_walkers():
    result = run(trajectory(frames=4000))
    lags, msd = np.array(result.msd_lags), np.array(result.msd)
    expected = 6 * DIFFUSION * 1000 * lags + 6 * 0.15**2
    np.testing.assert_allclose(msd[lags < 2], expected[lags < 2], rtol=0.1)
    assert lags[0] == pytest.approx(0.02)
    assert lags[-1] == pytest.approx(40.0)


@pytest.mark.parametrize("reference", ["system", "framework"])
def test_a_drifting_system_gives_the_same_result(reference):
    positions = trajectory()
    drift = 0.01 * np.arange(1000)[:, None, None] * np.array([1.0, -1.0, 0.5])
    heavy = np.where(NUMBERS == 3, 7.0, 1e6)  # so that both references are the framework
    found, expected = (run(p, masses=heavy, reference=reference) for p in (positions + drift, positions))
    assert found.diffusion == pytest.approx(expected.diffusion, rel=1e-6)
    assert found.collective_conductivity == pytest.approx(expected.collective_conductivity, rel=1e-6)


@pytest.mark.parametrize("reference", ["system", "none"])
def test_momentum_of_the_framework_carries_its_part_of_the_current(reference):
    """Lithium is 15 % of the mass, so that about the centre of mass it moves that much less."""
    positions = trajectory(frames=4000, diffusion=1e-3)
    expected = run(positions)
    centre = np.einsum("fna,n->fa", positions, MASSES / MASSES.sum())
    found = run(positions - centre[:, None, :], reference=reference)
    assert found.modes == expected.modes
    assert found.collective_conductivity == pytest.approx(expected.collective_conductivity, rel=1e-9)
    assert found.haven_ratio == pytest.approx(expected.haven_ratio, rel=0.05)


def test_immobile_vibrating_crystal_is_only_bounded():
    result = run(trajectory(frames=2000, diffusion=0.0, vibration=0.3))
    assert result.status == "upper bound only"
    assert (result.diffusion, result.conductivity, result.haven_ratio) == (None, None, None)
    assert result.hops < 1
    # three hops of 3 Å by 14 ions in 40 ps are not excluded, ten are
    hop = 9 / (6 * 40000 * 14)
    assert 2.9 * hop < 10 * result.diffusion_bound < 6 * hop
    volume = abs(np.linalg.det(CELL))
    assert result.conductivity_bound == pytest.approx(
        nernst_einstein(10 * result.diffusion_bound, 14 / volume, 500.0)
    )


def test_atoms_that_never_move_are_only_bounded():
    result = run(np.broadcast_to(trajectory(frames=1), (300, 32, 3)))
    assert result.status == "upper bound only"
    assert (result.hops, result.slope) == (0.0, None)


def breathing(frames, amplitude=0.01):
    rng = np.random.default_rng(12)
    strain = np.zeros((frames, 3, 3))
    for k in range(1, frames):
        kick = rng.normal(size=(3, 3))
        strain[k] = 0.95 * strain[k - 1] + amplitude * 0.2 * (kick + kick.T)
    return CELL @ (np.eye(3) + strain)


def test_static_crystal_in_a_breathing_cell_does_not_diffuse():
    cells = breathing(1000)
    fractional = np.random.default_rng(1).uniform(size=(len(NUMBERS), 3))
    result = run(unwrap(fractional @ cells, cells), cells)
    assert result.status == "upper bound only"
    assert result.hops < 1e-6


def test_walkers_in_a_breathing_cell_keep_their_diffusion_coefficient():
    cells = breathing(1000)
    still = np.linalg.inv(CELL)
    ratios = []
    for seed in range(20):
        path = trajectory(seed)
        wrapped = ((path @ still) % 1.0) @ cells
        ratios.append(run(unwrap(wrapped, cells), cells).diffusion / run(path).diffusion)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(ratios, 1.0, atol=0.05)


def test_haven_ratio_of_ions_that_move_in_pairs_is_one_half():
    positions = trajectory(frames=20000, diffusion=1e-3, vibration=0.05)
    positions[:, 7:14] = positions[:, :7]
    result = run(positions)
    low, high = result.haven_interval
    assert low < 0.5 < high
    assert high / low < 2
    assert result.collective_interval[0] < 2 * result.conductivity < result.collective_interval[1]


def test_collective_and_haven_intervals_cover_the_truth():
    held = {"collective": 0, "haven": 0}
    given, values = 0, []
    truth = nernst_einstein(DIFFUSION, 14 / abs(np.linalg.det(CELL)), 500.0)
    for seed in range(330):
        result = run(trajectory(seed, frames=400))
        if result.collective_conductivity is None:
            continue
        given += 1
        held["collective"] += result.collective_interval[0] <= truth <= result.collective_interval[1]
        # the two conductivities share their ions, so that this interval is on the wide side
        held["haven"] += result.haven_interval[0] <= 1 <= result.haven_interval[1]
        values.append(result.collective_conductivity)
    assert given > 250
    assert 0.90 <= held["collective"] / given <= 0.99
    assert held["haven"] / given >= 0.93
    assert np.mean(values) == pytest.approx(truth, rel=0.15)


def test_collective_result_is_left_out_with_a_reason_where_it_is_not_known():
    results = [run(trajectory(seed, frames=400)) for seed in range(40)]
    without = [r for r in results if r.status == "converged" and r.collective_conductivity is None]
    assert without
    for result in without:
        assert result.haven_ratio is result.haven_interval is result.collective_interval is None
        assert "not known to 60 %" in result.collective_reason


def test_few_hops_per_ion_are_no_walk():
    """Two hops of 3 Å for each ion are a way that ions in cages may go, too."""
    result = run(trajectory(diffusion=2e-4))
    assert result.independent_hops > 10
    assert result.status == "upper bound only"
    assert "effective hops per ion: so short a way may be one within cages of up to 18 Å²" in result.reason
    assert 0.1 * 2e-4 < result.diffusion_bound < 0.1 * 5e-4


def test_discard_leaves_out_the_start():
    positions = trajectory()
    positions[:300, :14] += 5 * np.sin(np.arange(300) / 300 * np.pi)[:, None, None]
    result = run(positions, discard=6.0)
    assert result.discarded == pytest.approx(6.0)
    assert result.length == pytest.approx(14.0)
    assert result.diffusion == pytest.approx(run(positions[300:]).diffusion)


def test_conductivity_against_length_is_the_evaluation_of_prefixes():
    positions = trajectory(frames=2000, diffusion=4e-3)
    times = TIMESTEP * np.arange(2000)
    results = conductivity_against_length(
        positions,
        CELL,
        times,
        NUMBERS,
        MASSES,
        temperature=500.0,
        reference="framework",
        discard=4.0,
        fractions=(0.1, 0.5, 1.0),
    )
    assert [r.length for r in results] == pytest.approx([3.6, 18.0, 36.0])
    assert results[1].conductivity == pytest.approx(run(positions[:1100], discard=4.0).conductivity)
    assert results[2].to_dict() == run(positions, discard=4.0).to_dict()
    widths = [r.diffusion_interval[1] - r.diffusion_interval[0] for r in results[1:]]
    assert widths[1] < widths[0]
    with pytest.raises(InputError, match="fractions"):
        conductivity_against_length(
            positions, CELL, times, NUMBERS, MASSES, temperature=500.0, fractions=(0.5, 1.5)
        )


def test_lone_species_needs_no_reference():
    lithium = trajectory()[:, :14]
    with pytest.raises(InputError, match="reference='none'"):
        run(lithium, numbers=NUMBERS[:14], masses=MASSES[:14], reference="system")
    assert run(lithium, numbers=NUMBERS[:14], masses=MASSES[:14], reference="none").status == "converged"


def test_wrapped_positions_are_refused():
    wrapped = ((trajectory() @ np.linalg.inv(CELL)) % 1.0) @ CELL
    with pytest.raises(InputError, match="look wrapped"):
        run(wrapped)
    assert run(unwrap(wrapped, CELL)).diffusion == pytest.approx(run(trajectory()).diffusion)


def test_uneven_times_are_refused():
    positions = trajectory(frames=200)
    times = TIMESTEP * np.arange(200)
    times[120:] += 5
    with pytest.raises(InputError, match=r"frame 120: times are not evenly spaced: a step of 25 fs"):
        transport(positions, CELL, times, NUMBERS, MASSES, temperature=300.0)
    with pytest.raises(InputError, match="times must be"):
        transport(positions, CELL, times[:-1], NUMBERS, MASSES, temperature=300.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"charge": 0.0}, "charge not zero"),
        ({"discard": -1.0}, "discard must be"),
        ({"discard": 100.0}, "leaves nothing"),
        ({"discard": 17.0}, "at least 100 frames, found 50"),
        ({"hop_length": 0.0}, "hop length must be positive"),
        ({"species": "Na"}, "no atom of species 'Na'; found Li, P, S"),
        ({"species": "li"}, "Did you mean 'Li'"),
        ({"reference": "lab"}, "reference must be"),
        ({"numbers": NUMBERS[:5]}, "numbers must have the shape"),
        ({"masses": MASSES[:5]}, "masses must be"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        run(trajectory(frames=900), **options)


def test_short_and_broken_trajectories_are_refused():
    for frames, message in ((99, "at least 100 frames, found 99"), (1, "at least two frames, found 1")):
        with pytest.raises(InputError, match=message):
            run(trajectory(frames=frames))
    positions = trajectory(frames=200)
    positions[150, 3] = np.inf
    with pytest.raises(InputError, match="frame 150: the position of atom 3"):
        run(positions)
    with pytest.raises(InputError, match="modes must be"):
        diffusion_coefficient(trajectory(frames=200), TIMESTEP, modes=200)


def test_a_melt_is_no_solid_conductor():
    positions = trajectory(frames=2000)
    rng = np.random.default_rng(21)
    positions[:, 18:] += np.sqrt(2 * 1e-3 * TIMESTEP) * rng.normal(size=(2000, 14, 3)).cumsum(axis=0)
    result = run(positions, reference="system")
    assert result.status == "melt"
    assert result.framework.keys() == {"S"}
    assert result.framework["S"] == pytest.approx(1e-4, rel=0.4)
    assert "the framework diffuses (D(S) = " in result.reason
    assert result.diffusion_interval[0] < result.diffusion < result.diffusion_interval[1]
    assert run(trajectory(frames=2000)).framework == {}


def test_halves_that_exclude_each_other_are_not_one_motion():
    positions = trajectory(frames=4000)
    slow = trajectory(seed=1, frames=4000, diffusion=0.05 * DIFFUSION)
    positions[2000:] = slow[2000:] - slow[1999] + positions[1999]
    result = run(positions)
    assert result.status == "not diffusive"
    assert "two halves of the run exclude each other" in result.reason
    assert result.conductivity is None
    assert result.diffusion_bound > 0.1 * DIFFUSION


def test_a_charge_that_is_not_given_is_the_usual_one_and_said():
    chlorine = np.where(NUMBERS == 3, 17, NUMBERS)
    found = run(trajectory(), numbers=chlorine, species="Cl")
    assert found.charge == -1.0
    assert found.notes[0].startswith("the charge of Cl was taken as -1 e, its usual oxidation state")
    assert run(trajectory()).notes == ()
    noble = np.where(NUMBERS == 3, 18, NUMBERS)
    with pytest.raises(InputError, match=r"formal charge of Ar is not known.*--charge"):
        run(trajectory(), numbers=noble, species="Ar")
    assert run(trajectory(), numbers=noble, species="Ar", charge=0.5).charge == 0.5


def test_atoms_of_one_kind_carry_no_current():
    lithium = trajectory()[:, :14]
    found = run(lithium, numbers=NUMBERS[:14], masses=MASSES[:14], reference="none")
    assert (found.collective_conductivity, found.collective_interval) == (0.0, (0.0, 0.0))
    assert found.haven_ratio is None
    assert "their current is their momentum" in found.collective_reason
