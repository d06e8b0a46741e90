"""The equations of a fit: design rows and labels of one structure, in units of their expected errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from superion.errors import InputError, naming
from superion.potentials.gap.gaussian_process import Basis, design
from superion.potentials.gap.settings import FitSettings
from superion.terms import Evaluation

Array = np.ndarray


def weighted(
    blocks: Sequence[Basis], settings: FitSettings, atoms: Atoms, values: Array
) -> tuple[Array, Array]:
    """Design rows (R, M) and labels (R, K) of one structure, divided by their sigmas."""
    with naming(atoms.info.get("source")):
        rows, sigma = weighted_rows(blocks, atoms, settings)
    return rows, values / sigma[:, None]


def weighted_rows(blocks: Sequence[Basis], atoms: Atoms, settings: FitSettings) -> tuple[Array, Array]:
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
    rows, sigma_rows = np.concatenate(parts), np.concatenate(sigmas)
    rows /= sigma_rows[:, None]
    return rows, sigma_rows


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


def labels(atoms: Atoms, fixed: Evaluation, baseline: dict[str, float]) -> Array:
    """Labels minus fixed terms and baseline, in the order of `weighted_rows`."""
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
