"""Parts of a fit reduced independently, by threads, processes or a cluster, and put together as a tree.

Each part of the frames becomes one triangular factor, two factors become one: the parallel form of
tall-skinny QR (Demmel, Grigori, Hoemmen, Langou, SIAM J. Sci. Comput. 34, A206 (2012)). Parts and the order
in which factors are paired follow from the data alone; the result is the same bits whoever computes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from itertools import pairwise
from typing import Any

import numpy as np
from ase import Atoms

from superion.potentials.gap.equations import weighted
from superion.potentials.gap.gaussian_process import Block
from superion.potentials.gap.settings import FitSettings
from superion.potentials.gap.tsqr import StreamingLeastSquares, update

Array = np.ndarray

SHARE = 4  # rows of a part per unknown, so that putting factors together costs at most a quarter more


def partition(rows: Sequence[int], unknowns: int) -> list[slice]:
    """Consecutive frames with at least `SHARE` · unknowns rows together, all of them if there are fewer."""
    total = np.cumsum(rows)
    count = max(1, min(len(rows), int(total[-1]) // (SHARE * unknowns)))
    ends = np.searchsorted(total, total[-1] * np.arange(1, count) / count) + 1
    edges = np.unique([0, *ends.tolist(), len(rows)]).tolist()
    return [slice(a, b) for a, b in pairwise(edges)]


def reduce_part(
    blocks: Sequence[Block], settings: FitSettings, frames: Sequence[Atoms], values: Sequence[Array]
) -> Array:
    """Triangular factor (M + K, M + K) of the equations of some frames with labels (R, K) each."""
    problem = StreamingLeastSquares(sum(block.size for block in blocks), values[0].shape[1])
    for atoms, own in zip(frames, values, strict=True):
        problem.add(*weighted(blocks, settings, atoms, own))
    return problem.reduced()


def combined(factors: Iterable[Array]) -> Array:
    """One factor of all, paired as a binary tree in the order of arrival; holds as many as it has levels."""
    held: list[tuple[int, Array]] = []

    def pair() -> None:
        (level, upper), (_, lower) = held[-2:]
        upper = upper.copy()  # what an executor returns need not be writeable
        update(upper, lower.copy())
        held[-2:] = [(level + 1, upper)]

    for factor in factors:
        held.append((0, factor))
        while len(held) > 1 and held[-1][0] == held[-2][0]:
            pair()
    while len(held) > 1:
        pair()
    return held[0][1]


def in_order(
    executor: Executor, tasks: Iterable[tuple[Callable[..., Any], tuple[Any, ...]]], ahead: int
) -> Iterator[Any]:
    """Results of the tasks in their order, at most `ahead` of them waiting."""
    waiting: deque[Any] = deque()
    for function, arguments in tasks:
        waiting.append(executor.submit(function, *arguments))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
