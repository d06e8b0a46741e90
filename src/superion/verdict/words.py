"""How the two models of a comparison are spoken of: by what tells them apart, or by their names."""

from __future__ import annotations

from dataclasses import dataclass

from superion.verdict.settings import Pair

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
