"""Lines lie where vibrations are, and their integrated intensity is that of the double-harmonic formula."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes

from superion.analysis.infrared import KM_PER_MOL, PER_CM, current_of, infrared
from superion.electrostatics import FixedCharges
from superion.errors import InputError
from superion.simulation import MDSettings, read_trajectory, run_md

CHARGES = FixedCharges({"Na": 0.6, "Cl": -0.6})
SPRING, BOND = 8.0, 2.4
REDUCED = 22.98976928 * 35.45 / (22.98976928 + 35.45)


def harmonic_intensity(charge, mass):
    """km/mol: N_A/(12 ε₀c²) (∂μ/∂Q)², in SI units."""
    slope = (charge * units._e) ** 2 / (mass * units._amu)
    return units._Nav * slope / (12 * units._eps0 * units._c**2) * 1e-3


def test_units():
    """1 (debye/Å)²/amu is 42.256 km/mol; 1 THz is 33.356 cm⁻¹."""
    assert harmonic_intensity(1 / 4.80320471, 1.0) == pytest.approx(42.256, rel=1e-4)
    assert pytest.approx(PER_CM * 1e-3) == 33.35641
    assert pytest.approx(KM_PER_MOL) == 602.214


def oscillators(seed, frames=6000, timestep=2.0, kelvin=300.0, wavenumber=400.0, modes=200):
    """Current of many independent harmonic modes in thermal equilibrium, charge 0.6 e and mass `REDUCED`."""
    rng = np.random.default_rng(seed)
    omega = 2 * np.pi * wavenumber / PER_CM
    speed = np.sqrt(units.kB * kelvin / REDUCED) * units.fs
    amplitude = speed * rng.normal(size=(2, modes))
    axes = rng.normal(size=(modes, 3))
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    t = timestep * np.arange(frames)[:, None]
    velocity = amplitude[0] * np.cos(omega * t) + amplitude[1] * np.sin(omega * t)
    return 0.6 * velocity @ axes


def test_thermal_oscillators():
    exact = 200 * harmonic_intensity(0.6, REDUCED)
    found = []
    for seed in range(12):
        spectrum = infrared(oscillators(seed), 2.0, 300.0, resolution=20.0)
        peak = spectrum.wavenumber[spectrum.absorption.argmax()]
        assert peak == pytest.approx(400, abs=spectrum.resolution)
        found.append(spectrum.intensity(300, 500)[0])
        assert spectrum.intensity(600, 3000)[0] < 1e-3 * found[-1]
    assert np.mean(found) == pytest.approx(exact, rel=0.06)
    assert spectrum.resolution == pytest.approx(20, rel=0.01)


def test_conductivity_is_the_absorption():
    """n·α = σ/(ε₀c), in SI units."""
    spectrum = infrared(oscillators(0), 2.0, 300.0, resolution=20)
    volume = 500.0
    coefficient = spectrum.absorption / volume * 1e10  # 1/m
    conductivity = coefficient * units._eps0 * units._c * 1e-2  # S/cm
    np.testing.assert_allclose(spectrum.conductivity(volume), conductivity, rtol=1e-8)


def test_differences_lose_nothing():
    current = oscillators(1, frames=24000, timestep=0.5)
    path = np.vstack([np.zeros(3), np.cumsum(0.5 * (current[1:] + current[:-1]), axis=0) * 0.5])[::16]
    exact = infrared(current[::16], 8.0, 300.0, resolution=20)
    found = infrared(np.diff(path, axis=0) / 8.0, 8.0, 300.0, resolution=20, differences=True)
    assert found.intensity(300, 500)[0] == pytest.approx(exact.intensity(300, 500)[0], rel=0.01)
    lossy = infrared(np.diff(path, axis=0) / 8.0, 8.0, 300.0, resolution=20)
    assert lossy.intensity(300, 500)[0] < 0.98 * exact.intensity(300, 500)[0]


def test_error_bars_cover_the_truth():
    """White noise has a flat spectrum of known height."""
    off = []
    for seed in range(30):
        noise = np.random.default_rng(seed).normal(size=(4000, 3))
        spectrum = infrared(noise, 2.0, 300.0, resolution=100.0)
        height = 3 * 2.0 / (6 * 1 / (4 * np.pi * 14.399645) * 2997.92458 * units.kB * 300)
        off.append((spectrum.absorption[2:-2] - height) / spectrum.error[2:-2])
    assert 0.85 < np.std(off) < 1.3
    assert np.abs(np.mean(off)) < 0.3
    one = infrared(np.random.default_rng(0).normal(size=(4000, 3)), 2.0, 300.0, resolution=100.0)
    assert one.intensity(0, 1000)[1] < 0.5 * one.intensity(0, 1000)[0]


class Molecules(Calculator):
    """Pairs of atoms joined by springs, that do not feel each other."""

    implemented_properties = ("energy", "forces")

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        d = atoms.positions[1::2] - atoms.positions[::2]
        r = np.linalg.norm(d, axis=1)
        pull = (SPRING * (r - BOND) / r)[:, None] * d
        forces = np.empty((len(atoms), 3))
        forces[::2], forces[1::2] = pull, -pull
        self.results = {"energy": 0.5 * SPRING * float(((r - BOND) ** 2).sum()), "forces": forces}


def test_diatomic_molecules(tmp_path):
    """From the run to the spectrum: the vibration lies at √(k/m), and its intensity is the known one."""
    count = 60
    rng = np.random.default_rng(4)
    axes = rng.normal(size=(count, 3))
    axes *= BOND / np.linalg.norm(axes, axis=1)[:, None]
    corners = 20.0 * np.argwhere(np.ones((4, 4, 4)))[:count]
    positions = np.stack([corners, corners + axes], axis=1).reshape(-1, 3)
    atoms = Atoms("NaCl" * count, positions)
    atoms.set_masses([22.98976928, 35.45] * count)
    settings = MDSettings(
        thermostat="langevin", friction=0.002, temperature=200, timestep=2, steps=24000, equilibrate=2000,
        sample_every=8, record=["velocities"], min_distance=None, chunk_frames=5000,
    )  # fmt: skip
    run_md(atoms, Molecules(), settings, tmp_path, progress=False)
    trajectory = read_trajectory(tmp_path)
    current, differences = current_of(trajectory, CHARGES)
    assert not differences
    spectrum = infrared(current, 16.0, 200.0, resolution=15)
    exact = np.sqrt(SPRING / REDUCED) * units.fs / (2 * np.pi) * PER_CM
    near = spectrum.wavenumber > 150
    assert spectrum.wavenumber[near][spectrum.absorption[near].argmax()] == pytest.approx(exact, abs=15)
    value, error = spectrum.intensity(exact - 120, exact + 120)
    known = count * harmonic_intensity(0.6, REDUCED)
    assert value == pytest.approx(known, abs=3 * error)
    assert error < 0.1 * known


def test_positions_alone_give_the_same(tmp_path):
    atoms = Atoms("NaCl", [[0, 0, 0], [0, 0, BOND + 0.1]])
    settings = MDSettings(
        ensemble="nve", temperature=100, timestep=1, steps=8000, sample_every=4, record=["velocities"],
        chunk_frames=5000,
    )  # fmt: skip
    run_md(atoms, Molecules(), settings, tmp_path, progress=False)
    trajectory = read_trajectory(tmp_path)
    by_velocity = infrared(current_of(trajectory, CHARGES)[0], 4.0, 100.0, resolution=40)
    current, differences = current_of(replace(trajectory, velocities=None), CHARGES, scale=2.0)
    assert differences
    by_position = infrared(current, 4.0, 100.0, resolution=40, differences=True)
    one, four = by_velocity.intensity(100, 600)[0], by_position.intensity(100, 600)[0]
    assert four == pytest.approx(4 * one, rel=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda j: infrared(j, 2.0, 300.0, resolution=0.1), "segments of 24.* frames"),
        (lambda j: infrared(j, 2.0, 300.0, resolution=1e5), "at least 8 frames are needed"),
        (lambda j: infrared(j[:, :2], 2.0, 300.0), r"shape \(frames, 3\)"),
        (lambda j: infrared(j * np.inf, 2.0, 300.0), "must be finite"),
        (lambda j: infrared(j, 2.0, 0.0), "must be positive"),
    ],
)
def test_refused(call, message):
    with pytest.raises(InputError, match=message):
        call(np.ones((5000, 3)))


def test_what_speaks_against_a_spectrum_is_said():
    """Vibrations faster than the frames are folded back; a line that grows is no average."""
    rng = np.random.default_rng(0)
    time = np.arange(8000)
    line = np.cos(0.3 * time)[:, None] * [1, 0, 0] + 1e-3 * rng.normal(size=(8000, 3))
    assert infrared(line, 1.0, 300, resolution=100).notes() == []
    fast = line + 0.5 * np.cos(3.05 * time)[:, None]
    (note,) = infrared(fast, 1.0, 300, resolution=100).notes()
    assert "the absorption does not end" in note
    noisy = np.where(time < 4000, 1.0, 3.0)[:, None] * rng.normal(size=(8000, 3))
    noisy = np.apply_along_axis(lambda x: np.convolve(x, np.hanning(15), "same"), 0, noisy)
    (note,) = infrared(noisy, 1.0, 300, resolution=100).notes()
    assert note.startswith("NOT STATIONARY")
