"""A case as a study, and what that study answers."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ase.io import write
from cases import Case

from superion import open_study
from superion.study import run_study


@dataclass
class Found:
    """What a study said. models: outcomes of properties by candidate. errors: of test forces, in eV/Å."""

    name: str
    expected: str
    given: str
    seconds: float
    models: dict[str, dict[str, str]] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    energies: dict[str, float] = field(default_factory=dict)

    @property
    def wrong(self) -> bool:
        """Whether the answer is the opposite of the truth."""
        return self.given in ("needed", "not needed") and self.given != self.expected

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self) | {"wrong": self.wrong}

    def cells(self) -> tuple[str, ...]:
        """A row of the table."""
        said = "; ".join(
            f"{name}: {', '.join(sorted(set(own.values())))}" for name, own in self.models.items()
        )
        local = min((v for k, v in self.errors.items() if k in ("gap", "2g")), default=float("nan"))
        best = min((v for k, v in self.errors.items() if k not in ("gap", "2g")), default=float("nan"))
        numbers = f"{1e3 * local:.3g} / {1e3 * best:.3g}"
        return self.name, self.expected, self.given, said, numbers, f"{self.seconds:.0f}"


def write_case(
    case: Case, folder: Path, seed: int = 0, fits: int | None = None, *, quick: bool = False
) -> Path:
    """Write data and settings; the YAML file of the study.

    quick: all networks stay the linear models that they begin at.
    """
    own = folder / case.name.replace(" ", "-")
    own.mkdir(parents=True, exist_ok=True)
    train, test = case.make(seed)
    for name, frames in (("train", train), ("test", test)):
        write(own / f"{name}.extxyz", frames, format="extxyz")
    own_settings: dict[str, Any] = {"potential": {"symmetry": {"cutoff": case.cutoff}}}
    if quick:
        own_settings["potential"]["linear"] = True
        own_settings["training"] = {"lbfgs_epochs": 0}
    models: dict[str, Any] = {name: own_settings for name in ("2g", *case.ladder) if case.ladder}
    pairs = [{"baseline": "2g", "candidate": name} for name in case.ladder]
    settings: dict[str, Any] = {
        "name": case.name,
        "data": {
            "files": ["train.extxyz", "test.extxyz"],
            "test": sorted({atoms.info["trajectory"] for atoms in test}),
        },
        "fits": {"count": case.fits if fits is None else fits, "seed": 1},
        "properties": {"energies": {}},
        "parallel": "serial",
    }
    if case.charges:
        models |= {"gap": {}, "es-gap": {"electrostatics": {"charges": case.charges}}}
        pairs.append({"baseline": "gap", "candidate": "es-gap"})
        settings["fit"] = {"pair": {"cutoff": case.cutoff}, "soap": {"cutoff": case.cutoff}}
    path = own / "study.yaml"
    path.write_text(yaml.safe_dump(settings | {"models": models, "verdict": {"pairs": pairs}}))
    return path


def run_case(case: Case, study: Path, *, progress: bool = False) -> Found:
    """Run or continue the study, and read its verdict."""
    started = time.perf_counter()
    folder = run_study(study, study.parent / "results", progress=progress)
    opened = open_study(folder)
    models = {found.pair.candidate: dict(found.properties) for found in opened.verdicts}
    errors = {name: both.test for name, both in opened.accuracy.items()}
    return Found(
        case.name,
        case.answer,
        answer(models),
        time.perf_counter() - started,
        models,
        {name: own.force_rmse for name, own in errors.items()},
        {name: own.energy_rmse_per_atom for name, own in errors.items()},
    )


def answer(models: dict[str, dict[str, str]]) -> str:
    """Needed where any model shows it for a property; not needed where all agree that nothing is."""
    said = {outcome for own in models.values() for outcome in own.values()}
    if "needed" in said:
        return "needed"
    return said.pop() if len(said) == 1 else "undecided"
