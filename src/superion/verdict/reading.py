"""Reads the rows of a study folder: the values of two models, of their resampled fits, and of labels."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from superion.analysis.accuracy_result import Accuracy
from superion.analysis.transport_file import TransportFile
from superion.calculations.locality.results import read_locality
from superion.errors import CorruptFileError, InputError
from superion.files import read_yaml
from superion.numbers import number
from superion.results import read_result
from superion.structures.census_result import CensusFile, Resampling
from superion.verdict.rows import FIXED, Row
from superion.verdict.rules import PREFIX, Bound, bounds
from superion.verdict.settings import ELECTROSTATICS, Pair
from superion.verdict.topics import TOPICS
from superion.verdict.values import REFERENCE, PropertyFile, Value, read_property
from superion.work.state import NAME, State

_NORMAL = 1.959964  # 97.5 % quantile
FEW = 5
"""Trajectories below which it is said how few they are."""


def read_rows(
    folder: Path, pair: Pair = ELECTROSTATICS, opened: Collection[str] = ()
) -> tuple[list[Row], list[str]]:
    """All rows of a pair of models in the order they are shown, and the notes on them.

    opened: models that the study did not fit; their values are the same in every resampling. Where a study
    has no files of properties, its errors of forces and conductivities are rows that only the main fits have
    values of. Raises CorruptFileError for damaged files.
    """
    rows: list[Row] = []
    drawn, notes = _drawn(folder)
    found = {
        path.name for path in (folder / "properties").glob("*") if path.is_dir() and any(path.glob("*.json"))
    }
    for name in sorted(found | {"forces", "conductivity"}, key=_order):
        if name in found:
            own, remarks = _property(folder / "properties" / name, pair, opened)
            rows += [replace(row, units=math.inf if drawn is None else drawn.freedom) for row in own]
            notes += remarks
        elif name == "forces":
            rows += _errors(folder / "accuracy.json", pair)
        else:
            rows += _conductivities(folder / "transport", pair)
    if not any(row.resampled for row in rows):
        notes = [note for note in notes if not note.startswith("resampled")]
    return rows, [*notes, *_alone(rows)]


def _drawn(folder: Path) -> tuple[Resampling | None, list[str]]:
    """What resampled fits were drawn from, and what is to be said of it."""
    path = folder / "census.json"
    found = read_result(path, CensusFile, "census").resampling if path.exists() else None
    if found is None:
        text = "as if frames were independent, which makes intervals too short; `superion run` draws anew"
        return None, [f"resampled fits: drawn by an earlier version {text}."]
    if found.by == "frames":
        return found, ["resampled fits: frames were drawn as if they were independent (fits.by)."]
    notes = []
    for each in found.units:
        if each.of == "block":
            text = "is the only training trajectory of its kind, drawn in blocks"
            notes.append(f"resampled fits: {each.name} {text}: what another one would change is not known.")
        if each.of == "trajectory" and each.count < FEW:
            text = f"only {each.count} training trajectories tell what others would change"
            notes.append(f"resampled fits: {text} ({each.name}).")
    return found, notes


def _alone(rows: Sequence[Row]) -> list[str]:
    """Properties that a single test trajectory judges."""
    found: dict[str, str] = {}
    for row in rows:
        clusters = set((row.baseline and row.baseline.clusters) or ())
        if len(clusters) == 1 and row.property_name not in FIXED:
            found[row.property_name] = clusters.pop()
    return [
        f"{name}: one test trajectory, {of}: intervals do not say what another one would change."
        for name, of in found.items()
    ]


def _order(name: str) -> tuple[int, str]:
    return (list(TOPICS).index(name), name) if name in TOPICS else (len(TOPICS), name)


def _property(folder: Path, pair: Pair, opened: Collection[str]) -> tuple[list[Row], list[str]]:
    """Rows of one property, in the order of the files of the main fits."""
    files = {path: read_property(path) for path in sorted(folder.glob("*.json"))}
    for path, file in files.items():
        if file.property != folder.name:
            raise CorruptFileError(
                f"it holds values of {file.property!r}, not of {folder.name!r}.",
                file=path,
                remedy="delete the file; the step of the study that wrote it is redone.",
            )
    named = {(file.potential, file.resampled): file for file in files.values()}
    draws = sorted({k for _, k in named if k is not None})
    both = (pair.baseline, pair.candidate)
    mains = [named[name, None] for name in both if (name, None) in named]
    first = {value.name: value for file in reversed(mains) for value in file.values}
    names = list(dict.fromkeys(value.name for file in mains for value in file.values))

    def value(potential: str, draw: int | None, name: str) -> Value | None:
        file = named.get((potential, None if potential in opened else draw))
        return None if file is None else file.by_name().get(name)

    rows = []
    for name in names:
        row = Row(
            folder.name,
            name,
            first[name].unit,
            first[name].kind,
            value(pair.baseline, None, name),
            value(pair.candidate, None, name),
            value(REFERENCE, None, name),
            tuple((value(pair.baseline, k, name), value(pair.candidate, k, name)) for k in draws),
            pair,
        )
        _check_alike(row, folder)
        rows.append(row)
    return rows, _notes(file for file in files.values() if file.potential in (*both, REFERENCE))


def _check_alike(row: Row, folder: Path) -> None:
    """All values of a row have one unit and are compared in one way."""
    pairs = [value for pair in row.resampled for value in pair]
    for value in (row.baseline, row.candidate, row.reference, *pairs):
        if value is not None and (value.unit, value.kind) != (row.unit, row.kind):
            raise CorruptFileError(
                f"values of {row.name!r} are in {row.unit} ({row.kind}) and in {value.unit} ({value.kind}).",
                file=folder,
                remedy="delete the folder; the steps of the study that wrote it are redone.",
            )


def _notes(files: Iterable[PropertyFile]) -> list[str]:
    return list(dict.fromkeys(f"{file.property}: {note}" for file in files for note in file.notes))


def _errors(path: Path, pair: Pair) -> list[Row]:
    """Errors of forces as the main fits have them, of which neither spread nor frames are known."""
    found = read_result(path, Accuracy, "accuracy").models if path.exists() else {}
    species: dict[str, dict[str, float]] = {}
    for potential in (pair.baseline, pair.candidate):
        test = found[potential].test if potential in found else None
        for symbol, value in ((test and test.force_rmse_by_species) or {}).items():
            if value is not None:
                species.setdefault(symbol, {})[potential] = float(value)
    return [
        Row(
            "forces",
            name,
            "eV/Å",
            "error",
            _error(name, values, pair.baseline),
            _error(name, values, pair.candidate),
            pair=pair,
        )
        for name, values in ((PREFIX + symbol, values) for symbol, values in sorted(species.items()))
    ]


def _error(name: str, values: Mapping[str, float], potential: str) -> Value | None:
    if potential not in values:
        return None
    return Value(name=name, unit="eV/Å", kind="error", value=values[potential])


def _conductivities(folder: Path, pair: Pair) -> list[Row]:
    """Conductivities of the main fits with the errors of their trajectories."""
    values: dict[float, dict[str, Value]] = {}
    both = f"{re.escape(pair.baseline)}|{re.escape(pair.candidate)}"
    for path in sorted(folder.glob("*.json")):
        named = re.fullmatch(rf"({both})-(\d[\d.e+]*)K", path.stem)
        if named is not None:
            values.setdefault(float(named[2]), {})[named[1]] = _conductivity(path, float(named[2]))
    return [
        Row(
            "conductivity",
            f"conductivity at {kelvin:g} K",
            "mS/cm",
            "positive",
            found.get(pair.baseline),
            found.get(pair.candidate),
            pair=pair,
        )
        for kelvin, found in sorted(values.items())
    ]


def _conductivity(path: Path, kelvin: float) -> Value:
    common: dict[str, Any] = {"name": f"conductivity at {kelvin:g} K", "unit": "mS/cm", "kind": "positive"}
    result = read_result(path, TransportFile, "transport").result
    value, interval = result.conductivity, result.conductivity_interval
    known = value is not None and value > 0 and interval is not None and interval[0] > 0
    if result.status != "converged" or not known:
        bound = result.conductivity_bound
        below = "" if bound is None else f" (below {number(bound)} mS/cm)"
        return Value(**common, value=None, why=f"{result.status}{below}: {result.reason.rstrip('.')}")
    spread = math.log(interval[1] / interval[0]) / (2 * _NORMAL)
    return Value(**common, value=value, error=spread)


def read_bounds(
    folder: Path, settings: Mapping[str, Any], pair: Pair = ELECTROSTATICS
) -> tuple[dict[str, Bound], list[str]]:
    """What the locality test that the settings name says of errors of the baseline's forces.

    Notes say where it says nothing.
    """
    if not settings.get("locality") or pair.question == "model":
        return {}, []
    path = folder / settings["locality"]
    own = (settings.get("models") or {}).get(pair.baseline) or {}
    cutoffs = _cutoffs(own) or ([] if "open" in own else _cutoffs(settings.get("fit") or {}))
    if not cutoffs:
        return {}, [
            f"forces: study.yaml has no cutoffs of {pair.baseline}, so that the locality test cannot be used."
        ]
    if not path.exists():
        return {}, [
            f"forces: the locality test {settings['locality']} that study.yaml names is not there "
            "(seen from the folder of the study): what no local model could follow is not known."
        ]
    found = bounds(read_locality(path), max(cutoffs))
    if not found:
        return {}, [f"forces: the locality test has no radius within the cutoff of {max(cutoffs):g} Å."]
    return found, []


def tuning_notes(settings: Mapping[str, Any], pair: Pair) -> list[str]:
    """Whether both sides of a pair were tuned alike, as far as study.yaml tells."""
    models = settings.get("models") or {}
    if pair.question == "model" or pair.charges is None or not models:
        return []
    if settings.get("tune") is None:
        if pair.charges != "fixed":
            return []
        both = f"{pair.baseline} and {pair.candidate}"
        return [
            f"tuning: hyper-parameters and charges of {both} are as given (tune: {{}} chooses them alike)."
        ]
    local = {name for name, own in models.items() if _tunable(own)}
    sides = [name in local for name in (pair.baseline, pair.candidate)]
    if all(sides):
        return []
    if any(sides):
        one, other = (pair.baseline, pair.candidate) if sides[0] else (pair.candidate, pair.baseline)
        return [f"tuning: {one} was tuned and {other} was not: some of the difference may be that."]
    return []


def _tunable(model: Any) -> bool:
    """Whether a model of study.yaml has settings that `tune` chooses: those of a local Gaussian process."""
    return isinstance(model, Mapping) and model.get("preset") in ("gap", "es-gap")


def _cutoffs(settings: Any) -> list[float]:
    """All cutoffs in the settings of a model, in Å."""
    if not isinstance(settings, Mapping):
        return []
    inner = [cutoff for value in settings.values() for cutoff in _cutoffs(value)]
    own = settings.get("cutoff")
    return [float(own), *inner] if own else inner


def check_results(folder: Path) -> None:
    """CorruptFileError for results in a study folder that are not as the step that is done wrote them.

    Models and trajectories check themselves where they are read; what is missing is told there too.
    """
    if not (folder / NAME).exists():
        return
    state = State.read(folder)
    for name in state.records:
        for path in state.changed(name, among=(".json", ".safetensors")):
            if (folder / path).is_file() and not path.startswith(("md/", "models/")):
                raise CorruptFileError(
                    f"it was changed since the step {name!r} wrote it (its SHA-256 is another).",
                    file=folder / path,
                    remedy="continue the study (`superion run` with its folder): the step is done again.",
                )


def read_settings(folder: Path) -> dict[str, Any]:
    """The mapping in study.yaml, empty if there is none; InputError if it is no study folder."""
    if not folder.is_dir():
        raise InputError("no such study folder.", file=folder, remedy="give a folder made by `superion run`.")
    return read_yaml(folder / "study.yaml")
