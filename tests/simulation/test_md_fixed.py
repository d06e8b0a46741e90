"""Atoms that a structure file holds fixed stay where they are, and the others are canonical."""

import numpy as np
import pytest
from ase import units
from ase.constraints import FixAtoms
from ase.io import read, write
from toy_crystals import Springs, crystal

from superion.errors import InputError
from superion.simulation import MDSettings, read_trajectory, run_md, to_ase
from superion.simulation.fixed import fixed_atoms

HELD = [0, 5, 17, 18]


def held():
    atoms = crystal()
    atoms.set_constraint(FixAtoms(HELD))
    return atoms


def run(folder, atoms=None, *, resume=False, **changes):
    options = {"temperature": 400, "steps": 100, "timestep": 3, "record": ["velocities"]}
    return run_md(
        atoms or held(),
        Springs(crystal(), bonds=False),
        MDSettings(**(options | changes)),
        folder,
        resume=resume,
        progress=False,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"ensemble": "nve", "equilibrate": 40},
        {"thermostat": "langevin"},
        {"thermostat": "nose-hoover"},
    ],
)
def test_fixed_atoms_do_not_move(tmp_path, changes):
    run(tmp_path, **changes)
    found = read_trajectory(tmp_path, equilibration=True)
    assert np.array_equal(found.positions[-1][HELD], crystal().positions[HELD])
    assert not found.velocities[:, HELD].any()
    others = np.setdiff1d(np.arange(32), HELD)
    assert np.abs(found.positions[-1] - crystal().positions)[others].max(axis=1).min() > 1e-3
    degrees = 3 * len(others)
    assert np.allclose(found.temperature, 2 * found.kinetic_energy / degrees / units.kB)
    assert fixed_atoms(to_ase(found)[0]) == tuple(HELD)


def test_the_others_are_canonical(tmp_path):
    """In an exactly quadratic energy, ⟨U⟩ = f/2 kT with three degrees of freedom for each atom that moves."""
    run(tmp_path, thermostat="langevin", friction=0.03, steps=6000, equilibrate=300, sample_every=20)
    found = read_trajectory(tmp_path)
    expected = 3 * (32 - len(HELD)) / 2 * units.kB * 400
    assert found.kinetic_energy.mean() == pytest.approx(expected, rel=0.05)
    assert found.potential_energy.mean() == pytest.approx(expected, rel=0.06)


def test_selective_dynamics_of_a_file(tmp_path):
    file = tmp_path / "start.vasp"
    write(file, held(), format="vasp")
    run(tmp_path / "run", read(file))
    assert np.ptp(read_trajectory(tmp_path / "run").positions[:, HELD], axis=0).max() == 0


def test_a_resumed_run_has_the_same_fixed_atoms(tmp_path):
    run(tmp_path)
    with pytest.raises(InputError, match="fixed atoms differ"):
        run(tmp_path, crystal(), resume=True)
    run(tmp_path, resume=True, steps=120)


def test_no_atom_left(tmp_path):
    atoms = crystal()
    atoms.set_constraint(FixAtoms(range(32)))
    with pytest.raises(InputError, match="all atoms of the structure are fixed"):
        run(tmp_path, atoms)
