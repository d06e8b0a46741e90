"""Fluctuations, finite fields and constant displacements give the dielectric constant of the lattice."""

from pathlib import Path

import numpy as np
import pytest
from ase import units
from ionic_crystal import BORN, CHARGES, TERMS, Harmonic, crystal, forces, hessian
from scipy.signal import lfilter

from superion.analysis.blocks import jackknife, mean_and_error
from superion.analysis.dielectric import (
    from_displacements,
    from_fields,
    from_fluctuations,
    lattice_dielectric,
    linear_notes,
)
from superion.analysis.equilibration import equilibrated
from superion.electrostatics import UniformField
from superion.electrostatics.polarization import EPSILON_0
from superion.errors import InputError
from superion.potentials import Calculator, Potential
from superion.simulation import MDSettings, read_trajectory, run_md

VOLUME = 5.64**3
Z = BORN.reshape(24, 3)


@pytest.fixture(scope="module")
def exact():
    tensor = lattice_dielectric(hessian(), BORN, VOLUME)
    np.testing.assert_allclose(tensor, tensor[0, 0] * np.eye(3), atol=1e-5)
    return tensor[0, 0]


def samples(matrix, kT, count, seed):
    """Dipoles of the Boltzmann distribution with this Hessian."""
    values, modes = np.linalg.eigh(matrix)
    rng = np.random.default_rng(seed)
    u = rng.normal(size=(count, 21)) * np.sqrt(kT / values[3:]) @ modes[:, 3:].T
    return u @ Z


def test_relaxed_crystal_in_a_field(exact):
    """The ions move until real forces and those of the field balance."""
    assert 2 < exact < 10
    atoms, field = crystal(), np.array([0.0, 0.002, 0.0])
    term, inverse = UniformField(field, CHARGES), np.linalg.pinv(hessian(), rcond=1e-6)
    for _ in range(4):
        pull = forces(atoms) + term.evaluate(atoms).forces
        atoms.positions += (inverse @ pull.ravel()).reshape(-1, 3)
    assert np.abs(pull).max() < 1e-7
    dipole = CHARGES.charges(atoms) @ (atoms.positions - crystal().positions)
    assert 1 + dipole[1] / (EPSILON_0 * VOLUME * 0.002) == pytest.approx(exact, rel=1e-4)
    np.testing.assert_allclose(dipole[[0, 2]], 0, atol=1e-9)


@pytest.mark.parametrize("inner", [1.0, 2.3])
def test_fluctuations_of_the_exact_distribution(exact, inner):
    kT = units.kB * 100
    field = from_fluctuations(samples(hessian(), kT, 8000, 1), VOLUME, 100, epsilon_inf=inner)
    assert field.mean == pytest.approx(exact - 1 + inner, abs=3 * field.mean_error)
    assert field.mean_error < 0.03 * exact
    stiff = hessian() + Z @ Z.T / (EPSILON_0 * VOLUME * inner)
    displaced = from_fluctuations(
        samples(stiff, kT, 8000, 2), VOLUME, 100, epsilon_inf=inner, constant_d=(True, True, True)
    )
    assert displaced.mean == pytest.approx(exact - 1 + inner, abs=3 * displaced.mean_error)
    half = np.diag([1.0, 0, 0])
    mixed = hessian() + Z @ half @ Z.T / (EPSILON_0 * VOLUME * inner)
    both = from_fluctuations(
        samples(mixed, kT, 8000, 3), VOLUME, 100, epsilon_inf=inner, constant_d=(True, False, False)
    )
    assert both.tensor[0, 0] == pytest.approx(exact - 1 + inner, abs=3 * both.error[0, 0])
    assert both.tensor[1, 1] == pytest.approx(exact - 1 + inner, abs=3 * both.error[1, 1])
    assert not field.notes + displaced.notes


def test_error_bars_cover_the_truth(exact):
    """In about two of three repetitions it is within one standard error."""
    off = []
    for seed in range(40):
        found = from_fluctuations(samples(hessian(), units.kB * 100, 500, seed), VOLUME, 100)
        off.append((found.mean - exact) / found.mean_error)
    assert 0.7 < np.std(off) < 1.5
    assert np.abs(np.mean(off)) < 0.6


