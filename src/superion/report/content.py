"""Reads a study folder into what the report shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from superion.analysis.accuracy_result import Accuracy, Splits
from superion.analysis.arrhenius_result import ArrheniusResult
from superion.calculations.barriers.results import BarrierFile
from superion.calculations.defects.results import DefectFile
from superion.calculations.eos_result import CurveFile
from superion.calculations.locality.results import LocalityFile, read_locality
from superion.errors import CorruptFileError, InputError
from superion.files import read_json, read_yaml
from superion.provenance import Provenance
from superion.report.runs import Run, read_run
from superion.results import Result, read_result
from superion.simulation.chunks import META, count_chunks, meta_digest, read_chunk, read_meta
from superion.structures.census_result import CensusFile, CensusResult, Split
from superion.verdict import REFERENCE, StudyVerdict, study_verdicts
from superion.verdict.reading import check_results
from superion.verdict.values import RESAMPLED

Array = np.ndarray

SPLITS = ("train", "test")
QUANTITIES = ("energy", "force", "stress")


@dataclass(frozen=True, slots=True)
class Crystal:
    """The structure at the start of the dynamics: numbers (N,), positions (N, 3) Å, cell (3, 3) Å."""

    numbers: Array
    positions: Array
    cell: Array


@dataclass(frozen=True, slots=True)
class Content:
    """Everything in a study folder that the report shows.

    state: records of the steps. split: trajectories on either side.
    accuracy: errors by potential. parity: `{(potential, split): {array name: array}}` with the
    units of the files. runs: one per potential and temperature, in this order. verdicts: the answers, one for
    each pair of models. locality: the result of a locality test that the settings name. curves: energy
    against volume, that of the labels first. defects, barriers: results of `superion defect` and of
    `superion neb` by potential.
    arrhenius: activation energies by potential.
    """

    folder: Path
    settings: dict[str, Any]
    state: dict[str, Any]
    provenance: Provenance | None
    census: CensusResult
    split: Split
    accuracy: dict[str, Splits]
    parity: dict[tuple[str, str], dict[str, Array]]
    runs: list[Run]
    verdicts: list[StudyVerdict]
    crystal: Crystal | None
    locality: LocalityFile | None = None
    curves: list[CurveFile] = field(default_factory=list)
    defects: dict[str, DefectFile] = field(default_factory=dict)
    barriers: dict[str, BarrierFile] = field(default_factory=dict)
    arrhenius: dict[str, ArrheniusResult] = field(default_factory=dict)

    @property
    def potentials(self) -> list[str]:
        """Names of all models that have errors or dynamics, as the settings have them."""
        return sort_models({*self.accuracy, *(run.potential for run in self.runs)}, self.settings)


def sort_models(names: Iterable[str], settings: Mapping[str, Any] = MappingProxyType({})) -> list[str]:
    """Names in the order of the settings, then the others by name."""
    order = {name: k for k, name in enumerate(settings.get("models") or ("gap", "es-gap"))}
    return sorted(set(names), key=lambda name: (order.get(name, len(order)), name))


def read_content(folder: Path) -> Content:
    """Read a study folder; InputError naming the first step whose results are missing."""
    if not folder.is_dir():
        raise InputError("no such study folder.", file=folder, remedy="give a folder made by `superion run`.")
    check_results(folder)
    steps = optional_json(folder / "state.json").get("steps") or {}
    census: CensusFile = _required(folder, "census.json", "census", steps, CensusFile)
    accuracy = _required(folder, "accuracy.json", "accuracy", steps, Accuracy).models
    files = sorted(path for path in (folder / "transport").glob("*.json") if RESAMPLED not in path.stem)
    if not accuracy:
        raise _incomplete(folder / "accuracy.json", "accuracy", "it holds no potential", steps)
    settings = read_yaml(folder / "study.yaml")
    found = [read_run(path) for path in files]
    order = sort_models({run.potential for run in found}, settings)
    runs = sorted(found, key=lambda run: (order.index(run.potential), run.kelvin))
    ions = sorted({run.ion for run in runs})
    if len(ions) > 1:
        raise InputError(
            f"the results are of different species ({', '.join(ions)}) and cannot be compared.",
            file=folder / "transport",
            remedy="remove the results that do not belong to this study.",
        )
    parity = {
        (potential, split): _parity(path)
        for potential in accuracy
        for split in SPLITS
        if (path := folder / "parity" / f"{potential}-{split}.safetensors").exists()
    }
    return Content(
        folder=folder,
        settings=settings,
        state=steps,
        provenance=read_provenance(folder),
        census=census.census or CensusResult(),
        split=census.split or Split(),
        accuracy=accuracy,
        parity=parity,
        runs=runs,
        verdicts=study_verdicts(folder),
        crystal=_crystal(folder / "md", runs),
        locality=read_locality(folder / settings["locality"]) if settings.get("locality") else None,
        curves=_curves(folder, settings, list(accuracy)),
        defects=_defects(folder, settings, list(accuracy)),
        barriers=_barriers(folder, settings, list(accuracy)),
        arrhenius=_arrhenius(folder, settings, list(accuracy)),
    )


def _asked(settings: dict[str, Any], name: str) -> bool:
    """Whether the settings ask for a property; what a folder has of others is of an earlier study."""
    return bool((settings.get("properties") or {}).get(name))


def _curves(folder: Path, settings: dict[str, Any], potentials: list[str]) -> list[CurveFile]:
    if not _asked(settings, "eos"):
        return []
    paths = (folder / "eos" / f"{name}.json" for name in (REFERENCE, *sort_models(potentials, settings)))
    return [read_result(path, CurveFile, "eos") for path in paths if path.exists()]


def _defects(folder: Path, settings: dict[str, Any], potentials: list[str]) -> dict[str, DefectFile]:
    if not _asked(settings, "defects"):
        return {}
    paths = {name: folder / "defects" / name / "defects.json" for name in sort_models(potentials, settings)}
    return {name: read_result(path, DefectFile, "defects") for name, path in paths.items() if path.exists()}


def _barriers(folder: Path, settings: dict[str, Any], potentials: list[str]) -> dict[str, BarrierFile]:
    if not _asked(settings, "barrier"):
        return {}
    paths = {name: folder / "barrier" / name / "barriers.json" for name in sort_models(potentials, settings)}
    return {name: read_result(path, BarrierFile, "barrier") for name, path in paths.items() if path.exists()}


def _arrhenius(folder: Path, settings: dict[str, Any], potentials: list[str]) -> dict[str, ArrheniusResult]:
    if not _asked(settings, "activation_energy"):
        return {}
    paths = {name: folder / "arrhenius" / f"{name}.json" for name in sort_models(potentials, settings)}
    return {
        name: read_result(path, ArrheniusResult, "activation_energy")
        for name, path in paths.items()
        if path.exists()
    }


def _required(folder: Path, name: str, step: str, steps: dict[str, Any], model: type[Result]) -> Any:
    path = folder / name
    if not path.exists():
        raise _incomplete(path, step, "the file is missing", steps)
    return read_result(path, model, step)


def _incomplete(path: Path, step: str, found: str, steps: dict[str, Any]) -> InputError:
    why = [reasons(steps, name) for name in ("census", "fit", step)]
    return InputError(
        " ".join(
            filter(None, (f"the study is incomplete: step {step!r} has not been done ({found}).", *why))
        ),
        file=path,
        remedy="mend the cause and continue the study: `superion run` with the study folder.",
    )


def reasons(steps: dict[str, Any], name: str) -> str:
    """What the state says about a step, or about dynamics and transport of a run, if it is not done."""
    found = []
    for step in (name, f"dynamics/{name}", f"transport/{name}"):
        record = steps.get(step) or {}
        if record.get("status") not in (None, "done"):
            why = f": {str(record['error']).rstrip('.')}" if record.get("error") else ""
            found.append(f"{step} {'is ' if record['status'] == 'running' else ''}{record['status']}{why}.")
    return " ".join(found)


def read_provenance(folder: Path) -> Provenance | None:
    """The content of `provenance.json`, None without it; CorruptFileError naming its faults."""
    path = folder / "provenance.json"
    remedy = "delete the file; the next call of `superion run` or `superion active-learning` writes it again."
    return read_result(path, Provenance, "start", remedy) if path.exists() else None


def optional_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file, empty if there is no file; CorruptFileError for anything else."""
    return _mapping(path) if path.exists() else {}


