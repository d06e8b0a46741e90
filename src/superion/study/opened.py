"""A study folder opened to be read, as in a notebook: results as objects, nothing is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from superion.analysis.accuracy_result import Accuracy, Splits, accuracy_table
from superion.calculations.eos_result import CurveFile
from superion.errors import InputError, SuperionError
from superion.files import read_yaml
from superion.notebook import Table, html_table
from superion.opened_folder import PROVENANCE, REPORT, OpenedFolder, page
from superion.provenance import Provenance
from superion.results import read_result
from superion.structures.census_result import CensusFile, CensusResult, Split
from superion.study.config import SETTINGS, StudySettings, read_study
from superion.study.opened_tables import steps_table, transport_table, values_table
from superion.study.status import status
from superion.verdict.study import StudyVerdict, study_verdicts
from superion.verdict.values import PropertyFile, read_property
from superion.work.rows import Row, row_of
from superion.work.state import NAME, State

if TYPE_CHECKING:
    from superion.analysis.transport_file import TransportFile
    from superion.model import Model
    from superion.simulation import Trajectory

T = TypeVar("T")
MOST = 8
"""Steps that a notebook shows."""


def open_study(folder: str | Path) -> OpenedStudy:
    """Open the folder of a study, finished or not, to read it.

    >>> study = superion.open_study("salt")
    >>> study.models
    ['gap', 'es-gap']
    >>> study.accuracy["gap"].test.force_rmse < 0.2  # eV/Å
    True
    >>> study.transport["gap", 300].result.status
    'upper bound only'
    >>> list(study.accuracy.to_frame().columns[:3])
    ['model', 'set', 'frames']

    What is not there, or damaged, is named in `missing`, and the rest can be read. InputError for a folder
    that holds no study.
    """
    return OpenedStudy(Path(folder))


class Transports(Mapping[tuple[str, float], "TransportFile"]):
    """Results of transport by model and temperature (K), such as `transport["gap", 500]`."""

    def __init__(self, found: Mapping[tuple[str, float], TransportFile]) -> None:
        self._found = dict(sorted(found.items()))

    def __getitem__(self, key: tuple[str, float]) -> TransportFile:
        try:
            return self._found[key]
        except (KeyError, TypeError):
            there = ", ".join(f"{name!r}, {kelvin:g}" for name, kelvin in self._found) or "none"
            raise KeyError(f"no transport of {key!r}; there are: {there}") from None

    def __iter__(self) -> Iterator[tuple[str, float]]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"Transports({', '.join(f'{name} {kelvin:g} K' for name, kelvin in self)})"

    @property
    def table(self) -> Table:
        """Diffusion and conductivity with their intervals, a row for each run."""
        return transport_table(self._found)

    def to_frame(self) -> Any:
        """The table as a pandas DataFrame."""
        return self.table.to_frame()

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


class Accuracies(Mapping[str, Splits]):
    """Errors by model, such as `accuracy["gap"].test.force_rmse` in eV/Å."""

    def __init__(self, found: Mapping[str, Splits]) -> None:
        self._found = dict(found)

    def __getitem__(self, name: str) -> Splits:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"Accuracies({', '.join(self)})"

    @property
    def table(self) -> Table:
        """Errors of energies, forces and stresses, a row for each model and set."""
        return accuracy_table(self._found)

    def to_frame(self) -> Any:
        """The table as a pandas DataFrame."""
        return self.table.to_frame()

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


class OpenedStudy(OpenedFolder):
    """A study folder; what cannot be read is named in `missing`."""

    def __init__(self, folder: Path) -> None:
        marks = (SETTINGS, NAME, PROVENANCE, "accuracy.json")
        super().__init__(folder, "study", marks, "give a folder made by `superion run`.")

    def _file(self, name: str, model: type[T], step: str) -> T | None:
        path = self.folder / name
        if not path.exists():
            self._faults[name] = f"{name} is missing: the step {step!r} has not been done."
            return None
        return self._part(name, lambda: read_result(path, model, step), None)

    @cached_property
    def settings(self) -> StudySettings | None:
        """The settings in study.yaml."""
        return self._part(SETTINGS, lambda: read_study(self.folder / SETTINGS), None)

    @cached_property
    def name(self) -> str:
        """Of the study; that of the folder if the settings cannot be read."""
        return self.settings.name if self.settings else self.folder.resolve().name

    @cached_property
    def models(self) -> list[str]:
        """Names of the models, in the order of the settings."""
        return list(self.settings.models) if self.settings else list(self.accuracy)

    def model(self, name: str, resampled: int | None = None) -> Model:
        """Open a model. resampled: which of its fits to resampled frames, from 1; None: the fit to all.

        InputError for one that is opened by a settings file: that may name code, and is opened only if you
        name it yourself.
        """
        from superion.potentials.opening import open_model

        chosen = self.settings.models.get(name) if self.settings else None
        if chosen is None and name not in self.models:
            raise InputError(
                f"there is no model {name!r} in the study.", remedy=f"name one of {', '.join(self.models)}."
            )
        if chosen is not None and chosen.may_run_code:
            raise InputError(
                f"{name} is opened by {chosen.source}, which may name code to run.",
                file=self.folder / SETTINGS,
                remedy=f"if it is yours: superion.open_model({str(chosen.source)!r})",
            )
        suffix = "" if resampled is None else f"-resampled-{resampled}"
        made = self.folder / "models" / f"{name}{suffix}.safetensors"
        return open_model((chosen.source if chosen else None) or made)

    @cached_property
    def state(self) -> State | None:
        """What was done and what it wrote; None if it is not known."""
        if not (self.folder / NAME).exists():
            self._faults[NAME] = f"{NAME} is missing: which steps are done is not known."
            return None
        return self._part(NAME, lambda: State.read(self.folder), None)

    @cached_property
    def steps(self) -> list[Row]:
        """All steps with their status; those that were begun, if the study cannot be planned any more."""
        state = self.state
        if state is None:
            return []
        begun = [row_of(name, record, state.alive, None) for name, record in state.records.items()]
        return self._part("steps", lambda: status(self.folder).rows, begun)

    @cached_property
    def accuracy(self) -> Accuracies:
        """Errors by model, on the training and on the test set."""
        found = self._file("accuracy.json", Accuracy, "accuracy")
        return Accuracies(found.models if found else {})

    @cached_property
    def _census(self) -> CensusFile | None:
        return self._file("census.json", CensusFile, "census")

    @property
    def census(self) -> CensusResult | None:
        """What labels the data hold."""
        return self._census.census if self._census else None

    @property
    def split(self) -> Split | None:
        """Trajectories trained on and tested."""
        return self._census.split if self._census else None

    @cached_property
    def provenance(self) -> Provenance | None:
        """Versions, machine and checksums of the last run."""
        return self._file(PROVENANCE, Provenance, "start")

    @cached_property
    def transport(self) -> Transports:
        """Transport by model and temperature; resampled fits are named `gap-resampled-1`."""
        from superion.analysis.transport_file import TransportFile

        found = {}
        for path in sorted((self.folder / "transport").glob("*.json")):
            named = re.fullmatch(r"(.+)-(\d[\d.e+]*)K", path.stem)
            label = f"transport/{path.name}"
            result = self._file(label, TransportFile, "transport") if named else None
            if named and result is not None:
                found[named[1], float(named[2])] = result
        return Transports(found)

    def trajectory(self, name: str, kelvin: float) -> Trajectory:
        """The trajectory of a model at a temperature (K)."""
        from superion.simulation import read_trajectory

        folder = self.folder / "md" / f"{name}-{kelvin:g}K"
        if not folder.is_dir():
            there = ", ".join(sorted(path.name for path in (self.folder / "md").glob("*K"))) or "none"
            raise InputError(f"there is no such trajectory; there are: {there}.", file=folder)
        return read_trajectory(folder)

    @cached_property
    def properties(self) -> dict[str, dict[str, PropertyFile]]:
        """Values by property and fit, such as `properties["eos"]["gap-resampled-1"]`."""
        found: dict[str, dict[str, PropertyFile]] = {}
        for path in sorted((self.folder / "properties").glob("*/*.json")):
            name = path.relative_to(self.folder).as_posix()
            values = self._part(name, lambda path=path: read_property(path), None)  # type: ignore[misc]
            if values is not None:
                found.setdefault(path.parent.name, {})[path.stem] = values
        return found

    @property
    def values(self) -> Table:
        """All values of all properties, a row for each."""
        return values_table(self.properties)

    @cached_property
    def curves(self) -> dict[str, CurveFile]:
        """Energy against volume by model, and of the labels as `reference`."""
        names = sorted(path.name for path in (self.folder / "eos").glob("*.json"))
        found = {name: self._file(f"eos/{name}", CurveFile, "eos") for name in names}
        return {Path(name).stem: curve for name, curve in found.items() if curve is not None}

    @cached_property
    def verdicts(self) -> list[StudyVerdict]:
        """The answers, one for each pair of models, from the values as they are now."""
        if self.settings is None and not read_yaml_safely(self.folder / SETTINGS):
            return []
        return self._part("verdict", lambda: study_verdicts(self.folder), [])

    @property
    def missing(self) -> list[str]:
        """Sentences on what is not there, damaged, or changed since it was written."""
        for part in ("settings", "steps", "accuracy", "_census", "provenance", "transport"):
            getattr(self, part)
        for part in ("properties", "curves", "verdicts"):
            getattr(self, part)
        found = dict(self._faults)
        for row in self.steps:
            if row.status != "done":
                found.setdefault(f"step {row.step}", _undone(row))
        for name in self.state.records if self.state else ():
            for path in self.state.changed(name, among=(".json",)) if self.state else ():
                found.setdefault(path, f"{path} is not as the step {name!r} wrote it.")
        if self.report is None:
            found[REPORT] = f"{REPORT} is missing: the step 'report' has not been done."
        return list(dict.fromkeys(found.values()))

    def __repr__(self) -> str:
        return f"OpenedStudy({self.name!r}, {self._progress}, in {self.folder})"

    @property
    def _progress(self) -> str:
        done = sum(row.status == "done" for row in self.steps)
        return f"{done} of {len(self.steps)} steps done"

    def _repr_html_(self) -> str:
        parts = [
            *(f"<p>{escape(found.answer)}</p>" for found in self.verdicts),
            self.accuracy._repr_html_() if self.accuracy else "",
            self.transport._repr_html_() if self.transport else "",
            f"<p>{escape(self._progress)}, in {escape(str(self.folder))}.</p>",
        ]
        left = [row for row in self.steps if row.status != "done"]
        if left:
            caption, head, rows = steps_table(left[:MOST])
            more = f"; {len(left) - MOST} more: .steps" if len(left) > MOST else ""
            parts.append(html_table(f"{caption} that are left{more}", head, rows))
        return page(self.name, parts, self.missing)


def read_yaml_safely(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, empty for one that cannot be read."""
    try:
        return read_yaml(path)
    except (SuperionError, OSError):
        return {}


def _undone(row: Row) -> str:
    return f"step {row.step}: {row.status}{': ' + row.note if row.note else ''}"
