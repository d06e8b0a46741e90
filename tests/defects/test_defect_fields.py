"""Formation energies in a field: exact for rigid ions, and what slope and curvature must be for others."""

import sys
from pathlib import Path

import numpy as np
import pytest
from ionic_salt import REPULSION, RIGID, SALT, crystal, settings

from superion.calculations.defects import frenkel_pairs_of, run_defects
from superion.calculations.defects.assemble import Cell, defect_energy
from superion.calculations.defects.attribution import attribution
from superion.calculations.defects.dipoles import charges_for_field, dipole_change
from superion.calculations.defects.relaxer import Place, Relaxed, Relaxer
from superion.electrostatics import ChargeEquilibration, Gaussian
from superion.errors import InputError, ModelError
from superion.potentials import Potential
from superion.terms import Evaluation

sys.path.insert(0, str(Path(__file__).parents[1] / "electrostatics"))
from toy_charges import Transfer

LOCAL = Potential([REPULSION])


def run(folder, potential=SALT, **values):
    chosen = {"fields": [-0.04, -0.02, 0.02, 0.04], "axes": ["x", "y", "z"]} | values
    return run_defects(potential, crystal(), settings(**chosen), folder, progress=False)


@pytest.fixture(scope="module")
def relaxed(tmp_path_factory):
    found = run(tmp_path_factory.mktemp("pair"), back=True, fmax=5e-4, axes=["x", "z"])
    assert not any("--fmax" in note for note in found.notes)
    (pair,) = found.defects
    return pair


def test_rigid_ions_feel_exactly_their_charge_times_the_way(tmp_path):
    """E_f(E) = E_f(0) − q d·E: a positive ion moved along +z is lower in a field along +z."""
    (pair,) = run(tmp_path, fmax=RIGID, charge_scale=1.5).defects
    for number, axis in enumerate("xyz"):
        way = pair.defect.displacement[number]
        for point in pair.curves[axis].points:
            assert point.energy == pytest.approx(pair.energy - 1.5 * way * point.field, abs=1e-9)
            assert point.relaxation == pytest.approx(0.0, abs=1e-9)
            assert point.dipole == pytest.approx(1.5 * pair.defect.displacement)
    (anion,) = run(tmp_path, fmax=RIGID, species="Cl").defects
    last = anion.curves["z"].points[-1]
    assert np.sign(last.energy - anion.energy) == np.sign(anion.defect.displacement[2] * last.field)


def test_slope_is_the_dipole_and_curvature_its_change(relaxed):
    for axis, curve in relaxed.curves.items():
        found, number = curve.attribution, "xyz".index(axis)
        assert found.minus_dipole == -relaxed.dipole[number]
        assert found.slope == pytest.approx(found.minus_dipole, abs=3e-3)
        assert found.curvature == pytest.approx(found.minus_polarizability, abs=0.03)
        assert found.curvature < -0.3
        assert found.slopes_agree
        assert found.curvatures_agree
        assert found.slope_error < 3e-3


def test_parts_add_up(relaxed):
    for axis, number in (("x", 0), ("z", 2)):
        for point in relaxed.curves[axis].points:
            assert point.rigid == pytest.approx(-relaxed.dipole[number] * point.field)
            assert relaxed.energy + point.rigid + point.relaxation == pytest.approx(point.energy)
            assert point.relaxation <= 1e-6


def test_both_ways_agree_where_nothing_hops(relaxed):
    for curve in relaxed.curves.values():
        assert not any(point.hopped for point in (*curve.points, *curve.back))
        assert [point.field for point in curve.back] == [-0.02, 0.0, 0.0, 0.02]
        assert curve.hysteresis < 1e-5


def test_a_hop_is_marked_from_there_on(tmp_path):
    fields = [0.05, 0.1, 0.15]
    (pair,) = run(tmp_path, fields=fields, axes=["z"], fmax=5e-3).defects
    zero, before, *after = pair.curves["z"].points
    assert not zero.hopped
    assert not before.hopped
    assert all(point.hopped and "an ion hops at 0.1 V/Å along z" in point.flags[0] for point in after)
    assert pair.curves["z"].attribution is None
    assert "ions hop" in pair.curves["z"].why


def test_a_jump_of_the_energy_is_a_hop_however_short_the_way():
    """The energy must be the work of the field along the branch."""
    wanted, perfect = settings(fields=[0.1, 0.2, 0.3], axes=["z"]), crystal().repeat((2, 2, 2))
    (pair,) = frenkel_pairs_of(crystal(), wanted)
    made = pair.atoms(crystal(), (2, 2, 2)).positions

    def structure(positions, energy, dipole):
        return Relaxed(positions, energy, np.array([0.0, 0.0, dipole]), converged=True)

    def hopped(energies):
        cell = Cell((2, 2, 2), perfect, structure(perfect.positions, 0.0, 0.0))
        cell.defects, cell.charges = [structure(made, 1.0, 2.0)], [None]
        none = {("z", 1): [cell.crystal] * 3, ("z", -1): []}
        dipoles = [2.1, 2.2, 2.3]
        found = [structure(made, u, p) for u, p in zip(energies, dipoles, strict=True)]
        cell.crystal_fields, cell.defect_fields = none, [{("z", 1): found, ("z", -1): []}]
        return [p.hopped for p in defect_energy(pair, 0, cell, crystal(), wanted).curves["z"].points]

    smooth = [1.005, 1.02, 1.045]  # U = ½ p²/α of an ion bound with the polarizability that the dipoles have
    assert hopped(smooth) == [False] * 4
    assert hopped([1.005, 0.99, 1.015]) == [False, False, True, True]


