"""What was simulated and what it was learned from, in counts."""

from __future__ import annotations

from collections import Counter

import numpy as np
from ase.data import chemical_symbols
from ase.formula import Formula

from superion.numbers import number
from superion.report.content import Content
from superion.report.style import look
from superion.structures import ISOLATED

_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SETS = {"train": "Training", "test": "Test"}


def composition(content: Content) -> str:
    """Formula unit of the simulated structure, or the species of the data."""
    if content.crystal is not None:
        symbols = [chemical_symbols[z] for z in content.crystal.numbers]
        return str(Formula.from_list(symbols).reduce()[0].format("metal")).translate(_SUBSCRIPT)
    total = content.census.total
    return "–".join(total.species if total else []) or "unknown material"


def facts(content: Content) -> list[tuple[str, str]]:
    """What was simulated and what it was learned from, in counts."""
    found: list[tuple[str, str]] = [("Material", composition(content))]
    if content.crystal is not None:
        counts = Counter(chemical_symbols[z] for z in content.crystal.numbers)
        volume = abs(float(np.linalg.det(content.crystal.cell)))
        atoms = ", ".join(f"{n} {s}" for s, n in counts.items())
        found.append(
            ("Simulated cell", f"{len(content.crystal.numbers)} atoms ({atoms}), {number(volume, 4)} Å³")
        )
    if content.census.total:
        found.append(("Labelled frames", f"{content.census.total.frames}"))
    found += [(f"{name} set", _set(content, split)) for split, name in _SETS.items()]
    found.append(("Potentials", ", ".join(look(p).label for p in content.potentials)))
    kelvins = sorted({run.kelvin for run in content.runs})
    count = "1 trajectory" if len(content.runs) == 1 else f"{len(content.runs)} trajectories"
    if kelvins:
        found.append(("Dynamics", f"{count} at {', '.join(f'{k:g}' for k in kelvins)} K"))
    lengths = [run.length_ps for run in content.runs if run.length_ps is not None]
    if lengths:
        low, high = number(min(lengths)), number(max(lengths))
        found.append(("Trajectory length", f"{low} ps" if low == high else f"{low}–{high} ps"))
    return found


def _set(content: Content, split: str) -> str:
    """Frames and trajectories of one side of the split, isolated atoms apart."""
    frames = {errors.frames for each in content.accuracy.values() if (errors := getattr(each, split))}
    alone: Counter[str] = Counter()
    for group in content.census.groups:
        if group.name.endswith(f" / {ISOLATED}"):
            alone.update(group.trajectories)
    sides = getattr(content.split, split) or {}
    names = [name for name, count in sides.items() if count > alone[name]]
    text = f"{', '.join(str(n) for n in sorted(n for n in frames if n)) or 'no'} frames"
    if names:
        text += f" of {len(names)} {'trajectory' if len(names) == 1 else 'trajectories'}"
    lone = sum(min(count, alone[name]) for name, count in sides.items())
    return f"{text}, and {lone} isolated atoms" if lone else text
