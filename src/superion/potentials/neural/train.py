"""Training of neural potentials, end to end on energies, forces and charges."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols

from superion.errors import InputError, naming
from superion.neighbours import neighbour_pairs
from superion.potentials.baseline import ISOLATED, baseline_energies
from superion.potentials.neural.adapt import adapted, from_random, settled, tries_random
from superion.potentials.neural.beginning import CHARGE_FLOOR, first_charges, first_energies
from superion.potentials.neural.epochs import Run
from superion.potentials.neural.geometry import constraints_of_frame
from superion.potentials.neural.linear_start import fits_linearly, linear_start
from superion.potentials.neural.model import CHARGE, Model, Scales, initial_weights
from superion.potentials.neural.networks import SKIP
from superion.potentials.neural.objective import Labelled, learns_charges
from superion.potentials.neural.settings import NeuralSettings, NeuralTraining, Stage
from superion.potentials.neural.symmetry_functions import SymmetryFunctions
from superion.potentials.neural.term import NeuralTerm, check_elements
from superion.potentials.neural.units import (
    frame_in,
    known_in,
    model_out_of,
    settings_in,
    training_in,
    unit_of,
)
from superion.sizes import available_memory
from superion.structures.bare import total_of
from superion.structures.composition import electropositive
from superion.terms import Evaluation, Term
from superion.torch_batch import usable

FLOOR = 1e-2  # least scale of a symmetry function, of the largest of its element
COPIES = 3  # arrays as large as the derivatives of the symmetry functions while they are made and used
CHARGE_SCALE = 0.1  # e, usual scale of a charge as an input


def fit_neural(
    frames: Sequence[Atoms],
    settings: NeuralSettings,
    training: NeuralTraining | None = None,
    *,
    fixed: Sequence[Term] = (),
    device: str = "cpu",
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> NeuralTerm:
    """Train a neural potential on labelled frames.

    frames: with `REF_energy`, `REF_forces`, `REF_charges`, any of them missing on any frame; frames of
    isolated atoms give the baseline. fixed: terms whose energies and forces are subtracted from the labels
    (Δ-learning). device: "cpu" or "cuda"; the term comes back on the CPU. checkpoint: a file written every
    few epochs and at the end (a second start has one beside it); a training that finds it goes on from there,
    on the same machine with the same weights bit for bit. Raises InputError for missing or malformed labels,
    ModelError where the loss ceases to be a number.
    """
    training = training or NeuralTraining()
    where = usable(device)
    bulk = [atoms for atoms in frames if atoms.info.get("config_type") != ISOLATED and len(atoms)]
    known = []
    for atoms in bulk:
        with naming(atoms.info.get("source")):
            known.append(sum((term.evaluate(atoms) for term in fixed), Evaluation.zero(len(atoms))))
    _check_labels(bulk, settings)
    given, given_training = settings, training
    settings = own = settled(settings, bulk)
    unit = unit_of(bulk, known) if settings.linear else 1.0
    if unit != 1.0:
        frames, bulk = [frame_in(atoms, unit) for atoms in frames], [frame_in(atoms, unit) for atoms in bulk]
        known = [known_in(fixed, unit) for fixed in known]
        settings, training = settings_in(settings, unit), training_in(training, unit)
        given_training = training
    training = adapted(training, settings, bulk, known)
    attempts = [(settings, training)]
    if tries_random(given, settings, training, len(bulk)):
        attempts.append(from_random(given_training, settings, training, bulk, known))
    found: list[tuple[float, Model, list[Labelled]]] = []
    for number, (own_settings, own_training) in enumerate(attempts):
        file = None if checkpoint is None else Path(f"{checkpoint}{'.random' if number else ''}")
        data = frames, bulk, known
        found.append(_attempt(data, own_settings, own_training, where, file, progress=progress))
    _, best, batches = min(found, key=lambda one: one[0])
    best = _with_sign(best, batches)
    if unit != 1.0:
        best = model_out_of(best, unit, own.model_copy(update={"linear": best.settings.linear}))
    return NeuralTerm(best).to("cpu")


def _attempt(
    data: tuple[Sequence[Atoms], Sequence[Atoms], Sequence[Evaluation]],
    settings: NeuralSettings,
    training: NeuralTraining,
    where: torch.device,
    checkpoint: Path | None,
    *,
    progress: bool,
) -> tuple[float, Model, list[Labelled]]:
    """The least loss of one training, its model, and the labels. data: frames, bulk, fixed terms."""
    frames, bulk, known = data
    assert training.validation is not None
    generator = torch.Generator().manual_seed(training.seed)
    species = sorted({int(z) for atoms in frames for z in atoms.numbers})
    model = untrained(frames, bulk, known, settings, species, generator)
    order = torch.randperm(len(bulk), generator=generator).tolist()
    held = min(round(training.validation * len(bulk)), len(bulk) - 1)
    _check_memory(bulk, model)
    parts = _chunks(order[held:], training.batch), _chunks(order[:held], training.batch)
    batches, tests = (
        [Labelled.of([bulk[k] for k in part], [known[k] for k in part], model, where) for part in group]
        for group in parts
    )
    model = NeuralTerm(scaled(model, batches)).to(where).model
    if fits_linearly(model, batches):
        model = replace(model, weights=model.weights | linear_start(model, batches, training))
    run = Run(model, training, batches, tests, generator, _stages(settings, training, bulk))
    if checkpoint is not None:
        run.keep(checkpoint, _key(bulk, known, model, training))
    run.train(progress)
    return run.least, replace(model, weights=run.best), [*batches, *tests]


def untrained(
    frames: Sequence[Atoms],
    bulk: Sequence[Atoms],
    known: Sequence[Evaluation],
    settings: NeuralSettings,
    species: Sequence[int],
    generator: torch.Generator,
) -> Model:
    """Random weights, baseline energies, and scales that change nothing yet."""
    functions = SymmetryFunctions(settings.symmetry, species)
    symbols = [chemical_symbols[z] for z in species]
    check_elements(settings, symbols)
    baseline = baseline_energies(frames, bulk, known, "auto", species)
    zero, one = (
        make(len(species), functions.size, dtype=torch.float64) for make in (torch.zeros, torch.ones)
    )
    energies = torch.tensor([baseline[symbol] for symbol in symbols], dtype=torch.float64)
    scales = Scales(zero, one, zero[:, 0], one[:, 0], energies, one[:, 0])
    return Model(settings, functions, scales, initial_weights(settings, symbols, functions.size, generator))


def _with_sign(model: Model, batches: Sequence[Labelled]) -> Model:
    """Latent charges with the sign by which electropositive atoms are positive in neutral structures.

    Energies and forces of neutral structures stay as they are when all charges change sign. A training set
    with a structure that has a charge knows the sign.
    """
    stacks = [(batch, stack) for batch in batches for stack in batch.geometry.stacks]
    if model.settings.generation != "latent-charges" or any(stack.charge.any() for _, stack in stacks):
        return model
    index, total = model.symbols.index(electropositive(model.symbols)), 0.0
    with torch.no_grad():
        for batch in batches:
            geometry = batch.geometry
            charges, _ = model.charges(geometry, geometry.values, [stack.matrix for stack in geometry.stacks])
            total += float(charges[geometry.elements == index].sum())
    if total >= 0:
        return model
    last = f".{len(model.settings.hidden)}.", f".{SKIP}"
    turned = {
        name: -value if name.startswith(f"{CHARGE}.") and any(part in name for part in last) else value
        for name, value in model.weights.items()
    }
    return replace(model, weights=turned)


def scaled(model: Model, batches: Sequence[Labelled]) -> Model:
    """The same with the mean and spread of symmetry functions and charges in the training data.

    What last layers can know by least squares is where training begins: a constant for each element.
    """
    count = len(model.symbols)
    values = torch.cat([batch.geometry.values for batch in batches])
    elements = torch.cat([batch.geometry.elements for batch in batches])
    labels = torch.cat([batch.charges for batch in batches])
    mean, scale = model.scales.mean.clone(), model.scales.scale.clone()
    charge_mean, charge_scale = torch.zeros(count).double(), torch.full((count,), CHARGE_SCALE).double()
    for k in range(count):
        own = values[elements == k]
        if len(own):
            mean[k] = own.mean(dim=0)
            spread = own.std(dim=0, correction=0)
            scale[k] = spread.clamp(min=max(FLOOR * float(spread.max()), 1e-6))
        known = labels[(elements == k) & ~torch.isnan(labels)]
        if len(known) and learns_charges(model):
            charge_mean[k] = known.mean()
            charge_scale[k] = known.std(correction=0).clamp(min=CHARGE_FLOOR)
    charges, output = first_charges(model, batches)
    scales = Scales(mean, scale, charge_mean, charge_scale, model.scales.baseline, output)
    return replace(model, scales=scales, weights=model.weights | first_energies(model, batches) | charges)


def _check_memory(bulk: Sequence[Atoms], model: Model) -> None:
    """InputError if the derivatives of symmetry functions, which are kept, need too much memory."""
    pairs = sum(len(neighbour_pairs(atoms, model.functions.cutoff).j) for atoms in bulk)
    needed, free = COPIES * 24 * pairs * model.functions.columns, available_memory()
    if free is not None and needed > free:
        raise InputError(
            f"training will use up to {needed / 1e9:.1f} GB, of which {free / 1e9:.1f} GB are available.",
            remedy="use fewer frames, a shorter cutoff, or fewer symmetry functions.",
        )


def _check_labels(bulk: Sequence[Atoms], settings: NeuralSettings) -> None:
    if not any("REF_energy" in a.info or "REF_forces" in a.arrays for a in bulk):
        raise InputError(
            "no frame carries REF_energy or REF_forces.",
            remedy="map foreign labels, e.g. --key energy=energy --key forces=forces.",
        )
    if settings.charged:
        for k, atoms in enumerate(bulk):
            constraints_of_frame(atoms, settings, k)


def _stages(settings: NeuralSettings, training: NeuralTraining, bulk: Sequence[Atoms]) -> tuple[Stage, ...]:
    """The stages asked for, or those that suit generation and labels."""
    labelled = any("REF_charges" in atoms.arrays for atoms in bulk)
    separate = settings.generation in ("3g", "4g")
    if training.stages is None:
        return ("charges", "joint") if separate and labelled else ("joint",)
    if set(training.stages) - {"joint"} and not separate:
        raise InputError(
            f"generation {settings.generation} is trained as a whole, found stages {list(training.stages)}.",
            remedy="use stages: [joint].",
        )
    if "charges" in training.stages and not labelled:
        raise InputError(
            "stage charges needs REF_charges, which no frame carries.",
            remedy="use stages: [joint], or generation latent-charges.",
        )
    return training.stages


def _chunks(order: Sequence[int], size: int | None) -> list[list[int]]:
    """Frames of each batch, drawn once; their order is drawn anew in each epoch."""
    size = size or max(len(order), 1)
    return [sorted(order[start : start + size]) for start in range(0, len(order), size)]


def _key(bulk: Sequence[Atoms], known: Sequence[Evaluation], model: Model, training: NeuralTraining) -> str:
    """SHA-256 of everything that the result depends on."""
    digest = hashlib.sha256((model.settings.model_dump_json() + training.model_dump_json()).encode())
    digest.update(model.scales.baseline.cpu().numpy().tobytes())
    for atoms, fixed in zip(bulk, known, strict=True):
        for value in (
            atoms.numbers,
            atoms.positions,
            atoms.cell.array,
            atoms.pbc,
            atoms.info.get("REF_energy", np.nan) - fixed.energy,
            atoms.arrays.get("REF_forces", np.nan) - fixed.forces,
            atoms.arrays.get("REF_charges", np.nan),
            np.nan if (total := total_of(atoms)) is None else total,
        ):
            digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
