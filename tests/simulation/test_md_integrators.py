"""The integrators against ASE's own, against orders of accuracy and against exact averages."""

import numpy as np
import pytest
from ase import units
from ase.md.langevinbaoab import LangevinBAOAB
from ase.md.nose_hoover_chain import IsotropicMTKNPT, NoseHooverChainNVT
from ase.md.verlet import VelocityVerlet as AseVerlet
from toy_crystals import Springs, crystal

from superion.simulation.chain import Chain
from superion.simulation.force import ForceField
from superion.simulation.integrators import (
    Langevin,
    MartynaTobiasKlein,
    NoseHoover,
    VelocityVerlet,
    build,
    twice_kinetic,
)
from superion.simulation.settings import MDSettings
from superion.simulation.state import initial_state

FS = units.fs
KT = units.kB * 400
STEPS = 60


def start(atoms, calculator, seed=3, temperature=400):
    field = ForceField(atoms, calculator, (), stress=True)
    state = initial_state(atoms, temperature=temperature, seed=seed, step=0, keep=False)
    field(state)
    return state, field


class DriftFreeNoise(np.random.Generator):
    """The noise of `default_rng(5)` with its mean over the atoms removed."""

    def normal(self, size=None, **kwargs):
        noise = self.standard_normal(size)
        return noise - noise.mean(axis=0)


def ase_twin(kind, atoms):
    """ASE's integrator with 3N degrees of freedom, and ours with the same number."""
    n, dt = len(atoms), 2 * FS
    masses = atoms.get_masses()[:, None]
    chain = Chain(3 * n, KT, 50 * FS)
    if kind == "nve":
        return AseVerlet(atoms, timestep=dt), VelocityVerlet(dt, masses)
    if kind == "langevin":
        theirs = LangevinBAOAB(
            atoms, dt, temperature_K=400, T_tau=100 * FS, rng=DriftFreeNoise(np.random.PCG64(5))
        )
        return theirs, Langevin(dt, masses, KT, 0.01 / FS)
    if kind == "nose-hoover":
        return NoseHooverChainNVT(atoms, dt, temperature_K=400, tdamp=50 * FS), NoseHoover(dt, masses, chain)
    theirs = IsotropicMTKNPT(
        atoms, dt, temperature_K=400, pressure_au=2 * units.GPa, tdamp=50 * FS, pdamp=200 * FS
    )
    # ASE gives the first thermostat of the cell 9 times the mass that one degree of freedom calls for.
    theirs._barostat._R[0] /= 9
    ours = MartynaTobiasKlein(
        dt, masses, chain, Chain(1, KT, 200 * FS), 2 * units.GPa, (3 * n + 3) * KT * (200 * FS) ** 2
    )
    return theirs, ours


@pytest.mark.parametrize("kind", ["nve", "langevin", "nose-hoover", "npt"])
def test_trajectory_is_that_of_ase(kind):
    atoms = crystal()
    state, field = start(atoms, Springs(atoms))
    state.generator = np.random.Generator(np.random.PCG64(5))
    atoms.set_momenta(state.momenta)
    atoms.calc = Springs(atoms)
    theirs, ours = ase_twin(kind, atoms)
    theirs.run(STEPS)
    first = ours.conserved(state)
    for _ in range(STEPS):
        ours.step(state, field)
    moved = np.abs(state.positions - crystal().positions).max()
    assert moved > 0.1
    assert np.allclose(state.positions, atoms.positions, rtol=0, atol=1e-10)
    assert np.allclose(state.momenta, atoms.get_momenta(), rtol=0, atol=1e-9)
    assert np.allclose(state.cell, atoms.cell.array, rtol=0, atol=1e-10)
    if kind in ("nose-hoover", "npt"):
        assert ours.conserved(state) == pytest.approx(theirs.get_conserved_energy(), abs=1e-9)
    if kind == "npt":
        assert abs(state.cell[0, 0] - crystal().cell[0, 0]) > 1e-3
    assert ours.conserved(state) == pytest.approx(first, abs=0.02)


@pytest.mark.parametrize(
    ("ensemble", "thermostat"), [("nve", "nose-hoover"), ("nvt", "nose-hoover"), ("npt", "nose-hoover")]
)
def test_error_of_the_conserved_quantity_is_second_order(ensemble, thermostat):
    spread = []
    for timestep in (4.0, 2.0):
        atoms = crystal()
        state, field = start(atoms, Springs(atoms), temperature=600)
        settings = MDSettings(
            ensemble=ensemble, thermostat=thermostat, temperature=600, timestep=timestep, steps=10
        )
        integrator = build(settings, atoms.get_masses()[:, None])
        conserved = []
        for _ in range(round(1200 / timestep)):
            integrator.step(state, field)
            conserved.append(integrator.conserved(state))
        spread.append(np.std(conserved))
    assert spread[0] / spread[1] == pytest.approx(4, rel=0.15)


