"""Charges, and a screening, that explain best what far atoms do to forces.

Between ions of a crystal the force constants far apart are those of point charges (Gonze and Lee, Phys. Rev.
B 55, 10355, 1997: Born charges, screened by the electrons). Charges fitted to the locality error therefore
leave the local term what is local: as for Li7P3S11 in Staacke et al., ACS Appl. Energy Mater. 4, 12562, 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import OptimizeResult, least_squares

from superion.calculations.locality.charge_doubts import charge_doubts
from superion.calculations.locality.fields import SCREENING, Fields, field_changes
from superion.calculations.locality.results import ChargeFitFile
from superion.calculations.locality.samples import Samples
from superion.electrostatics import CoulombTerm, FixedCharges, Slater
from superion.errors import InputError
from superion.structures.composition import electropositive

Array = np.ndarray
RESAMPLES = 200
STARTS = 3
MIDDLE = 2.5
"""1/Å, where the search for a screening starts."""
DETERMINED = 9.0
"""A screening is determined if point charges are worse by so many variances (three standard deviations)."""


@dataclass(frozen=True, slots=True)
class ChargeFit:
    """Fitted charges (e) by element, with standard errors from the Jacobian and from a bootstrap over atoms.

    screening: 1/Å, with its error; determined: whether the data tell it from that of point charges (None: it
    was given).
    before, after: root mean square change of a force component that far atoms cause (eV/Å), and what is left
    of it. rows, atoms: how many changes of how many atoms were fitted. radius: Å. doubts: sentences on what
    speaks against the charges, see `charge_doubts`.
    """

    radius: float
    charges: dict[str, float]
    errors: dict[str, float]
    bootstrap: dict[str, float] | None
    screening: float
    screening_error: float | None
    determined: bool | None
    before: float
    after: float
    rows: int
    atoms: int
    doubts: tuple[str, ...] = ()

    def term(self) -> CoulombTerm:
        """The Coulomb term with these charges and 1s Slater densities."""
        return CoulombTerm(FixedCharges(self.charges), Slater.from_screening(self.screening))

    def record(self) -> ChargeFitFile:
        """What is written."""
        own = {name: getattr(self, name) for name in self.__slots__} | {"doubts": list(self.doubts)}
        return ChargeFitFile(**own)


def fit_charges(
    samples: Samples,
    radius: float = 6.0,
    *,
    screening: float | None = None,
    formal: Mapping[str, float] | None = None,
    positive: str | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> ChargeFit:
    """Charges that minimise the mean square change of forces due to atoms beyond `radius` (Å).

    Every atom of every sample that has nothing displaced within the radius counts. The sample stays neutral.
    screening: 1/Å of the 1s Slater densities, None to fit it. formal: fit one factor for these charges, not
    each charge. positive: the element whose charge is positive, because forces do not change if all charges
    change their sign; default: the one that stands earliest in its period. resamples: draws of the bootstrap;
    0: none. Raises InputError for too few
    data, and for formal charges that are not neutral.
    """
    data = field_changes(samples, radius)
    return fit_changes(
        data, radius, screening=screening, formal=formal, positive=positive, seed=seed, resamples=resamples
    )


def fit_changes(
    data: Fields,
    radius: float,
    *,
    screening: float | None = None,
    formal: Mapping[str, float] | None = None,
    positive: str | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> ChargeFit:
    """As `fit_charges`, of changes that were computed before."""
    if screening is not None:
        data = data.screened(screening)
    basis = _basis(data, formal)
    free = basis.shape[1] + (screening is None)
    if data.change.size <= free:
        raise InputError(
            f"{data.change.size} force components for {free} unknowns.",
            remedy="make more samples, or a smaller radius.",
        )
    rng = np.random.default_rng(seed)
    starts = [_guess(data, basis, screening), *rng.normal(size=(STARTS, basis.shape[1]))]
    best = min((_solve(data, basis, z, screening) for z in starts), key=lambda found: found.cost)
    sign = _sign(data.elements, basis @ best.x[: basis.shape[1]], positive)
    best.x[: basis.shape[1]] *= sign
    charges = basis @ best.x[: basis.shape[1]]
    residual = 2 * best.cost / (data.change.size - free)
    jacobian = best.jac.copy()
    jacobian[:, : basis.shape[1]] *= sign
    covariance = residual * np.linalg.pinv(jacobian.T @ jacobian)
    spread = np.sqrt(np.diag(basis @ covariance[: basis.shape[1], : basis.shape[1]] @ basis.T))
    found = float(best.x[-1]) if screening is None else screening
    error = float(np.sqrt(covariance[-1, -1])) if screening is None else None
    determined = None
    if screening is None:
        points = _solve(data.screened(SCREENING[1]), basis, best.x[:-1], SCREENING[1])
        determined = bool(2 * (points.cost - best.cost) > DETERMINED * residual)
    resampled = _bootstrap(data, basis, best.x, screening, rng, resamples)
    by_element = dict(zip(data.elements, charges.tolist(), strict=True))
    errors = dict(zip(data.elements, spread.tolist(), strict=True))
    widest = spread if resampled is None else np.maximum(spread, resampled)
    before, after = float(np.sqrt(np.mean(data.change**2))), float(np.sqrt(2 * best.cost / data.change.size))
    counts = dict(zip(data.elements, data.count.tolist(), strict=True))
    known = dict(zip(data.elements, widest.tolist(), strict=True))
    return ChargeFit(
        radius=float(radius),
        charges=by_element,
        errors=errors,
        bootstrap=None if resampled is None else dict(zip(data.elements, resampled.tolist(), strict=True)),
        screening=found,
        screening_error=error,
        determined=determined,
        before=before,
        after=after,
        rows=len(data.own),
        atoms=len(np.unique(data.atom)),
        doubts=tuple(charge_doubts(by_element, known, counts, before, after, float(radius))),
    )


def _basis(data: Fields, formal: Mapping[str, float] | None) -> Array:
    """(n, k), columns are sets of charges of which every combination is neutral."""
    if formal is None:
        return np.asarray(null_space(data.count[None, :].astype(np.float64)))
    missing = sorted(set(data.elements) ^ set(formal))
    if missing:
        raise InputError(
            f"formal charges and structure differ in {', '.join(missing)}.",
            remedy="give a charge for each element.",
        )
    charges = np.array([formal[symbol] for symbol in data.elements], dtype=np.float64)
    if abs(total := float(data.count @ charges)) > 1e-6:
        raise InputError(
            f"the formal charges add up to {total:+g} e.", remedy="give charges that are neutral."
        )
    return charges[:, None]


def _guess(data: Fields, basis: Array, screening: float | None) -> Array:
    """(k,) start: products q_a q_b by linear least squares, then the charges whose products are closest."""
    n = len(data.elements)
    field, _ = data.fields(MIDDLE if screening is None else screening)
    columns = np.zeros((*data.change.shape, n, n))
    columns[np.arange(len(data.own)), :, data.own] = field.transpose(0, 2, 1)
    products = np.linalg.lstsq(columns.reshape(-1, n * n), data.change.ravel(), rcond=1e-8)[0].reshape(n, n)
    values, vectors = np.linalg.eigh(0.5 * (products + products.T))
    charges = np.sqrt(max(values[-1], 1e-4) / 14.4) * vectors[:, -1]
    return np.asarray(np.linalg.lstsq(basis, charges, rcond=None)[0])


def _solve(data: Fields, basis: Array, start: Array, screening: float | None) -> OptimizeResult:
    """Levenberg–Marquardt or trust region from a start (k,), or (k + 1,) with the screening."""
    k = basis.shape[1]
    fitted = screening is None

    def forces(x: Array) -> tuple[Array, Array, Array]:
        return data.forces(basis @ x[:k], float(x[k]) if screening is None else screening)

    def residuals(x: Array) -> Array:
        return np.asarray((forces(x)[0] - data.change).ravel())

    def jacobian(x: Array) -> Array:
        _, by_charge, by_screening = forces(x)
        columns = [by_charge @ basis]
        if fitted:
            columns.append(by_screening[:, :, None])
        return np.concatenate(columns, axis=2).reshape(-1, k + fitted)

    if fitted and len(start) == k:
        start = np.append(start, MIDDLE)
    low = np.full(k + fitted, -np.inf)
    high = np.full(k + fitted, np.inf)
    if fitted:
        low[k], high[k] = SCREENING
    return least_squares(
        residuals, start, jac=jacobian, bounds=(low, high), x_scale="jac", xtol=1e-12, ftol=1e-12
    )


def _bootstrap(
    data: Fields,
    basis: Array,
    start: Array,
    screening: float | None,
    rng: np.random.Generator,
    resamples: int,
) -> Array | None:
    """(n,) standard errors of the charges when atoms are drawn anew; None for fewer than three."""
    atoms = np.unique(data.atom)
    if len(atoms) < 3 or not resamples:
        return None
    fixed = float(start[-1]) if screening is None else screening
    screened = data.screened(fixed) if screening is None else data
    found = []
    for _ in range(resamples):
        drawn = np.concatenate([np.flatnonzero(data.atom == a) for a in rng.choice(atoms, len(atoms))])
        found.append(basis @ _solve(screened.part(drawn), basis, start[: basis.shape[1]], fixed).x)
    return np.asarray(np.std(found, axis=0, ddof=1))


def _sign(elements: list[str], charges: Array, positive: str | None) -> float:
    if positive is not None and positive not in elements:
        raise InputError(
            f"the structure has no {positive}, whose charge is to be positive.",
            remedy=f"choose one of {', '.join(elements)}.",
        )
    chosen = positive or electropositive(elements)
    return -1.0 if charges[elements.index(chosen)] < 0 else 1.0
