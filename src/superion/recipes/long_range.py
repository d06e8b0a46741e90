"""What speaks against the electrostatics of a model that has just been fitted, from its own data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from superion.analysis.long_range_result import LongRange
from superion.electrostatics.charge_transfer import bonded_parts
from superion.electrostatics.densities import COULOMB
from superion.errors import SuperionError
from superion.model import Model
from superion.potentials.neural.adapt import separation
from superion.potentials.neural.linear_start import LARGEST
from superion.potentials.neural.settings import NeuralSettings, SymmetrySettings
from superion.potentials.neural.twins import Errors, Twins, compare_twins
from superion.potentials.neural.units import unit_of
from superion.structures.labels import is_isolated
from superion.terms import Evaluation

Array = np.ndarray

HELPED = 0.5
"""Squared errors of what is left out, with charges over without, from which charges hardly help.

More freedom lowers errors of small dispersion forces somewhat; charges lower those of ions many times, and
with every part that is left out, not only with one of them.
"""
FOUND = 0.9
"""Errors over those of a local model for what was left out, from which charges that help are not found."""
FALLS = 0.1
"""Part by which the energy of parts drawn apart may differ from that of their charges."""
SLIGHT = 2e-3
"""Differences that are not looked at: eV where labels are of the order of eV, else in their unit."""
FLOWS = 0.02
"""e that may go from one part to the other while they are drawn apart."""
LARGE = 3.0
"""e, root mean square of charges that atoms do not have; in labels of other units times the root of these."""
CUTOFF = 5.0
"""Å, of the linear models, where the model itself does not tell."""
BEYOND = 8.0
"""Å between the surfaces of parts drawn apart, at least: beyond usual cutoffs."""
SHOWN = 30
"""Frames that the model is asked about."""


def check_long_range(
    potential: Model, frames: Sequence[Atoms], settings: NeuralSettings | None = None
) -> LongRange | None:
    """The check of a model, with the frames that it was fitted to; None for a model without charges.

    settings: of the neural potential that is checked; otherwise its cutoff is taken. Costs a few seconds.
    """
    bulk = [atoms for atoms in frames if not is_isolated(atoms) and len(atoms) > 1]
    shown = bulk[:: max(1, len(bulk) // SHOWN)]
    if not shown:
        return None
    found = potential.evaluate_batch(shown)
    charges = [one.charges for one in found if one.charges is not None]
    if not charges:
        return None
    rms = float(np.sqrt(np.mean(np.concatenate(charges) ** 2)))
    unit = unit_of(bulk, [Evaluation.zero(len(atoms)) for atoms in bulk])
    remarks = []
    if rms > LARGE * unit**0.5:
        remarks.append(
            f"the charges are {rms:.1f} e in the mean (root mean square), which no atom has: the local "
            "energy undoes most of what they do. Raise training.decay, or give charges as labels"
        )
    twins = _twins(bulk, settings)
    if twins is not None:
        remarks += _against(twins, shown, found)
    pulled = draw_apart(potential, bulk)
    apart = flow = None
    if pulled is not None:
        *apart, flow = pulled
        remarks += _falling(apart[0], apart[1], flow, unit)
    return LongRange(
        left_out=None if twins is None else twins.left_out,
        local=None if twins is None else _known(twins.local),
        charged=None if twins is None else _known(twins.charged),
        loss_ratio=None if twins is None else twins.loss,
        apart=None if apart is None else [float(one) for one in apart],
        flow=flow,
        charge_rms=rms,
        remarks=remarks,
    )


def _twins(bulk: Sequence[Atoms], settings: NeuralSettings | None) -> Twins | None:
    if max(len(atoms) for atoms in bulk) > LARGEST or any(a.pbc.any() != a.pbc.all() for a in bulk):
        return None
    if settings is None:
        settings = NeuralSettings(symmetry=SymmetrySettings(cutoff=CUTOFF))
    if settings.total_charge is None:
        settings = settings.model_copy(update={"total_charge": 0.0})
    settings = settings.model_copy(update={"background": True})
    whole = [atoms for atoms in bulk if "fragment" not in atoms.arrays]
    known = [Evaluation.zero(len(atoms)) for atoms in whole]
    return compare_twins(whole, known, settings) if whole else None


def _against(twins: Twins, shown: Sequence[Atoms], found: Sequence[Evaluation]) -> list[str]:
    """Remarks on left-out errors, and on a training that has not found what a linear model finds."""
    local, charged = twins.local, twins.charged
    numbers = (
        f"a linear model has errors of {_pair(charged.energy, charged.force)} with charges and "
        f"{_pair(local.energy, local.force)} without, for {twins.left_out} that were left out"
    )
    if twins.loss > HELPED or twins.worst > 1:
        return [
            f"charges hardly help with these data: {numbers}. A local model (gap, 2g) will do as well; if "
            "you expect more, add frames in which charged parts are farther apart than the cutoff"
        ]
    own = _own(shown, found)
    if own[0] > FOUND * local.energy or own[1] > FOUND * local.force:
        return [
            f"the charges have not been found: {numbers}; this model has {_pair(*own)} for the frames that "
            "it was fitted to. Train it longer (training.lbfgs_epochs, training.adam_epochs), or with "
            "another seed"
        ]
    return []


def _falling(energy: float, expected: float, flow: float, unit: float) -> list[str]:
    remarks = []
    if flow > FLOWS * unit**0.5:
        remarks.append(
            f"{flow:.2f} e flow from one part to the other while they are drawn apart, so that neither "
            "keeps its charge. Use latent-charges or 3g, or qeq-gap with fragments, whose charges stay"
        )
    elif abs(energy - expected) > max(FALLS * abs(expected), SLIGHT * unit):
        remarks.append(
            f"two parts drawn apart change their energy by {energy:+.3f} eV, their charges say "
            f"{expected:+.3f} eV: energies at distances beyond the data mean little. Add frames at larger "
            "distances"
        )
    return remarks


def draw_apart(potential: Model, bulk: Sequence[Atoms]) -> tuple[float, float, float] | None:
    """Two parts of the frame that has them farthest apart, without periodic axes, at two distances.

    Both are beyond the cutoff. Returns the change of the energy, that of the Coulomb energy of the charges
    at the first distance (eV), and the charge that flows (e); None if no frame has two parts.
    """
    distances = [separation(atoms) for atoms in bulk[:200]]
    apart = [(distance, k) for k, distance in enumerate(distances) if distance is not None]
    if not apart:
        return None
    far, which = max(apart)
    atoms = bulk[which].copy()
    atoms.pbc = False
    parts = bonded_parts(atoms)
    if parts.max() != 1:
        return None
    first, second = parts == 0, parts == 1
    axis = atoms.positions[second].mean(axis=0) - atoms.positions[first].mean(axis=0)
    axis /= np.linalg.norm(axis)
    size = float(np.ptp(atoms.positions @ axis))
    start = max(far, BEYOND + size)
    found = []
    for distance in (start, 1.5 * start):
        moved = atoms.copy()
        moved.positions[second] += (distance - far) * axis
        try:
            found.append((moved, potential.evaluate_batch([moved])[0]))
        except SuperionError:
            return None
    (near, here), (away, there) = found
    if here.charges is None or there.charges is None:
        return None
    q, p = here.charges[first], here.charges[second]

    def coulomb(structure: Atoms) -> float:
        between = structure.get_all_distances()[np.ix_(first, second)]
        return float(COULOMB * np.sum(q[:, None] * p / between))

    flow = abs(float(there.charges[second].sum() - p.sum()))
    return there.energy - here.energy, coulomb(away) - coulomb(near), flow


def _own(shown: Sequence[Atoms], found: Sequence[Evaluation]) -> tuple[float, float]:
    """Root mean squares, eV of a structure and eV/Å; nan without labels."""
    energies = [
        e.energy - a.info["REF_energy"] for a, e in zip(shown, found, strict=True) if "REF_energy" in a.info
    ]
    forces = [
        (e.forces - a.arrays["REF_forces"]).ravel()
        for a, e in zip(shown, found, strict=True)
        if "REF_forces" in a.arrays
    ]
    return (
        float(np.sqrt(np.mean(np.square(energies)))) if energies else float("nan"),
        float(np.sqrt(np.mean(np.concatenate(forces) ** 2))) if forces else float("nan"),
    )


def _known(errors: Errors) -> list[float | None]:
    """Both errors; None without labels."""
    energy, force = errors.energy, errors.force
    return [one if np.isfinite(one) else None for one in (energy, force)]


def _pair(energy: float, force: float) -> str:
    shown = [f"{1e3 * energy:.3g} meV"] if np.isfinite(energy) else []
    return " and ".join(shown + ([f"{1e3 * force:.3g} meV/Å"] if np.isfinite(force) else []))
