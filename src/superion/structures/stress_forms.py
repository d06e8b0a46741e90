"""In which sign, order and unit stresses are, by comparison with those of a model."""

from __future__ import annotations

from itertools import product

import numpy as np
from ase import units

Array = np.ndarray

RIGHT = 0.6
"""Correlation of all components from which an order is believed."""
BETTER = 0.2
"""By how much another order must be better than the one of the conventions."""
ORDERS = {
    "xx yy zz yz xz xy": (0, 1, 2, 3, 4, 5),
    "xx yy zz xy yz xz (VASP)": (0, 1, 2, 4, 5, 3),
    "xx yy zz xy xz yz (LAMMPS)": (0, 1, 2, 5, 4, 3),
    "xx xy xz yy yz zz (upper triangle)": (0, 3, 5, 4, 2, 1),
}
"""For each order, where in a label of that order the components of the conventions stand."""
_UNITS = {
    "GPa": 1 / units.GPa,
    "kbar": 10 / units.GPa,
    "bar": 1e4 / units.GPa,
    "Ha/bohr³": units.Bohr**3 / units.Hartree,
    "Ha/Å³": 1 / units.Hartree,
}
_KEYS = {"GPa": "GPa", "kbar": "kbar", "Ha/bohr³": "Ha/bohr^3", "Ha/Å³": "Ha/A^3"}


def stress_form(labels: Array, model: Array, volumes: Array) -> str:
    """What is wrong with stresses (n, 6), Voigt, as the end of a sentence; empty if nothing is.

    model: (n, 6) eV/Å³. volumes: (n,) Å³.
    """
    found = {
        (name, sign): _agreement(sign * labels[:, list(order)], model)
        for (name, order), sign in product(ORDERS.items(), (1, -1))
    }
    own = next(iter(ORDERS))
    (name, sign), best = max(found.items(), key=lambda one: one[1])
    wrong_order = name != own and best > max(found[own, 1], found[own, -1]) + BETTER
    if not wrong_order:
        name, sign = own, 1 if found[own, 1] >= found[own, -1] else -1
    if found[name, sign] < RIGHT:
        return ""
    unit, times, key = _unit(sign * labels[:, list(ORDERS[name])], model, volumes)
    parts = []
    if sign < 0:
        parts.append("have the other sign than forces and cells imply (tensile is positive)")
    if wrong_order:
        parts.append(f"are in the order {name}, not {own}")
    if times:
        parts.append(f"are {times:.3g} times what forces and cells imply{unit}")
    if not parts or not key:
        return " and ".join(parts)
    minus = "-" if (sign < 0) != (key == "virial") else ""
    words = [("virial" if key == "virial" else "stress") + "=KEY"]
    if minus or key not in ("virial", "eV/A^3"):
        words.append(minus + ("eV" if key == "virial" else key))
    if wrong_order:
        words.append(",".join(name.partition(" (")[0].split()))
    return f"{' and '.join(parts)}: map them with --key '{':'.join(words)}'"


def _centred(values: Array) -> Array:
    return values - values.mean(axis=0)


def _agreement(labels: Array, model: Array) -> float:
    """Mean correlation of the six components, each about its mean over the frames."""
    a, b = _centred(labels), _centred(model)
    norm = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return float(np.mean(np.where(norm > 0, (a * b).sum(axis=0) / np.where(norm > 0, norm, 1), 0)))


def _unit(labels: Array, model: Array, volumes: Array) -> tuple[str, float, str]:
    """What the unit may be, how many times too large labels are, and the unit of a mapping that mends it.

    Times is 0 where they are not too large, and the last is "virial" for the label of that name.
    """
    a, b = _centred(labels), _centred(model)
    slope = float((a * b).sum() / max((b**2).sum(), 1e-300))
    if not slope > 0 or 0.25 < slope < 4:
        return "", 0.0, "eV/A^3"
    near = min(_UNITS, key=lambda unit: abs(np.log(slope / _UNITS[unit])))
    if abs(np.log(slope / _UNITS[near])) < 0.5:
        return f" (as in {near})", slope, _KEYS.get(near, "")
    if abs(np.log(slope / np.median(volumes))) < 0.5:
        return " (as virials in eV)", slope, "virial"
    for unit, factor in (("Ha/bohr", units.Hartree / units.Bohr), ("Ha/Å", units.Hartree)):
        if abs(np.log(slope / factor)) < 0.3:
            return f"; are the forces in {unit}?", slope, ""
    return "", slope, ""
