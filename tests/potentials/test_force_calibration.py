"""Calibrated force deviations: errors against fits without a trajectory, coverage, no other change."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from ase import Atoms
from scipy.linalg import block_diag

from superion.electrostatics import CoulombTerm, FixedCharges, Slater
from superion.potentials import FitSettings, Potential, fit
from superion.potentials.gap import calibration
from superion.potentials.gap import fit as fitting
from superion.potentials.gap.calibration import FEW, left_out
from superion.potentials.gap.equations import weighted_rows
from superion.potentials.gap.gaussian_process import prior_factor
from superion.potentials.repulsion import Repulsion

SETTINGS = FitSettings.model_validate(
    {
        "pair": {"cutoff": 4.0, "sparse_points": 6},
        "soap": {"cutoff": 4.0, "n_max": 3, "l_max": 2, "sparse_points": 8},
    }
)
CHARGES = CoulombTerm(FixedCharges({"Li": 0.7, "Cl": -0.7}), Slater.from_screening(2.0), 1e-6)
TRUTH = Potential([CHARGES, Repulsion({(3, 17): 3.6, (17, 17): 4.0}, height=6.0)])


def frames(names: str, count: int, seed: int) -> list[Atoms]:
    """Frames of a salt that no short-ranged model represents."""
    rng, made = np.random.default_rng(seed), []
    grid = np.array(list(product(range(2), repeat=3)))
    for name, k in product(names, range(count)):
        atoms = Atoms(np.where(grid.sum(axis=1) % 2, 17, 3), grid * 2.55, cell=[5.1] * 3, pbc=True)
        atoms.positions += rng.normal(0, 0.12, (8, 3))
        found = TRUTH.evaluate(atoms)
        atoms.info |= {"REF_energy": found.energy, "trajectory": name, "frame_id": f"{name}-{k}"}
        atoms.arrays["REF_forces"] = found.forces
        made.append(atoms)
    return made


def gaussian(data, **changes):
    return fit(data, SETTINGS.model_copy(update=changes), {"": []})[""][0]


@pytest.fixture(scope="module")
def known():
    return frames("abcd", 4, seed=1)


def test_errors_without_a_trajectory_are_those_of_a_fit_without_it(known):
    """The same equations, solved again without those of one trajectory, on either side of R = M."""
    blocks = gaussian(known).blocks
    rows = [weighted_rows(blocks, atoms, SETTINGS)[0] for atoms in known]
    right = [np.random.default_rng(k).normal(size=(len(one), 2)) for k, one in enumerate(rows)]
    prior = block_diag(*(prior_factor(block.prior(), 1e-6) for block in blocks))

    def solved(members):
        every = np.concatenate([*(rows[k] for k in members), prior])
        labels = np.concatenate([*(right[k] for k in members), np.zeros((len(prior), 2))])
        q, factor = np.linalg.qr(every)
        return np.linalg.solve(factor, q.T @ labels), factor

    weights, factor = solved(range(16))
    for out in (range(1), range(12)):
        a, b = np.concatenate([rows[k] for k in out]), np.concatenate([right[k] for k in out])
        half = np.linalg.solve(factor.T, a.T)
        assert (len(a) > len(weights)) == (len(out) > 1)
        found = calibration._without(half, b - a @ weights)
        expected = b - a @ solved(sorted(set(range(16)) - set(out)))[0]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_nothing_but_deviations_of_forces_changes(known, monkeypatch):
    found = gaussian(known)
    monkeypatch.setattr(fitting, "left_out", lambda frames, unknowns: [])
    plain = gaussian(known)
    assert plain.calibration is None
    atoms = frames("x", 1, seed=9)[0]
    for name in ("energy", "forces", "virial"):
        np.testing.assert_array_equal(
            getattr(found.evaluate(atoms), name), getattr(plain.evaluate(atoms), name)
        )
    for name, array in plain.arrays().items():
        np.testing.assert_array_equal(found.arrays()[name], array)
    before, after = plain.deviation(atoms), found.deviation(atoms)
    assert (before.calibrated, after.calibrated) == (False, True)
    assert after.energy == before.energy
    factors = np.array([found.calibration.factors[symbol] for symbol in atoms.symbols])
    np.testing.assert_allclose(after.forces, before.forces * factors[:, None])


def test_intervals_cover_trajectories_that_were_never_seen(known, tmp_path):
    """A local model of a Coulomb crystal is too sure of itself; its calibrated intervals are not."""
    gp = gaussian(known)
    Potential([gp]).save(tmp_path / "m.safetensors")
    (again,) = Potential.load(tmp_path / "m.safetensors").terms
    assert again.calibration == gp.calibration
    assert gp.calibration.left_out == 4
    assert min(gp.calibration.factors.values()) > 1.5
    new = frames("wxyz", 3, seed=7)
    wrong = np.concatenate([again.evaluate(a).forces - a.arrays["REF_forces"] for a in new])
    spread = np.concatenate([again.deviation(a).forces for a in new])
    factors = np.concatenate([[gp.calibration.factors[s] for s in a.symbols] for a in new])[:, None]
    assert (np.abs(wrong) < 1.96 * spread / factors).mean() < 0.85
    assert 0.90 < (np.abs(wrong) < 1.96 * spread).mean() <= 0.995


def test_an_executor_finds_the_same(known):
    with ThreadPoolExecutor(2) as pool:
        (gp,) = fit(known, SETTINGS, {"": []}, workers=2, executor=pool)[""]
    for symbol, value in gaussian(known).calibration.factors.items():
        assert gp.calibration.factors[symbol] == pytest.approx(value, rel=0.02)


def test_what_is_left_out_together(known):
    assert sorted(sorted(fold) for fold in left_out(known, 1000)) == [
        [4 * k + i for i in range(4)] for k in range(4)
    ]
    alone = left_out(frames("a", 8, seed=1), 1000)
    assert sorted(alone) == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert left_out(known[:1], 1000) == []
    many = left_out(known * 20, 10)
    assert 0.5 * FEW < sum(len(fold) for fold in many) * 31 <= FEW  # 31 rows each


def test_without_deviations_there_is_no_calibration(known):
    assert gaussian(known, uncertainty=False).calibration is None
    bare = [a.copy() for a in known]
    for atoms in bare:
        del atoms.arrays["REF_forces"]
    assert gaussian(bare).calibration is None
