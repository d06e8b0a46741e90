"""The tables of the report, as plain text; the template escapes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import units

from superion.analysis.accuracy_result import Charges, Errors
from superion.numbers import number
from superion.provenance import Provenance
from superion.report.comparison import Comparison
from superion.report.content import SPLITS, Content
from superion.report.estimates import (
    Estimate,
    duration,
    written,
    written_ratio,
)
from superion.report.style import look
from superion.structures.census_result import Group
from superion.verdict.settings import ELECTROSTATICS, Pair

_PER_GPA = 1 / units.GPa


@dataclass(frozen=True, slots=True)
class Table:
    """A caption, column heads and rows of text; the first `words` columns are words, the others numbers."""

    caption: str
    head: list[str]
    rows: list[list[str]]
    words: int = 1


def ion(content: Content) -> str:
    """The mobile species; empty without transport."""
    return next((run.ion for run in content.runs), "")


def side_by_side(content: Content, found: Sequence[Comparison], pair: Pair) -> Table:
    """Conductivities of both models of a pair and their ratio."""
    old, new = look(pair.baseline).label, look(pair.candidate).label
    kinds = (" (local)", " (local + electrostatics)") if pair == ELECTROSTATICS else ("", "")
    rows = [
        [
            f"σ({ion(content)}) at {c.temperature:g} K (mS/cm)",
            _or_missing(c.without),
            _or_missing(c.with_),
            "–" if c.ratio is None else written_ratio(c.ratio),
        ]
        for c in found
    ]
    caption = (
        "The same side by side. 95 % intervals in brackets, from the length of the trajectories alone: what "
        "another fit would give is in the verdict."
    )
    return Table(caption, ["", f"{old}{kinds[0]}", f"{new}{kinds[1]}", f"{new} / {old}"], rows)


def _or_missing(estimate: Estimate | None) -> str:
    return "no result" if estimate is None else written(estimate)


def census(content: Content) -> Table:
    """Labels by group of frames."""
    groups = [*content.census.groups, content.census.total]
    head = [
        "frames of",
        "species",
        "labels (frames)",
        "frames",
        "atoms",
        "E/atom (eV)",
        "F rms, max (eV/Å)",
        "stress (GPa)",
    ]
    rows = [_census_row(group) for group in groups if group]
    return Table("Labels found in the data, by file and kind of frame.", head, rows, words=3)


def _census_row(group: Group) -> list[str]:
    low, high = group.atoms
    stress = [s * _PER_GPA for s in group.stress or ()]
    return [
        group.name,
        " ".join(group.species) or "–",
        ", ".join(f"{name}\u00a0({n})" for name, n in group.labels.items()) or "none",
        str(group.frames),
        f"{low}" if low == high else f"{low}–{high}",
        _range(group.energy_per_atom, 5),
        "–" if group.force_rms is None else f"{number(group.force_rms)}, {number(group.force_max)}",
        _range(stress or None, 2),
    ]


def split(content: Content) -> Table | None:
    """Which trajectories were trained on and which were held out; None if it is not known."""
    rows = [
        [name, used, "–" if frames is None else str(frames)]
        for used in SPLITS
        for name, frames in (getattr(content.split, used) or {}).items()
    ]
    caption = "The split: no trajectory has frames on both sides."
    return Table(caption, ["trajectory", "used for", "frames"], rows, words=2) if rows else None


def errors(content: Content) -> Table:
    """Energy, force and stress errors of every potential and split."""
    rows = []
    for potential, which, found in _each(content):
        arrays = content.parity.get((potential, which), {})
        force = arrays.get("force_reference")
        scale = float(np.sqrt(np.mean(force**2))) if force is not None and force.size else 0.0
        rmse = found.force_rmse
        rows.append(
            [
                look(potential).label,
                which,
                str(found.frames),
                _pair(found, "energy_{}_per_atom", 1e3),
                _pair(found, "force_{}", 1),
                f"{100 * rmse / scale:.1f} %" if rmse is not None and scale else "–",
                _pair(found, "stress_{}", _PER_GPA),
            ]
        )
    head = [
        "potential",
        "set",
        "frames",
        "energy (meV/atom)",
        "force (eV/Å)",
        "force RMSE / rms force",
        "stress (GPa)",
    ]
    return Table("Errors against the reference: RMSE (MAE). A dash: no such labels.", head, rows, words=2)


def charge_doubts(content: Content) -> list[str]:
    """Charges that contradict oxidation states, each said once for a potential."""
    said = [
        f"{look(potential).label}: {text}."
        for potential, _, found in _each(content)
        for text in (found.charges.doubts if found.charges else ())
    ]
    return list(dict.fromkeys(said))


def charges(content: Content) -> Table | None:
    """Charges by species, and how well they add up, of every potential that has any; None without."""
    rows = []
    for potential, which, found in _each(content):
        summary = found.charges or Charges()
        born = (content.accuracy[potential].born_charges or {}) if which == "train" else {}
        rmse = found.charge_rmse_by_species or {}
        total = "" if summary.total_error is None else f"{summary.total_error:.1e}"
        for symbol, q in summary.by_species.items():
            rows.append(
                [
                    look(potential).label,
                    which,
                    symbol,
                    str(q.atoms),
                    _signed(q.mean, 3),
                    f"{q.std:.3f}",
                    f"{_signed(q.min, 3)} … {_signed(q.max, 3)}",
                    number(rmse[symbol]) if rmse.get(symbol) is not None else "–",
                    _signed(born[symbol], 2) if symbol in born else "–",
                    total,
                ]
            )
            total = ""
    head = [
        "potential",
        "set",
        "species",
        "atoms",
        "mean",
        "std",
        "least … largest",
        "RMSE to labels",
        "Born",
        "largest |Σq\u00a0−\u00a0Q|",
    ]
    caption = (
        "Predicted charges in e. Born: mean of a third of the trace of Born effective charges in the first "
        "training frame, which is what an electric field acts on. |Σq − Q|: of a frame, how far its charges "
        "miss the total charge."
    )
    return Table(caption, head, rows, words=3) if rows else None


def errors_by_species(content: Content) -> Table | None:
    """Force errors by species; None if there are none."""
    found = [
        (p, w, e.force_rmse_by_species or {}, e.force_mae_by_species or {}) for p, w, e in _each(content)
    ]
    species = sorted({s for _, _, rmse, _ in found for s in rmse})
    rows = [
        [
            look(p).label,
            w,
            *(f"{number(rmse.get(s))} ({number(mae.get(s))})" if s in rmse else "–" for s in species),
        ]
        for p, w, rmse, mae in found
    ]
    caption = "Force errors by species in eV/Å: RMSE (MAE)."
    return Table(caption, ["potential", "set", *species], rows, words=2) if species else None


def transport(content: Content) -> Table:
    """Diffusion and conductivity of every trajectory."""
    head = ["potential", "T (K)", "length (ps)", "D (cm²/s)", "σ (mS/cm)", "collective σ (mS/cm)", "status"]
    rows = [
        [
            look(run.potential).label,
            f"{run.kelvin:g}",
            number(run.length_ps),
            written(run.diffusion),
            written(run.sigma),
            "not known" if run.collective is None else written(run.collective),
            run.status,
        ]
        for run in content.runs
    ]
    caption = (
        f"Diffusion coefficient D of {ion(content)} and the conductivity σ that follows from it if the ions "
        "move independently (Nernst–Einstein); beside it the collective one, with their correlation "
        "(Einstein–Helfand). 95 % intervals in brackets."
    )
    return Table(caption, head, rows)


def trust(content: Content) -> Table:
    """What tells how far the transport results can be trusted, and the correlation between ions."""
    head = [
        "potential",
        "T (K)",
        "hops",
        "independent hops",
        "MSD slope",
        "Haven ratio",
    ]
    rows = [
        [
            look(run.potential).label,
            f"{run.kelvin:g}",
            number(run.hops),
            number(run.independent_hops),
            number(run.slope, 2),
            "not known" if run.haven is None else written(run.haven),
        ]
        for run in content.runs
    ]
    caption = (
        f"How far to trust it: effective hops of all {ion(content)} ions, those that are independent (a "
        "value needs at least ten), the log–log slope of the mean-square displacement (1 in the diffusive "
        "regime), and the Haven ratio, σ over collective σ."
    )
    return Table(caption, head, rows)


def remarks(content: Content) -> list[tuple[str, str]]:
    """Reasons and notes of every trajectory, by its name."""
    found = []
    for run in content.runs:
        reasons = [run.reason] if run.status != "converged" else []
        if run.collective is None and run.collective_reason and not run.sigma.is_bound:
            reasons.append(f"no collective conductivity: {run.collective_reason}")
        found += [(run.label, text) for text in [*reasons, *run.notes]]
    return found


def steps(content: Content) -> Table | None:
    """Status and time of every step; None if nothing was recorded."""
    rows = []
    for name, record in content.state.items():
        if name != "report":
            status = f"{record.get('status')}{': ' if record.get('error') else ''}{record.get('error') or ''}"
            rows.append([name, status, str(record.get("started") or "–"), duration(record.get("seconds"))])
    head = ["step", "status", "started (UTC)", "time"]
    return Table("Steps of the study and the time they took.", head, rows, words=3) if rows else None


def outputs(content: Content) -> list[tuple[str, str]]:
    """SHA-256 of the models and results that the steps wrote; trajectories and figures are left out."""
    return [
        (str(path), str(digest))
        for name, record in content.state.items()
        if name != "report" and not name.startswith("dynamics/")
        for path, digest in (record.get("outputs") or {}).items()
    ]


def provenance_rows(found: Provenance | None) -> list[tuple[str, str]]:
    """What is known of versions, machine and data, a row for each."""
    if found is None:
        return []
    return list(flat(found.model_dump(mode="json", exclude_unset=True, exclude={"kind", "format"})))


def flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as pairs of a dotted name and text."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for k, item in enumerate(value):
            yield from flat(item, f"{name}[{k}]")
    elif isinstance(value, list):
        yield name, ", ".join(map(str, value)) or "none"
    else:
        yield name, "not set" if value is None else str(value)


def _each(content: Content) -> Iterator[tuple[str, str, Errors]]:
    for potential in content.potentials:
        for which in SPLITS:
            found = getattr(content.accuracy.get(potential), which, None)
            if found and found.frames:
                yield potential, which, found


def _pair(found: Errors, key: str, factor: float) -> str:
    rmse, mae = (getattr(found, key.format(name)) for name in ("rmse", "mae"))
    if rmse is None:
        return "–"
    return f"{number(factor * rmse)} ({number(None if mae is None else factor * mae)})"


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def _range(pair: Any, digits: int) -> str:
    return "–" if not pair else f"{number(pair[0], digits)} … {number(pair[1], digits)}"
