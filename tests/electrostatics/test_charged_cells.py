"""Periodic cells that are not neutral: background, correction, warnings, and refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from superion import Calculator, Potential
from superion.electrostatics import (
    COULOMB,
    ChargedCells,
    ChargedCellWarning,
    ChargeEquilibration,
    CoulombTerm,
    EquilibrationTerm,
    FixedCharges,
    Gaussian,
    MakovPayne,
    Point,
    PolarizableTerm,
    PredictedCharges,
    Slater,
    UniformField,
)
from superion.electrostatics.charged_cells import restored
from superion.electrostatics.properties import ElementValues
from superion.errors import InputError
from superion.potentials.classical.pair_forms import Buckingham
from superion.potentials.classical.pair_potentials import PairPotentials
from superion.structures.bare import repeated

CUBIC = 2.837297
"""Madelung constant of a cube of charges in a background; Leslie, Gillan, J. Phys. C 18, 973 (1985)."""
ROCKSALT = 1.747564594633
"""Madelung constant of rock salt, in units of the distance of neighbours."""
IONS = FixedCharges({"Na": 1.0, "Cl": -1.0})


class Crowded:
    """Charges that depend on the volume around an atom, so that their sum changes when atoms move."""

    kind = "crowded"

    def charges(self, atoms):
        return 0.5 + 0.05 * np.sin(atoms.positions.sum(axis=1))

    def vjp(self, atoms, slope):
        gradient = (slope * 0.05 * np.cos(atoms.positions.sum(axis=1)))[:, None] * np.ones(3)
        return -gradient, -0.5 * (atoms.positions.T @ gradient + gradient.T @ atoms.positions)

    def settings(self):
        return {"kind": self.kind}

    def arrays(self):
        return {}


def vacancy(times=1, edge=5.64):
    atoms = bulk("NaCl", "rocksalt", a=edge, cubic=True)
    atoms = repeated(atoms, (times,) * 3)
    del atoms[int(np.flatnonzero(atoms.numbers == 11)[0])]
    return atoms


def disordered(charge=True):
    rng = np.random.default_rng(3)
    atoms = Atoms(
        "Na3Cl4" if charge else "Na4Cl4",
        scaled_positions=(np.argwhere(np.ones((2, 2, 2))) / 2)[: 7 if charge else 8],
        cell=5.6 * (np.eye(3) + rng.uniform(-0.2, 0.2, (3, 3))),
        pbc=True,
    )
    atoms.rattle(0.2, seed=1)
    return atoms


def strained(atoms, strain):
    moved = atoms.copy()
    moved.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    return moved


def slopes(energy, atoms, h=1e-4):
    """Forces on the first atom and virial by finite differences."""
    force = np.zeros(3)
    for axis in range(3):
        for step in (h, -h):
            moved = atoms.copy()
            moved.positions[0, axis] += step
            force[axis] -= np.sign(step) * energy(moved) / (2 * h)
    virial = np.zeros((3, 3))
    for a in range(3):
        for b in range(3):
            strain = np.zeros((3, 3))
            strain[a, b] += h / 2
            strain[b, a] += h / 2
            virial[a, b] = -(energy(strained(atoms, strain)) - energy(strained(atoms, -strain))) / (2 * h)
    return force, virial


@pytest.mark.parametrize("permittivity", [1.0, 4.0])
def test_a_charge_alone_has_the_madelung_energy_of_its_lattice(permittivity):
    atoms = Atoms("Na", cell=[7.0] * 3, pbc=True)
    term = CoulombTerm(IONS, Point(), 1e-12, background=True)
    lattice = -CUBIC / (2 * 7.0) * COULOMB
    assert term.evaluate(atoms).energy == pytest.approx(lattice, rel=1e-6)
    corrected = Potential([term, MakovPayne(IONS, permittivity)]).evaluate(atoms)
    assert corrected.energy == pytest.approx(lattice * (1 - 1 / permittivity), rel=1e-6, abs=1e-7)
    np.testing.assert_allclose(corrected.virial, np.eye(3) * corrected.energy / 3, atol=1e-7)


def test_a_vacancy_in_a_rigid_crystal_has_the_energy_of_an_infinite_one_at_any_size():
    """An ion is taken from the potential of all others, −COULOMB · α/r: without correction as 1/L."""
    known = ROCKSALT * COULOMB / 2.82
    term, raw, corrected = CoulombTerm(IONS, Point(), 1e-10, background=True), [], []
    for times in (1, 2, 3):
        whole = repeated(bulk("NaCl", "rocksalt", a=5.64, cubic=True), (times,) * 3)
        for energies, own in ((raw, [term]), (corrected, [term, MakovPayne(IONS, 1.0)])):
            potential = Potential(own)
            energies.append(potential.evaluate(vacancy(times)).energy - potential.evaluate(whole).energy)
    np.testing.assert_allclose(corrected, known, atol=1e-6)
    np.testing.assert_allclose(
        known - np.array(raw), CUBIC * COULOMB / (2 * 5.64 * np.arange(1, 4)), atol=1e-5
    )


@pytest.mark.parametrize("charges", [IONS, Crowded()], ids=["fixed", "total that changes"])
def test_derivatives_with_the_correction(charges):
    atoms = disordered()
    terms = [
        CoulombTerm(charges, Gaussian(0.6), 1e-11, background=True),
        MakovPayne(charges, 2.5),
    ]
    potential = Potential(terms)
    found = potential.evaluate(atoms)
    assert found.energies.sum() == pytest.approx(found.energy, abs=1e-10)
    force, virial = slopes(lambda moved: potential.evaluate(moved).energy, atoms)
    np.testing.assert_allclose(found.forces[0], force, atol=2e-6)
    np.testing.assert_allclose(found.virial, virial, atol=5e-6)
    if charges is IONS:
        np.testing.assert_array_equal(found.forces, terms[0].evaluate(atoms).forces)


def test_neutral_cells_and_clusters_are_not_corrected():
    correction = MakovPayne(IONS, 1.0)
    for atoms in (disordered(charge=False), Atoms("Na", cell=[9.0] * 3)):
        found = correction.evaluate(atoms)
        assert found.energy == 0.0
        assert not found.virial.any()


def test_ways_to_sum_and_backends_agree():
    atoms = repeated(disordered(), (3, 3, 3))
    every = [
        Calculator(
            Potential([CoulombTerm(IONS, Slater.from_screening(2.0), 1e-10, method=method)]),
            backend=backend,
            charged_cells="makov-payne:3",
        )
        for method, backend in (("ewald", "compiled"), ("pme", "compiled"), ("auto", "torch"))
    ]
    energies, forces, stresses = [], [], []
    for calculator in every:
        copy = atoms.copy()
        copy.calc = calculator
        energies.append(copy.get_potential_energy())
        forces.append(copy.get_forces())
        stresses.append(copy.get_stress())
    np.testing.assert_allclose(energies, energies[0], rtol=1e-9)
    for k in (1, 2):
        np.testing.assert_allclose(forces[k], forces[0], atol=1e-7)
        np.testing.assert_allclose(stresses[k], stresses[0], atol=1e-8)


def test_polarizable_ions_in_a_background():
    atoms = disordered()
    points = CoulombTerm(IONS, Point(), 1e-10, background=True).evaluate(atoms)
    hard = PolarizableTerm(IONS, {"Na": 0.0, "Cl": 0.0}, accuracy=1e-10, background=True).evaluate(atoms)
    assert hard.energy == pytest.approx(points.energy, abs=1e-7)
    np.testing.assert_allclose(hard.virial, points.virial, atol=1e-6)
    term = PolarizableTerm(IONS, {"Na": 0.2, "Cl": 1.5}, accuracy=1e-10, background=True)
    coarser = PolarizableTerm(IONS, {"Na": 0.2, "Cl": 1.5}, accuracy=1e-7, background=True)
    found = term.evaluate(atoms)
    assert coarser.evaluate(atoms).energy == pytest.approx(found.energy, abs=1e-5)  # another splitting
    force, virial = slopes(lambda moved: term.evaluate(moved).energy, atoms)
    np.testing.assert_allclose(found.forces[0], force, atol=1e-5)
    np.testing.assert_allclose(found.virial, virial, atol=1e-5)


MODEL = ChargeEquilibration(
    {"Na": -4.0, "Cl": 6.0}, {"Na": 18.0, "Cl": 18.0}, Gaussian(0.6), total_charge=0.0
)
TERMS = {
    "fixed": CoulombTerm(IONS, Point()),
    "equilibrated": EquilibrationTerm(MODEL),
    "equilibrated, with other densities": CoulombTerm(MODEL, Gaussian(0.7)),
    "polarizable": PolarizableTerm(IONS, {"Na": 0.2, "Cl": 1.0}),
}


@pytest.mark.parametrize("name", TERMS)
def test_a_charged_cell_runs_with_a_warning_unless_somebody_has_chosen(name, tmp_path):
    Potential([TERMS[name]]).save(tmp_path / "model.safetensors")
    model = Potential.load(tmp_path / "model.safetensors")
    atoms = disordered()
    atoms.info["total_charge"] = -1.0
    with pytest.warns(ChargedCellWarning, match=r"total charge of -1 e, .*correction: none.*makov-payne:EPS"):
        energy = model.evaluate(atoms).energy
    assert model.with_charged_cells("background").evaluate(atoms).energy == energy
    with pytest.raises(InputError, match=r"total charge of -1 e; .*Remedy: .*--charged-cells background"):
        model.with_charged_cells("refuse").evaluate(atoms)
    corrected = model.with_charged_cells("makov-payne:2")
    again = corrected.with_charged_cells(ChargedCells(True, 2.0))
    assert len(again.terms) == 2
    corrected.save(tmp_path / "corrected.safetensors")
    known = MakovPayne(IONS, 2.0).evaluate(atoms).energy
    for one in (corrected, again, Potential.load(tmp_path / "corrected.safetensors")):
        assert one.evaluate(atoms).energy == pytest.approx(energy + known, abs=1e-9)
    assert corrected.charge_model.charges(atoms).sum() == pytest.approx(-1.0, abs=1e-9)


def test_a_field_and_its_charges_choose_together():
    potential = Potential([EquilibrationTerm(MODEL), UniformField([0, 0, 0.0], MODEL)])
    atoms = disordered()
    atoms.info["total_charge"] = -1.0
    assert np.isfinite(potential.with_charged_cells("makov-payne:2").evaluate(atoms).energy)


def test_a_local_potential_has_nothing_to_choose():
    local = Potential([PairPotentials({("Na", "Cl"): Buckingham(1256.3, 0.3162)}, cutoff=5.0)])
    chosen = local.with_charged_cells("makov-payne:3")
    assert chosen.terms == local.terms


def test_files_of_older_versions():
    """`background: false` was there before anybody could choose."""
    term = TERMS["fixed"]
    settings = json.loads(json.dumps(term.settings()))
    del settings["charged_cells"]
    assert CoulombTerm.restore(settings | {"background": False}, {}).background is None
    assert CoulombTerm.restore(settings | {"background": True}, {}).background is True
    assert restored({"charged_cells": "refuse"}) is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("backgruond", r"Did you mean 'background'\?"),
        ("makov-payne", r"dielectric constant of at least 1.*makov-payne:4\.2"),
        ("makov-payne:0.5", "at least 1"),
        ("makov-payne:nan", "at least 1"),
        ("background:3", "cannot understand"),
    ],
)
def test_choices_that_mean_nothing(text, message):
    with pytest.raises(InputError, match=message):
        ChargedCells.parse(text)


@pytest.mark.parametrize("text", ["warn", "background", "refuse", "makov-payne:4.2"])
def test_choices_are_written_as_they_are_read(text):
    assert str(ChargedCells.parse(text)) == text


@pytest.mark.parametrize("pbc", [True, False])
def test_charges_by_element_do_not_follow_what_a_structure_states(pbc):
    """A neutral sum where +1 e is stated, and −0.445 e where −1 e is: both numbers are named."""
    atoms = disordered(charge=False)
    atoms.pbc = pbc
    term = CoulombTerm(FixedCharges({"Na": 0.445, "Cl": -0.445}), Point(), background=True)
    atoms.info["total_charge"] = 1.0
    with pytest.warns(ChargedCellWarning, match=r"states .* \+1 e, but its charges .* add up to .*0 e"):
        term.evaluate(atoms)
    atoms.info["total_charge"] = 0.0
    term.evaluate(atoms)
    short = atoms[1:]
    short.info["total_charge"] = -1.0
    with pytest.warns(ChargedCellWarning, match=r"states .* -1 e, but its charges .* add up to -0\.445 e"):
        term.evaluate(short)
    if pbc:
        with pytest.warns(ChargedCellWarning, match=r"-0\.445 e \(it states -1 e\)"):
            term.with_background(None).evaluate(short)


def test_predicted_charges_that_keep_the_total_say_nothing_of_it():
    charges = PredictedCharges(ElementValues({"Na": 0.7, "Cl": -0.7}))
    atoms = disordered()
    atoms.info["total_charge"] = -1.0
    found = CoulombTerm(charges, Point(), background=True).evaluate(atoms)
    assert found.charges.sum() == pytest.approx(-1.0)


@pytest.mark.parametrize("accuracy", [0.0, -1.0, float("nan"), float("inf"), 1.0, 1e-300, True, "1e-8", None])
def test_accuracies_that_no_sum_can_have(accuracy):
    for make in (
        lambda: CoulombTerm(IONS, Gaussian(0.8), accuracy),
        lambda: PolarizableTerm(IONS, {"Na": 0.2, "Cl": 1.0}, accuracy=accuracy),
        lambda: ChargeEquilibration({"Na": 1.0}, {"Na": 20.0}, Gaussian(0.8), accuracy=accuracy),
        lambda: CoulombTerm.restore(TERMS["fixed"].settings() | {"accuracy": accuracy}, {}),
    ):
        with pytest.raises(InputError, match=r"accuracy of the Coulomb sum must lie between 1e-15 and 1e-2"):
            make()
