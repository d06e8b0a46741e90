"""Barriers of hops with every fit, and at labelled images of paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from ase import Atoms
from pydantic import Field, model_validator

from superion.calculations.barriers import (
    FRAMES,
    RESULT,
    BarrierRow,
    BarrierSettings,
    Hop,
    PathSettings,
    hops_in,
    hops_of,
    run_barriers,
)
from superion.errors import InputError
from superion.structures import get_label, read_frames, read_structure, require_labels
from superion.structures.dataset import read_files
from superion.structures.foreign import Foreign
from superion.study.properties.base import Measured, Property, Row, read_crystal
from superion.study.resample import Fit
from superion.verdict.topics import Limit, Topic
from superion.verdict.values import Value

START = "start"


class BarriersSettings(BarrierSettings):
    """Hops of the crystal of a study, or of a file, whose paths each fit finds."""

    species: str | None = Field(None, description="element that hops; null: the hops of `file`")  # type: ignore[assignment]
    structure: str | None = Field(
        None, description="crystal, relative to the YAML file; null: the file under structure, not repeated"
    )
    file: str | None = Field(
        None, description="hops, as `superion hops --export` writes them, relative to the YAML file"
    )
    labels: list[str] = Field(
        [],
        description="labelled images of paths, as `superion neb` writes them, relative to the YAML file",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.species is None) == (self.file is None):
            raise ValueError("name the species that hops, or a file of hops; one of both")
        return self


@dataclass(frozen=True, slots=True)
class Labelled:
    """Labelled images of one path, the first one first."""

    row: Row
    images: tuple[Atoms, ...]


class Barriers(Property):
    """Barriers of hops, forward and back, each fit on the path that it finds itself.

    Paths are kept in `barrier/<fit>`, so that a study that was killed goes on. All fits start from the
    images of one of them, so that they find the same path where it is one of theirs.
    """

    name = "barrier"
    about = "barriers of hops"
    Settings = BarriersSettings
    apart = True
    settings: BarriersSettings
    topic = Topic(
        "barrier",
        "barriers of hops",
        "first-principles energies of images of these paths",
        (Limit("barrier", 0.05, unit="eV"),),
    )

    def identity(self, fit: Fit | None) -> dict[str, Any]:
        """What the values depend on."""
        own = super().identity(fit) | {"keys": self.study.settings.data.keys}
        data = self.study.settings.data
        return own if fit is not None else own | {"data": data.model_dump(mode="json", exclude={"files"})}

    def files(self, fit: Fit | None) -> dict[str, Path]:
        """Files that are read."""
        labels = {f"labels {k}": Path(file) for k, file in enumerate(self.settings.labels)}
        start = {"structure": self._source, "start": self._start / FRAMES}
        return labels | (self.study.data_files if fit is None else start)

    def prepared_from(self) -> dict[str, Path]:
        """The crystal, or the hops."""
        return {"structure": self._source}

    def prepare(self) -> list[Path]:
        """Find the paths with the main fit of the last potential."""
        model = self.study.open(Fit(list(self.study.settings.models)[-1]))
        run_barriers(model, self._hops, self._path, self._start, progress=False)
        return [self._start / FRAMES]

    def labelled(self) -> bool:
        """Whether some images are labelled."""
        return bool(self.settings.labels)

    def check(self) -> None:
        """There are such hops, and labels where they are named."""
        if self.settings.file is None:
            read_crystal(self._source)
        assert self._hops
        for file in self.settings.labels:
            require_labels(read_files([file], Foreign.of(self.study.settings.data.keys)))

    def rows(self) -> list[Row]:
        """All values there are."""
        return [
            *(row for hop in self._hops for row in _rows(hop.name)),
            *(one.row for one in self._labelled),
        ]

    def measure(self, fit: Fit) -> Measured:
        """The values by one fit."""
        model = self.study.open(fit)
        folder = self.study.folder / "barrier" / fit.name
        start = self._start if (self._start / FRAMES).stat().st_size else None
        found = run_barriers(model, self._hops, self._path, folder, start=start, progress=False)
        values = [value for one in found.barriers for value in _values(one)]
        for known in self._labelled:
            energies = [one.energy for one in model.in_background().evaluate_batch(known.images)]
            values.append(known.row.of(max(energies) - energies[0]))
        return Measured(values, found.notes, [folder / RESULT])

    def reference(self) -> Measured:
        """Barriers by the labels."""
        values = []
        for known in self._labelled:
            energies = [float(get_label(image, "energy") or 0.0) for image in known.images]
            seen = self.seen_trajectories(known.images), self.seen(known.images)
            values.append(known.row.of(max(energies) - energies[0], None, *seen))
        return Measured(values)

    @cached_property
    def _hops(self) -> list[Hop]:
        if self.settings.file is not None:
            return hops_in(read_frames(self._source))
        wanted = self.settings.model_dump(include=set(BarrierSettings.model_fields))
        return hops_of(read_structure(self._source, "-1"), BarrierSettings.model_validate(wanted))

    @cached_property
    def _path(self) -> PathSettings:
        return self.settings.path

    @cached_property
    def _labelled(self) -> list[Labelled]:
        return [
            one
            for file in self.settings.labels
            for one in _in_file(file, self.study.settings.data.keys, len(self.settings.labels) > 1)
        ]

    @property
    def _start(self) -> Path:
        """Where the images are that all fits start from."""
        return self.study.folder / "barrier" / START

    @property
    def _source(self) -> Path:
        chosen = self.settings
        return Path(chosen.file or chosen.structure or self.study.settings.structure_file)


def _rows(name: str) -> tuple[Row, Row]:
    return Row(f"barrier ({name})", "eV", "plain"), Row(f"barrier back ({name})", "eV", "plain")


def _values(found: BarrierRow) -> Iterator[Value]:
    for row, value in zip(_rows(found.name), (found.forward_eV, found.backward_eV), strict=True):
        if value is None:
            yield row.without(found.why or "no path")
        else:
            yield row.of(value, None, found.flags)


def _in_file(file: str, keys: Sequence[str], several: bool) -> Iterator[Labelled]:
    """The labelled paths of one file; InputError if it has none."""
    images: dict[str, dict[int, Atoms]] = {}
    for atoms in read_frames(file, Foreign.of(keys)):
        name, _, number = str(atoms.info.get("frame_id")).rpartition("/")
        if number.isdecimal() and get_label(atoms, "energy") is not None:
            images.setdefault(name, {})[int(number)] = atoms
    whole = {name: found for name, found in images.items() if 0 in found and len(found) > 1}
    if not whole:
        raise InputError(
            "properties.barrier.labels: no labelled path was found; expected names such as path/0, path/1 "
            "under frame_id, the first image of a path among them.",
            file=file,
            remedy="label the images of a run: superion label DIR/barriers.extxyz --labeller …",
        )
    source = f", {Path(file).stem}" if several else ""
    for name, found in whole.items():
        row = Row(f"barrier at labelled images ({name}{source})", "eV", "plain")
        yield Labelled(row, tuple(found[k] for k in sorted(found)))
