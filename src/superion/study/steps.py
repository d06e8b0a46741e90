"""The steps of a study: what each reads, what it makes of it, what it writes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ase import Atoms

from superion.analysis.accuracy import errors
from superion.analysis.accuracy_result import Accuracy, Errors, Splits
from superion.analysis.conductivity import analyse
from superion.calculations.evaluation import born_by_species, predict, write_parity
from superion.display import say
from superion.files import sha256
from superion.model import Model
from superion.potentials.opening import open_model
from superion.recipes.long_range import check_long_range
from superion.results import write_result
from superion.structures import census, is_isolated, read_structure, trajectory_of
from superion.structures.census_result import CensusFile, CensusResult, Split
from superion.structures.dataset import Dataset, load_dataset
from superion.study.config import SETTINGS, StudySettings, read_study
from superion.study.dynamics import Job, known_by, task_of
from superion.study.fitting import Group, fit_group, groups
from superion.study.properties import Property, properties_of
from superion.study.properties.settings import identity
from superion.study.resample import Fit, design
from superion.verdict import REFERENCE, study_verdicts, write_verdict
from superion.verdict.settings import Choice, choice
from superion.work.step import Step, Task

PRINTED = "properties.log"
"""File in the folder of a study that takes what processes print."""
RESULTS = (
    "census.json",
    "accuracy.json",
    "parity/*.safetensors",
    "transport/*.json",
    "properties/*/*.json",
    "arrhenius/*.json",
    "eos/*.json",
    "verdict.json",
)
"""What steps write for the verdict and the report."""


@dataclass
class Study:
    """A study folder and its settings; data are read when first needed."""

    settings: StudySettings
    folder: Path
    progress: bool = True
    data_files: dict[str, Path] = field(init=False)
    """Files of the data, by the name that enters the hash."""
    _data: tuple[Any, Dataset] | None = field(default=None, init=False)
    _periodic: bool | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.data_files = {
            f"data {k} {Path(file).name}": Path(file) for k, file in enumerate(self.settings.data.files)
        }

    @property
    def data(self) -> Dataset:
        """Labelled frames, divided; read again when a file has changed."""
        files = [Path(file) for file in self.settings.data.files]
        seen = [(found.st_mtime_ns, found.st_size, found.st_ino) for found in map(Path.stat, files)]
        if self._data is None or self._data[0] != seen:
            chosen = self.settings.data
            self._data = seen, load_dataset(files, chosen.keys, chosen.test, chosen.seed)
        return self._data[1]

    @property
    def start(self) -> Atoms:
        """The structure that dynamics starts from, not repeated; read anew."""
        return read_structure(self.settings.structure_file, "-1")

    @property
    def periodic(self) -> bool:
        """Whether there is a crystal in which ions could be said to conduct."""
        if self._periodic is None:
            self._periodic = self.settings.structure is not None and bool(self.start.pbc.all())
        return self._periodic

    def fits(self, count: int | None = None) -> list[Fit]:
        """All models as they are, then the fitted ones of each draw up to `count` (all if not given)."""
        draws = range(1, 1 + (self.settings.fits.count if count is None else count))
        fitted = [name for group in self.groups for name in group.models]
        main = [Fit(name) for name in self.settings.models]
        return main + [Fit(name, draw) for draw in draws for name in self.settings.models if name in fitted]

    @property
    def groups(self) -> list[Group]:
        """The models that are fitted, those together that one step fits."""
        return groups(self.settings.models, self.settings.fit)

    def step_of(self, fit: Fit) -> str:
        """The step that a model needs: the one that makes it, or the census if it exists already."""
        return next(
            (group.step_of(fit.resampled) for group in self.groups if fit.potential in group.models), "census"
        )

    def moving(self) -> list[Fit]:
        """The fits that dynamics is run with."""
        return self.fits(self.settings.properties.moving[0])

    @property
    def runs(self) -> list[tuple[str, Fit, float]]:
        """Name, fit and temperature (K) of every run of dynamics."""
        return [
            (f"{fit.name}-{temperature:g}K", fit, temperature)
            for fit in self.moving()
            for temperature in self.settings.temperatures
        ]

    def plan(self) -> list[Step]:
        """All steps, each after those it needs."""
        data = self.settings.data.model_dump(mode="json", exclude={"files"})
        shown = self.settings.model_dump(
            mode="json",
            exclude={
                "parallel": True,
                "locality": True,
                "data": {"files"},
                "structure": {"file"},
                "electrostatics": True,
                "properties": True,
                "models": True,
            },
        ) | {
            "models": {name: self._identity(name) for name in self.settings.models},
            "electrostatics": self.settings.electrostatics.identity(),
            "properties": {name: identity(own) for name, own in self.settings.properties.chosen.items()},
        }
        names = list(self.settings.models)
        return [
            Step("census", (), data | {"by": self.settings.fits.by}, self._reads_data, self._census),
            *(
                self._fit(group, number)
                for number in (None, *range(1, self.settings.fits.count + 1))
                for group in self.groups
            ),
            Step(
                "accuracy",
                tuple(dict.fromkeys(self.step_of(Fit(name)) for name in names)),
                {"data": data, "potentials": names},
                lambda: self._reads_data() | self._reads_models(),
                self._accuracy,
            ),
            *self._properties(from_dynamics=False),
            *(self._dynamics(*run) for run in self.runs),
            *(self._transport(name) for name, _, _ in self.runs if self.periodic),
            *self._properties(from_dynamics=True),
            *self._verdict(),
            Step("report", ("accuracy",), shown, self._reads_results, self._report),
        ]

    def chosen(self) -> Choice:
        """What a verdict rests on, as it is chosen now."""
        named = self.settings.verdict
        properties = {found.name: found.identity(None) for found in properties_of(self)}
        seen = bool(self.results("properties/*/*.json", "transport/*.json", "accuracy.json"))
        return choice(named.tolerances, named.level, named.pairs, properties, seen=seen)

    def _reads_data(self) -> dict[str, Path]:
        return self.data_files

    def _reads_models(self) -> dict[str, Path]:
        """The files of all models, as they are."""
        found: dict[str, Path] = {}
        for name, model in self.settings.models.items():
            found |= {name: self.model(Fit(name))} if model.fitted else model.files()
        return found

    def model(self, fit: Fit) -> Path:
        """The model file of a fit."""
        return self.folder / "models" / f"{fit.name}.safetensors"

    def source(self, fit: Fit) -> Path | str:
        """What opens the model of a fit: its file, or the file or name of one that exists."""
        chosen = self.settings.models[fit.potential]
        return chosen.source or self.model(fit)

    def open(self, fit: Fit) -> Model:
        """The model of a fit, or one that exists."""
        return open_model(self.source(fit))

    def made_of(self, fit: Fit) -> dict[str, Path]:
        """The files that the model of a fit is read from, by the name that enters the hash."""
        chosen = self.settings.models[fit.potential]
        return {"model": self.model(fit)} if chosen.fitted else chosen.files()

    def _identity(self, name: str) -> dict[str, Any]:
        """All settings that a model depends on, files aside, wherever these are."""
        return self.settings.models[name].identity()

    @property
    def _tune(self) -> dict[str, Any]:
        """What is chosen inside the training data; nothing by default, so that it changes no hash."""
        chosen = self.settings.tune
        return {} if chosen is None else {"tune": chosen.model_dump(mode="json")}

    def _census(self) -> list[Path]:
        split = Split()
        for part in ("train", "test"):
            names = [trajectory_of(atoms) for atoms in self.data.part(part)]
            setattr(split, part, {name: names.count(name) for name in sorted(set(names))})
        path = self.folder / "census.json"
        found = census(self.data.frames)
        for warning in found.warnings:
            say(f"warning: {warning}", self.progress)
        write_result(
            path,
            CensusFile(
                census=CensusResult.model_validate(found.to_dict()),
                split=split,
                resampling=design(self.data.part("train"), self.settings.fits),
            ),
        )
        return [path]

    def _fit(self, group: Group, number: int | None) -> Step:
        """The fit of a group of models to all training frames, or to one draw of them."""
        chosen = self.settings.data.model_dump(mode="json", exclude={"files"})
        models = {name: self._identity(name) for name in group.models}
        seed = {} if number is None else {"seed": self.settings.fits.seed, "by": self.settings.fits.by}
        files = {key: file for model in group.models.values() for key, file in model.files().items()}
        return Step(
            group.step_of(number),
            ("census",),
            {"data": chosen, "potentials": models, **seed, **self._tune},
            lambda: self._reads_data() | files,
            lambda: fit_group(self, group, number),
            keeps=True,
        )

    def _accuracy(self) -> list[Path]:
        metrics: dict[str, Any] = {}
        written = []
        for name in self.settings.models:
            potential = self.open(Fit(name))
            first = next(atoms for atoms in self.data.part("train") if not is_isolated(atoms))
            both = Splits(born_charges=born_by_species(potential, first))
            metrics[name] = both
            for part in ("train", "test"):
                frames = self.data.part(part)
                if not frames:
                    continue
                found = predict(potential, frames, f"{name}: {part} set", progress=self.progress)
                own = Errors.model_validate(errors(frames, found))
                if part == "train" and own.charges and self.settings.models[name].learns_charges:
                    check = check_long_range(potential, frames)
                    own.charges.doubts.extend(check.remarks if check else ())
                setattr(both, part, own)
                for doubt in own.charges.doubts if own.charges else ():
                    say(f"warning: {name}, {part} set: {doubt}", self.progress)
                path = self.folder / "parity" / f"{name}-{part}.safetensors"
                path.parent.mkdir(exist_ok=True)
                write_parity(path, frames, found)
                written.append(path)
        write_result(self.folder / "accuracy.json", Accuracy(**metrics))
        return [self.folder / "accuracy.json", *written]

    def _dynamics(self, name: str, fit: Fit, temperature: float) -> Step:
        assert self.settings.dynamics is not None
        assert self.settings.structure is not None
        settings = self.settings.dynamics.at(temperature)
        structure, supercell = self.settings.structure_file, self.settings.structure.supercell

        def job() -> Job:
            source = self.source(fit)
            identity = {
                "model": known_by(source),
                "structure": sha256(structure),
                "supercell": list(supercell),
            }
            return Job(name, self.folder / "md" / name, source, structure, supercell, settings, identity)

        return Step(
            f"dynamics/{name}",
            (self.step_of(fit),),
            {"dynamics": settings.model_dump(mode="json"), "supercell": list(supercell)},
            lambda: self.made_of(fit) | {"structure": structure},
            task=lambda: task_of(job()),
            keeps=True,
        )

    def _transport(self, name: str) -> Step:
        chosen = self.settings.transport
        run = self.folder / "md" / name

        def work() -> list[Path]:
            path = self.folder / "transport" / f"{name}.json"
            path.parent.mkdir(exist_ok=True)
            write_result(path, analyse(run, chosen))
            return [path]

        return Step(
            f"transport/{name}",
            (f"dynamics/{name}",),
            chosen.model_dump(mode="json"),
            lambda: {path.name: path for path in (run / "meta.json", *run.glob("chunk-*.safetensors"))},
            work,
        )

    def _properties(self, *, from_dynamics: bool) -> list[Step]:
        """One step for each property and fit, one for what labels say, before them what fits start from."""
        chosen = properties_of(self, from_dynamics=from_dynamics)
        steps = [self._prepared(found) for found in chosen if found.prepared_from()]
        for found in chosen:
            wanted: list[Fit | None] = [None] if found.labelled() else []
            steps += [self._property(found, fit) for fit in wanted + found.fits()]
        return steps

    def _prepared(self, found: Property) -> Step:
        origin = Fit(list(self.settings.models)[-1])

        def reads() -> dict[str, Path]:
            return self.made_of(origin) | found.prepared_from()

        return Step(
            f"{found.name}/start", (self.step_of(origin),), found.identity(None), reads, found.prepare
        )

    def _property(self, found: Property, fit: Fit | None) -> Step:
        def reads() -> dict[str, Path]:
            return ({} if fit is None else self.made_of(fit)) | found.files(fit)

        needs = (f"{found.name}/start",) if found.prepared_from() else ()
        name = f"{found.name}/{REFERENCE if fit is None else fit.name}"
        return Step(
            name,
            ("census",) if fit is None else (self.step_of(fit), *needs),
            found.identity(fit),
            reads,
            lambda: found.write(fit),
            task=(lambda: self._task(name)) if found.apart and fit is not None else None,
            family=found.name,
            failed=lambda why: found.write_failed(fit, why),
        )

    def _task(self, name: str) -> Task:
        """A step that a process does which reads the settings of the study for itself."""
        return Task(do_step, (self.folder, name), lambda written: written)

    def _verdict(self) -> list[Step]:
        """The decision, where there are models to compare."""
        pairs = self.settings.verdict.pairs
        if not pairs:
            return []
        settings = self.settings.model_dump(mode="json", include={"verdict", "fits"})
        settings |= {"models": {name: self._identity(name) for name in self.settings.models}}
        compared = dict.fromkeys(name for pair in pairs for name in (pair.baseline, pair.candidate))
        return [
            Step(
                "verdict",
                tuple(dict.fromkeys(self.step_of(Fit(name)) for name in compared)),
                settings,
                lambda: self._reads(
                    "census.json", "verdict-plan.json", "properties/*/*.json", "transport/*.json"
                ),
                lambda: [write_verdict(self.folder, *study_verdicts(self.folder))],
            )
        ]

    def _reads_results(self) -> dict[str, Path]:
        return self._reads(*RESULTS, "defects/*/defects.json", "barrier/*/barriers.json")

    def results(self, *patterns: str) -> dict[str, Path]:
        """Files in the folder that match patterns, by their place in it."""
        paths = sorted(path for pattern in patterns for path in self.folder.glob(pattern))
        return {str(path.relative_to(self.folder)): path for path in paths}

    def _reads(self, *patterns: str) -> dict[str, Path]:
        """Results in the folder, and the locality test that the settings name."""
        found, named = self.results(*patterns), self.settings.locality
        return found if named is None else found | {"locality": Path(named)}

    def _report(self) -> list[Path]:
        from superion.report import write_report

        return [write_report(self.folder), *sorted((self.folder / "figures").glob("*.png"))]


_here = threading.local()


def do_step(folder: Path, name: str) -> list[Path]:
    """Do a step of the study in `folder` and return the files that it wrote."""
    step = _plan(folder)[name]
    assert step.work is not None
    return list(step.work())


def _plan(folder: Path) -> dict[str, Step]:
    """The steps by name; this thread keeps them as long as the settings are the same."""
    found = (folder / SETTINGS).stat()
    seen = folder, found.st_mtime_ns, found.st_size, found.st_ino
    made: tuple[object, dict[str, Step]] | None = getattr(_here, "made", None)
    if made is None or made[0] != seen:
        plan = Study(read_study(folder / SETTINGS), folder, progress=False).plan()
        made = _here.made = seen, {step.name: step for step in plan}
    return made[1]