def dynamics(folder, calculator=None, *, steps, temperature=20, **electric):
    settings = MDSettings(
        thermostat="langevin",
        friction=0.02,
        temperature=temperature,
        timestep=5,
        steps=steps,
        equilibrate=500,
        sample_every=5,
        chunk_frames=5000,
        electric=electric,
    )
    start = crystal()
    start.rattle(0.001, seed=0)
    run_md(start, calculator or Harmonic(), settings, folder, progress=False, charges=CHARGES)
    found = read_trajectory(folder)
    assert found.positions.shape[1:] == (8, 3)
    return found


def test_dynamics_by_three_ways(tmp_path, exact):
    """Constant E and constant D, fluctuations and finite fields agree with the lattice."""
    still = dynamics(tmp_path / "still", steps=20000)
    found = from_fluctuations(still.tracked_dipole, VOLUME, 20)
    assert found.mean == pytest.approx(exact, abs=3 * found.mean_error)
    assert found.mean_error < 0.05 * exact

    fields = np.array([[0, 0, 0.05], [0, 0, -0.05]])
    runs = [dynamics(tmp_path / f"e{k}", steps=1500, field=e) for k, e in enumerate(fields.tolist())]
    value, error = from_fields(fields, [run.tracked_dipole for run in runs], VOLUME)
    assert value == pytest.approx(exact, abs=4 * error)
    assert error < 0.03 * exact

    vacuum = np.array([[0, 0, 0.2], [0, 0, -0.2]])
    runs = [
        dynamics(tmp_path / f"d{k}", steps=1500, displacement=d, start_dipole=(0, 0, 0))
        for k, d in enumerate(vacuum.tolist())
    ]
    value, error = from_displacements(vacuum, [run.electric_field for run in runs])
    assert value == pytest.approx(exact, abs=4 * error)
    assert error < 0.03 * exact
    # D, E and P of the means belong together
    for d, run in zip(vacuum, runs, strict=True):
        inside = run.electric_field.mean(axis=0) + run.tracked_dipole.mean(axis=0) / (EPSILON_0 * VOLUME)
        np.testing.assert_allclose(inside, d, atol=1e-12)


@pytest.mark.physics
def test_anharmonic_dynamics_at_low_temperature(tmp_path, exact):
    calculator = Calculator(Potential(TERMS))
    still = dynamics(tmp_path / "still", calculator, steps=8000, temperature=10)
    found = from_fluctuations(still.tracked_dipole, VOLUME, 10)
    assert found.mean == pytest.approx(exact, abs=3 * found.mean_error)
    closed = dynamics(
        tmp_path / "closed", calculator, steps=8000, temperature=10, displacement=(0.0, 0.0, 0.0)
    )
    other = from_fluctuations(closed.tracked_dipole, VOLUME, 10, constant_d=(True, True, True))
    assert other.mean == pytest.approx(exact, abs=3 * other.mean_error)


def relaxing(count, amplitude, frames, seed, memory=1.0):
    """Dipoles of unit variance that remember `memory` frames, after a field was switched on along z."""
    rng, a = np.random.default_rng(seed), np.exp(-1 / memory)
    noise = rng.normal(size=(count + 50 * int(memory), 3))
    series = lfilter([np.sqrt(1 - a * a)], [1, -a], noise, axis=0)[-count:]
    series[:, 2] += amplitude * (1 - np.exp(-np.arange(count) / frames))
    return series


@pytest.mark.parametrize(
    ("amplitude", "frames", "memory"), [(3, 200, 10), (5, 100, 10), (2, 300, 3), (3, 50, 1), (5, 800, 10)]
)
def test_a_transient_is_no_fluctuation(amplitude, frames, memory):
    """Known variance: 1.1 to 2.6 times too large as given, right within errors after the start."""
    volume, right = 1 / (units.kB * 300 * EPSILON_0 * 0.9), 1.9
    off, naive = [], []
    for seed in range(15):
        dipoles = relaxing(2000, amplitude, frames, seed, memory)
        found = from_fluctuations(dipoles, volume, 300)
        if found.status == "stationary":
            off.append((found.tensor[2, 2] - right) / found.error[2, 2])
            assert 0 < found.start < 1600
        whole = from_fluctuations(dipoles, volume, 300, start=0)
        naive.append((whole.tensor[2, 2] - right) / whole.error[2, 2])
        assert whole.start == 0
    assert len(off) >= 12
    assert np.mean(np.abs(off) < 2) > 0.8
    assert np.mean(off) < 1
    assert np.mean(naive) > 0.7


