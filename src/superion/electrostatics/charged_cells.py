"""Periodic cells that are not neutral: what is done with them, and how a user says so.

The energy of a periodic array of charges is infinite. A uniform background that makes up for the total
charge Q (e) makes it finite: no force comes from it, but energy and stress hold what Q has with its images
and the background, −Q²·α/2L per cell for point charges (α: 2.837297 of a cube of edge L; Leslie and Gillan,
J. Phys. C 18, 973, 1985). `makov_payne` takes that out.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

from superion.errors import InputError, suggest

NEUTRAL = 1e-6
"""Total charge (e) up to which a periodic cell counts as neutral, and two totals as the same."""
POLICIES: dict[str, bool | None] = {"warn": None, "background": True, "refuse": False}
CORRECTION = "makov-payne"
FORMS = "warn, background, refuse or makov-payne:EPS, with EPS the dielectric constant"


class ChargedCellWarning(UserWarning):
    """A periodic cell is charged, or has another charge than it states."""


@runtime_checkable
class Neutralised(Protocol):
    """A term or a charge model that can put a charged cell into a uniform background."""

    def with_background(self, background: bool | None) -> Self:
        """The same one; background: True, None to warn of it, False to refuse charged cells."""
        ...


@dataclass(frozen=True, slots=True)
class ChargedCells:
    """What is done with charged periodic cells.

    background: True, None to warn of it as well, False to refuse them. permittivity: the relative one by
    which the correction of Makov and Payne is divided; None for no correction.
    """

    background: bool | None = None
    permittivity: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """`warn`, `background`, `refuse` or `makov-payne:4.2`; InputError for anything else."""
        name, colon, number = str(text).strip().partition(":")
        if name in POLICIES and not colon:
            return cls(POLICIES[name])
        try:
            permittivity = float(number) if name == CORRECTION else 0.0
        except ValueError:
            permittivity = 0.0
        if name != CORRECTION:
            raise InputError(
                f"cannot understand {text!r} as what to do with charged cells."
                f"{suggest(name, (*POLICIES, CORRECTION))}",
                remedy=f"write {FORMS}.",
            )
        if not 1 <= permittivity < math.inf:
            raise InputError(
                f"the correction {text!r} needs a dielectric constant of at least 1.",
                remedy="write it behind a colon, e.g. makov-payne:4.2; 1 for ions that do not move.",
            )
        return cls(True, permittivity)

    def __str__(self) -> str:
        if self.permittivity is not None:
            return f"{CORRECTION}:{self.permittivity:g}"
        return next(name for name, value in POLICIES.items() if value is self.background)


def neutralise(total: float, background: bool | None, stated: float | None = None) -> None:
    """Accept a periodic cell with the charge `total` (e), warn of it, or refuse it with InputError.

    stated: total charge that the structure states, if that may differ from the one of its charges.
    """
    if abs(total) <= NEUTRAL or background:
        if stated is not None and abs(stated - total) > NEUTRAL:
            warn_of_stated(total, stated)
        return
    other = "" if stated is None or abs(stated - total) <= NEUTRAL else f" (it states {stated:+.6g} e)"
    if background is None:
        warnings.warn(
            f"the periodic cell has a total charge of {total:+.6g} e{other}, which a uniform background "
            "neutralises. Its energy and stress hold the interaction of the charge with its images "
            "(correction: none). To choose one: --charged-cells makov-payne:EPS, with the dielectric "
            "constant; to go without in silence: --charged-cells background (in Python and YAML: "
            "charged_cells).",
            ChargedCellWarning,
            stacklevel=3,
        )
        return
    raise InputError(
        f"the periodic cell has a total charge of {total:+.6g} e{other}; without a background its energy is "
        "infinite, and charged cells are to be refused.",
        remedy="use charges that add up to zero, or let a uniform background neutralise the cell: "
        "--charged-cells background (in Python and YAML: charged_cells).",
    )


def warn_of_stated(total: float, stated: float) -> None:
    """Say that a structure states another total charge (e) than its charges add up to."""
    warnings.warn(
        f"the structure states a total charge of {stated:+.6g} e, but its charges by this model add up to "
        f"{total:+.6g} e: these count, what is stated changes nothing. Charges that follow the total are "
        "those of charge equilibration (qeq-gap, kqeq-gap) and of neural potentials.",
        ChargedCellWarning,
        stacklevel=4,
    )


def with_background(part: Any, background: bool | None) -> Any:
    """The part with this background, if it knows of backgrounds at all; itself otherwise."""
    return part.with_background(background) if isinstance(part, Neutralised) else part


def stored(background: bool | None) -> str:
    """A background as model files have it."""
    return str(ChargedCells(background))


def refuses(settings: Mapping[str, Any]) -> bool:
    """Whether somebody chose that the term with these settings, or a part of it, refuses charged cells."""
    return settings.get("charged_cells") == str(ChargedCells(False)) or any(
        refuses(part) for part in settings.values() if isinstance(part, Mapping)
    )


def restored(settings: dict[str, Any]) -> bool | None:
    """The background in the settings of a model file.

    Files of older versions have `background: false` where nobody had chosen.
    """
    if "charged_cells" in settings:
        return ChargedCells.parse(settings["charged_cells"]).background
    return bool(settings["background"]) or None
