"""Whether a run has the temperature that was asked for, and says so where it has not."""

import json
from dataclasses import replace

import numpy as np
import pytest
from ase import units
from toy_crystals import Springs, crystal

from superion.errors import InputError
from superion.simulation import MDSettings, read_trajectory, run_md, summary_of
from superion.simulation.summary import summarise
from superion.simulation.temperature import judge_temperature


def run(folder, **changes):
    options = {"ensemble": "nve", "temperature": 600, "steps": 4000, "timestep": 2, "seed": 3}
    return run_md(crystal(), Springs(crystal()), MDSettings(**(options | changes)), folder, progress=False)


def test_constant_energy_keeps_half_of_the_temperature_of_a_crystal_at_rest(tmp_path):
    result = run(tmp_path, steps=1500)
    assert result.temperature.status == "off"
    start = read_trajectory(tmp_path).temperature[0]
    assert result.mean_temperature == pytest.approx(start / 2, rel=0.06)  # equipartition
    (warning,) = result.warnings
    assert "600 K were asked for" in warning
    assert "--equilibrate" in warning


def test_equilibration_gives_constant_energy_the_temperature_that_was_asked_for(tmp_path):
    """What the warning advises helps; without the scaling at step 0 it would be off by 600/√93 = 62 K."""
    means = []
    for seed in range(3):
        result = run(tmp_path / str(seed), equilibrate=1200, friction=0.03, seed=seed, steps=800)
        assert result.temperature.status == "as asked"
        assert result.warnings == ()
        means.append(result.mean_temperature)
    assert np.abs(np.array(means) - 600).max() < 60
    production = read_trajectory(tmp_path / "0")
    assert np.ptp(production.conserved) < 0.02 * np.ptp(production.kinetic_energy)
    whole = read_trajectory(tmp_path / "0", equilibration=True)
    second = (whole.steps < 0) & (whole.steps >= -600)
    total = whole.potential_energy + whole.kinetic_energy
    spread = total[second].std()
    assert production.conserved.mean() == pytest.approx(total[second].mean(), abs=0.2 * spread)


def noise(mean, count=400, seed=0, memory=0.8):
    """Correlated temperatures around `mean` (K) with a standard deviation of 20 K."""
    generator = np.random.default_rng(seed)
    values = np.empty(count)
    x = generator.normal()
    for k in range(count):
        values[k] = x
        x = memory * x + np.sqrt(1 - memory**2) * generator.normal()
    return mean + 20 * values


def judged(values, **changes):
    settings = MDSettings(**({"temperature": 300, "steps": 10 * (len(values) - 1)} | changes))
    return judge_temperature(values, 10 * np.arange(len(values)), settings, 93)


def test_judgement_allows_for_the_error_of_the_mean():
    found = [judged(noise(300, seed=seed)) for seed in range(300)]
    assert all(one.status == "as asked" for one in found)
    spread = np.std([one.mean for one in found])
    assert np.median([one.error for one in found]) == pytest.approx(spread, rel=0.15)
    assert all(judged(noise(278, seed=seed)).status == "off" for seed in range(50))
    assert judged(noise(285, count=40)).status == "as asked"  # too short to tell
    assert judged(noise(150, count=11)).status == "off"
    assert judged(noise(300, count=2)).status == "not judged"
    assert judged(noise(300, count=11)).status == "not judged"


def test_judgement_at_constant_energy():
    assert judged(noise(320), ensemble="nve").status == "as asked"  # 300/√93 = 31 K
    assert judged(noise(215), ensemble="nve").status == "off"
    kept = judged(noise(150), ensemble="nve", keep_velocities=True)
    assert kept.status == "not judged"
    assert kept.target is None


def test_ramps_are_judged_against_their_course():
    times = np.linspace(0, 1, 400)
    assert judged(noise(300) + 200 * times, ramp_to=500).status == "as asked"
    assert judged(noise(300), ramp_to=500).status == "off"


