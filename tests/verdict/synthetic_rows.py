"""Rows of a table with values from a known truth."""

import numpy as np

from superion.verdict import Value, error_value
from superion.verdict.rows import Row


def row(
    local, electrostatic, resampled, reference=None, name="vacancy", topic="defects", kind="plain", **more
):
    """local, electrostatic: values; resampled: (K, 2)."""

    def value(number):
        return None if number is None else Value(name=name, unit="eV", kind=kind, value=float(number), **more)

    pairs = tuple((value(a), value(b)) for a, b in resampled)
    return Row(topic, name, "eV", kind, value(local), value(electrostatic), value(reference), pairs)


def plain_row(truth, error, fits, rng, reference=None, common=3.0, **more):
    """truth: (2,). The two fits share `common` errors beside their own, so that differences know better."""
    shared, own = rng.normal(size=fits + 1), rng.normal(size=(fits + 1, 2)) / np.sqrt(2)
    values = np.asarray(truth) + error * (own + common * shared[:, None])
    values[1:] += values[0] - truth  # resampled fits scatter about the fit to all frames
    return row(*values[0], values[1:], reference, **more)


def error_row(truth, error, fits, rng, frames=60, name="forces of Li"):
    """truth: (2,) root-mean-square errors of two potentials whose frames are about as hard for both."""
    hard = rng.normal(size=(frames, 12))
    harder = [hard, np.sqrt(0.9) * hard + np.sqrt(0.1) * rng.normal(size=hard.shape)]

    def values():
        scales = [e * np.exp(error * rng.normal() / np.sqrt(2)) for e in truth]
        return [error_value(name, "eV/Å", list(s * h)) for s, h in zip(scales, harder, strict=True)]

    local, electrostatic = values()
    resampled = tuple(tuple(values()) for _ in range(fits))
    return Row("forces", name, "eV/Å", "error", local, electrostatic, None, resampled)
