"""Choosing frames of a pool to be labelled: one registry of methods with one signature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field

from superion.active_learning.d_optimal import d_optimal
from superion.active_learning.maxvol import extrapolation
from superion.active_learning.pool import Pool, Selection
from superion.active_learning.similarity import cur, farthest, pca_grid, random, similarity
from superion.active_learning.variance import committee, variance
from superion.errors import InputError, suggest
from superion.model import Model
from superion.potentials.many_body.soap import SoapSettings

Method = Callable[[Pool, int, np.random.Generator], Selection]
MethodName = Literal[
    "variance",
    "committee",
    "similarity",
    "farthest",
    "cur",
    "d-optimal",
    "extrapolation",
    "pca-grid",
    "random",
]
METHODS: dict[str, Method] = {
    "variance": variance,
    "committee": committee,
    "similarity": similarity,
    "farthest": farthest,
    "cur": cur,
    "d-optimal": d_optimal,
    "extrapolation": extrapolation,
    "pca-grid": pca_grid,
    "random": random,
}
assert set(METHODS) == set(get_args(MethodName))


class SelectSettings(BaseModel):
    """Which frames are labelled."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    method: MethodName = Field("similarity", description=f"one of {', '.join(METHODS)}")
    count: int = Field(10, ge=1, description="frames chosen at a time")
    threshold: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="similarity: environments more similar than this are known; null: 0.999",
    )
    committee: int = Field(4, ge=2, description="size of a committee: potentials fitted to resampled frames")
    soap: SoapSettings | None = Field(
        None, description="descriptor of environments; null: that of the model, if there is one"
    )


def select(
    method: str,
    pool: Sequence[Atoms],
    training: Sequence[Atoms] = (),
    potentials: Sequence[Model] = (),
    *,
    count: int,
    rng: np.random.Generator,
    soap: SoapSettings | None = None,
    threshold: float | None = None,
) -> Selection:
    """Choose `count` frames of `pool` by `method`.

    variance, d-optimal: need one potential with a covariance; committee: several. All others look at the
    structures of pool and training set alone. similarity may choose fewer than `count`.
    Raises InputError for an unknown method, a count that the pool cannot give, or a missing potential.
    """
    if method not in METHODS:
        raise InputError(
            f"unknown method {method!r}.{suggest(method, METHODS)}",
            remedy=f"methods are {', '.join(METHODS)}.",
        )
    if not 1 <= count <= len(pool):
        raise InputError(
            f"cannot choose {count} of {len(pool)} frames.", remedy=f"give a count from 1 to {len(pool)}."
        )
    return METHODS[method](Pool(pool, training, potentials, soap, threshold), count, rng)
