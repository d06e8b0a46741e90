"""What speaks against fitted charges: what they leave unexplained, and what no chemist believes."""

from __future__ import annotations

from collections.abc import Mapping

from superion.structures.oxidation import OXIDATION

EXPLAINED = 0.5
"""Part of the mean square change of forces that charges should explain to be called their cause."""
TOLD = 2.0
"""Standard errors by which a charge should differ from zero, and by which it may exceed a state."""


def charge_doubts(
    charges: Mapping[str, float],
    errors: Mapping[str, float],
    counts: Mapping[str, int],
    before: float,
    after: float,
    radius: float,
) -> list[str]:
    """Sentences on charges (e) with standard errors; counts: atoms in the cell by element.

    before, after: root mean square change of a force component beyond radius (Å), and what is left of it.
    Oxidation states are looked at where they make the cell neutral.
    """
    said = []
    part = 1 - (after / before) ** 2 if before > 0 else 0.0
    if part < EXPLAINED:
        said.append(
            f"these charges explain {100 * max(part, 0.0):.0f} % of the mean square change of forces beyond "
            f"{radius:g} Å: most of it has another cause, or is noise of the labels"
        )
    vague = [symbol for symbol, q in charges.items() if abs(q) < TOLD * errors[symbol]]
    if vague:
        said.append(f"the charge of {' and '.join(vague)} is within two standard errors of zero")
    states = {symbol: OXIDATION.get(symbol, 0.0) for symbol in charges}
    if not all(states.values()) or abs(sum(counts[s] * q for s, q in states.items())) > 1e-6:
        return said
    for symbol, state in states.items():
        q, margin = charges[symbol], TOLD * errors[symbol]
        if q * state < 0 and symbol not in vague:
            said.append(f"{symbol} has {q:+.2f} e, against its oxidation state {state:+g}")
        elif abs(q) - margin > abs(state):
            said.append(f"{symbol} has {q:+.2f} e, beyond its oxidation state {state:+g}")
    return said