def switched_on():
    """Dipole (1601, 3) e·Å every 10 fs of gamma-Li3PS4 after a field was switched on, and the volume.

    Own dynamics with the ES-GAP of examples/li7p3s11.yaml: 2x2x2 cells of 16 atoms as arranged, 0.2 V/Å
    along z, 300 K, Nose-Hoover, steps of 2 fs. 30 ps of 16 atoms with a Langevin thermostat in 0.1 V/Å give
    1.751 ± 0.014; the relaxed lattice has 1.739 (xx 1.790, yy 1.735, zz 1.692).
    """
    kept = np.load(Path(__file__).with_name("field_switched_on.npz"))
    return kept["dipole"], float(kept["volume"])


def test_a_crystal_swings_when_a_field_is_switched_on():
    """2.5 after 5 ps and 2.0 after 16 ps as given, with narrow error bars; right is 1.75."""
    dipoles, volume = switched_on()
    short, whole = (from_fluctuations(dipoles[:end], volume, 300, start=0) for end in (500, None))
    assert short.mean == pytest.approx(2.54, abs=0.01)
    assert whole.mean == pytest.approx(1.99, abs=0.01)
    assert whole.tensor[2, 2] > 2.5
    assert short.status == whole.status == "not stationary"
    assert "its swings at the start take 50 % of the run to die away" in short.notes[0]
    found = from_fluctuations(dipoles, volume, 300)
    assert (found.status, found.notes) == ("stationary", ())
    assert 300 < found.start < 800
    assert found.mean == pytest.approx(1.75, abs=2 * found.mean_error)
    assert found.mean_error < 0.04
    assert found.tensor[2, 2] == pytest.approx(1.75, abs=2 * found.error[2, 2])
    # too short a run is not believed, and nearer to the truth than the whole of it
    early = from_fluctuations(dipoles[:500], volume, 300)
    assert early.status == "not stationary"
    assert 1.75 < early.mean < 2.2


def swinging(count, amplitude, memory, seed):
    """Damped vibrations of unit variance that a field along z, switched on, has set swinging."""
    rng, pole = np.random.default_rng(seed), np.exp(-1 / memory + 0.7j)
    line = [1, -2 * pole.real, abs(pole) ** 2]
    series = lfilter([1], line, rng.normal(size=(count + 10 * memory, 3)), axis=0)[-count:]
    series /= np.linalg.norm(lfilter([1], line, np.eye(1, 20 * memory)[0]))
    time = np.arange(count)
    series[:, 2] += amplitude * (1 - np.cos(0.7 * time) * np.exp(-time / memory))
    return series


@pytest.mark.parametrize(("count", "memory"), [(2000, 10), (2000, 40), (2000, 100), (400, 10)])
def test_swings_that_die_away_are_left_out(count, memory):
    """Those of ten standard deviations; without them hardly anything is, and no bias is left."""
    loud, still, kept, naive = [], [], [], []
    for seed in range(30):
        series = swinging(count, 10, memory, seed)
        found = equilibrated(series)
        loud.append(found.start > 0 or found.status != "stationary")
        kept.append(series[found.start :, 2].var())
        naive.append(series[:, 2].var())
        still.append(equilibrated(swinging(count, 0, memory, seed)).start > 0)
    assert np.mean(loud) > 0.9
    assert np.mean(still) < 0.15
    assert np.mean(naive) > 1.1
    assert np.mean(kept) == pytest.approx(1.0, abs=max(0.06, 3 * np.std(kept) / np.sqrt(30)))


