"""Fitting: one design matrix, one streaming least-squares solution, any number of fixed terms under it.

Labels minus the fixed terms (electrostatics, repulsion) are the labels of the local term. Several sets of
fixed terms are solved from the same design matrix, so that potentials "with" and "without" differ in nothing
else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
from ase import Atoms

from superion.compiled import require_numba
from superion.errors import InputError, naming
from superion.potentials.baseline import ISOLATED, baseline_energies, lone_atoms
from superion.potentials.few_body.angle import AngleBlock
from superion.potentials.few_body.pair import PairBlock
from superion.potentials.gap.calibration import calibrated, left_out
from superion.potentials.gap.equations import labels, weighted
from superion.potentials.gap.gaussian_process import Block, SparseGP, prior_factor
from superion.potentials.gap.learning import first_settings, learned_blocks
from superion.potentials.gap.memory import check_memory
from superion.potentials.gap.reduction import combined, in_order, partition, reduce_part
from superion.potentials.gap.settings import FitSettings
from superion.potentials.gap.tsqr import BATCH, StreamingLeastSquares
from superion.potentials.many_body.soap import SoapBlock
from superion.progress import track
from superion.terms import Evaluation, Term

Array = np.ndarray
Held = dict[int, tuple[Array, Array]]
NONE = np.empty(0)


def fit(
    frames: Sequence[Atoms],
    settings: FitSettings,
    targets: Mapping[str, Sequence[Term]],
    *,
    workers: int = 1,
    executor: Executor | None = None,
    progress: bool = False,
) -> dict[str, list[Term]]:
    """Fit the local term once for every set of fixed terms in `targets`.

    frames: labelled structures (`REF_energy`, `REF_forces`, `REF_stress`; any of them may be missing on any
    frame). Returns for each name the fixed terms followed by the fitted SparseGP, whose force deviations are
    calibrated on trajectories left out (`gap.calibration`). `workers` threads build
    the design matrix; the result does not depend on their number.
    executor: reduces parts of the frames elsewhere, at most 2·`workers` parts at a time: threads, processes,
    or a Dask cluster through `distributed.Client(...).get_executor()`. The parts do not depend on the
    executor, and neither does the result; it differs from that without one by rounding.
    Raises InputError if nothing is labelled, a label does not fit its structure, or memory does not suffice
    (`estimate_memory`).
    """
    require_numba("fitting")
    bulk = [atoms for atoms in frames if atoms.info.get("config_type") != ISOLATED]
    if not any({"REF_energy", "REF_stress"} & set(a.info) or "REF_forces" in a.arrays for a in bulk):
        raise InputError(
            "no frame carries REF_energy, REF_forces or REF_stress.",
            remedy="map foreign labels, e.g. --key energy=energy --key forces=forces.",
        )
    species = sorted({int(z) for atoms in frames for z in atoms.numbers})
    check_memory(settings, frames, workers, len(targets))
    first = first_settings(settings, len(species)) if settings.learn_channels else settings
    blocks = choose_blocks(bulk, first, species)
    fixed = {
        name: [_sum(terms, atoms) for atoms in track(bulk, f"{name}: fixed terms", len(bulk), show=progress)]
        for name, terms in targets.items()
    }
    baselines = {
        name: baseline_energies(frames, bulk, values, settings.baseline, species)
        for name, values in fixed.items()
    }
    lone = lone_atoms(frames)
    labelled = [*bulk, *lone]
    for values in fixed.values():
        values.extend(Evaluation.zero(len(atoms)) for atoms in lone)
    equations = [
        np.stack([labels(atoms, fixed[name][k], baselines[name]) for name in targets], axis=1)
        for k, atoms in enumerate(labelled)
    ]
    how = (settings, labelled, equations, workers, executor, progress)
    if settings.learn_channels:
        blocks = learned_blocks(blocks, _solve(blocks, *how, {})[0], bulk, settings)
    folds = left_out(bulk, sum(block.size for block in blocks)) if settings.uncertainty else []
    held: Held = dict.fromkeys((k for fold in folds for k in fold), (NONE, NONE))
    weights, factor = _solve(blocks, *how, held)
    found = calibrated(folds, bulk, held, weights, factor)
    known = factor if settings.uncertainty else None
    return {
        name: [*terms, SparseGP(blocks, weights[:, k], baselines[name], known, found[k])]
        for k, (name, terms) in enumerate(targets.items())
    }


def _solve(
    blocks: Sequence[Block],
    settings: FitSettings,
    labelled: Sequence[Atoms],
    equations: Sequence[Array],
    workers: int,
    executor: Executor | None,
    progress: bool,
    held: Held,
) -> tuple[Array, Array]:
    """Weights (M, K) of the blocks for the K labels of each equation, and the factor (M, M) of the fit.

    held: gets the rows and labels, over their sigmas, of the frames whose indices are its keys.
    """
    size, count = sum(block.size for block in blocks), equations[0].shape[1]
    problem = StreamingLeastSquares(size, count)
    if executor is None:
        singles = ((weighted, (blocks, settings, *both)) for both in zip(labelled, equations, strict=True))
        with ThreadPoolExecutor(workers) as pool:
            for k, (rows, right) in enumerate(
                track(in_order(pool, singles, 2 * workers), "least squares", len(labelled), show=progress)
            ):
                problem.add(rows, right)
                if k in held:
                    held[k] = rows, right
                del rows, right
    else:
        parts = partition([len(right) for right in equations], size)
        tasks = ((reduce_part, (blocks, settings, labelled[part], equations[part])) for part in parts)
        factors = track(in_order(executor, tasks, 2 * workers), "least squares", len(parts), show=progress)
        triangle = combined(factors)
        problem.add(triangle[:, :size], triangle[:, size:])
        again = ((weighted, (blocks, settings, labelled[k], equations[k])) for k in held)
        held |= dict(zip(list(held), in_order(executor, again, 2 * workers), strict=True))
    start = 0
    for block in blocks:
        prior = prior_factor(block.prior(), settings.jitter)
        for first in range(0, block.size, BATCH):
            rows = np.zeros((len(prior[first : first + BATCH]), size))
            rows[:, start : start + block.size] = prior[first : first + BATCH]
            problem.add(rows, np.zeros((len(rows), count)))
        start += block.size
    del prior, rows
    return problem.solve()


def choose_blocks(frames: Sequence[Atoms], settings: FitSettings, species: Sequence[int]) -> list[Block]:
    """The blocks that `settings` switches on, with sparse points chosen from `frames`."""
    rng = np.random.default_rng(settings.seed)
    blocks: list[Block] = []
    if settings.pair is not None:
        blocks.append(PairBlock.choose(frames, settings.pair, species, rng))
    if settings.angle is not None:
        blocks.append(AngleBlock.choose(frames, settings.angle, species, rng))
    blocks.extend(SoapBlock.choose(frames, soap, species, rng) for soap in settings.soaps)
    if not blocks:
        raise InputError(
            "pair, angle and soap are all null: nothing to fit.", remedy="switch at least one of them on."
        )
    return blocks


def _sum(terms: Iterable[Term], atoms: Atoms) -> Evaluation:
    with naming(atoms.info.get("source")):
        return sum((term.evaluate(atoms) for term in terms), Evaluation.zero(len(atoms)))
