"""Elastic constants against energies, analytic relations, and a crystal of known constants."""

from functools import cache

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from double_well import DoubleWell, crystal

from superion import Calculator, Potential
from superion.analysis.point_group import point_group
from superion.calculations.branch import energy_curve
from superion.calculations.elastic import ElasticTensor, _solve, elastic_tensor, to_voigt
from superion.calculations.eos import at_volumes, birch_murnaghan
from superion.calculations.relaxation import relaxed
from superion.electrostatics import CoulombTerm, FixedCharges, Point
from superion.errors import InputError
from superion.potentials.classical.pair_forms import Buckingham
from superion.potentials.classical.pair_potentials import PairPotentials


@cache
def salt():
    """Rock salt of point charges with Born-Mayer repulsion of neighbours, relaxed."""
    terms = [
        CoulombTerm(FixedCharges({"Na": 1.0, "Cl": -1.0}), Point(), accuracy=1e-8),
        PairPotentials({("Na", "Cl"): Buckingham(1256.3, 0.3162)}, cutoff=4.5, width=0.4),
    ]
    model = Calculator(Potential(terms))
    return relaxed(bulk("NaCl", "rocksalt", a=5.6), model, cell=True, fmax=1e-5), model


def energy_constants(atoms, calculator, h=2e-3):
    """C11, C12, C44 (eV/Å³) by second differences of the energy at clamped ions."""

    def energy(strain):
        moved = atoms.copy()
        moved.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        moved.calc = calculator
        return moved.get_potential_energy()

    def second(strain):
        ends = energy(h * strain) + energy(-h * strain) - 2 * energy(0 * strain)
        return ends / h**2 / atoms.get_volume()

    xx, yy = np.diag([1.0, 0, 0]), np.diag([0, 1.0, 0])
    yz = np.zeros((3, 3))
    yz[1, 2] = yz[2, 1] = 0.5
    return second(xx), 0.5 * (second(xx + yy) - 2 * second(xx)), second(yz)


def test_rock_salt_obeys_cauchy_and_its_energy():
    atoms, model = salt()
    found = elastic_tensor(atoms, model, strain=2e-3)
    c = found.tensor
    assert (found.operations, found.strains) == (48, 2)
    assert np.abs(found.stress).max() < 1e-6
    assert found.residual < 1e-3 * c[0, 0]
    assert c[0, 1] == pytest.approx(c[3, 3], rel=2e-3)  # central forces, every ion at a centre of inversion
    c11, c12, c44 = energy_constants(atoms, model)
    assert (c[0, 0], c[0, 1], c[3, 3]) == pytest.approx((c11, c12, c44), rel=2e-3)
    assert found.stable
    moduli = found.moduli()
    curve = energy_curve(at_volumes(atoms, np.linspace(0.96, 1.04, 5)), model)
    assert birch_murnaghan(curve.volumes, curve.energies).modulus == pytest.approx(moduli.bulk, rel=3e-3)
    # Madelung: B = α e² (r/ρ − 2)/(18 r⁴) with α = 1.747565 (Kittel, Introduction to Solid State Physics)
    r = atoms.cell.lengths()[0] / np.sqrt(2)
    assert moduli.bulk == pytest.approx(1.747565 * 14.399645 * (r / 0.3162 - 2) / (18 * r**4), rel=2e-3)


def test_copper_has_the_bulk_modulus_of_its_equation_of_state():
    atoms = relaxed(bulk("Cu", a=3.6), EMT(), cell=True, fmax=1e-6)
    found = elastic_tensor(atoms, EMT(), strain=1e-3)
    constants = energy_constants(atoms, EMT())
    assert (found.tensor[0, 0], found.tensor[0, 1], found.tensor[3, 3]) == pytest.approx(constants, rel=3e-3)
    crystals = at_volumes(atoms, np.linspace(0.97, 1.03, 7))
    curve = energy_curve(crystals, EMT())
    fitted = birch_murnaghan(curve.volumes, curve.energies)
    assert found.moduli().bulk == pytest.approx(fitted.modulus, rel=5e-3)
    assert found.moduli().bulk_voigt == pytest.approx(found.moduli().bulk_reuss, rel=1e-6)


def test_inner_relaxation_softens_hexagonal_crystal():
    """Close-packed argon: internal strain lowers C11, and C66 = (C11 − C12)/2 about the sixfold axis."""
    model = LennardJones(epsilon=0.0104, sigma=3.4, rc=8.5, smooth=True)
    atoms = relaxed(bulk("Ar", "hcp", a=3.75, c=6.12), model, cell=True, fmax=1e-5)
    clamped = elastic_tensor(atoms, model, strain=1e-3, ions=False)
    free = elastic_tensor(atoms, model, strain=1e-3, fmax=1e-6)
    assert clamped.operations == free.operations == 24
    assert free.strains == 3
    c = free.tensor
    assert c[5, 5] == pytest.approx(0.5 * (c[0, 0] - c[0, 1]), rel=1e-6)
    assert c[3, 3] == pytest.approx(c[4, 4], rel=1e-6)
    assert c[0, 0] < 0.995 * clamped.tensor[0, 0]
    assert free.stable
    assert np.linalg.eigvalsh(clamped.tensor - free.tensor)[0] > -1e-4 * c[0, 0]


def test_rotated_crystal_has_the_same_moduli():
    atoms = relaxed(bulk("Cu", a=3.6), EMT(), cell=True, fmax=1e-6)
    turned = atoms.copy()
    turned.rotate(33, (1, 2, 3), rotate_cell=True)
    one, other = (elastic_tensor(a, EMT(), strain=1e-3, ions=False) for a in (atoms, turned))
    assert other.operations == 48
    assert np.abs(one.tensor - other.tensor).max() > 0.05
    assert other.eigenvalues == pytest.approx(one.eigenvalues, rel=1e-3)
    assert other.moduli().shear == pytest.approx(one.moduli().shear, rel=1e-3)
    assert other.moduli().anisotropy == pytest.approx(one.moduli().anisotropy, rel=3e-3)


