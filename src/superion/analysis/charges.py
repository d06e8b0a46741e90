"""What charges a model predicts: their spread by species, whether they add up, what no chemist believes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms

from superion.structures.bare import total_of
from superion.structures.labels import is_isolated
from superion.structures.oxidation import OXIDATION
from superion.terms import Evaluation

BEYOND, SIGN, WHOLE = 0.05, 0.02, 1e-3
"""e: how far charges may go beyond oxidation states, means to the wrong side, and sums from the total."""


def charge_summary(frames: Sequence[Atoms], predictions: Sequence[Evaluation]) -> dict[str, Any] | None:
    """Predicted charges (e) in numbers, JSON-ready; None if the model has none.

    by_species: mean, std, min, max and number of atoms by element. total_error: the largest |Σq − Q| of a
    frame, Q the total charge that it states, or 0 where it states none. doubts: sentences on charges beyond
    oxidation states, or of the other sign. Isolated atoms do not count.
    """
    charges: dict[str, list[float]] = {}
    largest = 0.0
    for atoms, found in zip(frames, predictions, strict=True):
        if found.charges is None or is_isolated(atoms):
            continue
        for symbol, q in zip(atoms.symbols, found.charges.tolist(), strict=True):
            charges.setdefault(symbol, []).append(q)
        total = total_of(atoms)
        largest = max(largest, abs(float(found.charges.sum()) - (total or 0.0)))
    if not charges:
        return None
    by_species = {
        symbol: {
            "mean": float(np.mean(q)),
            "std": float(np.std(q)),
            "min": min(q),
            "max": max(q),
            "atoms": len(q),
        }
        for symbol, q in sorted(charges.items())
    }
    return {"by_species": by_species, "total_error": largest, "doubts": doubts(frames, by_species)}


def doubts(frames: Sequence[Atoms], by_species: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Sentences on charges that contradict the oxidation states by which crystals are counted (`OXIDATION`).

    Nothing is said unless these states give some frame the total charge that it states: sulfates and metals
    are counted otherwise. Bonds are covalent: a charge may be smaller than its state, but not larger.
    """
    counted = any(_counted(atoms) for atoms in frames if not is_isolated(atoms))
    said = []
    for symbol, found in by_species.items():
        state = OXIDATION.get(symbol, 0.0)
        if not counted or not state:
            continue
        sign = 1 if state > 0 else -1
        largest = found["max"] if state > 0 else found["min"]
        if sign * (largest - state) > BEYOND:
            said.append(
                f"charges of {symbol} go up to {largest:+.2f} e, beyond its oxidation state {state:+g}"
            )
        if sign * found["mean"] < -SIGN:
            said.append(
                f"the mean charge of {symbol} is {found['mean']:+.2f} e, "
                f"against its oxidation state {state:+g}"
            )
    return said


def _counted(atoms: Atoms) -> bool:
    """Whether oxidation states add up to the charge of a structure with cations and anions."""
    states = [OXIDATION.get(symbol, 0.0) for symbol in atoms.symbols]
    both = min(states, default=0.0) < 0 < max(states, default=0.0)
    return both and all(states) and abs(sum(states) - (total_of(atoms) or 0.0)) < WHOLE


def written(summary: Mapping[str, Any]) -> str:
    """A summary as one line: mean ± standard deviation by species, and how well totals are met."""
    parts = [f"{s} {v['mean']:+.3f} ± {v['std']:.3f}" for s, v in summary["by_species"].items()]
    return f"charges (e): {', '.join(parts)}; largest |Σq − Q| {summary['total_error']:.1e}"
