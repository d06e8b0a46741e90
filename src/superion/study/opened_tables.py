"""The tables of an opened study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from superion.analysis.transport_file import TransportFile
from superion.notebook import Table
from superion.verdict.values import PropertyFile
from superion.work.rows import Row


def transport_table(found: Mapping[tuple[str, float], TransportFile]) -> Table:
    """Diffusion and conductivity with 95 % intervals or bounds, a row for each run."""
    rows = []
    for (model, kelvin), file in found.items():
        result = file.result
        row = [model, kelvin, result.species, result.status, result.length]
        for name in ("diffusion", "conductivity"):
            low, high = getattr(result, f"{name}_interval") or (None, None)
            row += [getattr(result, name), low, high, getattr(result, f"{name}_bound")]
        rows.append(tuple(row))
    ends = ("", " low", " high", " bound")
    columns = [f"{name}{end} ({unit})" for name, unit in (("D", "cm²/s"), ("σ", "mS/cm")) for end in ends]
    head = ("model", "T (K)", "species", "status", "length (ps)", *columns)
    return Table("Transport, 95 % intervals", head, tuple(rows))


def values_table(found: Mapping[str, Mapping[str, PropertyFile]]) -> Table:
    """Values of properties, a row for each."""
    rows = tuple(
        (
            name,
            fit,
            file.potential,
            file.resampled,
            value.name,
            value.value,
            value.error,
            value.unit,
            value.why,
        )
        for name, files in found.items()
        for fit, file in files.items()
        for value in file.values
    )
    head = ("property", "fit", "model", "resampled", "name", "value", "error", "unit", "why")
    return Table("Values of properties", head, rows)


def steps_table(rows: Sequence[Row]) -> tuple[str, tuple[str, ...], list[tuple[object, ...]]]:
    """Caption, head and rows of the steps."""
    return (
        "Steps",
        ("step", "status", "seconds", "note"),
        [(row.step, row.status, row.seconds, row.note) for row in rows],
    )
