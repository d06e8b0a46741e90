"""Activation energies as a table of the report."""

from __future__ import annotations

from collections.abc import Mapping

from superion.analysis.arrhenius_result import ArrheniusResult
from superion.report.style import look
from superion.report.tables import Table

Ends = tuple[float, float] | None


def arrhenius_table(found: Mapping[str, ArrheniusResult]) -> Table | None:
    """A row for each model; None without one."""
    if not found:
        return None
    kelvins = sorted({other.temperature for one in found.values() for other in one.extrapolated})
    unit = "cm²/s" if any(one.quantity == "diffusion" for one in found.values()) else "mS/cm"
    head = ["potential", "Ea (eV)", *(f"at {kelvin:g} K ({unit})" for kelvin in kelvins), "status"]
    rows = []
    for name, one in found.items():
        energy = written(one.activation_energy, one.activation_interval)
        if one.branches:
            energy = "; ".join(
                f"{written(b.activation_energy, b.activation_interval)} at {b.temperatures[0]:g}–"
                f"{b.temperatures[1]:g} K"
                for b in one.branches
            )
        if one.activation_bound is not None:
            energy = f"> {one.activation_bound:.2g}"
        at = {other.temperature: written(other.value, other.interval) for other in one.extrapolated}
        rows.append(
            [look(name).label, energy, *(at.get(kelvin, "not known") for kelvin in kelvins), one.status]
        )
    measured = sorted({m.conductivity for one in found.values() for m in one.measured})
    caption = (
        "Slope of ln σT (or ln D) against 1/T over all runs of a model, from what each run says of its own "
        "value; 95 % intervals in brackets. Values at other temperatures hold if the slope stays the same."
    )
    if measured:
        caption += f" Measured: {', '.join(f'{value:.2g}' for value in measured)} mS/cm."
    return Table(caption, head, rows)


def slope_remarks(found: Mapping[str, ArrheniusResult]) -> list[tuple[str, str]]:
    """What else must be known of each model."""
    return [
        (look(name).label, text)
        for name, one in found.items()
        for text in (*(() if one.status == "line" else (one.reason,)), *one.notes)
    ]


def written(value: float | None, ends: Ends) -> str:
    """A value with its interval."""
    return "not known" if value is None or ends is None else f"{value:.3g} ({ends[0]:.2g} to {ends[1]:.2g})"
