"""What a user may choose of a verdict: which models are compared, how large a difference matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from superion.errors import InputError
from superion.model import Charges
from superion.verdict.tolerances import checked
from superion.verdict.topics import limits

LEVEL = 0.05
"""The chance of a false "needed" anywhere in a table, and that of a false "not needed"."""


class Pair(BaseModel):
    """Two models that are compared: whether the candidate matters, beside the baseline."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baseline: str = Field(min_length=1, description="name of the model that is asked whether it suffices")
    candidate: str = Field(min_length=1, description="name of the model that it is compared with")
    question: Literal["electrostatics", "model"] | None = Field(
        None,
        description="electrostatics: the candidate has long-range electrostatics and the baseline has not; "
        "model: they differ in something else; null: what their presets say",
    )
    charges: Charges | None = Field(
        None,
        description="which electrostatics the candidate has: fixed charges by element, predicted from "
        "surroundings, equilibrated, latent, or 4g (equilibrated, and seen by local energies); null: what "
        "its preset says",
    )

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.baseline == self.candidate:
            raise ValueError(f"baseline and candidate are both {self.baseline}")
        return self


class VerdictSettings(BaseModel):
    """Which models are compared, how large a difference matters, and how sure an answer has to be."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    pairs: tuple[Pair, ...] | None = Field(
        None,
        description="pairs of models to compare, each with baseline and candidate (one pair may stand here "
        "without pairs); null: the first model with each of the others",
    )
    tolerances: dict[str, float] = Field(
        {},
        description="smallest difference that matters, where it is another than "
        + ", ".join(f"{name} {limit.value:g}" for name, limit in limits().items())
        + ": eV for defects, meV/atom for eos/energy, a factor for conductivity, fractions for the others",
    )
    level: float = Field(
        LEVEL, gt=0, lt=0.5, description='chance of any false "needed", and of any false "not needed"'
    )

    @model_validator(mode="before")
    @classmethod
    def _one_pair(cls, given: Any) -> Any:
        """`{baseline: A, candidate: B}` means `{pairs: [{baseline: A, candidate: B}]}`."""
        own = set(Pair.model_fields)
        if not isinstance(given, dict) or not own & given.keys() or "pairs" in given:
            return given
        rest = {key: value for key, value in given.items() if key not in own}
        return rest | {"pairs": [{key: value for key, value in given.items() if key in own}]}

    @model_validator(mode="after")
    def _known(self) -> Self:
        try:
            checked(self.tolerances)
        except InputError as error:
            raise ValueError(str(error)) from error
        return self


ELECTROSTATICS = Pair(baseline="gap", candidate="es-gap", question="electrostatics", charges="fixed")
"""The comparison of a study that names none."""


@dataclass(frozen=True, slots=True)
class Words:
    """Words of running text for a pair.

    baseline, candidate: as in "the local potential". subject: what makes the difference; opening: the same
    at the start of a sentence. using: "with electrostatics". whole: what the answer is about, at its start.
    """

    baseline: str
    candidate: str
    subject: str
    opening: str
    using: str
    whole: str

    @classmethod
    def of(cls, pair: Pair) -> Words:
        """The words for a pair."""
        if pair.question != "model":
            return cls(
                "local",
                "electrostatic",
                "electrostatics",
                "Electrostatics",
                "with electrostatics",
                "Long-range electrostatics",
            )
        old, new = pair.baseline, pair.candidate
        return cls(old, new, new, new, f"with {new} instead of {old}", f"{new} instead of {old}")


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]
