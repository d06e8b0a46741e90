"""The ladder of electrostatics: which kinds there are, and which are enough to say that none is needed."""

from __future__ import annotations

from collections.abc import Collection

from superion.model import Charges

KINDS: dict[Charges, str] = {
    "fixed": "fixed charges",
    "predicted": "charges predicted from surroundings",
    "equilibrated": "equilibrated charges",
    "latent": "latent charges",
    "4g": "equilibrated charges that local energies see",
}
"""From the bottom to the top, as running text has them."""


def complete(compared: Collection[Charges | None]) -> bool:
    """Whether these kinds are all that could matter: 4g, or both equilibrated and latent charges.

    Fixed charges leave out that charges flow and that the right ones are not known; charges predicted from
    surroundings that they flow far; equilibrated ones follow a model of energies, latent ones the energies.
    """
    return "4g" in compared or {"equilibrated", "latent"} <= set(compared)


def missing(compared: Collection[Charges | None]) -> str:
    """Which kinds would have to be compared too, as running text; empty if none."""
    if complete(compared):
        return ""
    return " and ".join(KINDS[kind] for kind in ("equilibrated", "latent") if kind not in compared)