def test_charges_can_be_given_to_a_local_model(tmp_path):
    """They act as those of the model would; energies without field are those of the model."""
    charges = {"Na": 0.5, "Cl": -0.5}
    (pair,) = run(tmp_path, LOCAL, field_charges=charges, fmax=RIGID, axes=["z"]).defects
    assert pair.dipole == pytest.approx(0.5 * pair.defect.displacement)


@pytest.mark.parametrize(
    ("potential", "change", "message"),
    [
        (LOCAL, {}, "a local potential has no charges for a field to act on"),
        (SALT, {"field_charges": {"Na": 1.0}}, "no charge is given for Cl"),
        (SALT, {"field_charges": {"Na": 1.0, "Cl": -0.9}}, "total charge of"),
        (SALT, {"field_charges": {"Na": 0.0, "Cl": 0.0}}, "all charges are zero"),
    ],
)
def test_refused(tmp_path, potential, change, message):
    with pytest.raises(InputError, match=message):
        run(tmp_path, potential, **change)
    assert not list(tmp_path.iterdir()), "nothing is begun"


class Carrier:
    """A term without energy whose charges a field acts on."""

    kind = "carrier"

    def __init__(self, charges):
        self.charges = charges

    def evaluate(self, atoms):
        return Evaluation.zero(len(atoms))

    def settings(self):
        return {}

    def arrays(self):
        return {}


class Kept(Transfer):
    """Charge that flows between neighbours, as a model file could hold it."""

    def settings(self):
        return {"kind": self.kind}

    def arrays(self):
        return {}

    @classmethod
    def restore(cls, settings, arrays):
        return cls()


@pytest.mark.parametrize("hardness", [30.0, 14.0, 9.0])
def test_charges_that_flow_as_in_a_metal_are_refused(hardness):
    chi, hard = {"Na": 0.0, "Cl": 6.0}, {"Na": hardness, "Cl": hardness}
    metal = ChargeEquilibration(chi, hard, Gaussian(1.2), 0.0, warn=False)
    with pytest.raises(ModelError, match="metallic-like"):
        charges_for_field(Potential([REPULSION, Carrier(metal)]), crystal(), settings(fields=[0.1]))


def test_charges_that_flow_between_neighbours_are_welcome():
    local = Potential([REPULSION, Carrier(Kept())])
    assert isinstance(charges_for_field(local, crystal(), settings(fields=[0.1])), Kept)


def test_dipole_of_flowing_charge_is_followed_along_the_path():
    """Charge flows between neighbours; the exact dipole is known. Crossing the cell changes nothing."""
    model, start = Transfer(), crystal().repeat((2, 2, 2))
    start.positions += np.random.default_rng(0).normal(scale=0.1, size=(64, 3))
    end = start.copy()
    end.positions[0] += [4.23, 1.41, -1.41]
    end.positions += np.random.default_rng(1).normal(scale=0.1, size=(64, 3))
    change, error = dipole_change(start, end.positions, model)
    lattice = 2 * 5.64
    exact = model.exact_dipole(end) - model.exact_dipole(start)
    assert change == pytest.approx(exact, abs=0.02)
    assert error < 0.02
    assert np.abs(exact).max() < lattice
    naive = model.charges(end) @ end.positions - model.charges(start) @ start.positions
    assert np.abs(naive - exact).max() > 0.1, "the path matters"


def test_slope_with_charges_that_depend_on_the_structure():
    """Energies of relaxed ions in a field of charges that flow: their slope is the dipole of the path."""
    model = Transfer(crowding=0.0)
    wanted = settings(fields=[0.1], fmax=5e-4)
    relax = Relaxer(SALT, model, wanted)
    perfect = crystal().repeat((2, 2, 2))
    perfect.positions[0] += [0.1, 0.2, 0.3]  # no rest: the next line finds it
    origin = relax(Place(perfect))
    energies, dipoles = {}, {}
    for value in (-0.02, 0.0, 0.02):
        place = Place(perfect, (0.0, 0.0, value), origin.positions, np.zeros(3))
        found = relax(place)
        energies[value] = found.energy - value * found.dipole[2]
        dipoles[value] = found.dipole[2]
    found = attribution(energies, dipoles)
    assert found.slope == pytest.approx(found.minus_dipole, abs=3e-3)
    assert found.curvature == pytest.approx(found.minus_polarizability, rel=0.02)
    assert found.curvature < -1


def test_attribution_of_a_known_curve():
    """E = 1 − 0.5 F − 0.2 F² − 0.3 F³: dipole 0.5 + 0.4 F + 0.9 F²."""
    fields = [-0.2, -0.1, 0.0, 0.1, 0.2]
    energies = {f: 1 - 0.5 * f - 0.2 * f**2 - 0.3 * f**3 for f in fields}
    dipoles = {f: 0.5 + 0.4 * f + 0.9 * f**2 for f in fields}
    found = attribution(energies, dipoles)
    assert found.minus_dipole == -0.5
    assert abs(found.slope - found.minus_dipole) == pytest.approx(found.slope_error)
    assert found.curvature == pytest.approx(-0.4)
    assert found.minus_polarizability == pytest.approx(-0.4)
    assert found.slopes_agree
    wrong = attribution(energies, {f: 2 * p for f, p in dipoles.items()})
    assert not wrong.slopes_agree
    assert not wrong.curvatures_agree
    assert isinstance(attribution({0.0: 1.0, 0.1: 1.0}, {0.0: 0.0, 0.1: 0.0}), str)
