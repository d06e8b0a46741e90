"""Activation energy and prefactor of diffusion or conductivity from runs at several temperatures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from superion.analysis.arrhenius_evidence import QUANTITIES, Evidence, evidence
from superion.analysis.arrhenius_posterior import Posterior, inverse, least_energy, posterior
from superion.analysis.arrhenius_result import ArrheniusResult, Branch, Extrapolated, Point
from superion.analysis.arrhenius_slope import RARE, below_the_line, reach, straightness
from superion.analysis.transport_result import TransportResult
from superion.errors import InputError

Array = np.ndarray
BAND = 30
"""Temperatures of the band of a figure."""


class ArrheniusSettings(BaseModel):
    """What is made of runs at several temperatures."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    quantity: str = Field(
        "conductivity",
        pattern=f"^({'|'.join(QUANTITIES)})$",
        description="what is fitted: diffusion (D), conductivity (σT of independent ions), "
        "collective (σT with "
        "their correlation)",
    )
    extrapolate: tuple[PositiveFloat, ...] = Field((300.0,), description="temperatures in K")


def arrhenius(
    runs: Sequence[TransportResult],
    settings: ArrheniusSettings | None = None,
    names: Sequence[str] = (),
    composition: str = "",
) -> ArrheniusResult:
    """One line of ln y against 1/T through the likelihoods of runs, y = D or σT; see `ArrheniusResult`.

    >>> found = arrhenius([superion.transport(run) for run in runs])
    >>> found.activation_energy, found.activation_interval  # eV
    (0.25, (0.22, 0.29))

    names: of the runs, for messages. Runs may be of different length, and several of one temperature. Raises
    InputError for runs of different species or charges, and of one temperature.
    """
    settings = settings or ArrheniusSettings()
    names = list(names) or [f"run {k}" for k in range(len(runs))]
    _check(runs, names)
    used = [evidence(run, settings.quantity) for run in runs]
    points = tuple(_point(*one) for one in zip(names, runs, used, strict=True))
    notes = [f"{one.run}: {one.reason}" for one in points if not one.used]
    notes += [
        f"{run.temperature:g} K: {run.status}; an upper bound is used."
        for run, one in zip(runs, used, strict=True)
        if one is not None and not one.known and run.status == "not diffusive"
    ]
    found = [one for one in used if one is not None]
    known, bounds = [one for one in found if one.known], [one for one in found if not one.known]
    nothing = ArrheniusResult(
        species=runs[0].species,
        quantity=settings.quantity,
        status="not known",
        reason="",
        notes=tuple(notes),
        points=points,
        composition=composition,
    )
    kelvins = {one.temperature for one in known}
    if len(kelvins) < 2:
        return _few(nothing, known, bounds)
    test = straightness(known)
    nothing = nothing.with_values(misfit_p=test.misfit_p)
    if test.bends and test.split is not None:
        return _bent(nothing, known, bounds, test.split, settings)
    if low := below_the_line(known, bounds):
        where = ", ".join(f"{one.temperature:g} K" for one in low)
        return nothing.with_values(
            status="change of slope",
            reason=f"the upper bound at {where} lies below the line through the values: ions freeze "
            "in, or the "
            "structure changes.",
            branches=(_branch(known, posterior(known)),),
            extrapolated=tuple(_extrapolated(None, known, t, None, settings) for t in settings.extrapolate),
        )
    if test.widen > 1:
        notes.append(
            f"the runs scatter about the line more than their own errors say (p = "
            f"{test.misfit_p:.1g}): all errors "
            f"were made {test.widen:.2g} times as large."
        )
    line = posterior(found, test.widen)
    middle, deviation, interval = line.energy()
    low_a, log_a, high_a = line.log_value(0.0)
    carries = reach(known, test.widen)
    extrapolated = tuple(_extrapolated(line, known, t, carries, settings) for t in settings.extrapolate)
    notes += _guard(extrapolated, carries, len(kelvins))
    return nothing.with_values(
        status="line",
        reason=f"{len(known)} values at {len(kelvins)} temperatures, {len(bounds)} upper bounds.",
        notes=tuple(notes),
        activation_energy=middle,
        activation_interval=interval,
        activation_error=deviation,
        prefactor=float(np.exp(log_a)),
        prefactor_interval=(float(np.exp(low_a)), float(np.exp(high_a))),
        widened=test.widen,
        reach=carries,
        extrapolated=extrapolated,
        band=_band(line, found, settings),
    )


def _check(runs: Sequence[TransportResult], names: Sequence[str]) -> None:
    """InputError for what cannot stand on one line."""
    if not runs:
        raise InputError("there is no run.", remedy="name runs at two or more temperatures.")
    faults = [
        f"{name} is of {run.species} with {run.charge:+g} e"
        for run, name in zip(runs, names, strict=True)
        if (run.species, run.charge) != (runs[0].species, runs[0].charge)
    ]
    if faults:
        raise InputError(
            f"{'; '.join(faults)}; {names[0]} is of {runs[0].species} with {runs[0].charge:+g} e.",
            remedy="analyse runs of one ion with one charge (--species, --charge).",
        )
    if len({round(run.temperature, 3) for run in runs}) == 1:
        raise InputError(
            f"all runs are at {runs[0].temperature:g} K: one temperature has no slope.",
            remedy="add runs at other temperatures; of one alone, `superion transport` says what it tells.",
        )


