"""How charges that depend on the structure are distributed."""

from __future__ import annotations

import numpy as np
from ase.data import chemical_symbols
from matplotlib.figure import Figure

from superion.report.content import SPLITS, Content
from superion.report.style import DPI, WIDTH, look, species_colours

Array = np.ndarray
VARIES = 1e-6
"""Spread (e) of the charges of a species above which they count as more than one number."""


def charges_of(content: Content, potential: str) -> dict[str, Array]:
    """Predicted charges (e) of all atoms of training and test set, by element."""
    parts = [content.parity.get((potential, split), {}) for split in SPLITS]
    parts = [arrays for arrays in parts if "charges" in arrays]
    if not parts:
        return {}
    q = np.concatenate([arrays["charges"] for arrays in parts])
    numbers = np.concatenate([arrays["charge_numbers"] for arrays in parts])
    return {chemical_symbols[z]: q[numbers == z] for z in np.unique(numbers)}


def charges(content: Content) -> Figure | None:
    """A histogram of each species (columns) and potential (rows) whose charges vary; None without any."""
    every = {potential: charges_of(content, potential) for potential in content.potentials}
    every = {
        potential: found
        for potential, found in every.items()
        if any(np.ptp(q) > VARIES for q in found.values())
    }
    if not every:
        return None
    species = sorted({symbol for found in every.values() for symbol in found})
    colours = species_colours(species)
    figure = Figure(figsize=(WIDTH, 1.9 * len(every) + 0.4), dpi=DPI, layout="constrained")
    panels = figure.subplots(len(every), len(species), squeeze=False)
    for row, (potential, found) in zip(panels, every.items(), strict=True):
        for panel, symbol in zip(row, species, strict=True):
            panel.set_title(f"{look(potential).label}: {symbol}")
            panel.set(yticks=[], xlabel="charge (e)")
            panel.spines["left"].set_visible(False)
            panel.locator_params(axis="x", nbins=4)
            if symbol in found:
                q = found[symbol]
                margin = max(0.05 * float(np.ptp(q)), VARIES)
                panel.hist(q, bins=40, range=(q.min() - margin, q.max() + margin), color=colours[symbol])
                panel.axvline(q.mean(), color="0.25", lw=0.8, ls="--")
    return figure