def test_verlet_runs_backwards():
    atoms = crystal()
    state, field = start(atoms, Springs(atoms))
    integrator = VelocityVerlet(2 * FS, atoms.get_masses()[:, None])
    for _ in range(100):
        integrator.step(state, field)
    state.momenta *= -1
    for _ in range(100):
        integrator.step(state, field)
    assert np.allclose(state.positions, atoms.positions, rtol=0, atol=1e-11)


def canonical_averages(thermostat, bonds, steps):
    atoms = crystal()
    state, field = start(atoms, Springs(atoms, bonds=bonds))
    settings = MDSettings(
        ensemble="nvt",
        thermostat=thermostat,
        temperature=400,
        timestep=3.0,
        steps=10,
        **({"friction": 0.03} if thermostat == "langevin" else {"thermostat_time": 30.0}),
    )
    masses = atoms.get_masses()[:, None]
    integrator = build(settings, masses)
    kinetic, potential = [], []
    for step in range(steps):
        integrator.step(state, field)
        if step > steps // 10:
            kinetic.append(0.5 * twice_kinetic(state, masses))
            potential.append(state.energy)
    return 3 * len(atoms) - 3, np.array(kinetic) / KT, np.array(potential) / KT


@pytest.mark.parametrize(("thermostat", "bonds"), [("langevin", False), ("nose-hoover", True)])
def test_canonical_kinetic_energy(thermostat, bonds):
    """K of f degrees of freedom has mean f/2 kT and variance f/2 (kT)² in the canonical ensemble."""
    degrees, kinetic, potential = canonical_averages(thermostat, bonds, 25_000)
    assert kinetic.mean() == pytest.approx(degrees / 2, rel=0.02)
    assert kinetic.var() == pytest.approx(degrees / 2, rel=0.25)
    if thermostat == "langevin":  # equipartition holds for the quadratic energy too
        assert potential.mean() == pytest.approx(degrees / 2, rel=0.03)
        assert potential.var() == pytest.approx(degrees / 2, rel=0.25)


def test_langevin_noise_leaves_the_centre_of_mass_at_rest():
    atoms = crystal()
    atoms.symbols[::2] = "Li"
    state, field = start(atoms, Springs(atoms))
    masses = atoms.get_masses()[:, None]
    centre = atoms.get_center_of_mass()
    integrator = Langevin(2 * FS, masses, KT, 0.05 / FS)
    for _ in range(200):
        integrator.step(state, field)
    assert np.abs(state.momenta.sum(axis=0)).max() < 1e-10
    assert np.allclose((masses * state.positions).sum(axis=0) / masses.sum(), centre, rtol=0, atol=1e-10)


def test_mean_pressure_of_the_constant_pressure_ensemble():
    """⟨(P − P_ext) V⟩ = −kT, G. J. Martyna, D. J. Tobias, M. L. Klein, J. Chem. Phys. 101, 4177 (1994)."""
    atoms = crystal()
    atoms.set_cell(atoms.cell * 1.02, scale_atoms=True)
    state, field = start(atoms, Springs(crystal()))
    settings = MDSettings(
        ensemble="npt",
        temperature=400,
        pressure=2.0,
        timestep=3.0,
        steps=10,
        thermostat_time=60.0,
        barostat_time=200.0,
    )
    masses = atoms.get_masses()[:, None]
    integrator = build(settings, masses)
    work, volume, kinetic = [], [], []
    for step in range(12_000):
        integrator.step(state, field)
        if step > 2000:
            twice = twice_kinetic(state, masses)
            pressure = twice / 3 / state.volume - state.stress[:3].sum() / 3
            work.append((pressure - 2.0 * units.GPa) * state.volume / KT)
            volume.append(state.volume)
            kinetic.append(0.5 * twice / KT)
    assert np.mean(work) == pytest.approx(-1, abs=0.5)
    assert np.std(work) > 5  # so that the mean is no accident
    assert np.mean(kinetic) == pytest.approx((3 * len(atoms) - 3) / 2, rel=0.03)
    assert np.mean(volume) < 0.99 * crystal().get_volume()  # 2 GPa compress the crystal