def test_a_stationary_run_is_kept_whole():
    found = [from_fluctuations(relaxing(2000, 0, 1, seed, 5), 100.0, 300) for seed in range(30)]
    assert {one.status for one in found} == {"stationary"}
    assert np.mean([one.start == 0 for one in found]) > 0.9
    assert np.mean([one.samples for one in found]) == pytest.approx(200, rel=0.2)


def test_vibrations_that_are_hardly_damped_are_stationary():
    """Their amplitude wanders slowly, while the correlation changes its sign with every swing."""
    states = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        pole = np.exp(-1 / 60) * np.cos(0.7)
        drive = rng.normal(size=(3400, 3))
        series = lfilter([1], [1, -2 * pole, np.exp(-2 / 60)], drive, axis=0)[400:]
        states.append(from_fluctuations(series, 100.0, 300).status)
    assert states.count("stationary") >= 27


def test_halves_that_differ_are_not_stationary():
    """Another state half way: no start mends it, for the later state is not the run's."""
    dipoles = relaxing(2000, 0, 1, 0, 5)
    dipoles[1000:] *= 3
    found = from_fluctuations(dipoles, 100.0, 300, start=0)
    assert found.status == "not stationary"
    assert "NOT STATIONARY: its variance in the first half differs" in found.notes[0]
    drifting = from_fluctuations(relaxing(400, 20, 2000, 1, 1), 100.0, 300)
    assert drifting.status != "stationary"
    assert drifting.notes


def test_means_off_the_line_are_said():
    fields = np.array([[0, 0, e] for e in (-0.2, -0.1, 0.1, 0.2)])
    rng = np.random.default_rng(0)
    straight = [10 * field + rng.normal(size=(500, 3)) for field in fields]
    assert linear_notes(fields, straight) == []
    bent = [run + 100 * field**2 for run, field in zip(straight, fields, strict=True)]
    assert "do not lie on a line" in linear_notes(fields, bent)[0]
    slow = [np.cumsum(run, axis=0) for run in straight]
    assert "remembers longer" in linear_notes(fields, slow)[0]


def test_what_wanders_is_said():
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=(2000, 3)), axis=0)
    found = from_fluctuations(walk, 100.0, 300)
    assert found.status != "stationary"
    assert any("wanders away" in note for note in found.notes)
    assert any("longer than a block" in note for note in from_fluctuations(walk, 100.0, 300, start=0).notes)


def test_soft_crystal_is_refused():
    with pytest.raises(InputError, match="no minimum"):
        lattice_dielectric(-hessian(), BORN, VOLUME)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: from_fluctuations(d[:50], 1.0, 300), "at least 2 blocks of 10 frames"),
        (lambda d: from_fluctuations(d[:, :2], 1.0, 300), r"shape \(frames, 3\)"),
        (lambda d: from_fluctuations(d, -1.0, 300), "volume must be a positive number"),
        (lambda d: from_fluctuations(d * [1, 0, 0], 1.0, 300, constant_d=(1, 1, 1)), "nothing to invert"),
        (lambda d: from_fields([[0, 0, 1]], [d], 1.0), "at least 2 runs"),
        (lambda d: from_fields([[0, 0, 1], [0, 0, 1]], [d, d], 1.0), "are the same"),
        (lambda d: from_fields(np.eye(3), [d, d, d], 1.0), "more than one direction"),
        (lambda d: from_displacements([[0, 0, 1], [0, 0, 2]], [d]), "expected 2 runs, found 1"),
        (lambda d: from_fluctuations(d * np.nan, 1.0, 300), "not finite"),
        (lambda d: lattice_dielectric(np.eye(3), BORN, 1.0), "Hessian of 8 atoms is 24 x 24"),
    ],
)
def test_refused(call, message):
    with pytest.raises(InputError, match=message):
        call(np.random.default_rng(0).normal(size=(200, 3)))


def test_blocks_of_independent_numbers():
    series = np.random.default_rng(3).normal(size=(20000, 2))
    mean, error = mean_and_error(series, 50)
    np.testing.assert_allclose(error, 1 / np.sqrt(20000), rtol=0.3)
    assert np.abs(mean).max() < 4 / np.sqrt(20000)
    _, _, together = jackknife(series, lambda part: part.var(axis=0), 50)
    assert abs(together) < 0.3
