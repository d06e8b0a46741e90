"""Cells that change their shape: against ASE, against exact averages, against elastic constants."""

from dataclasses import fields

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.md.nose_hoover_chain import MTKNPT, MaskedMTKNPT
from toy_crystals import BOND, SPRING, Springs, crystal

from superion.errors import InputError
from superion.simulation import MDSettings, read_trajectory, run_md
from superion.simulation.chain import Chain
from superion.simulation.flexible import FlexibleCell, axes_of
from superion.simulation.force import ForceField
from superion.simulation.integrators import build
from superion.simulation.state import initial_state

FS = units.fs
KT = units.kB * 400
DT, TIME = 2 * FS, 200 * FS
PRESSURE = 2 * units.GPa


def turned():
    """A crystal whose edges lie along no axis."""
    atoms = crystal()
    atoms.rotate(37, (1, 2, 3), rotate_cell=True)
    return atoms


def ase_twin(kind, atoms):
    """ASE's integrator and ours with the same 3N degrees of freedom."""
    n, masses = len(atoms), atoms.get_masses()[:, None]
    options = {"temperature_K": 400, "pressure_au": PRESSURE, "tdamp": 50 * FS, "pdamp": TIME}
    if kind == "anisotropic":
        theirs = MaskedMTKNPT(atoms, DT, mask=(True, True, True), **options)
        axes, degrees = axes_of(atoms.cell.array), 3
    else:
        theirs = MTKNPT(atoms, DT, **options)
        axes, degrees = None, 6
        # a strain rate that stays symmetric has 6 degrees of freedom, where ASE counts 9
        theirs._barostat._cell_dof = 6
        theirs._barostat._R[0] = 6 * KT * TIME**2
    ours = FlexibleCell(
        DT,
        masses,
        Chain(3 * n, KT, 50 * FS),
        Chain(degrees, KT, TIME),
        PRESSURE,
        (n + 1) * KT * TIME**2,
        axes,
    )
    return theirs, ours


@pytest.mark.parametrize("kind", ["anisotropic", "flexible"])
def test_trajectory_is_that_of_ase(kind):
    atoms = turned()
    before = atoms.cell.copy()
    field = ForceField(atoms, Springs(atoms), (), stress=True)
    state = initial_state(atoms, temperature=400, seed=3, step=0, keep=False)
    field(state)
    atoms.set_momenta(state.momenta)
    atoms.calc = Springs(atoms)
    theirs, ours = ase_twin(kind, atoms)
    theirs.run(60)
    first = ours.conserved(state)
    for _ in range(60):
        ours.step(state, field)
    assert np.allclose(state.cell, atoms.cell.array, rtol=0, atol=1e-9)
    assert np.allclose(state.positions, atoms.positions, rtol=0, atol=1e-8)
    assert np.allclose(state.momenta, atoms.get_momenta(), rtol=0, atol=1e-8)
    assert ours.conserved(state) == pytest.approx(theirs.get_conserved_energy(), abs=1e-7)
    assert ours.conserved(state) == pytest.approx(first, abs=0.02)
    changed = np.ptp(atoms.cell.lengths() / before.lengths())
    assert changed > 1e-4
    bent = np.abs(atoms.cell.angles() - 90).max()
    assert bent > 0.01 if kind == "flexible" else bent < 1e-8


@pytest.mark.parametrize("kind", ["anisotropic", "flexible"])
def test_error_of_the_conserved_quantity_is_second_order(kind):
    spread = []
    for timestep in (4.0, 2.0):
        atoms = crystal()
        settings = MDSettings(ensemble="npt", barostat=kind, temperature=600, timestep=timestep, steps=10)
        field = ForceField(atoms, Springs(atoms), (), stress=True)
        state = initial_state(atoms, temperature=600, seed=3, step=0, keep=False)
        field(state)
        integrator = build(settings, atoms.get_masses()[:, None], cell=atoms.cell.array)
        conserved = []
        for _ in range(round(1000 / timestep)):
            integrator.step(state, field)
            conserved.append(integrator.conserved(state))
        spread.append(np.std(conserved))
    assert spread[0] / spread[1] == pytest.approx(4, rel=0.15)


