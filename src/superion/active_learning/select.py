"""Choosing frames of a pool to be labelled: one registry of selectors with one signature.

A package of somebody else's adds one by an entry point in the group `superion.selectors` (CONTRIBUTING.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from ase import Atoms
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from superion.active_learning.d_optimal import d_optimal
from superion.active_learning.maxvol import extrapolation
from superion.active_learning.needs import DEVIATIONS, require_all
from superion.active_learning.pool import Pool, Selection
from superion.active_learning.similarity import cur, farthest, pca_grid, random, similarity
from superion.active_learning.variance import committee, variance
from superion.errors import InputError
from superion.model import Model
from superion.potentials.many_body.soap import SoapSettings
from superion.registry import Registry, known_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """A way to choose frames.

    choose: a pool, how many frames, and a generator in, a `Selection` out; it never looks at labels of the
    pool. needs: what it asks of the model, by the names of `Model.gives`. committee: whether it compares
    several models fitted to resampled frames.
    """

    name: str
    choose: Callable[[Pool, int, np.random.Generator], Selection]
    needs: frozenset[str] = frozenset()
    committee: bool = False


SELECTORS: Registry[Selector] = Registry("method", "superion.selectors")
for _selector in (
    Selector(name="variance", choose=variance, needs=DEVIATIONS),
    Selector(name="committee", choose=committee, committee=True),
    Selector(name="similarity", choose=similarity),
    Selector(name="farthest", choose=farthest),
    Selector(name="cur", choose=cur),
    Selector(name="d-optimal", choose=d_optimal, needs=DEVIATIONS),
    Selector(name="extrapolation", choose=extrapolation),
    Selector(name="pca-grid", choose=pca_grid),
    Selector(name="random", choose=random),
):
    SELECTORS.add(_selector)

MethodName = Annotated[str, AfterValidator(known_in(SELECTORS))]


class SelectSettings(BaseModel):
    """Which frames are labelled."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    method: MethodName = Field(
        "similarity",
        description=f"{', '.join(SELECTORS)}, or what an installed package brings (CONTRIBUTING.md)",
    )
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

    variance, d-optimal: need one model with predicted deviations; committee: several models. All others look
    at the structures of pool and training set alone. similarity may choose fewer than `count`.
    Raises InputError for an unknown method, a count that the pool cannot give, or a missing model, ModelError
    for one that does not give what the method needs.
    """
    selector = SELECTORS.find(method)
    if not 1 <= count <= len(pool):
        raise InputError(
            f"cannot choose {count} of {len(pool)} frames.", remedy=f"give a count from 1 to {len(pool)}."
        )
    for model in potentials[:1]:
        require_all(model, selector.needs, f"the method {method}")
    return selector.choose(Pool(pool, training, potentials, soap, threshold), count, rng)
