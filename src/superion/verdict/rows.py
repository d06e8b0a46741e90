"""One row of the table: a value by each model of a pair, and what compares them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from superion.errors import InputError
from superion.verdict.settings import ELECTROSTATICS, Pair, Words
from superion.verdict.topics import Tolerance
from superion.verdict.uncertain import (
    FIT,
    FRAMES,
    LABELS,
    OTHER,
    Part,
    Uncertain,
    fit_part,
    frames_part,
    other_part,
)
from superion.verdict.values import Kind, Value

Array = np.ndarray
FIXED = frozenset({"eos"})
"""Properties whose structures are not a sample of many, but those that are asked about."""
FEWEST = 3
"""Resampled pairs of fits without which nothing is known of how much fits scatter."""


@dataclass(frozen=True, slots=True)
class Row:
    """A value by the two models of `pair`, by labels, and by resampled pairs of fits.

    units: degrees of freedom of what was drawn for these, see `fit_part`.
    """

    property_name: str
    name: str
    unit: str
    kind: Kind
    baseline: Value | None
    candidate: Value | None
    reference: Value | None = None
    resampled: tuple[tuple[Value | None, Value | None], ...] = ()
    pair: Pair = ELECTROSTATICS
    units: float = math.inf

    @property
    def seen(self) -> str | None:
        """Why its labels cannot judge."""
        values = (self.reference,) if self.kind != "error" else (self.baseline, self.candidate)
        return next((value.seen for value in values if value is not None and value.seen), None)

    @property
    def pairs(self) -> list[tuple[Value, Value]]:
        """The resampled pairs of which both have a value."""
        return [
            (a, b)
            for a, b in self.resampled
            if a is not None and b is not None and a.value is not None and b.value is not None
        ]


@dataclass(frozen=True, slots=True)
class Measured:
    """What compares the two values of a row, in the units of its tolerance's `value`.

    difference: candidate − baseline; for kind "error" what the candidate removes, baseline − candidate.
    Logarithms are subtracted where the tolerance is relative. error: for kind "error" the logarithm of the
    baseline's error. baseline: what its value misses the reference by; total: what both values miss it by,
    added; None without a reference. bias: how far the resampled differences lie beside that of the fits to
    all frames on average, where that is shown and not small.
    """

    difference: Uncertain
    error: Uncertain | None = None
    baseline: Uncertain | None = None
    total: Uncertain | None = None
    bias: float | None = None


def measure(row: Row, tolerance: Tolerance | None) -> Measured | str:
    """Compare the two values of a row; the reason if they cannot be compared."""
    values = _both(row)
    if isinstance(values, str):
        return values
    if tolerance is None:
        return f"no tolerance in {row.unit} is known for it"
    if row.kind == "error" and row.seen:
        return row.seen
    pairs = row.pairs
    if not row.resampled:
        return "one fit says nothing about its spread"
    if len(pairs) < FEWEST:
        return (
            f"{len(pairs)} resampled {'pair' if len(pairs) == 1 else 'pairs'} of fits cannot tell the spread"
        )
    main = _scaled(values, tolerance)
    resampled = [_scaled(pair, tolerance) for pair in pairs]
    if main is None or None in resampled:
        return "a value of exactly 0 cannot be compared by a ratio"
    return _measure(row, tolerance, values, np.array(main), np.array(resampled))


def scaled_draws(row: Row, tolerance: Tolerance | None) -> Array | None:
    """(1 + K, 2): both values, or their logarithms, by the main fits and by every draw; nan where none is.

    None where nothing is known of the main fits.
    """
    if tolerance is None:
        return None
    found = []
    for baseline, candidate in ((row.baseline, row.candidate), *row.resampled):
        known = (
            baseline is not None and candidate is not None and None not in (baseline.value, candidate.value)
        )
        own = _scaled((baseline, candidate), tolerance) if known and baseline and candidate else None
        found.append([math.nan, math.nan] if own is None else own)
    return np.array(found) if math.isfinite(found[0][0]) else None


def between(row: Row, tolerance: Tolerance) -> Uncertain | None:
    """The difference of the main fits with the errors from beside the fits alone; None if one is missing."""
    values = _both(row)
    main = None if isinstance(values, str) else _scaled(values, tolerance)
    if main is None or isinstance(values, str):
        return None
    change = main[0] - main[1] if row.kind == "error" else main[1] - main[0]
    return Uncertain(change, {OTHER: other_part([value.error for value in values], [])})


def _measure(
    row: Row, tolerance: Tolerance, values: tuple[Value, Value], main: Array, resampled: Array
) -> Measured | str:
    """main: (2,), resampled: (K, 2) values or their logarithms, those of the baseline first."""
    direction = np.array([1.0, -1.0] if row.kind == "error" else [-1.0, 1.0])
    spread = fit_part(resampled @ direction, row.units)
    if spread.variance == 0:
        return "the resampled fits agree to the last digit and cannot be different fits"
    errors = [value.error for value in values]
    others = [[value.error for value in pair] for pair in row.pairs]
    parts = {FIT: spread, OTHER: other_part(errors, others)}
    error = None
    if row.kind == "error":
        frames = {} if row.property_name in FIXED else _frames(values, tolerance, direction)
        if isinstance(frames, str):
            return frames
        parts |= frames
        error = _error(values, resampled, tolerance, row.units)
    difference = Uncertain(float(main @ direction), parts)
    bias = _bias(difference.value, resampled @ direction, tolerance)
    if row.reference is None or row.reference.value is None or row.kind == "error" or row.seen:
        return Measured(difference, error, bias=bias)
    label = math.log(row.reference.value) if tolerance.relative else row.reference.value
    variance = (row.reference.error or 0.0) ** 2
    baseline = {
        FIT: fit_part(resampled[:, 0], row.units),
        OTHER: other_part(errors[:1], [pair[:1] for pair in others]),
        LABELS: Part(variance),
    }
    total = {FIT: fit_part(resampled.sum(axis=1), row.units), OTHER: parts[OTHER], LABELS: Part(4 * variance)}
    return Measured(
        difference,
        baseline=Uncertain(float(main[0] - label), baseline),
        total=Uncertain(float(main.sum() - 2 * label), total),
        bias=bias,
    )


def _both(row: Row) -> tuple[Value, Value] | str:
    words = Words.of(row.pair)
    for value, model in ((row.baseline, words.baseline), (row.candidate, words.candidate)):
        if value is None:
            return f"the {model} potential has no value of it"
        if value.value is None:
            return f"the {model} potential has no value of it: {value.why}"
    return row.baseline, row.candidate  # type: ignore[return-value]


def _scaled(pair: tuple[Value, Value], tolerance: Tolerance) -> list[float] | None:
    """The two values, or their logarithms; None if there are none."""
    found = [value.value for value in pair if value.value is not None]
    if not tolerance.relative:
        return found
    return [math.log(value) for value in found] if min(found) > 0 else None


def _frames(values: tuple[Value, Value], tolerance: Tolerance, direction: Array) -> dict[str, Part] | str:
    """The error from the choice of test frames: none where the frames are not a sample, but all there are."""
    samples = [value.samples for value in values if value.samples is not None]
    if not samples:
        return {}
    if len(samples) < 2 or len(samples[0]) != len(samples[1]):
        raise InputError(
            f"{values[0].name}: the two potentials were not tested on the same frames "
            f"({', '.join(str(len(v.samples or ())) for v in values)} frames).",
            remedy="delete the two files of this property; the step that wrote them is redone.",
        )

    def change(means: Array) -> float:
        return float(direction @ (np.log(means) / 2 if tolerance.relative else np.sqrt(means)))

    part = frames_part(samples, change, values[0].clusters)
    return (
        "the test frames are too few to tell how much it depends on them" if part is None else {FRAMES: part}
    )


def _error(values: tuple[Value, Value], resampled: Array, tolerance: Tolerance, units: float) -> Uncertain:
    """The logarithm of the baseline's error."""
    spread = fit_part(resampled[:, 0] if tolerance.relative else np.log(resampled[:, 0]), units)
    parts = {FIT: spread}
    if samples := values[0].samples:
        frames = frames_part([samples], lambda means: float(np.log(means[0]) / 2), values[0].clusters)
        parts |= {FRAMES: frames} if frames else {}
    return Uncertain(math.log(values[0].value or math.nan), parts)


def _bias(value: float, resampled: Array, tolerance: Tolerance) -> float | None:
    """The bootstrap estimate of bias (Efron, Tibshirani, An Introduction to the Bootstrap, 1993, chapter 10).

    Shown: beyond the 95 % interval of the mean. Not small: above a quarter of the tolerance.
    """
    bias, count = float(resampled.mean() - value), len(resampled)
    interval = float(stdtrit(count - 1, 0.975) * np.std(resampled, ddof=1)) / math.sqrt(count)
    return bias if abs(bias) > max(interval, tolerance.value / 4) else None
