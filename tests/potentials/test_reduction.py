"""Parts reduced anywhere give one solution: threads, processes and a Dask cluster beside the serial fit."""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from ase import Atoms

from superion.errors import InputError
from superion.potentials.few_body.pair import PairSettings
from superion.potentials.gap.fit import fit
from superion.potentials.gap.reduction import SHARE, combined, partition
from superion.potentials.gap.settings import FitSettings, Sigmas
from superion.potentials.gap.tsqr import StreamingLeastSquares
from superion.potentials.many_body.soap import SoapSettings
from superion.work.executors import open_executor

SETTINGS = FitSettings(
    pair=PairSettings(cutoff=4.0, cutoff_width=1.5, delta=0.5, sparse_points=4),
    soap=SoapSettings(cutoff=4.0, cutoff_width=1.5, n_max=3, l_max=2, sparse_points=8),
    sigma=Sigmas(energy=0.01, force=0.1),
    baseline="least-squares",
)


def frames(count: int = 24) -> list[Atoms]:
    """Random crystals with random labels: what is fitted does not matter here."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        grid = np.array([(i, j, l) for i in range(2) for j in range(2) for l in range(2)]) * 2.2
        atoms = Atoms("Li4S4", grid + rng.normal(0, 0.1, (8, 3)), cell=[4.4, 4.4, 4.4], pbc=True)
        atoms.info["REF_energy"] = rng.normal()
        atoms.arrays["REF_forces"] = rng.normal(size=(8, 3))
        made.append(atoms)
    return made


def weights(executor=None, workers=1) -> np.ndarray:
    return fit(frames(), SETTINGS, {"gap": []}, workers=workers, executor=executor)["gap"][-1].weights


def test_partition_is_complete_in_order_and_never_small():
    rows = np.random.default_rng(0).integers(5, 40, 200).tolist()
    parts = partition(rows, 30)
    assert parts[0].start == 0
    assert parts[-1].stop == 200
    assert [a.stop for a in parts[:-1]] == [b.start for b in parts[1:]]
    assert min(sum(rows[part]) for part in parts) > 0.6 * SHARE * 30
    assert len(parts) == sum(rows) // (SHARE * 30)
    assert partition([7, 7], 30) == [slice(0, 2)]


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_tree_of_factors_is_the_dense_factor(count):
    rng = np.random.default_rng(count)
    parts = rng.normal(size=(count, 50, 12))
    factors = []
    for part in parts:
        problem = StreamingLeastSquares(10, 2)
        problem.add(part[:, :10], part[:, 10:])
        factors.append(problem.reduced())
        factors[-1].flags.writeable = False
    whole, factor = parts.reshape(-1, 12), combined(iter(factors))
    np.testing.assert_allclose(factor.T @ factor, whole.T @ whole, atol=1e-11)


def same(result: np.ndarray, expected: np.ndarray) -> None:
    """Weights agree to 1e-9 of the largest."""
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_threads_and_processes_give_the_serial_solution_and_the_same_bits():
    with open_executor("threads:2") as pool:
        assert pool.slots == 2
        threads = weights(pool, pool.slots)
    with ThreadPoolExecutor(1) as one:
        np.testing.assert_array_equal(weights(one), threads)
    with open_executor("processes:1") as pool:
        np.testing.assert_array_equal(weights(pool, pool.slots), threads)
    same(threads, weights())


def test_dask_cluster_of_two_processes_gives_the_serial_solution():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the cluster, while it starts and stops
        from distributed import LocalCluster

        with LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1"
        ) as cluster:
            address = "dask:" + cluster.scheduler_address.removeprefix("tcp:")
            with open_executor(address) as pool:
                assert pool.slots == 2
                found = weights(pool, pool.slots)
    same(found, weights())


def test_errors_come_back_from_where_they_happened():
    broken = frames()
    broken[3].info["source"] = "train.extxyz#3"
    broken[3].arrays["force_sigma"] = np.zeros(8)
    with (
        open_executor("threads:1") as pool,
        pytest.raises(InputError, match=r"frame train.extxyz#3: force_sigma must be positive") as caught,
    ):
        fit(broken, SETTINGS, {"gap": []}, workers=pool.slots, executor=pool)
    sent = pickle.loads(pickle.dumps(caught.value))  # its own error, as another process sends it
    assert str(sent) == str(caught.value)
    assert sent.frame == "train.extxyz#3"
