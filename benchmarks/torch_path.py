"""Time of energy and forces: compiled loops, the PyTorch path, and PyTorch autograd on the plain formula.

    OMP_NUM_THREADS=1 python benchmarks/torch_path.py

Models are fitted to energies alone, for the time does not depend on the weights. Prints JSON: the best
processor time (on CUDA: elapsed time) of several calls in ms per atom for a supercell of Li7P3S11, and the
largest difference of a force component from the compiled float64 path in eV/Å.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import torch
from ase import Atoms
from evaluation import DATA, SETS

from superion import FitSettings, Potential, read_frames
from superion.neighbours import neighbour_pairs
from superion.potentials import TorchPotential
from superion.potentials.few_body.pair import PairSettings
from superion.potentials.gap.fit import fit
from superion.potentials.many_body.soap import SoapBlock
from superion.potentials.torch_path.soap import solid_harmonics
from superion.torch_batch import cutoff_function


def best_ms(call: Callable[[], object], atoms: int, clock: Callable[[], float] = time.process_time) -> float:
    """Shortest time of five calls in ms per atom, after one to warm up."""
    call()
    times = []
    for _ in range(5):
        started = clock()
        call()
        times.append(clock() - started)
    return round(1000 * min(times) / atoms, 4)


def plain(block: SoapBlock, weights: np.ndarray, atoms: Atoms, dtype: torch.dtype) -> np.ndarray:
    """Forces of a SOAP block by autograd on its formula, nothing optimised but the use of matrix products."""
    pairs, h = neighbour_pairs(atoms, block.cutoff), block.hyper
    vector = torch.tensor(pairs.vector, dtype=dtype, requires_grad=True)
    i, j = torch.tensor(pairs.i), torch.tensor(pairs.j)
    species = torch.tensor(np.searchsorted(block.species, atoms.numbers))
    table = torch.tensor(block.splines(block.species[0])[0][0], dtype=dtype)
    r = torch.linalg.vector_norm(vector, dim=1)
    row = (r.detach() / block.spacing).long().clamp(max=len(table) - 1)
    powers = (r / block.spacing - row)[:, None] ** torch.arange(6)
    f = cutoff_function(r, h.cutoff, h.cutoff_width)[0]
    radial = f[:, None] * torch.einsum("pk,pkr->pr", powers, table[row])
    y = solid_harmonics(vector / r[:, None], h.l_max)
    kinds, p = len(block.species), []
    own = 0.5 / np.sqrt(np.pi) * table[0, 0, : h.n_max]
    for l in range(h.l_max + 1):
        part = y[:, l * l : (l + 1) ** 2, None] * radial[:, None, l * h.n_max : (l + 1) * h.n_max]
        c = part.new_zeros(len(atoms) * kinds, 2 * l + 1, h.n_max)
        c = c.index_add(0, i * kinds + species[j], part)
        if l == 0:
            c = c.index_add(0, torch.arange(len(atoms)) * kinds + species, own.expand(len(atoms), 1, -1))
        c = c.view(len(atoms), kinds, 2 * l + 1, h.n_max).transpose(1, 2).flatten(2)
        a, b = np.triu_indices(c.shape[2])
        p.append((c.mT @ c)[:, a, b] * torch.tensor(np.where(a == b, 1.0, np.sqrt(2.0)), dtype=dtype))
    p = torch.nn.functional.normalize(torch.cat(p, dim=1))
    energy = vector.new_zeros(())
    for k, z in enumerate(block.species):
        kernel = (p[species == k] @ torch.tensor(block.points[z], dtype=dtype).T) ** h.zeta
        energy = energy + (kernel @ torch.tensor(h.delta**2 * weights[block.offsets[z]], dtype=dtype)).sum()
    (slope,) = torch.autograd.grad(energy, vector)
    forces = torch.zeros(len(atoms), 3, dtype=dtype)
    return forces.index_add(0, i, slope).index_add(0, j, -slope).numpy()


def main() -> None:
    torch.set_num_threads(1)
    names = ("train", "strained", "beta-Li3PS4")
    frames = [a for name in names for a in read_frames(DATA / f"{name}.extxyz")]
    for atoms in frames:
        atoms.info.pop("REF_stress")
        atoms.arrays.pop("REF_forces")
    crystal = frames[0] * (3, 2, 2)
    crystal.rattle(0.05, seed=1)
    count = len(crystal)
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    results: dict[str, object] = {
        "machine": platform.processor() or platform.machine(),
        "cuda": cuda,
        "versions": {name: version(name) for name in ("numpy", "numba", "torch")},
        "atoms": count,
    }
    for name, soap in SETS.items():
        settings = FitSettings(pair=PairSettings(delta=2.0), soap=soap, uncertainty=False)
        double = Potential(fit(frames, settings, {"gap": []})["gap"])
        gp = double.terms[-1]
        block, weights = gp.blocks[-1], gp.split(gp.weights)[-1]
        only = Potential([type(gp)([block], weights, gp.baseline)])
        exact = only.evaluate(crystal).forces
        row: dict[str, object] = {}

        def add(
            kind: str, call: Callable[[], np.ndarray], clock=time.process_time, row=row, exact=exact
        ) -> None:
            ms = best_ms(call, count, clock)
            row[kind] = {"ms per atom": ms, "force difference": float(f"{abs(call() - exact).max():.2g}")}

        for precision in ("float64", "float32"):
            potential = only.with_precision(precision)
            add(f"compiled, {precision}", lambda p=potential: p.evaluate(crystal).forces)
            torched = TorchPotential(potential)
            add(f"torch, {precision}", lambda p=torched: p.evaluate(crystal).forces)
            dtype = getattr(torch, precision)
            add(f"autograd, {precision}", lambda d=dtype, b=block, w=weights: plain(b, w, crystal, d))
            if cuda:
                remote = TorchPotential(potential, "cuda")
                add(f"cuda, {precision}", lambda p=remote: p.evaluate(crystal).forces, time.perf_counter)
                several = [crystal] * 16
                row[f"cuda, {precision}, 16 cells at once"] = best_ms(
                    lambda p=remote, s=several: p.evaluate_batch(s), 16 * count, time.perf_counter
                )
        results[name] = row
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
