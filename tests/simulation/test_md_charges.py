"""Runs keep what their start states of its charges, and hand it on to all that reads them."""

import numpy as np
import pytest
from ase import Atoms

from superion import Calculator, Potential
from superion.analysis.infrared import current_of
from superion.electrostatics import ChargeEquilibration, EquilibrationTerm, Gaussian
from superion.errors import InputError
from superion.potentials.repulsion import Repulsion
from superion.simulation import MDSettings, read_trajectory, run_md, to_ase
from superion.simulation.quench import QuenchSettings, melt_quench
from superion.structures.bare import stated

MODEL = ChargeEquilibration({"Li": -4.0, "F": 6.0}, {"Li": 18.0, "F": 18.0}, Gaussian(0.6))
POTENTIAL = Potential(
    [EquilibrationTerm(MODEL), Repulsion({(3, 9): 1.6, (3, 3): 2.5, (9, 9): 2.5}, height=8.0)]
)
SETTINGS = MDSettings(
    ensemble="nve",
    temperature=100,
    timestep=0.5,
    steps=6,
    sample_every=2,
    chunk_frames=2,
    record=("charges",),
)


def two_molecules() -> Atoms:
    """LiF with a charge of its own beside LiF without one."""
    atoms = Atoms("LiFLiF", [[0, 0, 0], [0, 0, 1.6], [4, 0, 0], [4, 0.3, 1.7]])
    atoms.arrays["fragment"] = np.array([7, 7, 3, 3])
    atoms.info["fragment_charges"] = {7: 1.0, 3: 0.0}
    return atoms


def test_a_run_keeps_the_charges_of_fragments_and_so_do_its_frames(tmp_path):
    run_md(two_molecules(), Calculator(POTENTIAL), SETTINGS, tmp_path / "run")
    longer = SETTINGS.model_copy(update={"steps": 10})
    run_md(two_molecules(), Calculator(POTENTIAL), longer, tmp_path / "run", resume=True)
    trajectory = read_trajectory(tmp_path / "run")
    np.testing.assert_allclose(trajectory.charges[:, :2].sum(axis=1), 1.0)
    np.testing.assert_allclose(trajectory.charges[:, 2:].sum(axis=1), 0.0, atol=1e-12)
    for k, atoms in enumerate(to_ase(trajectory)):
        np.testing.assert_allclose(MODEL.charges(atoms), trajectory.charges[k], atol=1e-12)
    current, differences = current_of(trajectory, MODEL)
    assert differences
    assert np.abs(current).max() > 0


@pytest.mark.parametrize("change", ["fragment_charges", "total_charge", "fragment"])
def test_a_run_goes_on_with_the_charges_it_began_with_only(tmp_path, change):
    run_md(two_molecules(), Calculator(POTENTIAL), SETTINGS, tmp_path)
    other = two_molecules()
    if change == "fragment":
        other.arrays["fragment"] = np.array([3, 3, 7, 7])
    else:
        other.info[change] = {"fragment_charges": {7: 0.0, 3: 1.0}, "total_charge": 1.0}[change]
    with pytest.raises(InputError, match="from another structure: total charge or fragments differ"):
        run_md(other, Calculator(POTENTIAL), SETTINGS, tmp_path, resume=True)


def test_every_part_of_a_quench_has_the_charges_of_its_start(tmp_path):
    start = two_molecules()
    start.info["total_charge"] = 1.0
    settings = QuenchSettings(
        melt_temperature=400,
        melt_time=0.001,
        final_temperature=380,
        rate=1e5,
        hold_time=0.001,
        timestep=0.25,
        sample_every=2,
    )
    final = melt_quench(start, Calculator(POTENTIAL), settings, tmp_path)
    assert stated(final) == stated(start)
