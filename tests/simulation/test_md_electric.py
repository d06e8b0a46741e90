"""Dynamics in a field: forces, conserved energy, the tracked dipole, resuming, refusals."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from pydantic import ValidationError
from toy_crystals import Springs, crystal

from superion.electrostatics import CoulombTerm, FixedCharges, Gaussian, PolarizableTerm
from superion.electrostatics.polarizable_response import PolarizableResponse
from superion.electrostatics.polarization import EPSILON_0, dipole_path
from superion.errors import InputError, ModelError
from superion.neighbours import neighbour_pairs
from superion.potentials import Calculator, Potential
from superion.potentials.repulsion import Repulsion
from superion.simulation import ElectricSettings, MDSettings, read_trajectory, run_md, to_ase
from superion.simulation.electric import FieldCoupling
from superion.simulation.lammps_md import run_lammps
from superion.simulation.state import initial_state

CHARGES = FixedCharges({"Cu": 0.5, "Ag": -0.5})
FIELD = (0.2, 0.0, -0.1)


def salt(repeat=1):
    atoms = crystal(repeat)
    atoms.symbols[1::2] = "Ag"
    return atoms


def settings(**changes):
    options = {"ensemble": "nve", "temperature": 300, "timestep": 2, "steps": 400, "sample_every": 4}
    return MDSettings(**(options | {"electric": {"field": FIELD}} | changes))


def run(folder, atoms=None, calculator=None, resume=False, charges=CHARGES, **changes):
    atoms = salt() if atoms is None else atoms
    calculator = calculator or Springs(crystal(1), bonds=False)
    run_md(atoms, calculator, settings(**changes), folder, progress=False, charges=charges, resume=resume)
    return read_trajectory(folder)


def test_vacuum_permittivity():
    """8.8541878128e-12 F/m."""
    assert pytest.approx(EPSILON_0, rel=1e-7) == 8.8541878128e-12 / 1.602176634e-19 * 1e-10


@pytest.mark.parametrize("pbc", [True, False])
def test_forces_are_charge_times_field(pbc):
    atoms = salt()
    atoms.pbc = pbc
    state = initial_state(atoms, temperature=300, seed=0, step=0, keep=False)
    coupling = FieldCoupling(ElectricSettings(field=FIELD, charge_scale=2.0), atoms, CHARGES)
    np.testing.assert_array_equal(coupling(state, atoms), np.outer([1, -1, 1, -1], FIELD))
    assert state.energy == 0.0


@pytest.mark.parametrize(
    "electric",
    [
        {"field": FIELD},
        {"displacement": (0.5, None, -0.3), "start_dipole": (0.1, 0.2, -0.1)},
        {"displacement": (None, 0.5, 0.3), "field": (0.1, 0, 0), "charge_scale": 1.5, "epsilon_inf": 2.25},
    ],
)
def test_energy_is_conserved_and_the_dipole_is_that_of_the_charges(tmp_path, electric):
    found = run(tmp_path, electric=electric, timestep=0.5, steps=800)
    scale, start = electric.get("charge_scale", 1.0), electric.get("start_dipole", (0, 0, 0))
    moved = found.positions - found.positions[0]
    q = scale * CHARGES.charges(salt())
    np.testing.assert_allclose(found.tracked_dipole, start + np.einsum("n,fna->fa", q, moved), atol=1e-12)
    model = ElectricSettings(**electric)
    volume = salt().get_volume()
    work = [model.energy_at(mu, volume) for mu in found.tracked_dipole]
    np.testing.assert_array_equal(
        found.electric_field, [model.field_at(mu, volume) for mu in found.tracked_dipole]
    )
    assert np.ptp(work) > 0.005
    assert np.ptp(found.conserved) < 0.01 * np.ptp(work)
    without = found.potential_energy - work  # of the springs alone
    assert without[0] == pytest.approx(0, abs=1e-12)
    assert without.min() > -1e-12


@pytest.mark.parametrize("displacement", [(None, None, None), (0.2, None, 0.1)])
def test_field_is_minus_the_derivative_of_the_energy(displacement):
    field = [0.0 if d is not None else 0.3 for d in displacement]
    inner = 1.0 if displacement[0] is None else 3.0
    model = ElectricSettings(displacement=displacement, field=field, epsilon_inf=inner)
    dipole, h = np.array([0.4, -1.1, 2.0]), 1e-4
    for axis in range(3):
        step = h * np.eye(3)[axis]
        slope = (model.energy_at(dipole + step, 70.0) - model.energy_at(dipole - step, 70.0)) / (2 * h)
        assert model.field_at(dipole, 70.0)[axis] == pytest.approx(-slope, rel=1e-7)


def test_displacement_follows_from_field_and_polarization():
    """D = ε₀ε∞ E + P."""
    model = ElectricSettings(displacement=(0.1, 0.2, 0.3), epsilon_inf=2.0)
    dipole = np.array([1.0, -2.0, 0.5])
    total = EPSILON_0 * 2.0 * model.field_at(dipole, 50.0) + dipole / 50.0
    np.testing.assert_allclose(total / EPSILON_0, [0.1, 0.2, 0.3], rtol=1e-13)


class Flowing:
    """Charges ±1, and g(r) = 0.5 (1 − r/3.4 Å)³ e that flows from Na to Cl."""

    kind = "flowing"

    def _pairs(self, atoms):
        pairs = neighbour_pairs(atoms, 3.4)
        keep = (atoms.numbers[pairs.i] == 11) & (atoms.numbers[pairs.j] == 17)
        return pairs.i[keep], pairs.j[keep], pairs.vector[keep], pairs.distance[keep]

    def charges(self, atoms):
        na, cl, _, r = self._pairs(atoms)
        g = 0.5 * (1 - r / 3.4) ** 3
        q = np.where(atoms.numbers == 11, 1.0, -1.0)
        return q - np.bincount(na, g, len(atoms)) + np.bincount(cl, g, len(atoms))

    def vjp(self, atoms, slope):
        na, cl, vector, r = self._pairs(atoms)
        steep = -1.5 * (1 - r / 3.4) ** 2 / 3.4 * (slope[cl] - slope[na]) / r
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, na, steep[:, None] * vector)
        np.add.at(forces, cl, -steep[:, None] * vector)
        return forces, -(steep[:, None] * vector).T @ vector

    def settings(self):
        return {"kind": self.kind}

    def arrays(self):
        return {}

    @classmethod
    def restore(cls, settings, arrays):
        return cls()


@pytest.fixture(scope="module")
def flowing():
    repulsion = Repulsion({(11, 17): 3.2, (17, 17): 4.0, (11, 11): 3.0}, height=4.0)
    return Potential([CoulombTerm(Flowing(), Gaussian(0.9), accuracy=1e-6), repulsion])


def test_charges_that_flow_conserve_energy_too(tmp_path, flowing):
    """The field acts by Born charges, and what it does is minus the field times the tracked dipole."""
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True).repeat(2)
    options = {"temperature": 400, "steps": 80, "electric": {"field": (0.3, 0.0, 0.2)}, "seed": 3}
    found = run(tmp_path / "a", atoms, Calculator(flowing), charges=None, **options)
    work = -found.tracked_dipole @ [0.3, 0, 0.2]
    off = np.ptp(found.conserved) / np.ptp(work)
    assert np.ptp(work) > 0.5
    assert off < 0.02
    half = run(
        tmp_path / "b", atoms, Calculator(flowing), charges=None, **options | {"timestep": 1.0, "steps": 160}
    )
    assert np.ptp(half.conserved) / np.ptp(half.tracked_dipole @ [0.3, 0, 0.2]) < 0.4 * off
    frames = to_ase(found)
    np.testing.assert_allclose(found.tracked_dipole, dipole_path(frames, Flowing()), atol=0.02)
    naive = np.array([Flowing().charges(frame) @ frame.positions for frame in frames])
    assert np.abs(naive - naive[0] - found.tracked_dipole).max() > 0.1


class Interrupt(Springs):
    def calculate(self, *args, **kwargs):
        if self.count == 61:
            raise KeyboardInterrupt
        super().calculate(*args, **kwargs)


@pytest.mark.parametrize("thermostat", ["nose-hoover", "langevin"])
def test_resumed_run_is_identical(tmp_path, thermostat):
    options = {
        "electric": {"displacement": (0.5, None, -0.3), "start_dipole": (0.1, 0.2, -0.1)},
        "ensemble": "nvt",
        "thermostat": thermostat,
        "chunk_frames": 7,
    }
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", calculator=Interrupt(crystal(1)), **options)
    broken = run(tmp_path / "broken", calculator=Springs(crystal(1)), resume=True, **options)
    whole = run(tmp_path / "whole", calculator=Springs(crystal(1)), **options)
    for name in ("positions", "tracked_dipole", "electric_field", "conserved"):
        assert getattr(broken, name).tobytes() == getattr(whole, name).tobytes(), name
    with pytest.raises(InputError, match="electric was"):
        run(tmp_path / "whole", resume=True, **options | {"electric": {"field": FIELD}})


def test_nothing_is_tracked_without_electric_settings(tmp_path):
    found = run(tmp_path, electric=None, steps=8)
    assert found.tracked_dipole is None
    assert found.electric_field is None
    tracked = run(tmp_path / "zero", electric={}, steps=8)
    np.testing.assert_array_equal(tracked.positions, found.positions)
    assert not tracked.electric_field.any()


@pytest.mark.parametrize(
    ("electric", "message"),
    [
        ({"field": (0.1, 0, 0), "displacement": (0.2, None, None)}, "both set along x"),
        ({"epsilon_inf": 2.0}, "epsilon_inf has no effect"),
        ({"field": (0.1, 0)}, "field"),
        ({"feld": (0.1, 0, 0)}, "feld"),
    ],
)
def test_settings_refused(electric, message):
    with pytest.raises(ValidationError, match=message):
        settings(electric=electric)


def test_varying_cell_is_refused():
    with pytest.raises(ValidationError, match="need a constant cell: use nve or nvt, found npt"):
        settings(ensemble="npt")


def test_refused(tmp_path):
    with pytest.raises(InputError, match="Springs has no charge model"):
        run(tmp_path, charges=None)
    with pytest.raises(InputError, match=r"total charge of \+1 e .* periodic axis"):
        run(tmp_path, charges=FixedCharges({"Cu": 0.5, "Ag": 0.0}))
    ions = Atoms("CuAg", [[0, 0, 0], [2, 0, 0]])
    with pytest.raises(InputError, match="constant displacement needs a cell"):
        FieldCoupling(ElectricSettings(displacement=(0.1, None, None)), ions, CHARGES)
    with pytest.raises(InputError, match="runs in LAMMPS have no electric field"):
        run_lammps(salt(), Potential([CoulombTerm(CHARGES, Gaussian(1.0))]), settings(), tmp_path)
    assert not (tmp_path / "meta.json").exists()


def test_potential_knows_what_a_field_acts_on(flowing):
    assert isinstance(flowing.response, Flowing)
    assert Potential([flowing.terms[1]]).response is None
    other = CoulombTerm(CHARGES, Gaussian(0.9))
    with pytest.raises(ModelError, match="2 different charge models"):
        _ = Potential([flowing.terms[0], other]).response


def test_a_displacement_of_polarizable_atoms_needs_their_dielectric_constant():
    term = PolarizableTerm(FixedCharges({"Na": 1.0, "Cl": -1.0}), {"Na": 0.2, "Cl": 2.5})
    atoms, response = bulk("NaCl", "rocksalt", a=5.64), PolarizableResponse(term)
    inner = term.permittivity(atoms)[0, 0]
    chosen = {"displacement": (None, None, 0.1)}
    with pytest.raises(InputError, match=f"is {inner:.4g}"):
        FieldCoupling(ElectricSettings(**chosen), atoms, response)
    FieldCoupling(ElectricSettings(**chosen, epsilon_inf=inner), atoms, response)
    FieldCoupling(ElectricSettings(field=(0, 0, 0.1)), atoms, response)
