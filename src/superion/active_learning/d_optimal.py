"""Selection that shrinks the volume of the posterior of the weights most: D-optimal design."""

from __future__ import annotations

import numpy as np

from superion.active_learning.pool import Pool, Selection
from superion.potentials import Sigmas
from superion.potentials.gap.gaussian_process import design
from superion.potentials.gap.tsqr import solve_upper

Array = np.ndarray


def d_optimal(pool: Pool, count: int, rng: np.random.Generator) -> Selection:
    """Frames whose energies would tell most. Score: growth of log det of the weights' precision.

    With FᵀF the precision of the weights of the Gaussian process and z = F⁻ᵀx/σ the whitened design row x of
    a total energy of uncertainty σ = σ_E·√N, the label of the frame multiplies the determinant by 1 + z·z
    (D-optimal design: V. V. Fedorov, Theory of Optimal Experiments (1972)). Chosen one after the
    other, each given those before: greedy, hence at least 1 − 1/e of the best total (Nemhauser, Wolsey,
    Fisher, Math. Program. 14, 265 (1978)).
    """
    del rng
    rows = whitened_energies(pool)
    gram = rows @ rows.T
    left = 1.0 + np.diag(gram)
    factors = np.zeros((0, len(rows)))
    chosen: list[int] = []
    scores: list[float] = []
    for _ in range(min(count, len(rows))):
        k = int(left.argmax())
        chosen.append(k)
        scores.append(float(np.log(left[k])))
        column = gram[k] - factors[:, k] @ factors
        column[k] += 1.0
        column = column / np.sqrt(left[k])
        factors = np.concatenate([factors, column[None]])
        left = left - column**2
        left[chosen] = -np.inf
    return Selection(np.array(chosen, dtype=np.int64), np.array(scores))


def whitened_energies(pool: Pool, sigma: float = Sigmas().energy) -> Array:
    """Design rows (P, M) of the total energies, whitened by the posterior and by sigma·√N (eV)."""
    gp = pool.gp
    assert gp.factor is not None
    rows = [
        design(gp.blocks, atoms, forces=False)[0].sum(axis=0) / (sigma * np.sqrt(len(atoms)))
        for atoms in pool.frames
    ]
    return solve_upper(gp.factor, np.array(rows).T, transpose=True).T
