"""Noise, derivatives and jumps are found where they are put, and structures where there are none."""

import numpy as np
import pytest
from ase import Atoms
from toy_models import Toy, salt

from superion.conformance import Settings, check
from superion.conformance.derivatives import slope
from superion.conformance.jumps import largest_jump
from superion.conformance.limits import Limits, Measured, worst
from superion.conformance.noise import noise_of
from superion.conformance.result import Noise, Report
from superion.conformance.structures import made_up
from superion.conformance.subject import Answer, Subject, subject_of
from superion.electrostatics import CoulombTerm, FixedCharges, Gaussian
from superion.errors import InputError
from superion.potentials import Potential
from superion.potentials.few_body.pair import PairBlock, PairSettings
from superion.potentials.gap.gaussian_process import SparseGP
from superion.potentials.repulsion import Repulsion
from superion.structures.contacts import contacts

WALL = Repulsion({(11, 17): 3.2, (17, 17): 4.0, (11, 11): 3.4}, height=6.0)


def noisy(sigma: float, seed: int = 0) -> Subject:
    rng, term = np.random.default_rng(seed), Potential([WALL])

    def ask(atoms):
        found = Answer.of(term.evaluate(atoms))
        return Answer(
            found.energy + sigma * rng.normal(),
            found.forces + 10 * sigma * rng.normal(size=(len(atoms), 3)),
            virial=found.virial,
        )

    return Subject("noisy", ask)


@pytest.mark.parametrize("sigma", [1e-3, 1e-6, 1e-9])
def test_noise_is_what_was_added(sigma):
    found = noise_of(noisy(sigma), salt(), np.random.default_rng(1))
    assert 0.3 < found.energy / sigma < 3
    assert found.force / sigma == pytest.approx(10, rel=0.2)


def test_noise_of_a_smooth_function_is_rounding():
    found = noise_of(subject_of(Toy()), salt(), np.random.default_rng(1))
    assert found.energy < 1e-13
    assert found.force < 1e-13


def test_a_model_with_noise_is_judged_by_its_noise():
    report = check(noisy(1e-6), salt(), only=("forces", "translation", "energy drift"))
    assert report.passed, str(report)
    assert report["translation"].limit > 1e-4
    assert report["forces"].limit > 3e-5
    hidden = check(noisy(0.1), salt(), only=("forces",), level="quick")["forces"]
    assert hidden.status == "not applicable"
    assert "hide" in hidden.why


@pytest.mark.parametrize("sigma", [1e-15, 1e-9, 1e-6])
def test_derivatives_are_within_their_errors(sigma):
    rng = np.random.default_rng(0)
    for place in np.linspace(0, 3, 20):
        found = slope(lambda h, x=place: np.sin(3 * (x + h)) + sigma * rng.normal(), 0.1, sigma, 0.0, 1e-9)
        exact = 3 * np.cos(3 * place)
        assert abs(found.value - exact) <= found.error
        assert found.error < 1e-7 + 2000 * sigma


def test_a_kink_near_the_place_is_no_excuse_for_a_wrong_derivative():
    """A second derivative that jumps 0.01 away: long steps give a wrong slope, short ones the right one."""
    function = lambda h: h + 2.0 * max(h - 0.01, 0.0) ** 2  # noqa: E731
    found = slope(function, 0.12, 1e-15, 1.0, 1e-6)
    assert abs(found.value - 1) < 1e-6
    assert found.error < 1e-6


def path(x: float) -> np.ndarray:
    kink = 40 * max(x - 0.3217, 0.0)
    return np.array([np.exp(3 * x), kink])


def test_jumps_are_told_from_kinks_and_slopes():
    smooth = largest_jump(path, 4, 1000)
    assert smooth.resolved
    assert not smooth.located
    step = largest_jump(lambda x: path(x) + np.array([0.0, 3.0 * (x > 0.777)]), 4, 1000)
    assert step.located
    assert step.where == pytest.approx(0.777, abs=1e-6)
    assert step.size == pytest.approx(3.0, rel=1e-3)
    assert step.worst == 1
    tired = largest_jump(lambda x: 1e6 * path(x), 4, 60)
    assert not tired.resolved
    assert largest_jump(lambda x: np.array([np.nan * (x > 0.5)]), 4, 100).size == np.inf


