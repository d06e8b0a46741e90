"""What charges a model predicts: their spread by species, and whether they add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms

from superion.structures.bare import total_of
from superion.structures.labels import is_isolated
from superion.terms import Evaluation


def charge_summary(frames: Sequence[Atoms], predictions: Sequence[Evaluation]) -> dict[str, Any] | None:
    """Predicted charges (e) in numbers, JSON-ready; None if the model has none.

    by_species: mean, std, min, max and number of atoms by element. total_error: the largest |Σq − Q| of a
    frame, Q the total charge that it states, or 0 where it states none. Isolated atoms do not count.
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
    return {"by_species": by_species, "total_error": largest}


def written(summary: Mapping[str, Any]) -> str:
    """A summary as one line: mean ± standard deviation by species, and how well totals are met."""
    parts = [f"{s} {v['mean']:+.3f} ± {v['std']:.3f}" for s, v in summary["by_species"].items()]
    return f"charges (e): {', '.join(parts)}; largest |Σq − Q| {summary['total_error']:.1e}"
