"""Which elements a site of a CIF holds, from its type symbol or its label."""

from __future__ import annotations

import re
from collections.abc import Set

from ase.data import atomic_numbers

ELEMENTS = frozenset(set(atomic_numbers) - {"X"})
DEUTERIUM = "D"
"""Read as hydrogen with a mass of its own; so is T."""
VACANT = ("va", "vac", "vacancy")
_CHARGE = r"(?:\d*\.?\d*[+-]|[+-]\d+\.?\d*|\d+)?"
_SYMBOL = re.compile(rf"(?:\d{{1,3}})?([A-Za-z]{{1,2}}){_CHARGE}")
_TERM = re.compile(
    r"\s*(\d*\.\d+|[01])(?:\(\d+\))?\s*\*?\s*([A-Za-z]{1,2})(?:\d*[+-]|[+-]\d+(?!\.))?\s*(?:[+,/&]|$)"
)
_SEVERAL = re.compile(r"[A-Z][a-z]?[\d+-]*(?:[,/&+ ]+[A-Z][a-z]?[\d+-]*)+")

Shares = dict[str, float]


class NoElementError(ValueError):
    """A symbol that stands for no element; the text says why, as the end of a sentence on the site."""


def shares_of_type(text: str) -> Shares:
    """Elements and their shares by a type symbol: `Li`, `Li1+`, `LI`, `0.6Li+0.4Na`; none for a vacancy.

    Raises NoElementError.
    """
    text = text.strip()
    if text.lower() in VACANT:
        return {}
    plain = _SYMBOL.fullmatch(text)
    symbol = _known(plain[1]) if plain else None
    if symbol:
        return {symbol: 1.0}
    if terms := _terms(text):
        shares: Shares = {}
        for share, name in terms:
            found = _known(name)
            if found is None:
                raise NoElementError(f"is of type {text!r}, where {name!r} is no element")
            shares[found] = shares.get(found, 0.0) + share
        return shares
    raise NoElementError(_reason(text, "is of type"))


def shares_of_label(label: str, formula: Set[str]) -> Shares:
    """The element that a label begins with: `Li1`, `LI1`, `O2W`; none for a vacancy.

    formula: elements of the stated formula; they decide what `CO1` is. Raises NoElementError.
    """
    letters = re.match(r"\d{0,3}([A-Za-z]*)", label)
    run = letters[1] if letters else ""
    if run.lower() in VACANT:
        return {}
    if _SEVERAL.fullmatch(label):
        raise NoElementError(_reason(label, "is called"))
    word = re.match(r"[A-Z]?[a-z]*", run)
    first = _known(word[0]) if word and word[0] else None
    pair = _known(run[:2]) if len(run) > 1 and run[:2].isupper() else None
    if first and pair and first != pair:
        if (first in formula) == (pair in formula):
            raise NoElementError(f"may be {first} or {pair}")
        return {first if first in formula else pair: 1.0}
    found = first or pair
    if found is None:
        raise NoElementError(_reason(label, "is called"))
    return {found: 1.0}


def _known(name: str) -> str | None:
    symbol = name.capitalize()
    return symbol if symbol in ELEMENTS or symbol in ("D", "T") else None


def _terms(text: str) -> list[tuple[float, str]]:
    """Shares and names of `0.6Li + 0.4Na`; none if the text is not of this form."""
    found, end = [], 0
    while end < len(text):
        term = _TERM.match(text, end)
        if term is None or term.end() == end:
            return []
        found.append((float(term[1]), term[2]))
        end = term.end()
    return found


def _reason(text: str, verb: str) -> str:
    if _SEVERAL.fullmatch(text):
        return f"{verb} {text!r}, of which the shares are not given"
    return f"{verb} {text!r}, which is no element"
