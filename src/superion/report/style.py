"""One look for all figures: a colour-blind-safe palette and a matplotlib style.

Colours: M. Okabe and K. Ito, Color Universal Design (2008), https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, YELLOW, BLACK = "#E69F00", "#56B4E9", "#F0E442", "#000000"
GREY = "#9A9A9A"

WIDTH = 8.6  # of every figure, inch
DPI = 200  # twice the resolution at which the report shows it

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.hspace": 0.04,
    "text.usetex": False,
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a potential is named and drawn everywhere."""

    label: str
    colour: str
    marker: str
    line: Any


_LABELS = {
    "gap": "GAP",
    "es-gap": "ES-GAP",
    "qeq-gap": "QEq-GAP",
    "kqeq-gap": "kQEq-GAP",
    "2g": "2G",
    "3g": "3G",
    "cent": "CENT",
    "4g": "4G",
}
"""Names that presets have in the literature; other models go by their own."""
_LOOKS = {
    "gap": (BLUE, "o", "-"),
    "es-gap": (VERMILLION, "s", "--"),
    "qeq-gap": (ORANGE, "D", "--"),
    "kqeq-gap": (YELLOW, "v", "--"),
    "2g": (SKY, "^", "-"),
    "3g": (GREEN, "<", "-."),
    "cent": (PURPLE, ">", "-."),
    "4g": (BLACK, "P", "-."),
}
_OTHERS = [
    (colour, marker, line)
    for marker, line in (("^", "-."), ("X", ":"), ("p", (0, (5, 1))), ("h", (0, (1, 1))))
    for colour in (PURPLE, GREEN, ORANGE, SKY, BLACK)
]
_SPECIES = {
    "Li": GREEN, "Na": GREEN, "P": PURPLE, "S": ORANGE, "O": VERMILLION, "Cl": SKY, "Ge": BLUE, "Si": BLUE,
}  # fmt: skip


def look(potential: str) -> Look:
    """Name, colour, marker and line of a model: the same in every figure of every report."""
    chosen = _LOOKS.get(potential) or _OTHERS[crc32(potential.encode()) % len(_OTHERS)]
    return Look(_LABELS.get(potential, potential), *chosen)


def species_colours(symbols: Iterable[str]) -> dict[str, str]:
    """A colour for every chemical symbol, all different as long as the palette lasts."""
    colours: dict[str, str] = {}
    wanted = sorted(set(symbols), key=lambda s: (s not in _SPECIES, s))
    palette = [GREEN, PURPLE, ORANGE, SKY, BLUE, VERMILLION, YELLOW, BLACK]
    for symbol in wanted:
        free = [c for c in palette if c not in colours.values()] or [GREY]
        own = _SPECIES.get(symbol)
        colours[symbol] = own if own in free else free[0]
    return colours
