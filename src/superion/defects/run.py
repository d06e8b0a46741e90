"""Defects of a crystal with one potential: made, brought to rest, followed through fields; resumable."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from ase import Atoms

from superion.defects.assemble import HOP, Cell, defect_energy, doubts, sweep
from superion.defects.branches import (
    Branch,
    Submit,
    Vector,
    fingerprint,
    potential_digest,
    relaxations,
    run_branches,
)
from superion.defects.dipoles import charges_for_field
from superion.defects.finite_size import Extrapolation, extrapolate
from superion.defects.frames import FRAMES, write_structures
from superion.defects.result import DefectEnergy, DefectResult, SeparatedPair
from superion.defects.settings import DefectSettings
from superion.defects.structures import Defect, defects_of
from superion.electrostatics import ChargeModel
from superion.electrostatics.polarization import checked_charges
from superion.errors import SimulationError
from superion.files import locked, write_json
from superion.potentials import Potential
from superion.reference.journal import Journal
from superion.structures.perturb import bare

JOURNAL = "journal.jsonl"
RESULT = "defects.json"
METHOD = 1
"""Part of every key: raised when relaxations are done in another way."""
STILL: Vector = (0.0, 0.0, 0.0)


def run_defects(
    potential: Potential,
    crystal: Atoms,
    settings: DefectSettings,
    folder: str | Path,
    *,
    parallel: int = 1,
    progress: bool = True,
) -> DefectResult:
    """Energies of the defects of a crystal, with one potential.

    crystal: the structure itself; supercells are made of it. folder: holds a journal of all relaxations, the
    relaxed structures (`defects.extxyz`) and the result (`defects.json`); a call that was killed goes on with
    the same arguments. parallel: processes. Several potentials need a folder each and share their defects.

    Raises what `defects_of` and, with fields, `charges_for_field` raise; SimulationError if the crystal
    cannot be brought to rest; BusyError if another process works in the folder. A defect that fails is a part
    of the result, with the reason.
    """
    folder = Path(folder)
    crystal = bare(crystal)
    defects = defects_of(crystal, settings)
    charges = charges_for_field(potential, crystal, settings) if settings.fields else None
    model = potential_digest(potential)
    root = [METHOD, model, settings.fmax, settings.steps]
    root += [charges.settings(), settings.charge_scale] if charges is not None else []
    with (
        locked(folder),
        Journal(folder / JOURNAL) as journal,
        relaxations(potential, settings, parallel) as submit,
    ):
        recalled = len(journal.records)
        cells, used = _relax_all(potential, crystal, defects, charges, settings, fingerprint(root),
                                 journal, submit, parallel, progress)  # fmt: skip
        computed = len(journal.records) - recalled
        found = [
            defect_energy(defect, k, cell, crystal, settings)
            for cell in cells
            for k, defect in enumerate(defects)
        ]
        notes = [
            f"crystal {_text(cell.supercell)}: {doubt}"
            for cell in cells
            for doubt in doubts(cell.crystal, settings)
        ]
        notes += [
            f"crystal {_text(cell.supercell)}: an ion moves by {cell.shift:.2g} Å as it comes to rest; is it "
            "the crystal that was meant?"
            for cell in cells
            if cell.shift > HOP
        ]
        notes += [
            f"{journal.path}, line {damage.number}: {damage.reason}; set aside and computed again if needed"
            for damage in journal.damages
        ]
        if (unused := recalled + computed - used) > 0:
            notes.append(f"{unused} relaxations in {journal.path} are of other settings and not used")
        pairs = _separated(found, settings)
        result = DefectResult(
            settings.species,
            crystal.get_chemical_formula(),
            model,
            tuple(found),
            tuple(pairs),
            tuple(_extrapolated(found, crystal, settings)),
            tuple(notes),
            computed,
        )
        write_structures(folder / FRAMES, cells, defects, crystal, settings)
        write_json(folder / RESULT, result.to_json() | {"settings": settings.model_dump(mode="json")})
    return result


def _relax_all(
    potential: Potential,
    crystal: Atoms,
    defects: Sequence[Defect],
    charges: ChargeModel | None,
    settings: DefectSettings,
    root: str,
    journal: Journal,
    submit: Submit,
    slots: int,
    show: bool,
) -> tuple[list[Cell], int]:
    """All structures at rest, by supercell; and how many relaxations they are."""
    starts = [bare(crystal.repeat(supercell)) for supercell in settings.supercells]
    perfect = [Branch(fingerprint([root, _key(atoms)]), atoms, [STILL]) for atoms in starts]
    run_branches(perfect, journal, submit, slots, "crystals", show)
    cells, still = [], []
    for supercell, start, branch in zip(settings.supercells, starts, perfect, strict=True):
        rest = branch.rests[0]
        if rest.failure:
            raise SimulationError(
                f"the crystal {_text(supercell)} has no structure at rest: {rest.failure}.",
                remedy="start from a structure closer to rest, or use another model.",
            )
        cells.append(Cell(supercell, start, rest))
        for defect in defects:
            atoms = defect.atoms(crystal, supercell)
            follow = charges is not None and len(atoms) == len(start)
            anchor = (rest.positions, np.zeros(3)) if follow else (None, None)
            still.append(Branch(fingerprint([branch.key, _key(atoms)]), atoms, [STILL], *anchor))
            alone = None if defect.kind == "frenkel" else _charge(potential, atoms)
            cells[-1].charges.append(alone)
    run_branches(still, journal, submit, slots, "defects", show)
    moving: list[Branch] = []
    for cell, origin_branch in zip(cells, perfect, strict=True):
        mine = [still.pop(0) for _ in defects]
        cell.defects = [branch.rests[0] for branch in mine]
        cell.defect_fields = [{} for _ in defects]
        if charges is None:
            continue
        relaxed = cell.relaxed
        chosen = [k for k, defect in enumerate(defects) if _followed(defect, cell, k, crystal)]
        for axis, sign in product(settings.axes, (1, -1)):
            fields = [_vector(axis, value) for value in sweep(settings, sign)]
            if not chosen:
                break
            origin: np.ndarray | None = np.zeros(3)
            ways = [(origin_branch.key, relaxed, origin, cell.crystal_fields)]
            for k in chosen:
                atoms = defects[k].atoms(crystal, cell.supercell)
                atoms.positions[:] = cell.defects[k].positions
                ways.append((mine[k].key, atoms, cell.defects[k].dipole, cell.defect_fields[k]))
            for key, atoms, dipole, into in ways:
                into[axis, sign] = []
                if fields:
                    branch = Branch(key, atoms, fields, atoms.positions.copy(), dipole)
                    branch.rests = into[axis, sign]
                    moving.append(branch)
    run_branches(moving, journal, submit, slots, "fields", show)
    return cells, len(perfect) + len(cells) * len(defects) + sum(len(branch.rests) for branch in moving)


def _followed(defect: Defect, cell: Cell, k: int, crystal: Atoms) -> bool:
    """Whether a defect is followed through fields: a pair that is still one."""
    rest = cell.defects[k]
    if defect.kind != "frenkel" or rest.failure:
        return False
    return not cell.arrangement(defect, defect.atoms(crystal, cell.supercell), rest).perfect


def _separated(found: Sequence[DefectEnergy], settings: DefectSettings) -> list[SeparatedPair]:
    pairs = []
    for supercell in settings.supercells:
        lowest: dict[str, DefectEnergy] = {}
        for one in found:
            if one.supercell == supercell and one.energy is not None:
                known = lowest.get(one.defect.kind)
                if known is None or known.energy is None or one.energy < known.energy:
                    lowest[one.defect.kind] = one
        if "vacancy" in lowest and "interstitial" in lowest:
            a, b = lowest["vacancy"], lowest["interstitial"]
            assert a.energy is not None
            assert b.energy is not None
            flags = (*(f"{a.name}: {f}" for f in a.flags), *(f"{b.name}: {f}" for f in b.flags))
            pairs.append(SeparatedPair(supercell, a.name, b.name, a.energy + b.energy, flags))
    return pairs


def _extrapolated(
    found: Sequence[DefectEnergy], crystal: Atoms, settings: DefectSettings
) -> list[Extrapolation]:
    """Each defect over the supercells; and the separated pair of the lowest of both kinds."""
    if len(settings.supercells) < 2:
        return []
    made: dict[str, Extrapolation] = {}
    for name in dict.fromkeys(one.name for one in found):
        known = [one for one in found if one.name == name and one.energy is not None]
        places = {_place(one, len(crystal)) for one in known}
        if len(places) > 1:
            note = "the ions rest in different arrangements in different cells"
            made[name] = Extrapolation(name, None, None, None, "", len(known), note)
            continue
        cells = [crystal.cell.array * np.array(one.supercell)[:, None] for one in known]
        energies = [one.energy for one in known if one.energy is not None]
        charge = next((one.charge for one in known if one.charge is not None), 0.0)
        made[name] = extrapolate(name, cells, energies, charge)
    extra = []
    for pair in _separated(found, settings)[-1:]:
        a, b = made[pair.vacancy], made[pair.interstitial]
        if a.energy is not None and b.energy is not None and a.error is not None and b.error is not None:
            name, error = f"{a.name} + {b.name}", float(np.hypot(a.error, b.error))
            sizes, note = min(a.sizes, b.sizes), f"sum of both; {a.note}"
            extra.append(Extrapolation(name, a.energy + b.energy, error, None, a.against, sizes, note))
    return [*made.values(), *extra]


def _place(one: DefectEnergy, atoms: int) -> tuple[int, ...]:
    """Empty sites, as atoms of the crystal's cell."""
    return () if one.arrangement is None else tuple(sorted(k % atoms for k in one.arrangement.vacancies))


def _charge(potential: Potential, atoms: Atoms) -> float | None:
    charges = potential.response
    return None if charges is None else float(checked_charges(atoms, charges).sum())


def _vector(axis: str, value: float) -> Vector:
    x, y, z = (value if axis == name else 0.0 for name in "xyz")
    return x, y, z


def _key(atoms: Atoms) -> list[object]:
    return [atoms.numbers.tolist(), atoms.cell.array.tolist(), atoms.positions.tolist()]


def _text(supercell: Sequence[int]) -> str:
    return "x".join(map(str, supercell))
