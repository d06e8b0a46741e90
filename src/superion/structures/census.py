"""What a set of frames holds: labels, ranges, duplicates, and what looks wrong."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from ase import Atoms
from rich.table import Table

from superion.errors import InputError
from superion.structures.bare import total_of
from superion.structures.candidates import (
    UNMAPPED,
    candidates,
    described,
    remedy,
    require_mapped,
    unused_weights,
)
from superion.structures.duplicates import duplicate_groups, frame_name
from superion.structures.labels import LABELS, get_label, is_isolated
from superion.structures.slips import unit_slips
from superion.structures.split import trajectory_of
from superion.structures.spool import Part
from superion.structures.suspicions import Suspect, suspicions

_COUNTED = [label.name for label in LABELS.values() if label.dimension != "text"]
QUICK = 60_000
"""Atoms whose labels are judged in passing; more take minutes."""
CHARGE_SLIP = 0.5
"""e; partitioned charges may miss the total charge by less, for rounding and overlap."""
_PLAIN: dict[str, Any] = {"box": None, "pad_edge": False, "padding": (0, 1, 0, 0), "show_edge": False}


@dataclass(frozen=True, slots=True)
class Group:
    """Numbers of one group of frames.

    atoms: smallest and largest frame. labels: frames that have each label. energy_per_atom: eV,
    lowest and highest. force_max: eV/Å, largest magnitude; force_rms: eV/Å, over components, to
    compare with a force RMSE. stress: eV/Å³, lowest and highest component. trajectories: frames each.
    """

    name: str
    frames: int
    atoms: tuple[int, int]
    species: list[str]
    labels: dict[str, int]
    energy_per_atom: tuple[float, float] | None
    force_max: float | None
    force_rms: float | None
    stress: tuple[float, float] | None
    trajectories: dict[str, int]


@dataclass(frozen=True, slots=True)
class Census:
    """Groups by file and config_type, all frames together, and findings.

    The ranges of `total` leave isolated atoms out. duplicates: names of frames that are one
    structure. warnings: likely mistakes. notes: labels that were seen but not read, and what could
    not be judged. suspects: every label that looks wrong by itself, with its frame.
    """

    groups: list[Group]
    total: Group
    duplicates: list[list[str]]
    warnings: list[str]
    notes: list[str]
    suspects: list[Suspect]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON-ready values."""
        return _plain(asdict(self))

    def table(self) -> Table:
        """One row per group and one for the total, for the terminal."""
        table = Table(title="Census", caption="energy, stress: range; force: rms and largest", **_PLAIN)
        table.add_column("frames of", overflow="fold", min_width=18)
        table.add_column("frames", justify="right")
        for heading in ("atoms", "species", "labels"):
            table.add_column(heading, no_wrap=True)
        for heading in ("E/atom\n(eV)", "force\n(eV/Å)", "stress\n(eV/Å³)"):
            table.add_column(heading, justify="right", no_wrap=True)
        for group in [*self.groups, self.total]:
            if group is self.total:
                table.add_section()
            table.add_row(*_row(group))
        return table

    def trajectories(self) -> Table:
        """One row per trajectory, the units of a split into train and test."""
        table = Table(title="Trajectories", **_PLAIN)
        table.add_column("trajectory", overflow="fold")
        table.add_column("frames", justify="right")
        for name, count in self.total.trajectories.items():
            table.add_row(name, str(count))
        return table


def census(frames: Sequence[Atoms], *, thorough: bool = False) -> Census:
    """Count and check frames as `read_frames` returns them; InputError if there are none.

    Frames are looked at one by one: a `Spool` of more than memory holds will do.

    thorough: judge the labels of all frames, however many there are.
    """
    if not frames:
        raise InputError("there are no frames.", remedy="give a file with structures.")
    members: dict[str, array[int]] = {}
    isolated = []
    for k, atoms in enumerate(frames):
        members.setdefault(_group_name(atoms), array("q")).append(k)
        if is_isolated(atoms):
            isolated.append(k)
    by_name = {name: Part(frames, indices) for name, indices in members.items()}
    duplicates, warnings = _duplicates(frames)
    doubts = suspicions(frames, None if thorough else QUICK)
    lone = set(isolated)
    bulk: Sequence[Atoms] = Part(frames, (k for k in range(len(frames)) if k not in lone)) or frames
    ranges = _group("total", bulk)
    whole = _group("total", frames)
    total = Group(
        name="total",
        frames=whole.frames,
        atoms=whole.atoms,
        species=whole.species,
        labels=whole.labels,
        energy_per_atom=ranges.energy_per_atom,
        force_max=ranges.force_max,
        force_rms=ranges.force_rms,
        stress=ranges.stress,
        trajectories=whole.trajectories,
    )
    return Census(
        groups=[_group(name, group) for name, group in by_name.items()],
        total=total,
        duplicates=duplicates,
        warnings=warnings
        + doubts.warnings
        + unit_slips(by_name)
        + _charge_slips(bulk)
        + unused_weights(frames),
        notes=_notes(by_name) + doubts.notes,
        suspects=doubts.suspects,
    )


def require_labels(frames: Sequence[Atoms]) -> None:
    """InputError if there is nothing to fit, or if energies or forces were not read that seem to be there."""
    require_mapped(frames)
    bulk = [a for a in frames if not is_isolated(a)]
    if any(get_label(a, name) is not None for a in bulk for name in ("energy", "forces", "stress")):
        return
    found = candidates(bulk, ("energy", "forces", "stress"))
    raise InputError(
        f"none of {len(bulk)} frames has REF_energy, REF_forces or REF_stress: there is nothing to fit."
        + (f" Seen but not read: {described(found)}." if found else ""),
        remedy=remedy(found)
        if found
        else "label the frames, or map your keys with --key energy=KEY --key forces=KEY.",
    )