def test_point_groups():
    assert len(point_group(bulk("Si", cubic=True))) == 48
    assert len(point_group(bulk("Si"))) == 48
    assert len(point_group(bulk("GaAs", "zincblende", a=5.65))) == 24
    assert len(point_group(bulk("Cu", cubic=True).repeat((1, 1, 2)))) == 16
    quartz_like = Atoms(
        "HLiBe", positions=[[0, 0, 0], [1, 0.3, 0.2], [0.3, 1.4, 1]], cell=[4, 5, 6], pbc=True
    )
    assert len(point_group(quartz_like)) == 1
    rotations = point_group(bulk("Mg"))
    assert len(rotations) == 24
    assert rotations @ rotations.transpose(0, 2, 1) == pytest.approx(np.tile(np.eye(3), (24, 1, 1)), abs=1e-9)
    products = np.einsum("aij,bjk->abik", rotations, rotations).reshape(-1, 1, 3, 3)
    assert (np.abs(products - rotations).max(axis=(2, 3)).min(axis=1) < 1e-6).all()


def test_isotropic_solid():
    """λ = 2, μ = 3: B = λ + 2μ/3, ν = λ/2(λ + μ), no anisotropy."""
    c = np.diag([6.0, 6, 6, 3, 3, 3])
    c[:3, :3] += 2
    moduli = ElasticTensor(c, 0, np.zeros(6), 48, 2).moduli()
    assert (moduli.bulk_voigt, moduli.bulk_reuss) == pytest.approx((4, 4))
    assert (moduli.shear_voigt, moduli.shear_reuss) == pytest.approx((3, 3))
    assert moduli.poisson == pytest.approx(0.2)
    assert moduli.young == pytest.approx(2 * 3 * 1.2)
    assert moduli.anisotropy == pytest.approx(0, abs=1e-12)


def test_least_squares_recover_any_tensor_and_report_what_is_asymmetric():
    rng = np.random.default_rng(1)
    half = rng.normal(size=(6, 6))
    truth = half + half.T
    strains = rng.normal(size=(9, 6))
    found, residual = _solve(strains, strains @ truth)
    assert found == pytest.approx(truth, abs=1e-9)
    assert residual < 1e-9
    assert _solve(np.eye(6), half)[1] == pytest.approx(0.5 * np.abs(half - half.T).max())
    assert to_voigt(np.ones((3, 3))) == pytest.approx([1, 1, 1, 2, 2, 2])


class _Stressless(EMT):
    implemented_properties = ("energy", "forces")


def test_refusals():
    c = np.diag([1.0, 1, 1, 1, 1, -0.1])
    weak = ElasticTensor(c, 0, np.zeros(6), 1, 6)
    assert not weak.stable
    with pytest.raises(InputError, match=r"smallest eigenvalue of C is -0\.2 eV"):
        weak.moduli()
    with pytest.raises(InputError, match=r"between 0 and 0\.1, found 0\.5"):
        elastic_tensor(bulk("Cu"), EMT(), strain=0.5)
    with pytest.raises(InputError, match="three axes"):
        elastic_tensor(Atoms("Cu"), EMT())
    for ions in (True, False):
        with pytest.raises(InputError, match="gives no stress"):
            elastic_tensor(bulk("Cu"), _Stressless(), ions=ions)
    with pytest.raises(InputError, match="and stress if the cell is to relax"):
        relaxed(bulk("Cu"), _Stressless(), cell=True)


def test_energies_tell_the_same_constants_also_under_stress():
    """The second derivative of the energy is an oracle of its own; under stress it has further parts."""
    for a in (3.5, 3.6):
        atoms = bulk("Cu", a=a, cubic=True)
        atoms.rattle(0.02, seed=0)
        found = elastic_tensor(atoms, EMT(), strain=2e-3, ions=False)
        assert found.apart < 5e-3
        assert found.bent < 6
        assert "under a stress" in " ".join(found.notes())
    rest = relaxed(bulk("Cu", a=3.6), EMT(), cell=True, fmax=1e-6)
    good = elastic_tensor(rest, EMT())
    assert good.notes() == []
    assert len(good.structures) == 1 + 2 * good.strains


def test_an_ion_that_leaps_is_not_linear():
    """The right well ends within the strain: C would be that of a hop."""
    model = DoubleWell(end=1.002, rest=1.0, growth=30.0)
    found = elastic_tensor(crystal(1.0), model, strain=5e-3, fmax=1e-4)
    (note, *_) = found.notes()
    assert note.startswith("NOT LINEAR")
    assert found.leap > 0.5 or found.apart > 0.1
    steady = elastic_tensor(crystal(-1.0), model, strain=5e-4, fmax=1e-5)
    assert not any("NOT LINEAR" in one for one in steady.notes())


def test_a_stress_that_is_not_that_of_the_energy_is_told():
    class Wrong(EMT):
        def calculate(self, atoms=None, *rest):
            super().calculate(atoms, *rest)
            self.results["stress"] = 1.5 * self.results["stress"]

    atoms = relaxed(bulk("Cu", a=3.6), EMT(), cell=True, fmax=1e-6)
    found = elastic_tensor(atoms, Wrong(), ions=False)
    assert found.apart == pytest.approx(1 / 3, abs=0.05)
    assert any("energies tell constants" in note for note in found.notes())
