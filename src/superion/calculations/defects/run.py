"""Defects of a crystal with one potential: made, relaxed, followed through fields; resumable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from superion.calculations.defects.assemble import HOP, defect_energy, doubts
from superion.calculations.defects.branches import SERIAL, relaxations
from superion.calculations.defects.dipoles import charges_for_field
from superion.calculations.defects.finite_size import Extrapolation, extrapolate
from superion.calculations.defects.frames import FRAMES, read_starts, write_structures
from superion.calculations.defects.result import DefectEnergy, DefectResult, SeparatedPair
from superion.calculations.defects.settings import DefectSettings
from superion.calculations.defects.structures import defects_of
from superion.calculations.defects.work import Work
from superion.electrostatics.charged_cells import NEUTRAL
from superion.errors import InputError
from superion.files import locked
from superion.model import Model
from superion.results import write_result
from superion.structures.bare import FRAGMENT, bare, total_of
from superion.work.fingerprint import fingerprint
from superion.work.journal import Journal

JOURNAL = "journal.jsonl"
RESULT = "defects.json"
CURVED = 1e-3
"""eV/Å; larger forces that are left hide how formation energies bend with a field."""
METHOD = 1
"""Part of every key: raised when relaxations are done in another way."""


def run_defects(
    potential: Model,
    crystal: Atoms,
    settings: DefectSettings,
    folder: str | Path,
    *,
    start: str | Path | None = None,
    parallel: str | int = SERIAL,
    progress: bool = True,
) -> DefectResult:
    """Energies of the defects of a crystal, with one model.

    crystal: the structure itself; supercells are made of it. folder: holds a journal of all relaxations, the
    relaxed structures (`defects.extxyz`) and the result (`defects.json`); a call that was killed goes on with
    the same arguments. start: folder of another run, from whose structures without field relaxations start:
    another potential then relaxes into the same places where it can. parallel: where relaxations are
    done, and how many at once: serial, processes:4 (or 4), threads:4, dask://host:port. Several potentials
    need a folder each and share their defects.

    Raises what `defects_of` and, with fields, `charges_for_field` raise; SimulationError if the crystal
    cannot be relaxed; BusyError if another process works in the folder. A defect that fails is a part
    of the result, with the reason.
    """
    folder = Path(folder)
    crystal = bare(crystal)
    if FRAGMENT in crystal.arrays:
        raise InputError(
            "the atoms belong to fragments with charges of their own, which a defect would change.",
            remedy='delete the array "fragment", or give the total charge alone.',
        )
    defects = defects_of(crystal, settings)
    for defect in defects:
        if defect.kind != "frenkel" and potential.refuses_charged_cells:
            potential.evaluate(bare(defect.atoms(crystal, settings.supercells[0])))
    charges = charges_for_field(potential, crystal, settings) if settings.fields else None
    model = potential.digest
    root = [METHOD, model, settings.fmax, settings.steps]
    root += [charges.settings(), settings.charge_scale] if charges is not None else []
    with (
        locked(folder),
        Journal(folder / JOURNAL) as journal,
        relaxations(potential, settings, folder, parallel) as (submit, slots),
    ):
        recalled = len(journal.records)
        work = Work(
            potential,
            crystal,
            defects,
            charges,
            settings,
            fingerprint(root),
            journal,
            submit,
            slots,
            progress,
            read_starts(Path(start)) if start is not None else {},
        )
        cells = work.cells()
        computed = len(journal.records) - recalled
        found = [
            defect_energy(defect, k, cell, crystal, settings)
            for cell in cells
            for k, defect in enumerate(defects)
        ]
        notes = [
            f"crystal {cell.name}: {doubt}" for cell in cells for doubt in doubts(cell.crystal, settings)
        ]
        notes += [
            f"crystal {cell.name}: an ion moves by {cell.shift:.2g} Å as it relaxes; is it "
            "the crystal that was meant?"
            for cell in cells
            if cell.shift > HOP
        ]
        notes += [
            f"{journal.path}, line {damage.number}: {damage.reason}; set aside and computed again if needed"
            for damage in journal.damages
        ]
        if abs(total := total_of(crystal) or 0.0) > NEUTRAL:
            notes.append(
                f"the crystal without defects states {total:+g} e, in a uniform background: is that meant?"
            )
        if settings.fields and settings.fmax > CURVED:
            notes.append(
                f"curvatures with the field need smaller forces than {settings.fmax:g} eV/Å: "
                f"--fmax {CURVED:g}"
            )
        if (unused := len(journal.records) - work.used) > 0:
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
        write_result(folder / RESULT, result.record(settings))
    return result


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
