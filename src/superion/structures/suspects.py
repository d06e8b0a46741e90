"""What looks wrong with labels: the frames, and one warning for each kind of fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

SHOWN = 4
"""Frames that a warning names; all are in the suspects."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label of a frame that looks wrong. label: energy, forces or stress. atom: index, or None for all."""

    frame: str
    label: str
    reason: str
    atom: int | None = None


@dataclass(frozen=True, slots=True)
class Suspicions:
    """warnings: one for each kind of fault. notes: why something was not judged. suspects: all frames."""

    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)


def say(found: Suspicions, suspects: Sequence[Suspect], template: str) -> None:
    """Keep the suspects, and one warning for all, with {n} frames and {who} they are and why."""
    if suspects:
        found.suspects.extend(suspects)
        shown = [
            f"{s.frame} ({'' if s.atom is None else f'atom {s.atom}: '}{s.reason})" for s in suspects[:SHOWN]
        ]
        more = f" and {len(suspects) - SHOWN} more" if len(suspects) > SHOWN else ""
        found.warnings.append(template.format(n=counted(len(suspects)), who=", ".join(shown) + more))


def counted(n: int) -> str:
    """`1 frame`, `2 frames`."""
    return "1 frame" if n == 1 else f"{n} frames"
