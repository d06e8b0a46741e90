"""Barriers of hops with one model; a run that was killed goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from superion.calculations.barriers.band import Band, interpolated, relax_band
from superion.calculations.barriers.hops import Hop
from superion.calculations.barriers.images import FRAMES, energies_of, labelled, read_images, write_images
from superion.calculations.barriers.judge import along, doubts, interval, merged, strayed, untrusted
from superion.calculations.barriers.kept import End, Kept
from superion.calculations.barriers.results import BarrierFile, BarrierRow
from superion.calculations.barriers.settings import PathSettings
from superion.calculations.relaxation import relax
from superion.errors import InputError, StorageError, SuperionError
from superion.files import locked
from superion.model import Model
from superion.potentials.trust import Trust
from superion.progress import track
from superion.results import write_result
from superion.structures.bare import stated
from superion.work.fingerprint import fingerprint
from superion.work.journal import Journal

Array = np.ndarray
JOURNAL = "journal.jsonl"
RESULT = "barriers.json"
FITS = "fits"
"""Folder of the runs of other fits."""
LONGEST = 0.1
"""Å, the longest step of an atom in a relaxation, so that ions do not jump over barriers."""
METHOD = 1
"""Part of every key: raised when paths are found in another way."""


def run_barriers(
    model: Model,
    hops: Sequence[Hop],
    settings: PathSettings,
    folder: str | Path,
    *,
    start: str | Path | None = None,
    compare: Mapping[str, Model] | None = None,
    fits: Mapping[str, Model] | None = None,
    labels: str | Path | None = None,
    progress: bool = True,
) -> BarrierFile:
    """The barrier of every hop: relaxed ends, and the path of lowest energy between them.

    folder: holds a journal of what was computed, the images (`barriers.extxyz`) and the result
    (`barriers.json`); a call that was killed goes on with the same arguments. start: folder of another run,
    from whose images paths start, so that another model finds the same path where it can. compare: models
    whose energies at the images are wanted, by name. fits: models fitted to resampled data, by name; each
    finds the paths for itself, and their spread is the 95 % interval. labels: file of labelled images.

    Raises InputError for hops of the same name and for labels of other images, BusyError if another process
    works in the folder. A hop that fails is a part of the result, with the reason.
    """
    folder = Path(folder)
    names = [hop.name for hop in hops]
    if len(set(names)) < len(names) or not names:
        raise InputError(
            f"there must be hops, and of different names; found {', '.join(names) or 'none'}.",
            remedy="name every hop differently.",
        )
    starts = read_images(Path(start)) if start is not None else {}
    with locked(folder), Journal(folder / JOURNAL) as journal:
        work = _Work(model.in_background(), settings, Kept(folder, journal))
        rows: list[BarrierRow] = []
        paths: dict[str, list[Atoms]] = {}
        for hop in track(hops, "paths", len(hops), show=progress):
            row, images = work.barrier(hop, starts.get(hop.name))
            rows.append(row)
            if images:
                paths[hop.name] = images
        write_images(folder / FRAMES, paths)
        notes = [
            f"{journal.path}, line {damage.number}: {damage.reason}; set aside and computed again if needed"
            for damage in journal.damages
        ]
        if work.kept.unused:
            notes.append(f"{work.kept.unused} results in {journal.path} are of other settings and not used")
        for name, other in (compare or {}).items():
            rows = [
                _changed(row, others=[*row.others, energies_of(other, paths[row.name], name)])
                if row.name in paths
                else row
                for row in rows
            ]
        if labels is not None:
            known = labelled(Path(labels), paths)
            rows = [_changed(row, labels=known.get(row.name)) for row in rows]
        for name, fit in (fits or {}).items() if paths else ():
            found = run_barriers(fit, hops, settings, folder / FITS / name, start=folder, progress=progress)
            rows = [_with_fit(row, name, one) for row, one in zip(rows, found.barriers, strict=True)]
        result = BarrierFile(
            formula=hops[0].initial.get_chemical_formula(),
            model=model.digest,
            barriers=[_with_interval(row) for row in rows],
            notes=notes,
            settings=settings.model_dump(mode="json"),
        )
        write_result(folder / RESULT, result)
    return result


@dataclass
class _Work:
    model: Model
    settings: PathSettings
    kept: Kept

    def __post_init__(self) -> None:
        self._trust = Trust(self.model)
        chosen = self.settings
        self._root = [METHOD, self.model.digest, chosen.relaxed, chosen.steps]
        self._band = [chosen.images, chosen.fmax, chosen.spring, chosen.climb]

    def barrier(self, hop: Hop, start: Sequence[Atoms] | None) -> tuple[BarrierRow, list[Atoms]]:
        """The row of a hop, and its images; start: images to begin with."""
        begin = self._checked(hop, start)
        try:
            return self._barrier(hop, begin)
        except StorageError:  # of the run, not of this hop
            raise
        except (SuperionError, np.linalg.LinAlgError, FloatingPointError) as error:
            why = error.problem if isinstance(error, SuperionError) else str(error)
            return _row(hop, why=why.rstrip(".")), []

    def _barrier(self, hop: Hop, start: Sequence[Atoms] | None) -> tuple[BarrierRow, list[Atoms]]:
        given = (start[0], start[-1]) if start else (hop.initial, hop.final)
        ends = [self._end(atoms) for atoms in given]
        positions = [end.positions for end in ends]
        flags = list(strayed(hop, positions[0], positions[1]))
        flags += [
            f"the {name} state is not relaxed after {end.steps} steps: {end.force:.2g} eV/Å left, "
            f"{self.settings.relaxed:g} wanted"
            for name, end in zip(("initial", "final"), ends, strict=True)
            if not end.converged
        ]
        if why := merged(hop, positions[0], positions[1]):
            return _row(hop, why=why, flags=flags), []
        band = self._path(hop, positions, start)
        images = []
        for place, energy in zip(band.positions, band.energies, strict=True):
            images.append(_placed(hop.initial, place))
            images[-1].info["model_energy"] = float(energy)
        grades = [grade for image in images if (grade := self._trust.grade(image)) is not None]
        deviations = [one for image in images if (one := self._trust.deviation(image)) is not None]
        flags += [*doubts(band, self.settings), *untrusted(grades, deviations, self.settings)]
        length, slopes = along(band)
        energies = band.energies - band.energies[0]
        way = np.linalg.norm(band.positions[-1] - band.positions[0], axis=1)
        found = _changed(
            _row(hop, flags=flags),
            mover=int(way.argmax()),
            hop_length_A=float(way.max()),
            forward_eV=float(energies.max()),
            backward_eV=float(energies.max() - energies[-1]),
            saddle=int(energies.argmax()),
            path_A=length.tolist(),
            energies_eV=energies.tolist(),
            slopes_eV_per_A=slopes.tolist(),
            converged=band.converged and all(end.converged for end in ends),
            steps=band.steps,
            force_left_eV_per_A=band.left,
            extrapolation_grades=grades,
            force_deviations_eV_per_A=deviations,
        )
        return found, images

    def _end(self, atoms: Atoms) -> End:
        key = fingerprint([*self._root, _facts(atoms)])
        if (known := self.kept.end(key)) is not None:
            return known
        found = relax(
            atoms,
            self.model.calculator(),
            fmax=self.settings.relaxed,
            steps=self.settings.steps,
            longest=LONGEST,
            optimiser="lbfgs",
        )
        end = End(found.atoms.positions.copy(), found.steps, found.force, found.converged)
        self.kept.add(key, end)
        return end

    def _path(self, hop: Hop, ends: Sequence[Array], start: Sequence[Atoms] | None) -> Band:
        first, last = (_placed(hop.initial, place) for place in ends)
        begin = [image.positions.tolist() for image in start or ()]
        key = fingerprint([*self._root, *self._band, _facts(first), _facts(last), begin])
        if (known := self.kept.path(key)) is not None:
            return known
        going_on = self.kept.at_hand(key)
        done, climbing = 0, False
        if going_on is not None:
            places, done, climbing = going_on
            images = [_placed(hop.initial, place) for place in places]
        elif start and len(start) == self.settings.images:
            images = [first, *(_placed(hop.initial, image.positions) for image in start[1:-1]), last]
        else:
            images = interpolated(first, last, self.settings.images)
        latest: list[Band] = []

        def watch(band: Band) -> None:
            latest[:] = [band]
            self.kept.hold(key, band)

        try:
            band = relax_band(images, self.model, self.settings, done=done, climbing=climbing, watch=watch)
        except BaseException:
            if latest:
                self.kept.hold(key, latest[0], now=True)
            raise
        self.kept.add(key, band)
        self.kept.release()
        return band

    @staticmethod
    def _checked(hop: Hop, start: Sequence[Atoms] | None) -> Sequence[Atoms] | None:
        """The images to begin with; InputError if they are of other atoms."""
        if start is None:
            return None
        same = all(np.array_equal(image.numbers, hop.initial.numbers) for image in start)
        if not (same and np.allclose(start[0].cell.array, hop.initial.cell.array, atol=1e-6)):
            raise InputError(
                f"the images of {hop.name} to start from are of another crystal.",
                remedy="start from a run of the same crystal, or from nothing.",
            )
        return start


def _row(hop: Hop, why: str | None = None, flags: Sequence[str] = ()) -> BarrierRow:
    return BarrierRow(
        name=hop.name,
        atoms=len(hop.initial),
        mover=hop.mover,
        hop_length_A=None,
        forward_eV=None,
        backward_eV=None,
        saddle=None,
        path_A=[],
        energies_eV=[],
        slopes_eV_per_A=[],
        converged=False,
        steps=0,
        force_left_eV_per_A=None,
        why=why,
        flags=list(flags),
    )


def _changed(row: BarrierRow, **values: Any) -> BarrierRow:
    return row.model_copy(update=values)


def _with_fit(row: BarrierRow, name: str, found: BarrierRow) -> BarrierRow:
    return _changed(
        row,
        fits_forward_eV=row.fits_forward_eV | {name: found.forward_eV},
        fits_backward_eV=row.fits_backward_eV | {name: found.backward_eV},
    )


def _with_interval(row: BarrierRow) -> BarrierRow:
    if row.forward_eV is None or row.backward_eV is None or not row.fits_forward_eV:
        return row
    ways = []
    for value, fits in ((row.forward_eV, row.fits_forward_eV), (row.backward_eV, row.fits_backward_eV)):
        ways.append(interval(value, [one for one in fits.values() if one is not None]))
    lost = [name for name, value in row.fits_forward_eV.items() if value is None]
    flags = [f"no barrier by {', '.join(lost)}, left out of the interval"] if lost else []
    if ways[0] is None:
        flags.append("fewer than three fits give no interval")
    return _changed(
        row, forward_interval_eV=ways[0], backward_interval_eV=ways[1], flags=[*row.flags, *flags]
    )


def _placed(atoms: Atoms, positions: Array) -> Atoms:
    placed = atoms.copy()
    placed.positions[:] = positions  # constraints do not speak here
    return placed


def _facts(atoms: Atoms) -> list[object]:
    fixed = [constraint.todict() for constraint in atoms.constraints]
    place = [atoms.numbers.tolist(), atoms.cell.array.tolist(), atoms.positions.tolist()]
    return [*place, atoms.pbc.tolist(), stated(atoms), repr(fixed)]
