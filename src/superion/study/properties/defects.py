"""Energies of defects with every fit, without field and in fields, and at labelled structures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

from ase import Atoms
from pydantic import Discriminator, Field, Tag

from superion.calculations.defects import (
    RESULT,
    Defect,
    DefectEnergy,
    DefectSettings,
    defects_of,
    run_defects,
)
from superion.calculations.defects.frames import FRAMES
from superion.calculations.defects.settings import Supercell
from superion.errors import InputError
from superion.recipes.electrostatics import fixed_charges
from superion.structures import get_label, read_frames, read_structure, require_labels
from superion.structures.dataset import read_files
from superion.structures.foreign import Foreign
from superion.study.properties.base import Measured, Property, Row, read_crystal
from superion.study.resample import Fit
from superion.verdict.values import Value

CRYSTAL = "crystal"
START = "start"
NO_CHARGES = "a local potential has no charges for a field to act on"
KINDS = {"frenkel": "Frenkel", "vacancy": "vacancy", "interstitial": "interstitial"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an energy of a result stands. axis, field: None without field."""

    defect: Defect
    supercell: Supercell
    axis: str | None = None
    field: float | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A labelled defect and its labelled crystal."""

    row: Row
    defect: Atoms
    crystal: Atoms


FieldCharges = Annotated[
    Annotated[dict[str, float], Tag("values")] | Annotated[Literal["electrostatics"], Tag("name")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "values"),
]


class DefectsSettings(DefectSettings):
    """Relaxed defects with each fit, without field and in fields; and single points at labelled ones."""

    structure: str | None = Field(
        None, description="crystal, relative to the YAML file; null: the file under structure, not repeated"
    )
    labels: list[str] = Field(
        [],
        description="labelled structures of defects and their crystals, as `superion defect` writes them, "
        "relative to the YAML file",
    )
    field_charges: FieldCharges | None = Field(  # type: ignore[assignment]
        None,
        description="charges in e by element that a field acts on; electrostatics: those of the "
        "electrostatic term, for every potential; null: those of each potential, and none for a local one",
    )


class Defects(Property):
    """Energies of defects against the crystal.

    In a field of each sign the smallest and the largest are values. Relaxations are kept in
    `defects/<fit>`, so that a study that was killed goes on with the next one. All fits start from the
    structures of one of them: from unrelaxed defects they would relax into different minima, and these
    would be compared instead of the fits.
    """

    name = "defects"
    about = "energies of defects, also in electric fields"
    Settings = DefectsSettings
    apart = True
    settings: DefectsSettings

    def identity(self, fit: Fit | None) -> dict[str, Any]:
        """What the values depend on."""
        charges = self._charges if self.settings.field_charges == "electrostatics" else None
        own = super().identity(fit) | {"charges": charges, "keys": self.study.settings.data.keys}
        return (
            own
            if fit is not None
            else own | {"data": self.study.settings.data.model_dump(mode="json", exclude={"files"})}
        )

    def files(self, fit: Fit | None) -> dict[str, Path]:
        """Files that are read."""
        labels = {f"labels {k}": Path(file) for k, file in enumerate(self.settings.labels)}
        start = {"structure": self._structure, "start": self._start / FRAMES}
        return labels | (self.study.data_files if fit is None else start)

    def prepared_from(self) -> dict[str, Path]:
        """The crystal."""
        return {"structure": self._structure}

    def prepare(self) -> list[Path]:
        """Relax crystal and defects with the main fit of the last potential, without field."""
        potential = self.study.open(Fit(list(self.study.settings.models)[-1]))
        chosen = self._chosen.model_copy(update={"fields": ()})
        run_defects(potential, self._crystal, chosen, self._start, progress=False)
        return [self._start / FRAMES]

    def labelled(self) -> bool:
        """Whether some structures are labelled."""
        return bool(self.settings.labels)

    def check(self) -> None:
        """There are such defects in this crystal, and labels where they are named."""
        read_crystal(self._structure)
        defects_of(self._crystal, self._chosen)
        for file in self.settings.labels:
            require_labels(read_files([file], Foreign.of(self.study.settings.data.keys)))

    def rows(self) -> list[Row]:
        """All values there are."""
        return [*self._places, *(pair.row for pair in self._pairs)]

    def measure(self, fit: Fit) -> Measured:
        """The values by one fit."""
        potential = self.study.open(fit)
        chosen = self._chosen
        acts = chosen.field_charges is not None or potential.response is not None
        if not acts:
            chosen = chosen.model_copy(update={"fields": ()})
        folder = self.study.folder / "defects" / fit.name
        found = run_defects(potential, self._crystal, chosen, folder, start=self._start, progress=False)
        energies = {(one.name, one.supercell): one for one in found.defects}
        values = [
            _value(row, place, energies[place.defect.name, place.supercell], acts)
            for row, place in self._places.items()
        ]
        model = potential.in_background()
        for pair in self._pairs:
            apart = model.evaluate(pair.defect).energy - model.evaluate(pair.crystal).energy
            values.append(pair.row.of(apart))
        slopes = self._slopes(fit, found.defects) if fit.resampled is None else []
        return Measured(values, slopes, [folder / RESULT])

    def reference(self) -> Measured:
        """Energies by the labels."""
        values = []
        for pair in self._pairs:
            both = [pair.defect, pair.crystal]
            apart = _label(pair.defect) - _label(pair.crystal)
            values.append(pair.row.of(apart, None, self.seen_trajectories(both), self.seen(both)))
        return Measured(values)

    @cached_property
    def _chosen(self) -> DefectSettings:
        """The settings of the run, with the charges that a field acts on."""
        own = self.settings.model_dump(include=set(DefectSettings.model_fields))
        if own["field_charges"] == "electrostatics":
            own["field_charges"] = self._charges
        return DefectSettings.model_validate(own)

    @property
    def _charges(self) -> dict[str, float]:
        return fixed_charges(self.study.settings.electrostatics)[0]

    @cached_property
    def _places(self) -> dict[Row, Place]:
        """Every row without labels, and which energy of a result it is."""
        chosen, made = self._chosen, dict[Row, Place]()
        ends = [
            field for branch in chosen.branches if branch for field in dict.fromkeys((branch[0], branch[-1]))
        ]
        for supercell in chosen.supercells:
            size = "" if len(chosen.supercells) == 1 else f", {'x'.join(map(str, supercell))}"
            for defect in defects_of(self._crystal, chosen):
                title = f"{KINDS[defect.kind]} energy ({defect.name}{size})"
                made[Row(title, "eV", "plain")] = Place(defect, supercell)
                if defect.kind == "frenkel":
                    for axis, field in product(chosen.axes, ends):
                        row = Row(f"{title} in {field:g} V/Å along {axis}", "eV", "plain")
                        made[row] = Place(defect, supercell, axis, field)
        return made

    @cached_property
    def _pairs(self) -> list[Pair]:
        """Labelled defects and the crystals of their supercells, of the same field if that is labelled."""
        pairs: list[Pair] = []
        for file in self.settings.labels:
            source = f", {Path(file).stem}" if len(self.settings.labels) > 1 else ""
            pairs += _pairs_in(file, self.study.settings.data.keys, source)
        return pairs

    @cached_property
    def _crystal(self) -> Atoms:
        return read_structure(self._structure, "-1")

    @property
    def _start(self) -> Path:
        """Where the structures are that all fits start from."""
        return self.study.folder / "defects" / START

    @property
    def _structure(self) -> Path:
        return Path(self.settings.structure or self.study.settings.structure_file)

    @staticmethod
    def _slopes(fit: Fit, found: tuple[DefectEnergy, ...]) -> list[str]:
        """Slopes at zero field: minus the dipole of each defect."""
        shown = [
            f"{one.name} along {axis} {curve.attribution.slope:.3g}"
            for one in found
            for axis, curve in one.curves.items()
            if curve.attribution is not None
        ]
        return [f"slopes at zero field in e·Å, {fit.name}: {', '.join(shown)}."] if shown else []


def _value(row: Row, place: Place, found: DefectEnergy, acts: bool) -> Value:
    if place.axis is None:
        return (
            row.without(found.why or "no energy")
            if found.energy is None
            else row.of(found.energy, None, found.flags)
        )
    if not acts:
        return row.without(NO_CHARGES)
    if found.energy is None:
        return row.without(found.why or "no energy")
    point = next(p for p in found.curves[place.axis].points if p.field == place.field)
    if point.energy is None:
        return row.without(point.why or "no energy")
    return row.of(point.energy, None, list(dict.fromkeys((*found.flags, *point.flags))))


def _pairs_in(file: str, keys: list[str], source: str) -> Iterator[Pair]:
    """The pairs of one file, which need not have the foreign keys of the data; InputError if it has none."""
    read = read_frames(file, Foreign.of(keys))
    frames = {str(atoms.info.get("frame_id")): atoms for atoms in read}
    known = {name: atoms for name, atoms in frames.items() if get_label(atoms, "energy") is not None}
    made = 0
    for name, atoms in known.items():
        supercell, defect, where = (*name.split("/"), "", "")[:3]
        crystal = known.get(f"{supercell}/{CRYSTAL}/{where}") or known.get(f"{supercell}/{CRYSTAL}/0")
        if defect in ("", CRYSTAL) or crystal is None or len(crystal) != len(atoms):
            continue
        made += 1
        at = "" if where == "0" else f", at rest in {where} V/Å"
        yield Pair(Row(f"at labelled structures: {defect}{at}{source}", "eV", "plain"), atoms, crystal)
    if not made:
        names = ", ".join(list(known)[:3]) or "no labels"
        raise InputError(
            "properties.defects.labels: no labelled defect and its labelled crystal were found; expected "
            f"names such as 1x1x1/{CRYSTAL}/0 under frame_id, found {names}.",
            file=file,
            remedy="label the structures of a run: superion label defects.extxyz --labeller …",
        )


def _label(atoms: Atoms) -> float:
    energy = get_label(atoms, "energy")
    assert energy is not None
    return float(energy)
