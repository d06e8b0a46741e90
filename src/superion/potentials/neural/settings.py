"""What a neural potential and its training are determined by."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

Generation = Literal["2g", "3g", "cent", "4g", "latent-charges"]
Stage = Literal["charges", "short-range", "joint"]


class SymmetrySettings(BaseModel):
    """Which symmetry functions describe the environment of an atom, see symmetry_functions.py."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cutoff: float = Field(5.0, gt=0.5, le=20, description="radius of the environment in Å")
    radial: int = Field(10, ge=1, description="radial functions for each neighbour element")
    start: float = Field(0.5, gt=0, description="distance in Å at which the innermost function is centred")
    angular: int = Field(
        3, ge=0, description="widths of angular functions for each pair of elements; 0: none"
    )
    zetas: tuple[float, ...] = Field((1.0, 4.0, 16.0), description="angular sharpness ζ, without unit")


class NeuralSettings(BaseModel):
    """A neural potential: its generation, descriptors, networks and electrostatics."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    generation: Generation = Field("4g", description="2g, 3g, cent, 4g or latent-charges")
    symmetry: SymmetrySettings = Field(SymmetrySettings(), description="symmetry functions")
    hidden: tuple[int, ...] = Field((15, 15), description="nodes of the hidden layers of every network")
    linear: bool | None = Field(
        None,
        description="networks give something linear in the symmetry functions as well, with which charges "
        "that no label names begin; null: where no label names them",
    )
    widths: dict[str, float] = Field(
        {}, description="σ in Å of the Gaussian charge ρ ∝ exp(−r²/2σ²) by element; others: covalent radius"
    )
    hardness: PositiveFloat | dict[str, PositiveFloat] = Field(
        5.0,
        description="hardness before training, without self-interaction, eV/e²; then learned. One number, or "
        "by element (others 5)",
    )
    latent: Literal["direct", "equilibrated"] = Field(
        "direct", description="latent-charges: predicted directly (as 3g) or by equilibration (as 4g)"
    )
    conserve: bool = Field(
        True, description="predicted charges (3g, latent) are shifted alike to add up to the total charge"
    )
    total_charge: float | None = Field(
        None, description="e, of structures without total_charge; null: they must state it"
    )
    background: bool | None = Field(
        None,
        description="charged periodic cells: true: a uniform background neutralises them; null: the same, "
        "with a warning; false: they are refused",
    )
    accuracy: float = Field(
        1e-8, ge=1e-15, le=1e-2, description="of periodic Coulomb sums, relative to a bare pair"
    )

    def first_hardness(self, symbol: str) -> float:
        """Hardness of an element before training, eV/e²."""
        return self.hardness.get(symbol, 5.0) if isinstance(self.hardness, dict) else self.hardness

    @property
    def charged(self) -> bool:
        """Whether the generation has charges at all."""
        return self.generation != "2g"

    @property
    def equilibrated(self) -> bool:
        """Whether charges come from an equilibration."""
        latent = self.generation == "latent-charges" and self.latent == "equilibrated"
        return latent or self.generation in ("cent", "4g")

    @property
    def sees_charges(self) -> bool:
        """Whether the network of the short-range energy sees the charge of its atom."""
        return self.generation == "4g"


class LabelSigmas(BaseModel):
    """Expected errors: each label counts as its error divided by this."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    energy: float | None = Field(
        None,
        gt=0,
        description="energy, eV per atom; null: 0.005; after the start of a linear model 0.1 Å times that of "
        "forces, at most a tenth of the spread within a composition (0.03 of two parts drawn apart)",
    )
    force: float | None = Field(
        None,
        gt=0,
        description="force component, eV/Å; null: 0.05; after the start of a linear model 0.05 times the "
        "root mean square of the data (0.15 of two parts drawn apart)",
    )
    charge: float = Field(0.02, gt=0, description="charge, e")


class NeuralTraining(BaseModel):
    """How the weights are found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stages: tuple[Stage, ...] | None = Field(
        None,
        description="what is trained, one after another: charges (on charge labels), short-range (charges "
        "held), joint; null: joint, before it charges for 3g and 4g with charge labels",
    )
    sigma: LabelSigmas = Field(LabelSigmas(), description="weights of the labels in the loss")
    adam_epochs: int | None = Field(
        None,
        ge=0,
        description="epochs of Adam in each stage, the rate falling as a cosine; null: 200, or none after "
        "the start of a linear model",
    )
    rate: float = Field(5e-3, gt=0, description="first learning rate of Adam")
    batch: int | None = Field(None, ge=1, description="frames in a batch of Adam; null: all")
    decay: float = Field(
        1.0,
        ge=0,
        description="the sum of squares of the weights of networks counts this much in the loss, over the "
        "number of frames: keeps few from being learned by heart",
    )
    lbfgs_epochs: int | None = Field(
        None,
        ge=0,
        description="iterations of L-BFGS on all frames, after Adam; null: 400, or 40 after the start of a "
        "linear model if no frame is held out",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="epochs without a loss of held-out frames, or of all if none is held out, that is "
        "better (from the start of a linear model: by a thousandth), which end L-BFGS; null: 100, or after "
        "such a start 10 if none is held out",
    )
    validation: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="part of the frames held out for early stopping; null: 0.1, or after the start of a "
        "linear model none of fewer than 20",
    )
    checkpoint_every: int = Field(25, ge=1, description="epochs between checkpoints")
    seed: int = Field(0, ge=0, description="seed of the first weights, the held-out frames and the batches")
