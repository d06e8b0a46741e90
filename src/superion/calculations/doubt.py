"""What a model says about its own predictions along a series of structures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ase import Atoms

from superion.calculations.doubt_result import Doubts
from superion.model import model_of
from superion.potentials.trust import GRADE_LIMIT, GROWTH, Trust


def doubts(calculator: Any, structures: Sequence[Atoms]) -> dict[str, Any]:
    """Predicted deviations of structures by the calculator of a potential, as in `Doubts`; {} if it has none.

    Far from the training data are structures by their grade, or by a deviation of the energy that is `GROWTH`
    times the smallest of the series.
    """
    model = model_of(calculator)
    trust = Trust(model) if model is not None else None
    if not trust:
        return {}
    found = [trust(atoms) for atoms in structures]
    energies, grades = [one.energy for one in found], [one.grade for one in found]
    least = min((energy for energy in energies if energy is not None), default=0.0)
    return {
        "energy_deviations_eV": energies,
        "force_deviations_eV_per_A": [one.force for one in found],
        "extrapolation_grades": grades,
        "extrapolated": [
            k
            for k, one in enumerate(found)
            if (one.grade or 0.0) > GRADE_LIMIT or (one.energy or 0.0) > GROWTH * least
        ],
    }


def doubt_lines(result: Doubts, names: Sequence[str]) -> list[str]:
    """Lines that say what `doubts` found; `names` of the structures."""
    if result.extrapolated is None:
        return []
    lines, parts = [], []
    for series, what, unit in (
        (result.energy_deviations_eV, "total energy", "eV"),
        (result.force_deviations_eV_per_A, "force on an atom", "eV/Å"),
    ):
        values = [value for value in series or () if value is not None]
        if values:
            parts.append(f"of the {what} {_span(values)} {unit}")
    grades = [value for value in result.extrapolation_grades or () if value is not None]
    if parts:
        lines.append("predicted deviation " + ", ".join(parts))
    if grades:
        lines.append(f"extrapolation grade {_span(grades)}")
    return lines + far(result.extrapolated, names)


def far(extrapolated: Sequence[int] | None, names: Sequence[str]) -> list[str]:
    """The line that names structures far from the training data, if there are any."""
    found = [names[k] for k in extrapolated or ()]
    return [f"EXTRAPOLATED, far from the training data: {', '.join(found)}"] if found else []


def _span(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2g}", f"{max(values):.2g}"
    return low if low == high else f"{low} to {high}"
