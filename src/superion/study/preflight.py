"""What a study needs, looked at before anything is computed or written: all faults at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ase import Atoms

from superion.calculations.locality.results import read_locality
from superion.errors import InputError, SuperionError
from superion.potentials import FitSettings
from superion.potentials.baseline import undetermined
from superion.potentials.gap.memory import check_memory
from superion.recipes.electrostatics import ElectrostaticsSettings, electrostatic_terms
from superion.structures import get_label, is_isolated, require_labels
from superion.structures.dataset import read_files
from superion.structures.foreign import Foreign
from superion.study.estimate import study_faults
from superion.study.properties.registry import properties_of
from superion.study.resample import Fit
from superion.study.steps import Study
from superion.work.state import State

SHOWN = 12


def check_before(study: Study, source: Path) -> list[str]:
    """What a user should know before the start; InputError with every fault that can be found without work.

    source: where the settings are. Looked at are files and what they hold, elements,
    charges, the mobile species, what properties need, memory and sizes.
    """
    faults = missing_files(_named(study))
    faults += study_faults(study.settings, study.folder)
    notes: list[str] = []
    if not faults:
        faults, notes = _contents(study)
    if faults:
        raise InputError(listed(faults), file=source, remedy=_remedy(faults))
    return notes


def _named(study: Study) -> dict[str, list[str | Path]]:
    """All files that the settings name, by their key."""
    settings = study.settings
    found: dict[str, list[str | Path]] = {
        "data.files": [*settings.data.files],
        "structure.file": [] if settings.structure is None else [settings.structure.file],
        "locality": [] if settings.locality is None else [settings.locality],
    }
    for key, own in _electrostatics(study):
        found[f"{key}.{'fitted' if own.model is None else 'model'}"] = list(own.files().values())
    for name, model in settings.models.items():
        if not model.fitted:
            path = getattr(model, "path", None)
            found[f"models.{name}.open"] = [] if path is None else [path]
    return found | {key: [*files] for key, files in settings.properties.files().items()}


def missing_files(named: Mapping[str, Iterable[str | Path]]) -> list[str]:
    """A sentence for every file or folder that is not there."""
    return [
        f"{key}: there is no file {file}."
        for key, files in named.items()
        for file in files
        if not Path(file).exists()
    ]


def listed(faults: list[str]) -> str:
    """One fault as it is, several with numbers."""
    if len(faults) == 1:
        return faults[0]
    more = f" … and {len(faults) - SHOWN} more." if len(faults) > SHOWN else ""
    shown = " ".join(f"({k}) {fault}" for k, fault in enumerate(faults[:SHOWN], start=1))
    return f"{len(faults)} things stand against it, and nothing was computed. {shown}{more}"


def _remedy(faults: list[str]) -> str:
    if any("there is no file" in fault for fault in faults):
        return "correct the paths, which are relative to the YAML file, and whatever else is named."
    return "correct what is named; nothing was written."


def _contents(study: Study) -> tuple[list[str], list[str]]:
    faults: list[str] = []
    tell = _collector(faults)
    frames: list[Atoms] = []
    if not _fitted(study):
        try:
            frames = study.data.frames
            faults += _unlabelled(frames)
        except SuperionError as error:
            faults += _data_faults(study) or [f"data: {error}"]
    structure = None
    if study.settings.structure is not None:
        structure = tell("structure.file", lambda: study.start)
    known = [atoms for atoms in frames if not is_isolated(atoms)]
    if structure is not None:
        faults += _elements(study, structure, known)
    tried = _each_composition([*known, *([] if structure is None else [structure])])
    for name, model in study.settings.models.items():
        if not model.fitted:
            tell(f"models.{name}", lambda: _opened(study, name, tried))  # noqa: B023 - called at once
    for name, chosen in _electrostatics(study):
        tell(name, lambda: _charges(chosen, tried))  # noqa: B023 - called at once
    for group in study.groups if frames else ():
        own = next(iter(group.models.values())).settings
        if isinstance(own, FitSettings):
            targets, workers = len(group.models), study.settings.processes
            tell(group.step, lambda: check_memory(own, frames, workers, targets))  # noqa: B023
    if study.settings.locality is not None:
        tell("locality", lambda: _locality(study))
    for found in properties_of(study):
        tell(f"properties.{found.name}", found.check)
    notes: list[str] = []
    if frames and not faults:
        fitted = [model for group in study.groups for model in group.models.values()]
        baselines = dict.fromkeys(model.recipe.baseline(model.settings) for model in fitted)
        said = (undetermined(study.data.part("train"), baseline) for baseline in baselines)
        notes += dict.fromkeys(note for note in said if note)
    if frames and not faults and study.data.divided:
        notes.append(f"there is one trajectory, and no other to test on. Tested on: {study.data.divided}.")
    latent = [name for name, model in study.settings.models.items() if model.charges == "latent"]
    if latent and study.runs and study.periodic:
        notes.append(
            f"conductivities of {' and '.join(latent)} take the formal charge of the mobile ion, not its "
            "latent charges, which are no charges of ions."
        )
    if structure is not None and not structure.pbc.all():
        notes.append(
            "the structure is not periodic along three axes: no conductivity is computed from its dynamics."
        )
    return faults, notes


def _collector(faults: list[str]) -> Callable[[str, Callable[[], Atoms | None]], Atoms | None]:
    """Something that does a piece of work and adds what goes wrong to the faults, under a key."""

    def tell(key: str, work: Callable[[], Atoms | None]) -> Atoms | None:
        try:
            return work()
        except SuperionError as error:
            text = str(error)
            faults.append(text if text.startswith(key) else f"{key}: {text}")
            return None

    return tell


def _fitted(study: Study) -> bool:
    """Whether all data were read and fitted before, and have not changed."""
    try:
        mains = {group.step for group in study.groups}
        state = State.read(study.folder)
        return all(state.holds(step.name, step.inputs()) for step in study.plan() if step.name in mains)
    except (SuperionError, OSError):
        return False


def _data_faults(study: Study) -> list[str]:
    """What is wrong with each file of the data."""
    faults: list[str] = []
    tell = _collector(faults)
    foreign = Foreign.of(study.settings.data.keys)

    def look(file: str) -> None:
        frames = read_files([file], foreign)
        if all(is_isolated(atoms) for atoms in frames):
            return
        try:
            require_labels(frames)
        except InputError as error:
            raise InputError(error.problem, file=file, remedy=error.remedy) from error

    for file in study.settings.data.files:
        tell("data.files", lambda file=file: look(file))  # type: ignore[misc]
    tell("data.keys", foreign.check)
    return faults


def _unlabelled(frames: list[Atoms]) -> list[str]:
    """Files of which no frame has a label, although others have."""
    labelled: dict[str, bool] = {}
    for atoms in frames:
        name = str(atoms.info["source"]).rpartition("#")[0]
        has = any(get_label(atoms, label) is not None for label in ("energy", "forces", "stress"))
        labelled[name] = labelled.get(name, False) or has
    return [f"data.files: no frame of {name} has a label." for name, has in labelled.items() if not has]


def _elements(study: Study, structure: Atoms, frames: list[Atoms]) -> list[str]:
    """Elements that dynamics would meet unprepared, and a mobile species that is not there."""
    faults = []
    there, trained = set(structure.symbols), {symbol for atoms in frames for symbol in atoms.symbols}
    species = study.settings.transport.species
    if study.periodic and species not in there:
        faults.append(
            f"transport.species: {species} is not in the structure, which has {', '.join(sorted(there))}."
        )
    unknown = sorted(there - trained) if trained else []
    if unknown:
        faults.append(
            f"structure.file: {', '.join(unknown)} of the structure occurs in no frame of the data, "
            f"which have {', '.join(sorted(trained))}."
        )
    return faults


def _each_composition(frames: list[Atoms]) -> list[Atoms]:
    """The first frame of every set of elements."""
    found: dict[frozenset[str], Atoms] = {}
    for atoms in frames:
        found.setdefault(frozenset(atoms.symbols), atoms)
    return list(found.values())


def _opened(study: Study, name: str, frames: list[Atoms]) -> None:
    """Raise what speaks against a model that exists: what is behind it is not there, or knows an element not.

    First-principles methods are not tried, because that may take long.
    """
    model = study.open(Fit(name))
    if model.identity.get("kind") != "first-principles":
        for atoms in frames:
            model.evaluate(atoms)


def _electrostatics(study: Study) -> list[tuple[str, ElectrostaticsSettings]]:
    """Electrostatic terms of the models, each once, under the key that it is set by."""
    found: dict[str, ElectrostaticsSettings] = {}
    shared = study.settings.electrostatics
    for name, model in study.settings.models.items():
        own = getattr(model, "electrostatics", None)
        if own is not None and own not in found.values():
            key = "electrostatics" if own == shared else f"models.{name}.electrostatics"
            found.setdefault(key, own)
    return list(found.items())


def _charges(settings: ElectrostaticsSettings, frames: list[Atoms]) -> None:
    """Raise what speaks against the electrostatic term: parameters, a model file, elements without charge."""
    terms = electrostatic_terms(settings, frames)
    with warnings.catch_warnings(action="ignore"):  # the fit gives them
        for atoms in frames:
            for term in terms:
                sources = getattr(term, "sources", None) or getattr(term, "charges", None)
                if callable(sources):
                    sources(atoms)


def _locality(study: Study) -> None:
    read_locality(Path(str(study.settings.locality)))
