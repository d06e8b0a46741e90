"""The network that hops make of sites, and along how many directions it leads through the crystal."""

from __future__ import annotations

from collections import deque

import numpy as np

from superion.analysis.hops.sites import Sites
from superion.analysis.hops.visits import Hops

Array = np.ndarray


def edges(hops: Hops, sites: Sites) -> tuple[Array, Array]:
    """(E, 5) origin, target and cell of the target of each connection that was used; (E,) hops along it.

    Both ways are one connection.
    """
    cell = hops.vector @ np.linalg.inv(sites.cell) - (sites.scaled[hops.target] - sites.scaled[hops.origin])
    table = np.column_stack([hops.origin, hops.target, np.round(cell).astype(int)])
    back = np.column_stack([hops.target, hops.origin, -table[:, 2:]])
    turned = [tuple(b) < tuple(a) for a, b in zip(table.tolist(), back.tolist(), strict=True)]
    table[turned] = back[turned]
    if not len(table):
        return table.reshape(0, 5), np.zeros(0, dtype=int)
    return np.unique(table, axis=0, return_counts=True)


def percolation(found: Array, sites: int) -> int:
    """Along how many independent directions a network of connections (E, 5) leads to its own images: 0 to 3.

    Every connection that closes a ring adds the cells that are crossed along it; their rank counts.
    """
    neighbours: dict[int, list[tuple[int, Array]]] = {k: [] for k in range(sites)}
    for a, b, *cell in found.tolist():
        neighbours[a].append((b, np.array(cell)))
        neighbours[b].append((a, -np.array(cell)))
    place: dict[int, Array] = {}
    most = 0
    for root in range(sites):
        if root in place:
            continue
        place[root], waiting = np.zeros(3, dtype=int), deque([root])
        crossed = []
        while waiting:
            here = waiting.popleft()
            for there, cell in neighbours[here]:
                at = place[here] + cell
                if there not in place:
                    place[there] = at
                    waiting.append(there)
                elif (at != place[there]).any():
                    crossed.append(at - place[there])
        most = max(most, int(np.linalg.matrix_rank(np.array(crossed))) if crossed else 0)
    return most
