"""What a fit is determined by: blocks, regularisation, baseline, seed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from superion.potentials.few_body.angle import AngleSettings
from superion.potentials.few_body.pair import PairSettings
from superion.potentials.gap.quality import SOAPS, Quality, with_quality
from superion.potentials.many_body.soap import SoapSettings


class Sigmas(BaseModel):
    """Expected errors of the labels; the model is not asked to follow them more closely."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    energy: float = Field(0.003, gt=0, description="energy, eV per √atom: σ(total energy) = energy·√N")
    force: float = Field(0.05, gt=0, description="force component, eV/Å")
    virial: float = Field(0.05, gt=0, description="virial component, eV per √atom")


class FitSettings(BaseModel):
    """Everything a fit is determined by, besides the data and the fixed terms."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quality: Quality = Field(
        "fast",
        description="defaults of soap, more_soap and learn_channels: fast; learned, channels weighted by "
        "a first fit; or fine, the same with a second block to 7 Å; what is given beside it stands",
    )
    pair: PairSettings | None = Field(PairSettings(delta=5.0), description="2-body block, or null")
    angle: AngleSettings | None = Field(None, description="3-body block, or null")
    soap: SoapSettings | None = Field(SOAPS["fast"][0], description="SOAP block, or null")
    more_soap: tuple[SoapSettings, ...] = Field(
        (), description="further SOAP blocks, e.g. of a longer cutoff and wider Gaussians; energies add up"
    )
    learn_channels: bool = Field(
        False, description="weight the channels of every SOAP block by how a first fit depends on them"
    )
    sigma: Sigmas = Field(Sigmas(), description="regularisation")
    sigma_by_config_type: dict[str, Sigmas] = Field({}, description="regularisation of single config_types")
    force_sigma_by_species: dict[str, float] = Field(
        {}, description="factor on the force sigma of single species, e.g. {Li: 0.5}, without unit"
    )
    force_sigma_relative: float = Field(
        0.0, ge=0, description="force sigma as this fraction of the force on the atom, where that is larger"
    )
    baseline: Literal["auto", "isolated", "least-squares"] = Field(
        "auto", description="energy per species: from isolated atoms, or by least squares; auto prefers atoms"
    )
    jitter: float = Field(1e-10, gt=0, description="added to the prior's diagonal, relative to its mean")
    uncertainty: bool = Field(True, description="keep the covariance of the weights in the model")
    seed: int = Field(0, ge=0, description="seed of the choice of sparse points")

    @model_validator(mode="before")
    @classmethod
    def _of_quality(cls, given: Any) -> Any:
        """Defaults by the quality, if one is given."""
        return with_quality(given)

    @property
    def soaps(self) -> tuple[SoapSettings, ...]:
        """Settings of all SOAP blocks."""
        return (*(() if self.soap is None else (self.soap,)), *self.more_soap)
