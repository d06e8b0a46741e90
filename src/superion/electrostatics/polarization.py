"""Dipoles, polarization and Born effective charges of any charge model, also in periodic cells.

The Born charge of atom j is how much the dipole of the cell changes when the atom and its images move,

    Z_jαβ = ∂μ_β/∂r_jα = q_j δ_αβ + Σ_i (∂q_i/∂r_jα) (r_i − r_j)_β.

The second part is charge that flows when atom j moves. In a cluster it is the plain derivative. In a periodic
cell positions are known only up to lattice vectors, and charge flows to the nearest image, so that the
fractional displacement Δ along each periodic axis is replaced by a smooth periodic function,

    Δ → Σ_m c_m sin(2πmΔ)/2π,   m = 1 … M,   c_m = 2 (−1)^(m+1) (M!)² / (m (M − m)! (M + m)!),

which is Δ up to a relative error of (M!)²/(2M + 1)! · (2πΔ)^(2M): the central difference of order 2M for the
limit of long waves. It changes neither when atoms are wrapped nor when all are moved, and has no jumps.
M = 1 is the generalised polarization P(k) = Σ q exp(ikr)/ik at k = 2π/L with the phase of the moving atom
taken out (Zhong, Kim, King, Cheng, arXiv:2504.05169, 2025). Its error falls as L⁻², here as L^(−2M).

Charge that flows farther than about a third of the cell is not told from charge that flows the other way:
then take a supercell. Charges equilibrated over a whole periodic crystal can flow everywhere, as in a
metal; for those the sum rule below is a measure of what is lost. Where fragments keep their charges, as
molecules do, no distance is ambiguous: see `fragments`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import factorial, pi
from typing import Any, Protocol, runtime_checkable

import numpy as np
from ase import Atoms

from superion.electrostatics.charges import ChargeModel, are_constant
from superion.electrostatics.densities import COULOMB
from superion.electrostatics.fragments import whole_fragments
from superion.errors import InputError, ModelError
from superion.terms import Evaluation

Array = np.ndarray
BROKEN = 0.05
"""Violation of the sum rule in e that is said."""
EPSILON_0 = 1 / (4 * pi * COULOMB)
"""Vacuum permittivity ε₀ in e/(V·Å)."""
ORDER = 4
"""Sines (M) that stand for a displacement in a periodic cell."""


@dataclass(frozen=True, slots=True)
class BornCharges:
    """Born effective charges of one structure.

    values: (N, 3, 3) e, [displacement of the atom, dipole]: the force in a field E (3,) is values @ E.
    charge: e, of the whole structure.
    """

    values: Array
    charge: float

    @property
    def violation(self) -> Array:
        """(3, 3) e, sum over all atoms less the total charge; zero by the acoustic sum rule.

        Pick, Cohen, Martin, Phys. Rev. B 1, 910 (1970): a structure that moves as a whole carries its charge.
        """
        return self.values.sum(axis=0) - self.charge * np.eye(3)

    def conserving(self) -> BornCharges:
        """The same with the violation of the sum rule taken off all atoms alike."""
        return replace(self, values=self.values - self.violation / max(len(self.values), 1))


def sum_rule_notes(missing: float) -> list[str]:
    """What a violation (e) of the sum rule means; nothing if it is small."""
    if missing < BROKEN:
        return []
    return [
        f"Born charges miss the sum rule by {missing:.2g} e: charge flows farther than the cell tells, or "
        "everywhere, as in a metal. Take a supercell, or charges of fragments."
    ]


@runtime_checkable
class BornModel(ChargeModel, Protocol):
    """A charge model that has dipoles beside charges, and knows its Born charges itself."""

    @property
    def bare(self) -> ChargeModel:
        """The charges without dipoles."""
        ...

    def born_charges(self, atoms: Atoms, order: int = ORDER) -> BornCharges:
        """Those of charges and dipoles."""
        ...

    def permittivity(self, atoms: Atoms) -> Array:
        """(3, 3) high-frequency relative permittivity ε∞ of a crystal, by its dipoles."""
        ...

    def in_field(self, atoms: Atoms, field: Array) -> Evaluation:
        """What the dipoles alone add to a structure in a weak field (3,) V/Å, of first order in it."""
        ...


def permittivity_of(charges: ChargeModel | None, atoms: Atoms) -> Array | None:
    """(3, 3) high-frequency relative permittivity of polarizable atoms; None of charges without dipoles."""
    return charges.permittivity(atoms) if isinstance(charges, BornModel) else None


def born_charges(atoms: Atoms, charges: ChargeModel, order: int = ORDER) -> BornCharges:
    """Born effective charges of a structure with any periodic axes, see the head of this module.

    order: number M of sines; each costs two derivatives of the charges for each periodic axis.
    Raises InputError for an order below 1 and a flat cell, ModelError for charges that are not finite.
    """
    if not (isinstance(order, int) and order >= 1):
        raise InputError(f"the order of Born charges must be a whole number, at least 1, found {order!r}.")
    if isinstance(charges, BornModel):
        return charges.born_charges(atoms, order)
    q = checked_charges(atoms, charges)
    values = q[:, None, None] * np.eye(3)
    if are_constant(charges) or not len(atoms):
        return BornCharges(values, float(q.sum()))
    cell, fractional = _fractional(atoms)
    whole = None
    if atoms.pbc.any() and "fragment" in atoms.arrays:
        whole = whole_fragments(fractional, cell, atoms)
        if whole is not None and not _closed(atoms, charges):
            whole = None
    for axis in range(3):
        s = fractional[:, axis] if whole is None else whole[:, axis]
        if whole is not None or not atoms.pbc[axis]:
            flow = _derivative(atoms, charges, s)
        else:
            flow = np.zeros((len(atoms), 3))
            for m, weight in enumerate(sine_weights(order), start=1):
                phase = 2 * pi * m * s
                sine, cosine = np.sin(phase), np.cos(phase)
                along = cosine[:, None] * _derivative(atoms, charges, sine)
                along -= sine[:, None] * _derivative(atoms, charges, cosine)
                flow += weight / (2 * pi) * along
        values += flow[:, :, None] * cell[axis]
    return BornCharges(values, float(q.sum()))


def sine_weights(order: int) -> list[float]:
    """c_m for m = 1 … order: x ≈ Σ c_m sin(mx), exact in the first 2·order powers of x."""
    top = factorial(order) ** 2
    return [
        -2 * (-1) ** m * top / (m * factorial(order - m) * factorial(order + m)) for m in range(1, order + 1)
    ]


def dipole(atoms: Atoms, charges: ChargeModel) -> Array:
    """Σ q_i r_i (3,) e·Å of the positions as given; of a charged structure it depends on the origin."""
    return checked_charges(atoms, charges) @ atoms.positions


def polarization(atoms: Atoms, charges: ChargeModel) -> Array:
    """Dipole of the positions as given over the volume of the cell, (3,) e/Å².

    An atom given in the next cell changes it by its charge times a lattice vector over the volume; only
    differences along a path on which no atom jumps have a meaning (Resta, Rev. Mod. Phys. 66, 899, 1994).
    Raises InputError for a structure without volume.
    """
    volume = abs(float(np.linalg.det(atoms.cell.array)))
    if volume == 0:
        raise InputError(
            "a polarization needs the volume of a cell, but the structure has none.",
            remedy="use the dipole, or give the structure a cell.",
        )
    return dipole(atoms, charges) / volume


def dipole_path(structures: Iterable[Atoms], charges: ChargeModel, order: int = ORDER) -> Array:
    """(F, 3) e·Å, dipole along a path of F structures less that of the first, whose atoms never jump.

    The sum of Born charge times displacement, the former averaged over both ends of each step (trapezoidal
    rule): exact for fixed charges, else its error is of second order in the step. An ion that hops around the
    whole cell thus carries the charge that really flows, not the one that the model gives it where it rests
    (Grasselli, Baroni, Nat. Phys. 15, 967, 2019).
    """
    path: list[Array] = []
    before: tuple[Array, Array] | None = None
    for atoms in structures:
        here = born_charges(atoms, charges, order).values
        path.append(np.zeros(3) if before is None else path[-1] + step_dipole(*before, here, atoms.positions))
        before = here, atoms.positions.copy()
    return np.array(path).reshape(-1, 3)


def step_dipole(born_before: Array, before: Array, born: Array, positions: Array) -> Array:
    """(3,) e·Å that the dipole changes by between two structures; born: (N, 3, 3) e, positions (N, 3) Å."""
    return 0.5 * np.einsum("nab,na->b", born_before + born, positions - before)


def born_errors(frames: list[Atoms], charges: ChargeModel, order: int = ORDER) -> dict[str, Any] | None:
    """Errors of Born charges against the labels `REF_bec`, JSON-ready; None if no frame has them.

    born_rmse, born_mae: e, over all nine components of all atoms. born_slope: of the straight line
    through the origin from prediction to label; charges that were fitted in a medium whose electrons
    screen are too small by the square root of its electronic dielectric constant; 0 for no charges.
    sum_rule: e, largest violation.
    """
    found, labels, broken = [], [], 0.0
    for atoms in frames:
        if "REF_bec" in atoms.arrays:
            born = born_charges(atoms, charges, order)
            found.append(born.values.reshape(-1, 9))
            labels.append(np.asarray(atoms.arrays["REF_bec"], dtype=float).reshape(-1, 9))
            broken = max(broken, float(np.abs(born.violation).max()))
    if not found:
        return None
    predicted, label = np.concatenate(found), np.concatenate(labels)
    square = float((predicted**2).sum())
    return {
        "born_rmse": float(np.sqrt(((predicted - label) ** 2).mean())),
        "born_mae": float(np.abs(predicted - label).mean()),
        "born_slope": float((predicted * label).sum()) / square if square > 0 else 0.0,
        "sum_rule": broken,
        "frames": len(found),
    }


def checked_charges(atoms: Atoms, charges: ChargeModel) -> Array:
    """(N,) e; ModelError if the model gave another shape or numbers that are not finite."""
    q = np.asarray(charges.charges(atoms), dtype=np.float64)
    if q.shape != (len(atoms),) or not np.isfinite(q).all():
        raise ModelError(
            f"the charge model gave shape {q.shape} for {len(atoms)} atoms, or numbers not finite.",
            remedy="a charge model returns one finite charge for each atom.",
        )
    return q


def _derivative(atoms: Atoms, charges: ChargeModel, weights: Array) -> Array:
    """(N, 3), Σ_i weights_i ∂q_i/∂r."""
    return -charges.vjp(atoms, weights)[0]


def _closed(atoms: Atoms, charges: ChargeModel) -> bool:
    """Whether fragments keep their charges when atoms move: no weighted sum of those changes."""
    _, fragment = np.unique(atoms.arrays["fragment"], return_inverse=True)
    weights = np.random.default_rng(0).normal(size=len(atoms))
    flow = np.abs(_derivative(atoms, charges, weights[fragment])).max()
    return bool(flow <= 1e-6 * np.abs(_derivative(atoms, charges, weights)).max())


def _fractional(atoms: Atoms) -> tuple[Array, Array]:
    """Cell (3, 3) Å, axes that are missing filled up, and fractional positions (N, 3)."""
    cell = np.array(atoms.cell.array, dtype=np.float64)
    missing = ~cell.any(axis=1)
    if (missing & atoms.pbc).any():
        raise InputError(
            f"axes {np.flatnonzero(missing & atoms.pbc).tolist()} are periodic, but have no lattice vector.",
            remedy='give the cell (Lattice="..."), or write pbc="F F F" (in Python atoms.pbc = False).',
        )
    if missing.any():
        cell = atoms.cell.complete().array
    if abs(np.linalg.det(cell)) < 1e-5 * np.linalg.norm(cell, axis=1).prod():
        raise InputError("the cell vectors lie in a plane.", remedy="check the cell.")
    return cell, atoms.positions @ np.linalg.inv(cell)