def test_limits_grow_with_the_structure_and_with_noise():
    limits = Limits(1e-5, Noise(energy=0.0, force=0.0, virial=0.0), 8)
    assert limits.energy(100) == pytest.approx(1e-4)
    assert limits.force() == 1e-5
    coarse = Limits(1e-5, Noise(energy=1e-3, force=1e-4, virial=None), 8)
    assert coarse.energy(8) == pytest.approx(0.02)
    assert coarse.energy(16) == pytest.approx(0.04)
    assert coarse.force() == pytest.approx(2e-3)
    assert worst([Measured(1, 2, ""), Measured(1e-9, 0.0, "zero"), Measured(3, 2, "")]).unit == "zero"


def gp(*symbols: int) -> SparseGP:
    points = {(a, b): np.array([2.0, 3.0]) for a in symbols for b in symbols if a <= b}
    block = PairBlock(PairSettings(cutoff=4.0), symbols, points)
    return SparseGP([block], np.full(block.size, 0.1), {"Li": 0.0, "S": 0.0})


@pytest.mark.parametrize("seed", range(3))
def test_structures_that_are_made_up_are_neutral_and_not_crowded(seed):
    charges = CoulombTerm(FixedCharges({"Li": 0.4, "S": -0.8}), Gaussian(0.7))
    subject = subject_of(Potential([charges, gp(3, 16)]))
    atoms, how = made_up(subject, np.random.default_rng(seed))
    assert "at random" in how
    assert atoms.symbols.count("Li") == 2 * atoms.symbols.count("S")
    assert 40 < len(atoms) < 60
    assert not contacts(atoms)
    again, _ = made_up(subject, np.random.default_rng(seed))
    assert again == atoms
    local, _ = made_up(subject_of(Potential([gp(3, 16)])), np.random.default_rng(seed))
    assert local.symbols.count("Li") == local.symbols.count("S")


def test_a_model_of_unknown_elements_needs_a_structure():
    with pytest.raises(InputError, match=r"does not say which elements.*superion check MODEL STRUCTURE"):
        check(Toy())


def test_what_cannot_be_judged():
    with pytest.raises(InputError, match="int is no model"):
        check(3, salt())
    with pytest.raises(InputError, match="no atoms"):
        check(Toy(), Atoms())
    with pytest.raises(InputError, match=r"unknown check 'force'. Did you mean 'forces'"):
        check(Toy(), salt(), only=("force",))
    with pytest.raises(InputError, match="Remedy: give one whose atoms do not overlap"):
        check(Toy(), Atoms("Na2", [[0, 0, 0], [0, 0, 0.3]]))


def test_a_report_survives_its_file_and_tells_itself():
    report = check(Toy(), salt(), Settings(level="quick"), only=("forces", "batches"), facts={"file": "x"})
    again = Report.model_validate_json(report.model_dump_json())
    assert again == report
    assert report.kind == "check"
    assert report.model == {"name": "Toy", "file": "x"}
    assert "forces: pass" in str(report)
    assert report["batches"].status == "not applicable"
    assert "<td>forces</td>" in report._repr_html_()
    with pytest.raises(KeyError):
        report["stress"]


def test_the_same_seed_gives_the_same_numbers():
    one, two, other = (
        check(Toy(), salt(), level="quick", only=("forces",), seed=seed)["forces"].number
        for seed in (1, 1, 2)
    )
    assert one == two != other


def test_one_atom_alone_can_be_judged():
    atoms = Atoms("Na", cell=[[2.9, 0, 0], [0.4, 3.0, 0], [0, 0.2, 3.1]], pbc=True)
    report = check(Potential([WALL]), atoms, level="quick")
    assert report.passed, str(report)
    assert report["permutation"].status == "not applicable"
