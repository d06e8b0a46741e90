"""Static dielectric constants from fluctuations, from finite fields, and from the lattice.

With the dipole μ of a cell of volume V, kT = 1/β and the electronic constant ε∞ (1 where all that polarizes
is in the charges):

    constant E:  ε = ε∞ + β⟨Δμ Δμ⟩/(ε₀V)                       (Neumann, Mol. Phys. 50, 841, 1983)
    constant D:  ε = ε∞ + (x⁻¹ − 1/ε∞)⁻¹,  x = β⟨Δμ Δμ⟩/(ε₀V)    (Zhang, Sprik, Phys. Rev. B 93, 144201, 2016)
    several E:   ε = ε∞ + (dμ/dE)/(ε₀V)
    several D:   1/ε = dE/d(D/ε₀)
    lattice:     ε = ε∞ + Zᵀ H⁻¹ Z/(ε₀V)                       (Gonze, Lee, Phys. Rev. B 55, 10355, 1997)

with the matrix H of force constants and Born charges Z. Where ions diffuse, the dipole at constant E wanders
away and there is no static constant; then see the conductivity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import units
from scipy.stats import chi2

from superion.analysis.blocks import BLOCKS, FRAMES, check_blocks, jackknife, mean_and_error
from superion.analysis.equilibration import equilibrated
from superion.electrostatics.polarization import EPSILON_0
from superion.errors import InputError

Array = np.ndarray
CORRELATED = 0.5
"""Correlation of the means of neighbouring blocks above which an error bar is said to be too small."""
UNLIKELY = 1e-3
"""Chance of a line above which nothing is said."""
WANDERING = 1.0
"""Variance between the quarters of a run, over that inside, above which its dipole is said to wander."""


@dataclass(frozen=True, slots=True)
class Dielectric:
    """A dielectric tensor without unit, and standard errors of its components.

    tensor, error: (3, 3). mean, mean_error: a third of the trace. notes: what else a reader must know.
    start: number of the first frame that counts. samples: independent ones from there. status: "stationary",
    "not stationary" or "too short"; the first note says why.
    """

    tensor: Array
    error: Array
    mean: float
    mean_error: float
    notes: tuple[str, ...] = ()
    start: int = 0
    samples: float = 0.0
    status: str = "stationary"


def from_fluctuations(
    dipoles: Array,
    volume: float,
    temperature: float,
    *,
    epsilon_inf: float = 1.0,
    constant_d: Sequence[bool] = (False, False, False),
    blocks: int = BLOCKS,
    start: int | None = None,
) -> Dielectric:
    """Dielectric tensor from the dipole (F, 3) e·Å along one run, tracked without jumps.

    volume: Å³. temperature: K. constant_d: along which axes D was constant, instead of E. start: number of
    the first frame that counts; None: that from which the dipole fluctuates about one mean, see
    `equilibration`. A dipole that still relaxes, as after a field was switched on, is no fluctuation.
    """
    dipoles = _dipoles(dipoles)
    check_blocks(dipoles, blocks)
    _positive(volume=volume, temperature=temperature, epsilon_inf=epsilon_inf)
    stiff = np.diag(np.asarray(constant_d, dtype=float)) / epsilon_inf

    def tensor(part: Array) -> Array:
        x: Array = np.cov(part.T, bias=True) / (units.kB * temperature * EPSILON_0 * volume)
        if stiff.any():
            x = np.linalg.inv(np.linalg.inv(x) - stiff)
        whole = epsilon_inf * np.eye(3) + x
        return np.append(whole.ravel(), np.trace(whole) / 3)

    if np.any(stiff) and np.linalg.matrix_rank(dipoles - dipoles.mean(axis=0)) < 3:
        raise InputError("the dipole does not fluctuate along all three axes: there is nothing to invert.")
    found = equilibrated(dipoles, start)
    whole_run, dipoles = dipoles, dipoles[found.start :]
    blocks = min(blocks, max(2, len(dipoles) // FRAMES))
    value, error, together = jackknife(dipoles, tensor, blocks)
    notes = [] if found.status == "stationary" else [f"{found.status.upper()}: {found.reason}"]
    if together > CORRELATED:
        notes.append("the dipole remembers longer than a block: the error is larger; run longer.")
    if not stiff.any() and _wanders(dipoles if found.status == "stationary" else whole_run):
        notes.append("the dipole wanders away, as where ions diffuse: there is no static constant.")
    return Dielectric(
        value[:9].reshape(3, 3),
        error[:9].reshape(3, 3),
        float(value[9]),
        float(error[9]),
        tuple(notes),
        found.start,
        found.samples,
        found.status,
    )


def from_fields(
    fields: Array,
    dipoles: Sequence[Array],
    volume: float,
    *,
    epsilon_inf: float = 1.0,
    blocks: int = BLOCKS,
) -> tuple[float, float]:
    """Dielectric constant and its standard error from runs at R different constant fields.

    fields: (R, 3) V/Å, along one direction. dipoles: of each run (F, 3) e·Å, tracked from one
    and the same structure.
    """
    _positive(volume=volume, epsilon_inf=epsilon_inf)
    steps, direction = _along(fields, "fields")
    means, errors = _ends(dipoles, direction, len(steps), blocks)
    slope, error = _line(steps, means, errors)
    return epsilon_inf + slope / (EPSILON_0 * volume), error / (EPSILON_0 * volume)


def from_displacements(
    displacements: Array, fields: Sequence[Array], *, blocks: int = BLOCKS
) -> tuple[float, float]:
    """Dielectric constant and its standard error from runs at R different constant displacements.

    displacements: (R, 3) V/Å, over ε₀, along one direction. fields: of each run the electric field (F, 3)
    V/Å.
    """
    steps, direction = _along(displacements, "displacements")
    means, errors = _ends(fields, direction, len(steps), blocks)
    slope, error = _line(steps, means, errors)
    return 1 / slope, error / slope**2


def linear_notes(vectors: Array, series: Sequence[Array], *, blocks: int = BLOCKS) -> list[str]:
    """What speaks against the straight line of `from_fields` or `from_displacements`, which take the same.

    Means off the line by more than their errors tell that the response is not linear, or that a run has not
    come to its mean; two runs always lie on a line.
    """
    steps, direction = _along(vectors, "fields")
    means, errors = _ends(series, direction, len(steps), blocks)
    notes = []
    together = [
        jackknife(_dipoles(one) @ direction, lambda part: part.mean(axis=0), blocks)[2] for one in series
    ]
    if max(together) > CORRELATED:
        notes.append("a run remembers longer than a block: the error is larger; run longer.")
    if len(steps) > 2:
        slope, _ = _line(steps, means, errors)
        off = means - means.mean() - slope * (steps - steps.mean())
        chi = float((off**2 / np.maximum(errors, 1e-300) ** 2).sum())
        chance = float(chi2.sf(chi, len(steps) - 2))
        if chance < UNLIKELY:
            notes.append(
                f"the means of the {len(steps)} runs do not lie on a line (chance {chance:.1g}): the "
                "response is not linear, or a run has not come to its mean; take smaller fields or more time."
            )
    return notes


def lattice_dielectric(hessian: Array, born: Array, volume: float, *, epsilon_inf: float = 1.0) -> Array:
    """Static dielectric tensor (3, 3) of a relaxed crystal, in the harmonic approximation.

    hessian: (3N, 3N) eV/Å², second derivatives of the energy of the cell. born: (N, 3, 3) e,
    [displacement, dipole]. volume: Å³. The three translations are left out. InputError for a crystal that is
    not at a minimum of its energy.
    """
    _positive(volume=volume, epsilon_inf=epsilon_inf)
    count = len(born)
    if np.shape(hessian) != (3 * count, 3 * count):
        raise InputError(
            f"the Hessian of {count} atoms is {3 * count} x {3 * count}, found {np.shape(hessian)}."
        )
    drift = np.tile(np.eye(3), (count, 1)) / np.sqrt(count)
    still = np.eye(3 * count) - drift @ drift.T
    values, modes = np.linalg.eigh(still @ (0.5 * (hessian + hessian.T)) @ still)
    order = np.argsort(np.abs(values))[3:]
    if values[order].min() <= 1e-8 * values.max():
        raise InputError(
            f"the smallest force constant of a mode is {values[order].min():.3g} eV/Å²: no minimum.",
            remedy="relax the structure first; a soft mode has no harmonic dielectric constant.",
        )
    strength = modes[:, order].T @ born.reshape(3 * count, 3)
    return epsilon_inf * np.eye(3) + strength.T @ (strength / values[order, None]) / (EPSILON_0 * volume)


def _along(vectors: Array, name: str) -> tuple[Array, Array]:
    """Lengths (R,) along the one direction (3,) in which R vectors differ; InputError if there is none."""
    vectors = np.asarray(vectors, dtype=np.float64)
    if vectors.ndim != 2 or vectors.shape[1] != 3 or len(vectors) < 2:
        raise InputError(f"{name} must have the shape (runs, 3) with at least 2 runs, found {vectors.shape}.")
    apart = vectors - vectors[0]
    far = apart[int(np.linalg.norm(apart, axis=1).argmax())]
    length = float(np.linalg.norm(far))
    if length == 0:
        raise InputError(f"all {name} are the same.", remedy="take runs at different ones.")
    direction = far / length
    if np.linalg.norm(apart - np.outer(apart @ direction, direction)) > 1e-9 * length:
        raise InputError(f"the {name} differ in more than one direction.", remedy="take one after another.")
    return apart @ direction, direction


def _ends(series: Sequence[Array], direction: Array, runs: int, blocks: int) -> tuple[Array, Array]:
    """Mean and standard error (R,) of each run along a direction."""
    if len(series) != runs:
        raise InputError(f"expected {runs} runs, found {len(series)}.")
    found = [mean_and_error(_dipoles(one) @ direction, blocks) for one in series]
    return np.array([mean for mean, _ in found]), np.array([error for _, error in found])


def _line(x: Array, y: Array, errors: Array) -> tuple[float, float]:
    """Slope of a straight line and its standard error; all points count alike."""
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    return float(weights @ y), float(np.sqrt((weights**2 * errors**2).sum()))


def _wanders(dipoles: Array) -> bool:
    """Whether the dipole moves on from quarter to quarter of a run, as a random walk does."""
    quarters = np.array([part.mean(axis=0) for part in np.array_split(dipoles, 4)])
    inside = np.mean([part.var(axis=0) for part in np.array_split(dipoles, 4)], axis=0)
    return bool((quarters.var(axis=0) > WANDERING * inside).any())


def _dipoles(series: Array) -> Array:
    series = np.asarray(series, dtype=np.float64)
    if series.ndim != 2 or series.shape[1] != 3:
        raise InputError(f"a run of dipoles or fields has the shape (frames, 3), found {series.shape}.")
    return series


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not 1e-9 < value < 1e12:
            raise InputError(f"the {name} must be a positive number of reasonable size, found {value}.")
