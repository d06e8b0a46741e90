"""Oxidation states: the usual ones, and those by which a formula is neutral."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice, product

from ase.data import atomic_numbers

from superion.errors import InputError

STATES: dict[str, tuple[float, ...]] = {
    **dict.fromkeys(("Li", "Na", "K", "Rb", "Cs", "Fr", "Ag"), (1.0,)),
    **dict.fromkeys(("Be", "Mg", "Ca", "Sr", "Ba", "Ra", "Zn", "Cd"), (2.0,)),
    **dict.fromkeys(("B", "Al", "Ga", "Sc", "Y", "La", "Nd", "Pm", "Gd", "Dy", "Ho", "Er", "Lu"), (3.0,)),
    **dict.fromkeys(("Ac", "Am"), (3.0,)),
    **dict.fromkeys(("Ce", "Pr", "Tb"), (3.0, 4.0)),
    **dict.fromkeys(("Sm", "Eu", "Tm", "Yb"), (3.0, 2.0)),
    **dict.fromkeys(("Zr", "Hf", "Th", "Po", "Os", "Pu"), (4.0,)),
    **dict.fromkeys(("F",), (-1.0,)),
    "H": (1.0, -1.0), "C": (4.0, 2.0, -4.0), "N": (-3.0, 5.0, 3.0), "O": (-2.0, -1.0), "Si": (4.0, -4.0),
    "P": (5.0, 4.0, 3.0, -3.0), "S": (-2.0, 6.0, 4.0, -1.0), "Cl": (-1.0, 7.0, 5.0), "Ti": (4.0, 3.0, 2.0),
    "V": (5.0, 4.0, 3.0, 2.0), "Cr": (3.0, 6.0, 2.0), "Mn": (2.0, 3.0, 4.0, 7.0), "Fe": (3.0, 2.0),
    "Co": (2.0, 3.0), "Ni": (2.0, 3.0), "Cu": (1.0, 2.0), "Ge": (4.0, 2.0), "As": (5.0, 3.0, -3.0),
    "Se": (-2.0, 4.0, 6.0), "Br": (-1.0, 5.0), "Nb": (5.0, 4.0, 3.0), "Mo": (6.0, 4.0, 5.0, 3.0),
    "Tc": (7.0, 4.0), "Ru": (4.0, 3.0), "Rh": (3.0, 4.0), "Pd": (2.0, 4.0), "In": (3.0, 1.0),
    "Sn": (4.0, 2.0), "Sb": (5.0, 3.0, -3.0), "Te": (-2.0, 4.0, 6.0), "I": (-1.0, 5.0, 7.0), "Ta": (5.0, 4.0),
    "W": (6.0, 5.0, 4.0), "Re": (7.0, 6.0, 4.0), "Ir": (4.0, 3.0), "Pt": (4.0, 2.0), "Au": (3.0, 1.0),
    "Hg": (2.0, 1.0), "Tl": (1.0, 3.0), "Pb": (2.0, 4.0), "Bi": (3.0, 5.0), "Pa": (5.0,),
    "U": (6.0, 4.0, 5.0), "Np": (5.0, 4.0),
}  # fmt: skip
"""Charges (e) by which solids are usually counted, the commonest in solid electrolytes first (Greenwood and
Earnshaw, Chemistry of the Elements, 2nd ed., 1997). Others must be given."""
OXIDATION = {symbol: states[0] for symbol, states in STATES.items()}
"""The first of STATES."""
ROUNDING = 0.03
"""Charge beside that of all cations that whole numbers of atoms may take away."""
SAME = 0.005
"""Charge beside that of all cations that counts as none."""
METALS = (range(21, 31), range(39, 49), range(57, 81), range(89, 104))
"""Atomic numbers of metals that have several valences in one crystal."""
TRIED = 50_000
"""Combinations of states that are tried at most."""


def oxidation_states(elements: Iterable[str], given: Mapping[str, float] | None = None) -> dict[str, float]:
    """Charge (e) of each element: the given one, else the first of STATES; InputError where there is none."""
    known = OXIDATION | dict(given or {})
    missing = sorted(set(elements) - set(known))
    if missing:
        raise InputError(
            f"no oxidation state is known for {', '.join(missing)}.",
            remedy="give charges in e for these elements, e.g. --charges "
            + ",".join(f"{s}=2" for s in missing),
        )
    return {symbol: float(known[symbol]) for symbol in sorted(set(elements))}


def neutral_states(
    amounts: Mapping[str, float], given: Mapping[str, float] | None = None
) -> tuple[dict[str, float], str]:
    """Charge (e) of each element of a formula, and what to say of states other than the first of STATES.

    amounts: atoms by element. Where the first states are far from neutral, others are tried, those of
    transition metals, the fewest and the commonest first. Given charges are kept. Where nothing is neutral,
    the first states are returned.
    """
    first = oxidation_states(amounts, given)
    if abs(_charge(amounts, first)) <= ROUNDING * _cations(amounts, first):
        return first, ""
    several = [s for s in sorted(amounts) if s not in (given or {}) and len(STATES.get(s, ())) > 1]
    tried: list[tuple[int, int, int, dict[str, float]]] = []
    for ranks in islice(product(*(range(len(STATES[s])) for s in several)), TRIED):
        states = first | {s: STATES[s][rank] for s, rank in zip(several, ranks, strict=True)}
        if abs(_charge(amounts, states)) <= SAME * _cations(amounts, states):
            changed = [s for s, rank in zip(several, ranks, strict=True) if rank]
            others = sum(not _transition_metal(s) for s in changed)
            tried.append((others, len(changed), sum(ranks), states))
    if tried:
        states = min(tried, key=lambda one: one[:3])[3]
        return states, _told(first, states)
    return first, ""


def mixed_valence(
    amounts: Mapping[str, float], states: Mapping[str, float], given: Mapping[str, float] | None = None
) -> tuple[dict[str, float], str] | None:
    """Charges by which a formula is neutral with a mean state of one transition metal, and what to say."""
    for symbol in sorted(set(amounts) - set(given or {}), key=lambda s: -len(STATES.get(s, ()))):
        if len(STATES.get(symbol, ())) < 2 or not _transition_metal(symbol):
            continue
        mean = states[symbol] - _charge(amounts, states) / amounts[symbol]
        if min(STATES[symbol]) <= mean <= max(STATES[symbol]):
            changed = dict(states) | {symbol: round(mean, 6)}
            return changed, _told(states, changed)
    return None


def _transition_metal(symbol: str) -> bool:
    return any(atomic_numbers[symbol] in block for block in METALS)


def _charge(amounts: Mapping[str, float], states: Mapping[str, float]) -> float:
    return sum(states[symbol] * amount for symbol, amount in amounts.items())


def _cations(amounts: Mapping[str, float], states: Mapping[str, float]) -> float:
    return sum(max(states[symbol], 0.0) * amount for symbol, amount in amounts.items())


def _told(first: Mapping[str, float], states: Mapping[str, float]) -> str:
    changed = ", ".join(
        f"{s} {states[s]:+g} (usually {first[s]:+g})" for s in states if states[s] != first[s]
    )
    return f"the crystal is neutral with {changed}: these charges are taken; --charges gives others"