def test_ramp(tmp_path):
    settings = {"ensemble": "nvt", "thermostat": "langevin", "friction": 0.05, "temperature": 200}
    settings |= {"equilibrate": 100, "ramp_to": 800}
    result = run(tmp_path, **settings, steps=2000)
    assert result.temperature.status == "as asked"
    assert result.temperature.target == pytest.approx(500)
    assert result.drift is None
    found = read_trajectory(tmp_path)
    tenth = len(found) // 10
    assert found.temperature[:tenth].mean() == pytest.approx(230, rel=0.25)
    assert found.temperature[-tenth:].mean() == pytest.approx(770, rel=0.25)
    with pytest.raises(InputError, match="steps was 2000, now 8000"):
        run_md(
            crystal(),
            Springs(crystal()),
            MDSettings(timestep=2, seed=3, steps=8000, **settings),
            tmp_path,
            resume=True,
            progress=False,
        )


def test_summary_file(tmp_path):
    result = run(tmp_path, ensemble="npt", steps=100, sample_every=5)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["temperature"]["status"] == result.temperature.status
    assert summary["warnings"] == list(result.warnings)
    found = read_trajectory(tmp_path)
    assert summary["volume"] == pytest.approx(np.linalg.det(found.cells).mean())
    assert summary["pressure"] == pytest.approx(found.pressure.mean())
    k = 7
    kinetic = 2 * found.kinetic_energy[k] / 3 / np.linalg.det(found.cells[k])
    moved = crystal()
    moved.set_cell(found.cells[k])
    moved.positions = found.positions[k]
    moved.calc = Springs(crystal())
    tension = moved.get_stress()[:3].mean()
    assert found.pressure[k] == pytest.approx((kinetic - tension) / units.GPa)
    again = run_md(
        crystal(),
        Springs(crystal()),
        MDSettings(ensemble="npt", temperature=600, steps=100, timestep=2, seed=3, sample_every=5),
        tmp_path,
        resume=True,
        progress=False,
    )
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert again.to_dict()["temperature"] == summary["temperature"]


def series(**changes):
    steps = np.arange(0, 1000, 10)
    unknown = np.full(len(steps), np.nan)
    return {
        "step": steps,
        "temperature": noise(300, count=len(steps)),
        "conserved": np.zeros(len(steps)),
        "cell": np.tile(np.eye(3) * 10, (len(steps), 1, 1)),
        "pressure": unknown,
        "energy_deviation": unknown,
        "force_deviation": unknown,
        **changes,
    }


def test_deviations_that_grow_are_flagged():
    seen = np.full(100, np.nan)
    seen[::25] = [0.001, 0.01, 0.03, 0.02]
    settings = MDSettings(temperature=300, steps=990)
    fine = summarise("run", series(energy_deviation=seen, force_deviation=seen), settings, atoms=32)
    assert fine.warnings == ()
    assert fine.force_deviation == 0.03
    left = summarise("run", series(energy_deviation=seen, force_deviation=2 * seen**2), settings, atoms=32)
    (warning,) = left.warnings
    assert "forces grew from 0.0002 to 0.0018 eV/Å" in warning
    still = np.full(100, np.nan)
    still[::25] = [1e-12, 0.01, 0.03, 0.02]  # a crystal at rest, whose forces vanish by symmetry
    assert summarise("run", series(energy_deviation=still, force_deviation=still), settings, atoms=32) == fine


def test_the_summary_of_a_trajectory_is_that_of_its_run(tmp_path):
    result = run(tmp_path, steps=300)
    assert result.temperature.status == "off"
    assert summary_of(read_trajectory(tmp_path), tmp_path).facts() == result.facts()


def test_runs_are_analysed_at_the_temperature_that_they_had(tmp_path):
    missed = run(tmp_path / "missed", steps=300)
    assert read_trajectory(tmp_path / "missed").kelvin == missed.mean_temperature
    bath = {"ensemble": "nvt", "thermostat": "langevin", "friction": 0.05, "steps": 400, "sample_every": 4}
    run(tmp_path / "met", **bath)
    met = read_trajectory(tmp_path / "met")
    assert met.kelvin == 600
    colder = replace(met, temperature=0.6 * met.temperature)
    assert colder.kelvin == pytest.approx(0.6 * met.temperature.mean())
    run(tmp_path / "ramp", ramp_to=900, **bath)
    with pytest.raises(InputError, match="changed from 600 to 900 K"):
        _ = read_trajectory(tmp_path / "ramp").kelvin
