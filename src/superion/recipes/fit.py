"""From labelled frames to a potential, by the name of a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from pydantic import BaseModel

from superion.display import say
from superion.errors import InputError
from superion.files import sha256
from superion.machine import cpu_count
from superion.potentials import Potential
from superion.potentials.baseline import undetermined
from superion.provenance import NUMERICAL, versions
from superion.recipes.base import Job, Options, fit_jobs
from superion.recipes.electrostatics import ElectrostaticsSettings
from superion.recipes.on_base import open_base
from superion.recipes.registry import fit_preset
from superion.recipes.tuning import Tuner
from superion.settings_file import validate
from superion.structures import LABELS, read_frames, require_labels


def fit(
    frames: Sequence[Atoms] | str | Path,
    preset: str = "gap",
    settings: BaseModel | Mapping[str, Any] | None = None,
    *,
    electrostatics: ElectrostaticsSettings | Mapping[str, Any] | None = None,
    repulsion: bool = True,
    charged_cells: str | None = None,
    seed: int | None = None,
    workers: int | None = None,
    executor: str | None = None,
    device: str = "cpu",
    checkpoint: str | Path | None = None,
    files: Sequence[str | Path] = (),
    base: str | Path | Any = None,
    base_store: str | Path | None = None,
    tune: float | None = None,
    tuning: str | Path | None = None,
    progress: bool = False,
) -> Potential:
    """A potential fitted to labelled structures, as `superion fit` makes it.

    >>> charges = {"Li": 0.445, "P": 2.225, "S": -0.89}  # e
    >>> potential = superion.fit(
    ...     "train.extxyz",
    ...     preset="es-gap",
    ...     settings={"soap": {"channels": 6, "sparse_points": 50}},
    ...     electrostatics={"charges": charges},
    ... )
    >>> potential.species
    ['Li', 'P', 'S']
    >>> potential.save("model.safetensors")

    frames: of `read_frames`, or a file; of structures without such labels those of their ASE calculators are
    taken. settings: keys of the preset's YAML file (`superion schema fit --preset NAME`). electrostatics:
    keys of the electrostatic term of es-gap; charges are in e. repulsion: repel atoms that come closer than
    those of the frames. charged_cells: as `--charged-cells` has it. seed: of sparse points or first weights.
    workers: threads; None: one per CPU core. executor: where parts are reduced, as `--executor` has it.
    checkpoint: file of a neural training, which goes on from it. files: that the frames are from, whose
    SHA-256 the model then records. tune: choose settings of a Gaussian process by left-out trajectories of
    the frames first, in this many seconds; the model records what was tried. tuning: JSON file of that, with
    which an interrupted search goes on.
    base: model that the fit corrects, as `open_model` has it; the sum is returned. base_store: label store
    that keeps what it says of each frame. A model of somebody else must be named again to load the sum.
    Raises InputError, with what to do, for unknown presets and keys, and for frames without labels.
    """
    if not isinstance(preset, str):
        raise InputError(
            f"preset is the name of a preset, found {type(preset).__name__}.",
            remedy="give settings by their name: superion.fit(frames, settings=…).",
        )
    recipe = fit_preset(preset)
    if isinstance(frames, str | Path):
        files, frames = [frames], read_frames(frames)
    frames = [_labelled(atoms) for atoms in frames]
    if not isinstance(settings, BaseModel):
        settings = validate(
            settings or {}, recipe.settings, remedy=f"see `superion schema fit --preset {preset}`."
        )
    if seed is not None:
        settings = recipe.seeded(settings, seed)
    if not isinstance(electrostatics, ElectrostaticsSettings):
        given = dict(electrostatics or {}) | (
            {} if charged_cells is None else {"charged_cells": charged_cells}
        )
        electrostatics = validate(given, ElectrostaticsSettings, remedy="see `superion schema study`.")
    if recipe.potential:
        require_labels(frames)
    options = Options(
        electrostatics,
        repulsion,
        workers or cpu_count(),
        executor,
        device,
        None if checkpoint is None else Path(checkpoint),
        charged_cells,
        progress=progress,
        base=None
        if base is None
        else open_base(base, None if base_store is None else Path(base_store), progress=progress),
    )
    settings = recipe.completed(settings, frames)
    if recipe.potential and (note := undetermined(frames, recipe.baseline(settings))):
        say(f"note: {note}", progress)
    chosen = None
    if tune is not None:
        job = Job(recipe, settings, options)
        given = settings.model_dump(exclude_unset=True)
        path = None if tuning is None else Path(tuning)
        settings, chosen = Tuner(job, given, frames, tune, path, progress).run()
    terms = fit_jobs(frames, {preset: Job(recipe, settings, options)})[preset]
    charged = "charges" in recipe.reads
    provenance = {
        "settings": {
            "preset": preset,
            "fit": settings.model_dump(mode="json"),
            "repulsion": repulsion and "repulsion" in recipe.reads,
            "electrostatics": electrostatics.identity() if charged else None,
        },
        "data": {Path(path).name: sha256(path) for path in files}
        | (electrostatics.hashes() if charged else {}),
        "training_frames": len(frames),
        "versions": versions(NUMERICAL),
    }
    if options.base is not None:
        provenance["base"] = options.base.model.identity
    if chosen is not None:
        provenance["tune"] = {"limit": tune, **chosen.to_dict()}
    if not recipe.potential:
        provenance["energies"] = "of the charges alone"
    return Potential(terms, provenance)


def _labelled(atoms: Atoms) -> Atoms:
    """The structure with its labels; where it has none, with what its calculator has computed."""
    known = {label.key for label in LABELS.values()}
    if atoms.calc is None or known & {*atoms.info, *atoms.arrays}:
        return atoms
    found = atoms.copy()
    for name in ("energy", "forces", "stress"):
        label = LABELS[name]
        try:
            value = atoms.calc.get_property(name, atoms, allow_calculation=False)
        except PropertyNotImplementedError:
            value = None
        if value is not None:
            (found.info if label.where == "info" else found.arrays)[label.key] = value
    if not known & {*found.info, *found.arrays}:
        raise InputError(
            f"a structure ({found.get_chemical_formula()}) has a calculator that has computed nothing.",
            remedy="call get_forces() of every structure first, or give those of superion.read_frames.",
        )
    return found
