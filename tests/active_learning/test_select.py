"""Every selector against brute force, dense linear algebra, or the property that defines it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from ase import Atoms
from toy_salt import crystal, frames, lone_atoms

from superion.active_learning.d_optimal import d_optimal
from superion.active_learning.maxvol import ExtrapolationGrade
from superion.active_learning.pool import Pool
from superion.active_learning.select import SELECTORS, select
from superion.active_learning.variance import disagreement, fit_committee, force_deviation
from superion.errors import InputError, ModelError
from superion.potentials import FitSettings, Potential, Sigmas, fit
from superion.potentials.gap.gaussian_process import design
from superion.potentials.many_body.soap import SoapSettings
from superion.potentials.points.maxvol import ActiveSet, maxvol
from superion.recipes.base import Job, Options
from superion.recipes.registry import fit_preset

SOAP = SoapSettings(cutoff=4.0, n_max=3, l_max=2, sparse_points=12)
SETTINGS = FitSettings(pair=None, soap=SOAP)


@pytest.fixture(scope="module")
def pool() -> list[Atoms]:
    return frames(6, "pq", seed=4)


@pytest.fixture(scope="module")
def training() -> list[Atoms]:
    return [*frames(4, "a", seed=8), *lone_atoms()]


@pytest.fixture(scope="module")
def members(training) -> list[Potential]:
    job = Job(fit_preset("gap"), SETTINGS, Options(repulsion=False))
    others = fit_committee(training, job, 2, np.random.default_rng(5))
    return [Potential(fit(training, SETTINGS, {"gap": []})["gap"]), *others]


@pytest.mark.parametrize("method", SELECTORS)
def test_every_method_chooses_different_frames_and_never_reads_labels(method, pool, training, members):
    bare = [Atoms(a.numbers, a.positions, cell=a.cell, pbc=True) for a in pool]
    chosen = [
        select(method, p, training, members, count=4, rng=np.random.default_rng(1), threshold=0.99999)
        for p in (pool, bare)
    ]
    assert len(set(chosen[0].indices)) == 4
    assert chosen[0].scores.shape == (4,)
    assert np.isfinite(chosen[0].scores).all()
    np.testing.assert_array_equal(chosen[0].indices, chosen[1].indices)
    np.testing.assert_array_equal(chosen[0].scores, chosen[1].scores)


@pytest.mark.parametrize("method", sorted(set(SELECTORS) - {"variance", "committee", "d-optimal"}))
def test_methods_that_look_at_structures_begin_without_training_set(method, pool):
    found = select(method, pool, count=3, rng=np.random.default_rng(2), soap=SOAP, threshold=0.99999)
    assert len(set(found.indices)) == 3


@pytest.mark.parametrize("method", ["similarity", "extrapolation", "variance", "committee"])
def test_a_strange_frame_comes_first(method, pool, training, members):
    strange = crystal()
    strange.positions[0] += [0.9, 0.7, 0.4]
    found = select(
        method, [*pool, strange], training, members, count=2, rng=np.random.default_rng(1), threshold=0.9999
    )
    assert found.indices[0] == len(pool)


def test_variance_is_the_dense_posterior(training, pool):
    """Force standard deviation, not calibrated, from the explicit inverse of XᵀΣ⁻¹X + K."""
    sigma = Sigmas(energy=0.01, force=0.1, virial=0.1)
    settings = SETTINGS.model_copy(update={"sigma": sigma, "jitter": 1e-8})
    (gp,) = fit(training, settings, {"gap": []})["gap"]
    gp.calibration = None
    prior = gp.blocks[0].prior()
    precision = prior + 1e-8 * np.diag(prior).mean() * np.eye(len(prior))
    for atoms in training:
        energy, force, virial = design(gp.blocks, atoms)
        n = len(atoms)
        rows = [energy.sum(axis=0)[None] / (0.01 * np.sqrt(n))]
        if "REF_forces" in atoms.arrays:
            six = virial[(0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)]
            rows += [force.reshape(3 * n, -1) / 0.1, six / (0.1 * np.sqrt(n))]
        x = np.concatenate(rows)
        precision = precision + x.T @ x
    covariance = np.linalg.inv(precision)
    expected = []
    for atoms in pool:
        x = design(gp.blocks, atoms)[1]
        var = np.einsum("nxm,mk,nxk->nx", x, covariance, x)
        expected.append(np.sqrt(var.sum(axis=1)).max())
    potential = Potential([gp])
    np.testing.assert_allclose(
        [force_deviation(potential, a) for a in pool], expected, rtol=1e-3
    )  # the oracle squares the condition
    found = select("variance", pool, potentials=[potential], count=5, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(found.indices, np.argsort(expected)[::-1][:5])
    np.testing.assert_allclose(found.scores, np.sort(expected)[::-1][:5], rtol=1e-3)


def test_committee_members_differ_and_their_spread_is_the_standard_deviation(members, pool):
    forces = np.array([m.evaluate(pool[0]).forces for m in members])
    assert disagreement(members, pool[0]) == pytest.approx(np.sqrt(forces.var(axis=0).sum(axis=1)).max())
    assert disagreement(members, pool[0]) > 1e-6
    assert disagreement([members[0]] * 2, pool[0]) == 0.0


def log_det(gp, chosen) -> float:
    """log det of the precision of the weights with the energies of `chosen` as further labels."""
    precision = gp.factor.T @ gp.factor
    for atoms in chosen:
        x = design(gp.blocks, atoms)[0].sum(axis=0) / (0.003 * np.sqrt(len(atoms)))
        precision = precision + np.outer(x, x)
    return float(np.linalg.slogdet(precision)[1])


def test_d_optimal_scores_are_the_growth_of_the_determinant(training, pool):
    settings = SETTINGS.model_copy(update={"jitter": 1e-6})
    (gp,) = fit(training, settings, {"gap": []})["gap"]
    small = pool[:8]
    found = d_optimal(Pool(small, training, [Potential([gp])]), 3, np.random.default_rng(0))
    before = log_det(gp, [])
    growth = np.diff([before, *(log_det(gp, [small[k] for k in found.indices[: n + 1]]) for n in range(3))])
    np.testing.assert_allclose(found.scores, growth, rtol=3e-3)  # the oracle squares the condition
    best = max(log_det(gp, [small[k] for k in trio]) for trio in combinations(range(8), 3)) - before
    assert found.scores.sum() >= (1 - 1 / np.e) * best
    single = max(log_det(gp, [atoms]) for atoms in small) - before
    assert found.scores[0] == pytest.approx(single, rel=3e-3)


def test_maxvol_is_dominant_and_nearly_the_largest_volume():
    for seed in range(20):
        rows = np.random.default_rng(seed).normal(size=(9, 3))
        chosen = maxvol(rows)
        grades = rows @ np.linalg.inv(rows[chosen])
        assert np.abs(grades).max() <= 1.001 + 1e-12
        volumes = [abs(np.linalg.det(rows[list(trio)])) for trio in combinations(range(9), 3)]
        # a dominant submatrix is at most r^(r/2) below the largest (Goreinov & Tyrtyshnikov 2001)
        assert abs(np.linalg.det(rows[chosen])) >= max(volumes) / 3**1.5
        for row in rows:  # no single exchange enlarges the volume
            for j in range(3):
                swapped = rows[chosen].copy()
                swapped[j] = row
                assert abs(np.linalg.det(swapped)) <= 1.001 * abs(np.linalg.det(rows[chosen])) + 1e-12


def test_maxvol_refuses_dependent_rows():
    with pytest.raises(InputError, match="do not span 2 dimensions"):
        maxvol(np.outer(np.arange(1, 5.0), [1.0, 2.0]))


def test_grade_of_a_row_is_the_volume_it_would_win():
    rng = np.random.default_rng(3)
    data = rng.normal(size=(30, 4))
    active = ActiveSet.of(data)
    assert active.grade(data).max() <= 1.001 + 1e-9
    new = 3 * rng.normal(size=4)
    matrix = np.linalg.inv(active.inverse)
    volume = abs(np.linalg.det(matrix))
    won = []
    for j in range(4):
        swapped = matrix.copy()
        swapped[j] = active.basis @ new
        won.append(abs(np.linalg.det(swapped)) / volume)
    assert active.grade(new[None])[0] == pytest.approx(max(won))


def test_grade_sees_what_the_training_set_never_did(training, pool):
    measure = ExtrapolationGrade(Pool(training, training, soap=SOAP))
    assert max(measure(a) for a in training if len(a) > 1) <= 1.001 + 1e-9
    far = crystal()
    far.positions[0] += [0.9, 0.7, 0.4]
    assert measure(far) > 2 * max(measure(a) for a in pool)
    far.symbols[0] = "Na"
    assert measure(far) == np.inf


def test_a_direction_outside_the_span_counts():
    rng = np.random.default_rng(0)
    flat = np.concatenate([rng.normal(size=(20, 3)), 1e-6 * rng.normal(size=(20, 1))], axis=1)
    active = ActiveSet.of(flat)
    assert active.basis.shape == (3, 4)
    assert active.grade(np.array([[0.0, 0.0, 0.0, 0.5]]))[0] > 100


def test_farthest_is_brute_force(training, pool):
    p = Pool(pool, training, soap=SOAP)
    points, known = p.averages("pool"), p.averages("training")
    found = SELECTORS["farthest"].choose(p, 5, np.random.default_rng(0))
    taken = list(known)
    for k, score in zip(found.indices, found.scores, strict=True):
        distances = [min(np.linalg.norm(x - y) for y in taken) for x in points]
        assert k == int(np.argmax(distances))
        assert score == pytest.approx(max(distances))
        taken.append(points[k])


def test_averaged_rows_give_the_average_kernel(pool):
    p = Pool(pool[:2], soap=SOAP)
    rows = p.averages("pool")
    a, b = p.environments("pool")
    expected = sum(
        np.sqrt(((pool[0].numbers == z).sum() / 8) * ((pool[1].numbers == z).sum() / 8))
        * (a[pool[0].numbers == z] @ b[pool[1].numbers == z].T).mean()
        for z in (3, 17)
    )
    assert rows[0] @ rows[1] == pytest.approx(expected)


def test_similarity_stops_when_nothing_is_new(training, pool):
    p = Pool([*pool, pool[3]], training, soap=SOAP, threshold=0.999)
    found = SELECTORS["similarity"].choose(p, len(pool) + 1, np.random.default_rng(0))
    assert len({*found.indices} & {3, len(pool)}) <= 1
    assert (found.scores > 0.001).all()
    known = [*training[:4], *(p.frames[k] for k in found.indices)]
    rows = {z: np.concatenate([p.descriptor.spectra(a)[a.numbers == z] for a in known]) for z in (3, 17)}
    for atoms, spectra in zip(p.frames, p.environments("pool"), strict=True):
        for z in (3, 17):  # every environment has a twin
            assert (spectra[atoms.numbers == z] @ rows[z].T).max(axis=1).min() >= 0.999 - 1e-12
    assert (
        len(SELECTORS["similarity"].choose(Pool(training[:4], training), 4, np.random.default_rng(0)).indices)
        == 0
    )


def test_cur_draws_by_leverage(pool):
    p = Pool([*pool[:6], *[pool[6]] * 6], soap=SOAP)
    counts = np.zeros(12)
    for seed in range(300):
        counts[SELECTORS["cur"].choose(p, 1, np.random.default_rng(seed)).indices] += 1
    leverage = np.linalg.svd(p.averages("pool"), full_matrices=False)[0][:, 0] ** 2
    np.testing.assert_allclose(counts / 300, leverage, atol=0.08)


def test_cur_ignores_what_the_training_set_spans(pool):
    p = Pool(pool, pool[:5], soap=SOAP)
    scores = SELECTORS["cur"].choose(p, len(pool), np.random.default_rng(0))
    assert set(scores.indices[-5:]) == set(range(5))
    assert scores.scores[-5:].max() < 1e-6


def test_grid_takes_one_frame_per_cell_unknown_cells_first(pool):
    p = Pool(pool, pool[:3], soap=SOAP)
    found = SELECTORS["pca-grid"].choose(p, 6, np.random.default_rng(0))
    assert len(set(found.indices)) == 6
    assert (np.diff(found.scores) <= 0).all()
    assert not set(found.indices[found.scores == 1.0]) & {0, 1, 2}


def test_random_is_uniform(pool):
    counts = np.zeros(len(pool))
    for seed in range(400):
        counts[select("random", pool, count=3, rng=np.random.default_rng(seed)).indices] += 1
    np.testing.assert_allclose(counts / 400, 3 / len(pool), atol=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "varience"}, "Did you mean 'variance'"),
        ({"method": "variance"}, "needs a trained model"),
        ({"method": "committee"}, "at least 2 potentials"),
        ({"method": "random", "count": 99}, "cannot choose 99 of 12 frames"),
    ],
)
def test_refusals(arguments, message, pool):
    with pytest.raises(InputError, match=message):
        select(pool=pool, rng=np.random.default_rng(0), **{"count": 2, **arguments})


def test_a_model_without_covariance_is_refused(training, pool):
    (gp,) = fit(training, SETTINGS.model_copy(update={"uncertainty": False}), {"gap": []})["gap"]
    with pytest.raises(ModelError, match=r"gives no predicted.*uncertainty: true.* presets gap, es-gap"):
        select("variance", pool, potentials=[Potential([gp])], count=1, rng=np.random.default_rng(0))
