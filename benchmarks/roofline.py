"""Where the time of a SOAP evaluation goes, and how far each part is from what the processor can do.

    OMP_NUM_THREADS=1 python benchmarks/roofline.py

Prints JSON: fastest matrix products of this package and of NumPy in GFLOP/s, fastest copy in GB/s, and for
each model and precision the time of each stage in µs per atom (medians of processor time), its operations (a
multiply-add is two) and the fraction of the fastest matrix product that they come to. Weights and sparse
points are random, for the time does not depend on them.
"""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ase import Atoms

from superion import read_frames
from superion.batch import Batch
from superion.potentials.few_body.pair import species_index
from superion.potentials.many_body.gemm import multiply, pack, padded
from superion.potentials.many_body.kernels import expand, power_spectrum, vjp
from superion.potentials.many_body.simd import aligned, lanes
from superion.potentials.many_body.soap import SoapBlock, SoapSettings
from superion.terms import Sums

DATA = Path(__file__).parents[1] / "data" / "lps"
CUSTOMARY = {"cutoff": 6.0, "cutoff_width": 1.0, "atom_sigma": 0.5, "zeta": 4, "delta": 0.2}
MODELS = {
    "small: l_max 4, 333 points": (SoapSettings(l_max=4, sparse_points=333, **CUSTOMARY), None),
    "large: l_max 6, 667 points": (SoapSettings(l_max=6, sparse_points=667, **CUSTOMARY), None),
    "default: wide cutoff, l_max 4, 500 points": (SoapSettings(), None),
    "default, 8 channels": (SoapSettings(), 8),
}


def seconds(call: Callable[[], object], repeats: int = 9) -> float:
    """Median processor time of a call, after one to warm up."""
    call()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return statistics.median(times)


def limits() -> dict[str, float]:
    """What the processor can do: GFLOP/s and GB/s."""
    rng = np.random.default_rng(0)
    found = {}
    for dtype in ("float64", "float32"):
        a, b = rng.random((480, 480)).astype(dtype), rng.random((480, 480))
        held, panels, out = (
            aligned((480, 480), dtype),
            pack(b, dtype),
            aligned((480, padded(480, dtype)), dtype),
        )
        held[...] = a
        other = b.astype(dtype)
        work = 2 * 480**3 / 1e9
        own = min(seconds(lambda h=held, p=panels, o=out: multiply(h, 480, p, o)) for _ in range(3))
        library = min(seconds(lambda a=a, b=other: a @ b) for _ in range(3))
        found |= {f"{dtype} product, superion": work / own, f"{dtype} product, NumPy": work / library}
    source, target = np.ones(2**25), np.empty(2**25)
    found["copy GB/s"] = 2 * source.nbytes / 1e9 / seconds(lambda: np.copyto(target, source), 5)
    return found


def random_block(soap: SoapSettings, channels: int | None, species: tuple[int, ...]) -> SoapBlock:
    rng = np.random.default_rng(0)
    shape = (soap.l_max + 1, len(species) * soap.n_max)
    bases = {z: np.linalg.qr(rng.normal(size=(*shape, channels)))[0] for z in species} if channels else None
    length = SoapBlock(soap, species, {}, contractions=bases).length
    points = {z: rng.random((soap.sparse_points, length)) for z in species}
    points = {z: rows / np.linalg.norm(rows, axis=1)[:, None] for z, rows in points.items()}
    return SoapBlock(soap, species, points, contractions=bases)


def stages(atoms: Atoms, block: SoapBlock, dtype: str) -> dict[str, tuple[float, float]]:
    """Seconds and operations per atom of each stage of a chunk of the commonest species, and of the whole."""
    batch = Batch([atoms], block.cutoff)
    sums, owner = Sums.zero(len(atoms), 1), batch.owner
    pairs, species = batch.pairs(block.cutoff), species_index(atoms, block.species)
    weights = np.random.default_rng(0).normal(size=block.size)
    evaluator = block._evaluator(dtype)
    z = int(np.bincount(atoms.numbers).argmax())
    kernel = evaluator._prepared(weights)[z]
    rows, c, p, norm = next(evaluator.chunks(z, pairs, species))
    n, room, scratch, basis = len(rows), evaluator._room, evaluator._scratch(), evaluator._bases[z]
    gradient = room("gradient", len(p), padded(block.length, dtype) + lanes(dtype))
    own = np.empty(n)
    geometry = (rows, pairs.start, pairs.j, pairs.vector, pairs.distance, species)
    alone = (rows, np.zeros_like(pairs.start), *geometry[2:])  # no neighbours: the vjp of the spectrum
    rest = (basis, c, block.channels, p, norm, own, gradient, scratch, sums.forces, sums.virials)
    neighbours = len(pairs.j) / len(atoms)
    lms, l_max, channels, radials = c.shape[1], block.hyper.l_max, block.channels, block.radials
    calls: dict[str, tuple[Callable[[], object], float]] = {
        "expansion": (
            lambda: expand(*geometry, basis, scratch, c),
            neighbours * 2 * radials * (5 * (l_max + 1) + lms),
        ),
        "power spectrum": (
            lambda: power_spectrum(c, n, channels, l_max, scratch, p, norm),
            lms * channels * (channels + 1),
        ),
        "kernels and slopes": (
            lambda: kernel.slopes(p, n, gradient, own, room),
            2 * kernel.multiplications,
        ),
        "vjp of the spectrum": (lambda: vjp(*alone, owner, *rest), 2 * lms * channels**2),
        "vjp of the expansion": (
            lambda: vjp(*geometry, owner, *rest),
            neighbours * 2 * radials * (13 * (l_max + 1) + 4 * lms),
        ),
    }
    found = {name: (seconds(call) / n, work) for name, (call, work) in calls.items()}
    both, work = found["vjp of the expansion"]
    found["vjp of the expansion"] = (both - found["vjp of the spectrum"][0], work)
    whole = seconds(lambda: evaluator.add(weights, pairs, species, owner, sums)) / len(atoms)
    parts = sum(spent for spent, _ in found.values())
    found["rest: smaller chunks of the other species, bookkeeping"] = (whole - parts, 0.0)
    found["whole"] = (whole, sum(work for _, work in found.values()))
    found["neighbour search"] = (seconds(lambda: Batch([atoms], block.cutoff)) / len(atoms), 0.0)
    return found


def main() -> None:
    atoms = read_frames(DATA / "train.extxyz")[0] * (3, 2, 2)
    atoms.rattle(0.05, seed=1)
    best = limits()
    results: dict[str, object] = {
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("numpy", "numba")},
        "atoms": len(atoms),
        "limits": {name: round(value, 1) for name, value in best.items()},
    }
    for name, (soap, channels) in MODELS.items():
        block = random_block(soap, channels, (3, 15, 16))
        for dtype in ("float64", "float32"):
            peak = best[f"{dtype} product, superion"] * 1e9
            results[f"{name}, {dtype}"] = {
                stage: {
                    "us per atom": round(1e6 * spent, 2),
                    **(
                        {"kflop": round(work / 1e3, 1), "of limit": round(work / spent / peak, 2)}
                        if work
                        else {}
                    ),
                }
                for stage, (spent, work) in stages(atoms, block, dtype).items()
            }
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
