"""Foreign keys that may hold labels: which, how large their values are, and what to do about them.

A name is a guess, so that it is shown with its values and never taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms

from superion.errors import InputError
from superion.structures.labels import LABELS, UNITS, VIRIAL, get_label, is_isolated

UNMAPPED = "unmapped_labels"
"""Key of `Atoms.info`: names of foreign keys that may be labels, each with what its values are like."""

_WEIGHT = re.compile(r"(config_|energy_|forces?_|stress_|virial_|atoms?_)*(weights?|sigma)")
OTHER_SHAPE = ", of another shape"
_EXACT = {
    "charge": "total_charge",
    "net_charge": "total_charge",
    "e": "energy",
    "e0": "energy",
    "etot": "energy",
    "e_tot": "energy",
    "toten": "energy",
    "f": "forces",
    "grad": "forces",
    "gradient": "forces",
    "gradients": "forces",
}
_WORDS = {
    "total_charge": "total_charge",
    "virial": "virial",
    "force": "forces",
    "stress": "stress",
    "dipole": "dipole",
    "quadrupole": "quadrupole",
    "bec": "bec",
    "born": "bec",
    "charge": "charges",
    "mulliken": "charges",
    "hirshfeld": "charges",
    "energy": "energy",
}
_OTHERS = frozenset(
    {
        "weight",
        "weights",
        "sigma",
        "sigmas",
        "cutoff",
        "ecut",
        "encut",
        "std",
        "stdev",
        "deviation",
        "variance",
        "uncertainty",
        "error",
        "errors",
        "rmse",
        "mae",
        "unit",
        "units",
        "kinetic",
        "fermi",
        "formation",
        "hull",
        "core",
        "band",
        "gap",
        "zpe",
        "smearing",
        "entropy",
        "time",
        "date",
        "name",
    }
)
"""Words that make a name something else: the weight of an energy, its unit, its error, or a part of it."""
_METHODS = frozenset(
    {"dft", "qm", "ref", "reference", "true", "target", "label", "pbe", "pbesol", "scan", "r2scan"}
)
"""Words that say whose value it is: `f_dft` holds forces as `f` does."""
_MODELS = frozenset(
    {
        "mace",
        "nep",
        "dp",
        "deepmd",
        "gap",
        "nequip",
        "allegro",
        "chgnet",
        "m3gnet",
        "sevennet",
        "orb",
        "grace",
        "ace",
        "mtp",
        "snap",
        "nn",
        "ml",
        "mlp",
        "mlip",
        "mlff",
        "pred",
        "predicted",
        "prediction",
        "predictions",
        "superion",
        "ani",
        "schnet",
        "painn",
        "uma",
        "esen",
        "mattersim",
    }
)
_PLAIN = ("energy", "total_energy", "forces", "force", "stress", "virial", "dipole", "charges")
_SECOND = frozenset({"corrected", "free", "initial", "extrapolated"})


def _parts(name: str) -> list[str]:
    return re.findall(r"[A-Z]*[a-z]+|[A-Z]+|\d+", name)


def _words(name: str) -> set[str]:
    return {part.lower() for part in _parts(name)} | set(re.split(r"[_\-. ]+", name.lower()))


def guess_label(name: str) -> str | None:
    """The label that a foreign key probably holds, judged by its name alone; `charge` is one of all atoms.

    None for what only belongs to a label: weights, units, errors, values per atom, kinetic energies.
    """
    lower = name.lower()
    bare = "_".join(word for word in re.split(r"[_\-. ]+", lower) if word not in _METHODS)
    if bare in _EXACT:
        return _EXACT[bare]
    if _words(name) & _OTHERS or "per_atom" in lower or "peratom" in lower:
        return None
    return next((label for word, label in _WORDS.items() if word in lower), None)


def is_prediction(name: str) -> bool:
    """Whether a key seems to hold what a model predicts, and no label."""
    return bool(_words(name) & _MODELS)


def fits(name: str, value: Any, atoms: int) -> bool:
    """Whether a value has as many numbers as the label that its key `name` seems to mean."""
    guess = guess_label(name)
    if guess is None:
        return False
    label = VIRIAL if guess == "virial" else LABELS[guess]
    count = int(np.prod(label.shape)) * (atoms if label.where == "arrays" else 1)
    return np.size(value) in ((6, 9) if label.shape == (6,) else (count,))


def ranked(values: Mapping[str, Any], atoms: int) -> dict[str, str]:
    """Names of foreign values with what they are like, likeliest labels first, predictions of models last."""

    def rank(name: str) -> tuple[object, ...]:
        return (
            is_prediction(name),
            not fits(name, values[name], atoms),
            name.lower() not in _PLAIN,
            bool(_words(name) & _SECOND),
            name,
        )

    found = {}
    for name in sorted(values, key=rank):
        odd = guess_label(name) is not None and not fits(name, values[name], atoms)
        found[name] = _like(name, values) + (OTHER_SHAPE if odd else "")
    return found


def _like(name: str, values: Mapping[str, Any]) -> str:
    """The value of a scalar, or the root mean square and number of several, with a unit that is stated."""
    try:
        numbers = np.asarray(values[name], dtype=np.float64)
    except (TypeError, ValueError):
        return str(values[name])[:30]
    if numbers.size == 0:
        return "empty"
    unit = stated_unit(name, values)
    shown = f" {unit}" if unit else ""
    if numbers.size == 1:
        return f"{numbers.item():.6g}{shown}"
    kind = f"{numbers.size} numbers" if numbers.ndim == 1 and numbers.size in (3, 6, 9) else "values"
    return f"{kind}, rms {float(np.sqrt(np.mean(numbers**2))):.3g}{shown}"


def stated_unit(name: str, values: Mapping[str, Any]) -> str | None:
    """The unit that a key states (`stress_kbar`), or another beside it (`energy_unit=Ha`), as in `UNITS`."""
    guess = guess_label(name)
    if guess is None:
        return None
    table = UNITS[(VIRIAL if guess == "virial" else LABELS[guess]).dimension]
    known = {unit.lower(): unit for unit in table}
    beside = [
        values[key]
        for key in values
        if re.fullmatch(rf"({re.escape(name)}|{guess})[_-]?units?", key, re.IGNORECASE)
    ]
    words = [str(unit) for unit in beside] + re.split(r"[_\-. ]+", name)
    return next((known[word.lower()] for word in words if word.lower() in known), None)


def candidates(frames: Iterable[Atoms], labels: Sequence[str] | None = None) -> dict[str, dict[str, str]]:
    """Keys that may hold each label, with what they are like in the first frame that has them.

    labels: only these; `stress` stands for virials, too.
    """
    found: dict[str, dict[str, str]] = {}
    for atoms in frames:
        for name, like in _listed(atoms).items():
            label = guess_label(name)
            if label and (labels is None or ("stress" if label == "virial" else label) in labels):
                found.setdefault(label, {}).setdefault(name, like)
    return {label: found[label] for label in (*LABELS, "virial") if label in found}


def _listed(atoms: Atoms) -> Mapping[str, str]:
    seen = atoms.info.get(UNMAPPED, {})
    return seen if isinstance(seen, Mapping) else dict.fromkeys(seen, "")


def described(found: Mapping[str, Mapping[str, str]]) -> str:
    """Candidates as text: `energy: energy (-2080.86) or MACE_energy (-2080.11, of a model?)`."""
    parts = []
    for label, keys in found.items():
        shown = []
        for key, like in keys.items():
            doubt = "of a model?" if is_prediction(key) else "gradients have the opposite sign, :-UNIT"
            odd = is_prediction(key) or "grad" in key.lower()
            shown.append(f"{key} ({', '.join(filter(None, (like, doubt if odd else '')))})")
        parts.append(f"{label}: {' or '.join(shown)}")
    return "; ".join(parts)


def remedy(found: Mapping[str, Mapping[str, str]]) -> str:
    """What to write, with the keys and units left to those who know the file."""
    flags = " ".join(f"--key {label}=KEY[:UNIT]" for label in found)
    without = f"--key {next(iter(found))}=none: do without"
    return f"name their keys, and units other than eV and Å: {flags} ({without})."


def unused_weights(frames: Sequence[Atoms]) -> list[str]:
    """A warning of the weights or assumed errors that files give to single frames, and that no fit reads."""
    found: dict[str, int] = {}
    for atoms in frames:
        for name, value in atoms.info.items():
            if _WEIGHT.fullmatch(name.lower()) and not (np.ndim(value) == 0 and value == 1):
                found[name] = found.get(name, 0) + 1
    if not found:
        return []
    named = ", ".join(f"{name} ({count} frames)" for name, count in sorted(found.items()))
    return [f"weights of single frames are not used, all frames count alike: {named}."]


def require_mapped(frames: Sequence[Atoms]) -> None:
    """InputError if frames lack an energy or forces, while keys that were not read look like them.

    Nothing is asked about the forces of isolated atoms, and nothing about predictions of models.
    """
    missing = {label: _lacking(frames, label) for label in ("energy", "forces")}
    lacking = {label: found for label, found in missing.items() if found}
    if not lacking:
        return
    said = [
        f"{len(found)} of {len(frames)} frames (first {found[0].info.get('source', 'in memory')}) have no "
        f"{LABELS[label].key}"
        for label, found in lacking.items()
    ]
    found = candidates([atoms for group in lacking.values() for atoms in group], list(lacking))
    raise InputError(
        f"{', and '.join(said)}, but keys that look like it: {described(found)}.", remedy=remedy(found)
    )


def _lacking(frames: Sequence[Atoms], label: str) -> list[Atoms]:
    """Frames without a label, but with a key that may hold it."""
    return [
        atoms
        for atoms in frames
        if get_label(atoms, label) is None
        and not (label == "forces" and is_isolated(atoms))
        and any(
            guess_label(name) == label and not is_prediction(name) and OTHER_SHAPE not in like
            for name, like in _listed(atoms).items()
        )
    ]
