"""Which selector learns most from as many labels: learning curves on frames that are labelled already."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from superion.active_learning.judge import accuracy, force_calibration
from superion.active_learning.select import MethodName, select
from superion.active_learning.variance import fit_committee
from superion.errors import InputError
from superion.potentials import FitSettings, Potential, fit
from superion.progress import track
from superion.structures import is_isolated
from superion.terms import Term


class CompareSettings(BaseModel):
    """How selectors are compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: list[MethodName] = Field(
        list(get_args(MethodName)), min_length=1, description="selectors; random is the standard to beat"
    )
    initial: PositiveInt = Field(5, description="frames drawn at random to begin with, for all methods")
    step: PositiveInt = Field(5, description="frames added at a time")
    budget: PositiveInt = Field(25, description="labels at the end")
    repeats: PositiveInt = Field(3, description="draws of the initial frames")
    committee: int = Field(3, ge=2, description="committee: potentials fitted to resampled frames")
    seed: int = Field(0, ge=0, description="seed of everything random")

    @model_validator(mode="after")
    def _room(self) -> CompareSettings:
        if self.budget <= self.initial:
            raise ValueError(f"budget ({self.budget}) must be above initial ({self.initial})")
        return self


def compare_selectors(
    pool: Sequence[Atoms],
    test: Sequence[Atoms],
    terms: Sequence[Term],
    fit_settings: FitSettings,
    settings: CompareSettings,
    *,
    workers: int = 1,
    progress: bool = True,
) -> dict[str, Any]:
    """Grow a training set from `pool` by every method and measure the errors on `test`; JSON-ready.

    pool: labelled frames; isolated atoms are always trained on and count as no label. terms: fixed terms.
    Returns `labels` (numbers of frames trained on) and by method `force_rmse` (eV/Å) and
    `energy_rmse_per_atom` (eV), one row per repeat with one value per entry of `labels`, and the
    `calibration` of forces with all labels of the first repeat. All methods begin with the same frames.
    """
    lone = [atoms for atoms in pool if is_isolated(atoms)]
    frames = [atoms for atoms in pool if not is_isolated(atoms)]
    if settings.budget > len(frames):
        raise InputError(
            f"the budget is {settings.budget} labels, but the pool has {len(frames)} frames.",
            remedy="lower --budget or give more frames.",
        )
    labels = [*range(settings.initial, settings.budget, settings.step), settings.budget]
    found: dict[str, Any] = {
        method: {"force_rmse": [], "energy_rmse_per_atom": [], "calibration": None}
        for method in settings.methods
    }
    runs = [(repeat, method) for repeat in range(settings.repeats) for method in settings.methods]
    for repeat, method in track(runs, "comparing", len(runs), show=progress):
        draw = np.random.default_rng([settings.seed, repeat])
        rng = np.random.default_rng([settings.seed, repeat, zlib.crc32(method.encode())])
        chosen = [int(k) for k in draw.permutation(len(frames))[: settings.initial]]
        curve: list[dict[str, Any]] = []
        for count, following in zip(labels, [*labels[1:], None], strict=True):
            assert len(chosen) == count
            known = [*(frames[k] for k in chosen), *lone]
            potential = Potential(fit(known, fit_settings, {"": terms}, workers=workers)[""])
            errors = accuracy(potential, {"test": test})["test"]
            assert errors is not None
            curve.append(errors)
            if following is None:
                if repeat == 0 and fit_settings.uncertainty:
                    sigma = fit_settings.sigma.force
                    found[method]["calibration"] = force_calibration(potential, test, sigma)
                break
            members = [potential]
            if method == "committee":
                members = fit_committee(known, fit_settings, terms, settings.committee, rng, workers=workers)
            rest = [k for k in range(len(frames)) if k not in set(chosen)]
            wanted = following - count
            answer = select(
                method, [frames[k] for k in rest], known, members, count=wanted, rng=rng, threshold=1 - 1e-9
            )
            picked = [rest[k] for k in answer.indices]
            spare = [k for k in rest if k not in picked]
            chosen += picked + spare[: wanted - len(picked)]
        for key in ("force_rmse", "energy_rmse_per_atom"):
            found[method][key].append([errors[key] for errors in curve])
    return {"settings": settings.model_dump(mode="json"), "labels": labels, "methods": found}