def _mapping(path: Path) -> dict[str, Any]:
    value = read_json(path)
    if not isinstance(value, dict):
        raise CorruptFileError(
            f"expected a JSON object, found {type(value).__name__}.",
            file=path,
            remedy="delete the file; the step that wrote it is redone.",
        )
    return value


def _parity(path: Path) -> dict[str, Array]:
    """Arrays of one parity file; rows without a reference (not finite) are left out."""
    remedy = "delete the file; the step 'accuracy' redoes it."
    try:
        arrays = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CorruptFileError(
            f"not a readable safetensors file ({error}).", file=path, remedy=remedy
        ) from error
    for quantity in QUANTITIES:
        reference, predicted = (arrays.get(f"{quantity}_{kind}") for kind in ("reference", "predicted"))
        if reference is None or predicted is None:
            continue
        if reference.shape != predicted.shape:
            raise CorruptFileError(
                f"{quantity}: reference has shape {reference.shape}, prediction {predicted.shape}.",
                file=path,
                remedy=remedy,
            )
        labelled = (
            np.isfinite(reference.reshape(len(reference), -1)).all(axis=1) if len(reference) else slice(0)
        )
        arrays[f"{quantity}_reference"], arrays[f"{quantity}_predicted"] = (
            reference[labelled],
            predicted[labelled],
        )
    return arrays


def _crystal(folder: Path, runs: list[Run]) -> Crystal | None:
    """First frame of the first run that has its trajectory; others in the folder are of an earlier study."""
    for path in (folder / f"{run.potential}-{run.kelvin:g}K" for run in runs):
        if (path / META).exists() and count_chunks(path):
            meta = read_meta(path)
            frames = read_chunk(path, 0, meta_digest(meta)).frames
            return Crystal(np.array(meta["numbers"]), frames["positions"][0], frames["cell"][0])
    return None