def _point(name: str, run: TransportResult, found: Evidence | None) -> Point:
    reason = run.reason
    if found is None and run.status != "melt":
        reason = run.collective_reason or "it has neither a value nor a bound."
    return Point(
        run=name,
        temperature=run.temperature,
        status=run.status,
        value=None if found is None else found.value,
        interval=None
        if found is None or found.low is None or found.high is None
        else (found.low, found.high),
        bound=None if found is None else found.bound,
        used=found is not None,
        reason=reason,
    )


def _few(nothing: ArrheniusResult, known: list[Evidence], bounds: list[Evidence]) -> ArrheniusResult:
    """Without two temperatures with values: a lower bound of the slope, if colder runs have bounds."""
    least = least_energy([*known, *bounds]) if known else None
    if least is None:
        few = (
            f"{len(known)} of {len(nothing.points)} runs have a value, values at two temperatures are needed."
        )
        return nothing.with_values(reason=f"{few} Run longer, or hotter.")
    return nothing.with_values(
        status="lower bound only",
        reason=f"values at {known[0].temperature:g} K alone, upper bounds at colder temperatures.",
        activation_bound=least,
    )


def _bent(
    nothing: ArrheniusResult, known: list[Evidence], bounds: list[Evidence], split: float,
    settings: ArrheniusSettings,
) -> ArrheniusResult:  # fmt: skip
    """Two branches; colder temperatures go on from the cold one."""
    parts = [[one for one in known if (one.temperature > split) is hot] for hot in (False, True)]
    sides = [part + [one for one in bounds if (one.temperature > split) is hot] for part, hot in
             zip(parts, (False, True), strict=True)]  # fmt: skip
    lines = [posterior(side) for side in sides]
    branches = tuple(_branch(part, line) for part, line in zip(parts, lines, strict=True))
    carries = reach(parts[0])
    extrapolated = tuple(
        _extrapolated(lines[0], parts[0], t, carries, settings) for t in settings.extrapolate
    )
    counted = len({one.temperature for one in parts[0]})
    return nothing.with_values(
        status="change of slope",
        reason=f"two lines that meet near {split:.4g} K fit the runs, one does not (p < {RARE:g}).",
        notes=(
            *nothing.notes,
            "extrapolated from the colder branch.",
            *_guard(extrapolated, carries, counted),
        ),
        branches=branches,
        reach=carries,
        extrapolated=extrapolated,
        band=_band(lines[0], sides[0], settings),
    )


def _branch(part: list[Evidence], line: Posterior) -> Branch:
    middle, _, interval = line.energy()
    kelvins = [one.temperature for one in part]
    return Branch(
        temperatures=(min(kelvins), max(kelvins)), activation_energy=middle, activation_interval=interval
    )


def _extrapolated(
    line: Posterior | None, known: list[Evidence], kelvin: float, carries: float | None,
    settings: ArrheniusSettings,
) -> Extrapolated:  # fmt: skip
    """Of D, or of σ in mS/cm, at a temperature."""
    x = inverse([one.temperature for one in known])
    at = float(inverse(kelvin))
    spans = max(0.0, at - float(x.max()), float(x.min()) - at) / float(np.ptp(x))
    beyond = at > float(x.max()) and (carries is None or kelvin < carries)
    if line is None:
        return Extrapolated(temperature=kelvin, value=None, interval=None, spans=spans, beyond=True)
    factor = 1.0 if settings.quantity == "diffusion" else 1000 / kelvin
    low, middle, high = (factor * float(np.exp(y)) for y in line.log_value(at))
    return Extrapolated(temperature=kelvin, value=middle, interval=(low, high), spans=spans, beyond=beyond)


def _guard(extrapolated: Sequence[Extrapolated], carries: float | None, kelvins: int) -> list[str]:
    """What must be said of values that lie farther than the runs carry."""
    far = [one for one in extrapolated if one.beyond]
    if not far:
        return []
    where = ", ".join(f"{one.temperature:g} K" for one in far)
    if carries is None:
        return [
            f"{where}: {kelvins} temperatures cannot tell a line from a curve; the interval holds "
            "only if the slope "
            "stays the same. Add a third temperature."
        ]
    return [
        f"{where}: the runs carry to {carries:.3g} K; below, a curvature that they cannot exclude "
        "changes the value "
        "more than tenfold, and the interval holds only if the slope stays the same. Add colder or "
        "longer runs."
    ]


def _band(
    line: Posterior, found: list[Evidence], settings: ArrheniusSettings
) -> dict[str, tuple[float, ...]]:
    """The line with its interval, from the hottest run to the coldest temperature asked for."""
    kelvins = [one.temperature for one in found]
    ends = inverse([max(kelvins), min([*kelvins, *settings.extrapolate])])
    places = np.linspace(ends[0], ends[1], BAND)
    rows = np.exp([line.log_value(float(x)) for x in places])
    return {
        "temperature": tuple((inverse(1.0) / places).tolist()),
        "low": tuple(rows[:, 0].tolist()),
        "value": tuple(rows[:, 1].tolist()),
        "high": tuple(rows[:, 2].tolist()),
    }