def test_fluctuations_are_those_of_the_elastic_constants():
    """⟨εε⟩ = kT/V · S with C₁₁ = 2k/a, C₁₂ = C₄₄ = k/a for springs k between neighbours of an fcc lattice.

    M. Parrinello, A. Rahman, J. Chem. Phys. 76, 2662 (1982). And ⟨(P − P₀)V⟩ = −kT for each diagonal element
    of the pressure, 0 for the others: the theorem for one volume (Martyna et al. 1994), for each strain.
    """
    kelvin = 400.0
    thermal = units.kB * kelvin
    atoms = crystal()
    settings = MDSettings(
        ensemble="npt",
        barostat="flexible",
        temperature=kelvin,
        timestep=4.0,
        steps=10,
        thermostat_time=60.0,
        barostat_time=400.0,
    )
    masses = atoms.get_masses()[:, None]
    field = ForceField(atoms, Springs(atoms), (), stress=True)
    state = initial_state(atoms, temperature=2 * kelvin, seed=3, step=0, keep=False)
    field(state)
    integrator = build(settings, masses, cell=atoms.cell.array)
    metric, work, kinetic_of_cell = [], [], []
    for step in range(8000):
        integrator.step(state, field)
        if step > 1000:
            metric.append(state.cell @ state.cell.T)
            kinetic_of_cell.append(integrator.inertia * (state.strain_rates**2).sum() / thermal)
            xx, yy, zz, yz, xz, xy = -state.stress * state.volume
            kinetic = state.momenta.T @ (state.momenta / masses)
            work.append(kinetic + np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    assert np.mean(kinetic_of_cell) == pytest.approx(6, rel=0.1)  # degrees of freedom
    assert np.allclose(np.mean(work, axis=0) / thermal, -np.eye(3), atol=1.0)
    assert np.std(work, axis=0).min() > 3 * thermal  # so that the mean is no accident
    metric = np.array(metric)
    edge = np.sqrt(np.einsum("fii->fi", metric)).mean()
    strain = 0.5 * (metric / edge**2 - np.eye(3))
    unit = SPRING / (BOND * np.sqrt(2)) * edge**3 / thermal  # k/a · V/kT
    trace = np.einsum("fii->f", strain)
    assert trace.var() * unit == pytest.approx(3 / 4, rel=0.25)  # kT/(V B), B = 4k/3a
    shear = [2 * strain[:, i, j] for i, j in ((0, 1), (0, 2), (1, 2))]
    assert np.mean([s.var() for s in shear]) * unit == pytest.approx(1, rel=0.25)  # kT/(V C₄₄)
    tetragonal = [strain[:, i, i] - strain[:, j, j] for i, j in ((0, 1), (1, 2), (2, 0))]
    assert np.mean([s.var() for s in tetragonal]) * unit == pytest.approx(2, rel=0.25)  # 2kT/(V (C₁₁ − C₁₂))


@pytest.mark.parametrize(
    "changes",
    [
        {"barostat": "flexible"},
        {"barostat": "anisotropic"},
        {"barostat": "flexible", "ramp_to": 600},
        {"ensemble": "nve", "equilibrate": 100},
    ],
)
@pytest.mark.parametrize("after", [31, 90, 160])
def test_resumed_bit_for_bit(tmp_path, changes, after):
    options = {"ensemble": "npt", "temperature": 300, "timestep": 2, "steps": 100, "sample_every": 5}
    settings = MDSettings(**(options | {"equilibrate": 60, "chunk_frames": 3} | changes))

    class Interrupt(Springs):
        def calculate(self, *args, **kwargs):
            if self.count == after:
                raise KeyboardInterrupt
            super().calculate(*args, **kwargs)

    with pytest.raises(KeyboardInterrupt):
        run_md(crystal(), Interrupt(crystal()), settings, tmp_path / "a", progress=False)
    run_md(crystal(), Springs(crystal()), settings, tmp_path / "a", resume=True, progress=False)
    run_md(crystal(), Springs(crystal()), settings, tmp_path / "b", progress=False)
    a, b = (read_trajectory(tmp_path / name, equilibration=True) for name in "ab")
    for field in fields(a):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if isinstance(x, np.ndarray):
            assert x.tobytes() == y.tobytes(), field.name
    assert (tmp_path / "a/summary.json").read_text() == (tmp_path / "b/summary.json").read_text()


def test_an_anisotropic_barostat_needs_right_angles(tmp_path):
    primitive = bulk("Cu", a=BOND * np.sqrt(2)) * (3, 3, 3)
    settings = MDSettings(ensemble="npt", barostat="anisotropic", temperature=300, steps=10)
    with pytest.raises(InputError, match=r"angles are all 90°.*--barostat flexible"):
        run_md(primitive, Springs(primitive), settings, tmp_path, progress=False)
    remedy = settings.model_copy(update={"barostat": "flexible"})
    assert run_md(primitive, Springs(primitive), remedy, tmp_path, progress=False).cell is not None