def _group_name(atoms: Atoms) -> str:
    file = str(atoms.info.get("source", "")).rpartition("#")[0] or "in memory"
    kind = atoms.info.get("config_type")
    return f"{file} / {kind}" if kind else file


def _group(name: str, frames: Sequence[Atoms]) -> Group:
    sizes, energies, species = array("q"), array("d"), set[str]()
    largest, squares, components = array("d"), array("d"), 0
    stresses = array("d")
    present, trajectories = dict.fromkeys(_COUNTED, 0), Counter[str]()
    for atoms in frames:
        sizes.append(len(atoms))
        species.update(atoms.symbols)
        trajectories[trajectory_of(atoms)] += 1
        for label in _COUNTED:
            present[label] += get_label(atoms, label) is not None
        if (energy := get_label(atoms, "energy")) is not None:
            energies.append(energy / len(atoms))
        if (forces := get_label(atoms, "forces")) is not None:
            largest.append(np.linalg.norm(forces, axis=1).max())
            squares.append((forces**2).sum())
            components += forces.size
        if (stress := get_label(atoms, "stress")) is not None:
            stresses.extend((np.min(stress), np.max(stress)))
    return Group(
        name=name,
        frames=len(frames),
        atoms=(min(sizes), max(sizes)),
        species=sorted(species),
        labels={label: count for label, count in present.items() if count},
        energy_per_atom=(min(energies), max(energies)) if energies else None,
        force_max=max(largest) if largest else None,
        force_rms=math.sqrt(math.fsum(squares) / components) if components else None,
        stress=(min(stresses), max(stresses)) if stresses else None,
        trajectories=dict(trajectories),
    )


def _duplicates(frames: Sequence[Atoms]) -> tuple[list[list[str]], list[str]]:
    """Names of identical frames, with one warning for all and one for each with two energies."""
    groups = duplicate_groups(frames)
    names = [[frame_name(frames[k], k) for k in group] for group in groups]
    warnings = []
    if names:
        first = "; ".join(_listed(called) for called in names[:3])
        more = f"; and {len(names) - 3} more" if len(names) > 3 else ""
        extra = sum(len(group) - 1 for group in groups)
        warnings.append(
            f"{len(names)} structures occur more than once: {first}{more}. `superion census` with "
            "--duplicates FILE lists them, with --drop-duplicates FILE writes frames without the "
            f"{extra} copies."
        )
    for group, called in zip(groups, names, strict=True):
        energies = [e for k in group if (e := get_label(frames[k], "energy")) is not None]
        if energies and max(energies) - min(energies) > 1e-3 * len(frames[group[0]]):
            spread = max(energies) - min(energies)
            warnings.append(f"energies of one structure differ by {spread:.4g} eV: {_listed(called)}.")
    return names, warnings


def _charge_slips(frames: Sequence[Atoms]) -> list[str]:
    """Charges that add up to another total than is stated, or to one that is not stated at all."""
    wrong = []
    for k, atoms in enumerate(frames):
        charges, stated = get_label(atoms, "charges"), total_of(atoms)
        if charges is not None and abs(charges.sum() - (stated or 0.0)) > CHARGE_SLIP:
            said = "none is stated" if stated is None else f"total_charge is {stated:+g} e"
            wrong.append(f"{frame_name(atoms, k)} ({charges.sum():+.2f} e, {said})")
    if not wrong:
        return []
    return [
        f"charges of {len(wrong)} frames do not add up to the total charge: {_listed(wrong)}; set "
        "total_charge, without which a model of charges takes the one of its settings."
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _notes(groups: Mapping[str, Sequence[Atoms]]) -> list[str]:
    """What was seen but not read; groups of which the same is to be said share a note."""
    named: dict[str, list[str]] = {}
    for name, frames in groups.items():
        seen = Counter(key for a in frames for key in a.info.get(UNMAPPED, ()))
        if not seen:
            continue
        lacking = [label for label in _COUNTED if all(get_label(a, label) is None for a in frames)]
        found = candidates(frames, lacking)
        known = {key for keys in found.values() for key in keys}
        parts = [described(found)] if found else []
        other = ", ".join(sorted(set(seen) - known))
        parts += [f"other keys: {other}" if found else other] if other else []
        rare = [f"{key} in {count}" for key, count in seen.items() if count < len(frames)]
        some = f" (of {len(frames)} frames {', '.join(rare)})" if rare else ""
        advice = f" To read labels, {remedy(found)}" if found else ""
        named.setdefault(f"seen but not read: {'; '.join(parts)}{some}.{advice}", []).append(name)
    return [
        f"{names[0]}{f' and {len(names) - 1} more groups' if len(names) > 1 else ''}: {text}"
        for text, names in named.items()
    ]


def _row(group: Group) -> list[str]:
    low, high = group.atoms
    return [
        group.name.replace(" / ", "\n"),
        str(group.frames),
        str(low) if low == high else f"{low}–{high}",
        " ".join(group.species),
        "\n".join(name if n == group.frames else f"{name} ({n})" for name, n in group.labels.items())
        or "none",
        _range(group.energy_per_atom, ".3f"),
        "–" if group.force_rms is None else f"{group.force_rms:.3f}\n{group.force_max:.3f}",
        _range(group.stress, ".4f"),
    ]


def _range(pair: tuple[float, float] | None, form: str) -> str:
    return "–" if pair is None else f"{pair[0]:{form}}\n{pair[1]:{form}}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
