"""Fitting: one design matrix, one streaming least-squares solution, any number of fixed terms under it.

Labels minus the fixed terms (electrostatics, repulsion) are the labels of the local term. Several sets of
fixed terms are solved from the same design matrix, so that potentials "with" and "without" differ in nothing
else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from pydantic import BaseModel, ConfigDict, Field

from superion.errors import InputError, naming
from superion.potentials.angle import AngleBlock, AngleSettings
from superion.potentials.gp import Block, SparseGP, design, prior_factor
from superion.potentials.pair import PairBlock, PairSettings
from superion.potentials.soap import SoapBlock, SoapSettings
from superion.potentials.tsqr import StreamingLeastSquares
from superion.progress import track
from superion.terms import Evaluation, Term

Array = np.ndarray

ISOLATED = "IsolatedAtom"


class Sigmas(BaseModel):
    """Expected errors of the labels; the model is not asked to follow them more closely."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    energy: float = Field(0.003, gt=0, description="energy, eV per √atom: σ(total energy) = energy·√N")
    force: float = Field(0.05, gt=0, description="force component, eV/Å")
    virial: float = Field(0.05, gt=0, description="virial component, eV per √atom")


class FitSettings(BaseModel):
    """Everything a fit is determined by, besides the data and the fixed terms."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pair: PairSettings | None = Field(PairSettings(delta=5.0), description="2-body block, or null")
    angle: AngleSettings | None = Field(None, description="3-body block, or null")
    soap: SoapSettings | None = Field(SoapSettings(), description="SOAP block, or null")
    sigma: Sigmas = Field(Sigmas(), description="regularisation")
    sigma_by_config_type: dict[str, Sigmas] = Field({}, description="regularisation of single config_types")
    force_sigma_by_species: dict[str, float] = Field(
        {}, description="factor on the force sigma of single species, e.g. {Li: 0.5}, without unit"
    )
    force_sigma_relative: float = Field(
        0.0, ge=0, description="force sigma as this fraction of the force on the atom, where that is larger"
    )
    baseline: Literal["auto", "isolated", "least-squares"] = Field(
        "auto", description="energy per species: from isolated atoms, or by least squares; auto prefers atoms"
    )
    jitter: float = Field(1e-10, gt=0, description="added to the prior's diagonal, relative to its mean")
    uncertainty: bool = Field(True, description="keep the covariance of the weights in the model")
    seed: int = Field(0, ge=0, description="seed of the choice of sparse points")


def fit(
    frames: Sequence[Atoms],
    settings: FitSettings,
    targets: Mapping[str, Sequence[Term]],
    *,
    workers: int = 1,
    progress: bool = False,
) -> dict[str, list[Term]]:
    """Fit the local term once for every set of fixed terms in `targets`.

    frames: labelled structures (`REF_energy`, `REF_forces`, `REF_stress`; any of them may be missing on any
    frame). Returns for each name the fixed terms followed by the fitted SparseGP. `workers` threads build
    the design matrix; the result does not depend on their number.
    Raises InputError if nothing is labelled or a label does not fit its structure.
    """
    bulk = [atoms for atoms in frames if atoms.info.get("config_type") != ISOLATED]
    if not any({"REF_energy", "REF_stress"} & set(a.info) or "REF_forces" in a.arrays for a in bulk):
        raise InputError(
            "no frame carries REF_energy, REF_forces or REF_stress.",
            remedy="map foreign labels, e.g. --key energy=energy --key forces=forces.",
        )
    species = sorted({int(z) for atoms in frames for z in atoms.numbers})
    blocks = choose_blocks(bulk, settings, species)
    size = sum(block.size for block in blocks)
    fixed = {
        name: [_sum(terms, atoms) for atoms in track(bulk, f"{name}: fixed terms", len(bulk), show=progress)]
        for name, terms in targets.items()
    }
    baselines = {
        name: baseline_energies(frames, bulk, values, settings.baseline, species)
        for name, values in fixed.items()
    }
    lone = [atoms for atoms in frames if atoms.info.get("config_type") == ISOLATED]
    labelled = [*bulk, *lone]
    for values in fixed.values():
        values.extend(Evaluation.zero(len(atoms)) for atoms in lone)
    problem = StreamingLeastSquares(size, len(targets))

    def equations(k: int) -> tuple[Array, Array]:
        with naming(labelled[k].info.get("source")):
            rows, sigma = _weighted_rows(blocks, labelled[k], settings)
        labels = [_labels(labelled[k], fixed[name][k], baselines[name]) / sigma for name in targets]
        return rows, np.stack(labels, axis=1)

    for rows, labels in track(
        _ordered(equations, len(labelled), workers), "least squares", len(labelled), show=progress
    ):
        problem.add(rows, labels)
    start = 0
    for block in blocks:
        prior = np.zeros((block.size, size))
        prior[:, start : start + block.size] = prior_factor(block.prior(), settings.jitter)
        problem.add(prior, np.zeros((block.size, len(targets))))
        start += block.size
    weights, factor = problem.solve()
    return {
        name: [
            *terms,
            SparseGP(blocks, weights[:, k], baselines[name], factor if settings.uncertainty else None),
        ]
        for k, (name, terms) in enumerate(targets.items())
    }


def choose_blocks(frames: Sequence[Atoms], settings: FitSettings, species: Sequence[int]) -> list[Block]:
    """The blocks that `settings` switches on, with sparse points chosen from `frames`."""
    rng = np.random.default_rng(settings.seed)
    blocks: list[Block] = []
    if settings.pair is not None:
        blocks.append(PairBlock.choose(frames, settings.pair, species, rng))
    if settings.angle is not None:
        blocks.append(AngleBlock.choose(frames, settings.angle, species, rng))
    if settings.soap is not None:
        blocks.append(SoapBlock.choose(frames, settings.soap, species, rng))
    if not blocks:
        raise InputError(
            "pair, angle and soap are all null: nothing to fit.", remedy="switch at least one of them on."
        )
    return blocks


def baseline_energies(
    frames: Sequence[Atoms],
    bulk: Sequence[Atoms],
    fixed: Sequence[Evaluation],
    method: str,
    species: Sequence[int],
) -> dict[str, float]:
    """Energy per species in eV by chemical symbol, from isolated atoms or by least squares.

    Fixed terms vanish for an isolated atom. Least squares is the minimum-norm solution where the
    compositions do not determine it.
    """
    isolated = {
        int(atoms.numbers[0]): float(atoms.info["REF_energy"])
        for atoms in frames
        if atoms.info.get("config_type") == ISOLATED and len(atoms) == 1 and "REF_energy" in atoms.info
    }
    missing = [chemical_symbols[z] for z in species if z not in isolated]
    if method == "isolated" and missing:
        raise InputError(
            f"baseline 'isolated' needs a frame with config_type={ISOLATED} for {missing}.",
            remedy="add them to the training file, or use baseline: least-squares.",
        )
    if method != "least-squares" and not missing:
        return {chemical_symbols[z]: isolated[z] for z in species}
    labelled = [k for k, atoms in enumerate(bulk) if "REF_energy" in atoms.info]
    if not labelled:
        return {chemical_symbols[z]: 0.0 for z in species}
    counts = np.array([[np.count_nonzero(bulk[k].numbers == z) for z in species] for k in labelled])
    energies = np.array([bulk[k].info["REF_energy"] - fixed[k].energy for k in labelled])
    solution = np.linalg.lstsq(counts.astype(np.float64), energies, rcond=1e-8)[0]
    return {chemical_symbols[z]: float(e) for z, e in zip(species, solution, strict=True)}


def _sum(terms: Iterable[Term], atoms: Atoms) -> Evaluation:
    with naming(atoms.info.get("source")):
        return sum((term.evaluate(atoms) for term in terms), Evaluation.zero(len(atoms)))


def _weighted_rows(blocks: Sequence[Block], atoms: Atoms, settings: FitSettings) -> tuple[Array, Array]:
    """Design rows (R, M) of the labels of one structure divided by their sigmas (R,)."""
    forces = "REF_forces" in atoms.arrays or "REF_stress" in atoms.info
    energy, force, virial = design(blocks, atoms, forces)
    parts, sigmas = [], []
    sigma = settings.sigma_by_config_type.get(str(atoms.info.get("config_type")), settings.sigma)
    if "REF_energy" in atoms.info:
        parts.append(energy.sum(axis=0)[None])
        own = float(atoms.info.get("energy_sigma", sigma.energy))
        sigmas.append(np.array([own * np.sqrt(len(atoms))]))
    if "REF_forces" in atoms.arrays:
        parts.append(force.reshape(-1, force.shape[-1]))
        sigmas.append(_force_sigma(atoms, sigma.force, settings).ravel())
    if "REF_stress" in atoms.info:
        a, b = (0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)
        parts.append(virial[a, b])
        sigmas.append(np.full(6, sigma.virial * np.sqrt(len(atoms))))
    if not parts:
        return np.zeros((0, energy.shape[1])), np.zeros(0)
    sigma_rows = np.concatenate(sigmas)
    return np.concatenate(parts) / sigma_rows[:, None], sigma_rows


def _force_sigma(atoms: Atoms, sigma: float, settings: FitSettings) -> Array:
    """Sigma (N, 3) of every force component: the array `force_sigma` of the frame, or the settings'."""
    if "force_sigma" in atoms.arrays:
        own = np.asarray(atoms.arrays["force_sigma"], dtype=np.float64)
        own = np.broadcast_to(own[:, None] if own.ndim == 1 else own, (len(atoms), 3))
        if not (np.isfinite(own).all() and (own > 0).all()):
            raise InputError(
                "force_sigma must be positive and finite.", remedy="give eV/Å for every atom, or remove it."
            )
        return own
    factors = [settings.force_sigma_by_species.get(symbol, 1.0) for symbol in atoms.symbols]
    size = np.linalg.norm(atoms.arrays["REF_forces"], axis=1)
    each = np.maximum(sigma * np.array(factors), settings.force_sigma_relative * size)
    return np.repeat(each[:, None], 3, axis=1)


def _labels(atoms: Atoms, fixed: Evaluation, baseline: dict[str, float]) -> Array:
    """Labels minus fixed terms and baseline, in the order of `_weighted_rows`."""
    parts = []
    if "REF_energy" in atoms.info:
        constant = sum(baseline[symbol] for symbol in atoms.symbols)
        parts.append(np.array([atoms.info["REF_energy"] - fixed.energy - constant]))
    if "REF_forces" in atoms.arrays:
        parts.append((atoms.arrays["REF_forces"] - fixed.forces).ravel())
    if "REF_stress" in atoms.info:
        virial = -np.asarray(atoms.info["REF_stress"]) * atoms.get_volume()
        parts.append(virial - fixed.virial[(0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)])
    return np.concatenate(parts) if parts else np.zeros(0)


def _ordered(task: Callable[[int], Any], count: int, workers: int) -> Iterator[Any]:
    """Results of task(0) … task(count − 1) in order, computed by threads a little way ahead."""
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Any] = deque()
        for k in range(count):
            ahead.append(pool.submit(task, k))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
