"""Charge equilibration with tabulated parameters, as settings have it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from superion.electrostatics import ChargeEquilibration, Density, EquilibrationTerm, Gaussian, rappe_goddard
from superion.electrostatics.rappe_goddard import PARAMETERS, valence_range
from superion.errors import InputError, suggest


class QEqSettings(BaseModel):
    """Charge equilibration: the parameters of Rappé and Goddard (1991), or one's own, by element."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    electronegativity: dict[str, float] = Field({}, description="V, of elements other than by the table")
    hardness: dict[str, PositiveFloat] = Field(
        {},
        description="eV/e², self-interaction of the density included, of elements other than by the table",
    )
    widths: dict[str, PositiveFloat] = Field(
        {}, description="gaussian: σ in Å of ρ ∝ exp(−r²/2σ²), of elements other than by the table"
    )
    bounded: bool = Field(
        True, description="keep charges between those of the filled and of the empty valence shell, or bounds"
    )
    bounds: dict[str, tuple[float, float]] = Field(
        {}, description="smallest and largest charge in e, of elements other than by the valence shell"
    )
    density: Literal["slater", "gaussian"] = Field(
        "slater", description="slater, or gaussian with the same self-interaction, which costs less"
    )
    total_charge: float | None = Field(
        0.0, description="total charge of structures that state none, e; null refuses them"
    )
    accuracy: float = Field(
        1e-6, ge=1e-15, le=1e-2, description="of the Ewald sum, relative to a bare pair interaction"
    )


def equilibration_term(settings: QEqSettings, symbols: Iterable[str]) -> EquilibrationTerm:
    """The term for these elements.

    Raises InputError for an element that neither the settings nor the table describe.
    """
    own = {
        "electronegativity": settings.electronegativity,
        "hardness": settings.hardness,
        "widths": settings.widths,
    }
    elements = sorted(set(symbols))
    if settings.widths and settings.density != "gaussian":
        raise InputError(
            f"qeq.widths are those of Gaussian charges, but qeq.density is {settings.density}.",
            remedy="set density: gaussian, or leave out widths.",
        )
    given: dict[str, Iterable[str]] = {**own, "bounds": settings.bounds}
    for name, named in given.items():
        for symbol in named:
            if symbol not in elements:
                raise InputError(
                    f"qeq.{name} names {symbol!r}, which no structure has.{suggest(symbol, elements)}",
                    remedy=f"give values for elements of the data: {', '.join(elements)}.",
                )
    listed = [symbol for symbol in elements if symbol in PARAMETERS]
    for symbol in sorted(set(elements) - set(listed)):
        lacking = [f"qeq.{name}" for name, values in own.items() if symbol not in values]
        if lacking:
            raise InputError(
                f"Rappé and Goddard give no parameters for {symbol}; {', '.join(lacking)} of it "
                f"{'is' if len(lacking) == 1 else 'are'} not given either.",
                remedy="give electronegativity (V), hardness (eV/e²) and width (Å), with density: gaussian.",
            )
    known = rappe_goddard(listed, settings.density)
    densities: dict[str, Density] = {symbol: known.densities[symbol] for symbol in listed}
    densities |= {symbol: Gaussian(width) for symbol, width in settings.widths.items()}
    chi = {symbol: PARAMETERS[symbol][1] for symbol in listed} | settings.electronegativity
    hardness = {symbol: PARAMETERS[symbol][2] for symbol in listed} | settings.hardness
    bounds = {symbol: valence_range(symbol) for symbol in listed} | settings.bounds
    model = ChargeEquilibration(
        chi,
        hardness,
        densities,
        settings.total_charge,
        accuracy=settings.accuracy,
        bounds=bounds if settings.bounded else None,
    )
    return EquilibrationTerm(model)
