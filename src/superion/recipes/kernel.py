"""Kernel charge equilibration, alone or with a local term."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from ase import Atoms
from pydantic import BaseModel, Field, model_validator

from superion.potentials import FitSettings
from superion.potentials.kernel_charges.gap import fit_kqeq_gap
from superion.potentials.kernel_charges.qeq import fit_kqeq
from superion.potentials.kernel_charges.settings import KernelQEqSettings
from superion.potentials.repulsion import Repulsion
from superion.recipes.base import STRICT, Options, Recipe, with_background
from superion.recipes.local import READS, fit_local
from superion.terms import Term


class KQEqGapSettings(BaseModel):
    """Kernel charge equilibration, and a local term on top of it."""

    model_config = STRICT

    charges: KernelQEqSettings = Field(KernelQEqSettings(), description="the charge equilibration")
    fit: FitSettings = Field(FitSettings(), description="the local term and its fit")
    joint: bool = Field(
        True,
        description="learn charges and local term together from all labels; false: charges from labels of "
        "charges and dipoles alone, then the local term from the energies and forces that they leave",
    )

    @model_validator(mode="after")
    def _one_fit(self) -> Self:
        """A joint fit has no first one that channels could be learned from."""
        if self.joint and self.fit.learn_channels:
            raise ValueError(
                "fit.learn_channels needs a fit of its own: with it, set joint: false, "
                "or without it, fit.learn_channels: false"
            )
        return self


def _kqeq(frames: Sequence[Atoms], settings: KernelQEqSettings, options: Options) -> list[Term]:
    return fit_kqeq(frames, with_background(settings, options.charged_cells), progress=options.progress)


def _kqeq_gap(frames: Sequence[Atoms], settings: KQEqGapSettings, options: Options) -> list[Term]:
    repulsion: list[Term] = [Repulsion.below(options.whole or frames)] if options.repulsion else []
    own = with_background(settings.charges, options.charged_cells)
    if settings.joint:
        *charges, local = fit_kqeq_gap(frames, own, settings.fit, progress=options.progress)
        return [*charges, *repulsion, local]  # no frame of the data feels the repulsion
    charges = fit_kqeq(frames, own, progress=options.progress)
    return fit_local({"kqeq-gap": [*charges, *repulsion]}, frames, settings.fit, options)["kqeq-gap"]


KERNEL = (
    Recipe(
        name="kqeq",
        about="kernel charge equilibration: charges and dipoles alone",
        settings=KernelQEqSettings,
        fit=_kqeq,
        reads=frozenset({"seed", "charged-cells"}),
        seed=("seed",),
        potential=False,
        completed=KernelQEqSettings.completed,
        long_range=True,
    ),
    Recipe(
        name="kqeq-gap",
        about="kernel charge equilibration and a local Gaussian process",
        settings=KQEqGapSettings,
        fit=_kqeq_gap,
        reads=READS | {"charged-cells"},
        seed=("fit", "seed"),
        uncertainty=("fit", "uncertainty"),
        quality=("fit", "quality"),
        baseline=lambda settings: settings.fit.baseline,
        force_sigma=lambda settings: settings.fit.sigma.force,
        long_range=True,
        charges="equilibrated",
        learns_charges=True,
    ),
)
