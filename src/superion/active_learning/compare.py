"""Which selector learns most from as many labels: learning curves on frames that are labelled already."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from superion.active_learning.judge import accuracy, force_calibration
from superion.active_learning.needs import DEVIATIONS, sure_presets
from superion.active_learning.results import Comparison
from superion.active_learning.select import SELECTORS, MethodName, select
from superion.active_learning.variance import fit_committee
from superion.errors import InputError, ModelError
from superion.potentials import Potential
from superion.progress import track
from superion.recipes.base import Job, fit_jobs
from superion.structures import is_isolated


class CompareSettings(BaseModel):
    """How selectors are compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: list[MethodName] | None = Field(
        None,
        min_length=1,
        description="selectors; random is the standard to beat; null: all that the model can serve",
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
    job: Job,
    settings: CompareSettings,
    *,
    progress: bool = True,
) -> Comparison:
    """Grow a training set from `pool` by every method and measure the errors on `test`.

    pool: labelled frames; isolated atoms are always trained on and count as no label. job: the fit of the
    model. Raises ModelError, before anything is fitted, for a method that this model cannot serve.
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
    methods = _methods(settings.methods, job)
    labels = [*range(settings.initial, settings.budget, settings.step), settings.budget]
    found: dict[str, Any] = {
        method: {"force_rmse": [], "energy_rmse_per_atom": [], "calibration": None} for method in methods
    }
    options = replace(job.options, whole=job.options.whole or pool)
    job = replace(job, options=options)
    sigma = job.recipe.force_sigma(job.settings)
    runs = [(repeat, method) for repeat in range(settings.repeats) for method in methods]
    for repeat, method in track(runs, "comparing", len(runs), show=progress):
        draw = np.random.default_rng([settings.seed, repeat])
        rng = np.random.default_rng([settings.seed, repeat, zlib.crc32(method.encode())])
        chosen = [int(k) for k in draw.permutation(len(frames))[: settings.initial]]
        curve: list[dict[str, Any]] = []
        for count, following in zip(labels, [*labels[1:], None], strict=True):
            assert len(chosen) == count
            known = [*(frames[k] for k in chosen), *lone]
            potential = Potential(fit_jobs(known, {"": job})[""])
            errors = accuracy(potential, {"test": test})["test"]
            assert errors is not None
            curve.append(errors)
            if following is None:
                if repeat == 0 and "forces_std" in potential.gives:
                    found[method]["calibration"] = force_calibration(potential, test, sigma)
                break
            members = [potential]
            if SELECTORS.find(method).committee:
                members = fit_committee(known, job, settings.committee, rng)
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
    shown = settings.model_copy(update={"methods": methods})
    content = {"settings": shown.model_dump(mode="json"), "labels": labels, "methods": found}
    return Comparison.model_validate(content, strict=False)


def _methods(wanted: Sequence[str] | None, job: Job) -> list[str]:
    """The methods that are compared: those asked for, or all that need nothing that the model lacks."""
    sure = job.recipe.predicts_deviations(job.settings)
    served = [name for name, one in SELECTORS.working().items() if sure or not one.needs & DEVIATIONS]
    missing = sorted(set(wanted or ()) - set(served))
    if missing:
        raise ModelError(
            f"the preset {job.recipe.name}, with these settings, gives no predicted standard deviations, "
            f"which {' and '.join(missing)} need{'s' * (len(missing) == 1)}.",
            remedy=f"use one of the presets {', '.join(sure_presets())}, or other methods.",
        )
    return list(wanted or served)
