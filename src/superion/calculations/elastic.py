"""Elastic constants of a crystal from the stresses of small strains.

With Voigt strains e = (ε₁₁, ε₂₂, ε₃₃, 2ε₂₃, 2ε₁₃, 2ε₁₂) the stress is σ = σ₀ + C e. Central differences give
the stress of each strain to second order; the symmetries of the crystal rotate strains and stresses to
further ones, so that few need to be computed (two in a cubic crystal); C is their least-squares solution
(Nye, Physical Properties of Crystals, 1957). In a crystal under the hydrostatic stress σ₀ these are the
stress-strain coefficients, which decide its stability as C does without (Wallace, Phys. Rev. 162, 776, 1967).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator, PropertyNotImplementedError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress

from superion.analysis.point_group import point_group
from superion.calculations.branch import farthest
from superion.calculations.relaxation import relaxed
from superion.errors import MAKE_CRYSTAL, InputError

Array = np.ndarray
STRAIN = 0.005
FMAX = 1e-4
"""Largest force (eV/Å) of a relaxed structure: small beside what a strain of 0.005 does to ions."""
MISFIT = 0.05
"""Part of the largest constant that no symmetric tensor explains, above which it is said."""
BENT = 10.0
"""Curvature of a stress in the strain, over the constant: usual are 2 to 5."""
APART = 0.1
"""Part of a constant by which energies and stresses may tell different ones."""
LEAP = 0.5
"""Å that an ion may move in a strained cell, beyond what the cell does."""
UNDER = 0.1
"""GPa of stress without strain that is said."""


@dataclass(frozen=True, slots=True)
class Moduli:
    """Bulk and shear moduli (eV/Å³) of a powder by Voigt, Reuss and Hill, and what follows from Hill's.

    Hill, Proc. Phys. Soc. A 65, 349 (1952). anisotropy: universal index 5 G_V/G_R + B_V/B_R − 6, zero for an
    isotropic crystal (Ranganathan, Ostoja-Starzewski, Phys. Rev. Lett. 101, 055504, 2008).
    """

    bulk_voigt: float
    bulk_reuss: float
    shear_voigt: float
    shear_reuss: float

    @property
    def bulk(self) -> float:
        """Bulk modulus, eV/Å³."""
        return 0.5 * (self.bulk_voigt + self.bulk_reuss)

    @property
    def shear(self) -> float:
        """Shear modulus, eV/Å³."""
        return 0.5 * (self.shear_voigt + self.shear_reuss)

    @property
    def young(self) -> float:
        """Young's modulus, eV/Å³."""
        return 9 * self.bulk * self.shear / (3 * self.bulk + self.shear)

    @property
    def poisson(self) -> float:
        """Poisson's ratio."""
        return (3 * self.bulk - 2 * self.shear) / (2 * (3 * self.bulk + self.shear))

    @property
    def anisotropy(self) -> float:
        """Universal anisotropy."""
        return 5 * self.shear_voigt / self.shear_reuss + self.bulk_voigt / self.bulk_reuss - 6


@dataclass(frozen=True, slots=True)
class ElasticTensor:
    """Elastic constants (6, 6) in eV/Å³, xx yy zz yz xz xy.

    residual: largest part of a stress, per unit of strain, that no symmetric tensor with the symmetry of the
    crystal explains: an error of finite strains and forces left. stress: (6,) eV/Å³ without strain.
    operations: rotations of the crystal used. strains: computed, each with both signs. bent: largest part of
    a stress that is even in the strain, over the strain squared and the largest constant. apart: largest
    difference of e·C·e by energies and by stresses, over the largest constant; NaN without energies. leap: Å,
    the farthest an ion moves beyond the cell. structures: without strain, and with each, at both signs.
    """

    tensor: Array
    residual: float
    stress: Array
    operations: int
    strains: int
    bent: float = 0.0
    apart: float = 0.0
    leap: float = 0.0
    structures: tuple[Atoms, ...] = ()

    def notes(self) -> list[str]:
        """What speaks against the constants; empty if nothing does."""
        largest, found = float(np.abs(self.tensor).max()), []
        if self.leap > LEAP or self.bent > BENT or self.apart > APART:
            found.append(
                f"NOT LINEAR: in a strained cell an ion moves by up to {self.leap:.2g} Å, stresses are bent "
                f"by {self.bent:.2g} strains, energies tell constants {100 * self.apart:.2g} % away: ions "
                "leap, or the strain is too large. Try a smaller --strain, or relax the crystal."
            )
        if self.residual > MISFIT * largest:
            found.append(
                f"no symmetric tensor explains {100 * self.residual / largest:.2g} % of the largest "
                "constant: forces are left, or the stress is not hydrostatic."
            )
        worst = float(np.abs(self.stress).max()) / units.GPa
        if worst > UNDER:
            found.append(
                f"the crystal is under a stress of up to {worst:.2g} GPa: C are the coefficients of Wallace."
            )
        return found

    @property
    def eigenvalues(self) -> Array:
        """(6,) eV/Å³, ascending, of C for orthonormal (Mandel) strains: all positive if stable.

        Of the same signs as those of `tensor`, but independent of the axes (Mouhat, Coudert, Phys. Rev. B 90,
        224104, 2014; Mehrabadi, Cowin, Q. J. Mech. Appl. Math. 43, 15, 1990).
        """
        weights = np.array([1, 1, 1, *3 * [np.sqrt(2)]])
        return np.asarray(np.linalg.eigvalsh(self.tensor * np.outer(weights, weights)))

    @property
    def stable(self) -> bool:
        """Whether every small strain costs energy, the general criterion of Born."""
        return bool(self.eigenvalues[0] > 0)

    def moduli(self) -> Moduli:
        """Moduli of a powder; InputError for a crystal that is not stable."""
        if not self.stable:
            raise InputError(
                f"not stable: the smallest eigenvalue of C is {self.eigenvalues[0]:.3g} eV/Å³.",
                remedy="relax the crystal, or follow the strain along which it gives way.",
            )
        c, s = self.tensor, np.linalg.inv(self.tensor)
        (c_equal, c_other, c_shear), (s_equal, s_other, s_shear) = (
            (np.trace(m[:3, :3]), m[0, 1] + m[0, 2] + m[1, 2], np.trace(m[3:, 3:])) for m in (c, s)
        )
        return Moduli(
            float(c_equal + 2 * c_other) / 9,
            float(1 / (s_equal + 2 * s_other)),
            float(c_equal - c_other + 3 * c_shear) / 15,
            float(15 / (4 * (s_equal - s_other) + 3 * s_shear)),
        )


def elastic_tensor(
    atoms: Atoms, calculator: Calculator, *, strain: float = STRAIN, ions: bool = True, fmax: float = FMAX
) -> ElasticTensor:
    """Elastic constants of a crystal at its given cell, the ions relaxed in every strained cell with `ions`.

    Without `ions` their fractional positions are kept (clamped ions). The crystal should be relaxed.
    strain: of each finite difference. fmax: eV/Å, forces that may be left.
    """
    if not atoms.pbc.all() or atoms.cell.rank < 3:
        raise InputError("elastic constants need a crystal periodic along three axes.", remedy=MAKE_CRYSTAL)
    if not 0 < strain <= 0.1:
        raise InputError(
            f"the strain must be between 0 and 0.1, found {strain}.", remedy="0.005 is customary."
        )
    rest = _stressed(atoms, calculator, np.zeros((3, 3)), ions, fmax)
    rotations = point_group(rest)
    strains, stresses, seen, bent, energetic = [], [], [rest], [0.0], []
    still = rest.get_stress(voigt=False)
    for direction in _directions(rotations):
        ends = [_stressed(rest, calculator, sign * strain * direction, ions, fmax) for sign in (1, -1)]
        seen += ends
        pull, push = (end.get_stress(voigt=False) for end in ends)
        bent.append(float(np.abs(pull + push - 2 * still).max()) / (2 * strain**2))
        energetic.append((direction, _curvature(rest, ends, strain)))
        for turn in rotations:
            strains.append(to_voigt(turn @ direction @ turn.T))
            stresses.append(full_3x3_to_voigt_6_stress(turn @ (pull - push) @ turn.T) / (2 * strain))
    tensor, residual = _solve(np.array(strains), np.array(stresses))
    largest = float(np.abs(tensor).max()) or 1.0
    apart = [abs(found - _work(tensor, still, one)) / largest for one, found in energetic]
    return ElasticTensor(
        tensor,
        residual,
        rest.get_stress(),
        len(rotations),
        len(strains) // len(rotations),
        max(bent) / largest,
        max(apart, default=0.0),
        max(farthest(rest, one)[0] for one in seen),
        tuple(seen),
    )


def _curvature(rest: Atoms, ends: list[Atoms], strain: float) -> float:
    """Second derivative of the energy by a strain, over the volume, eV/Å³."""
    pull, push = (end.get_potential_energy() for end in ends)
    return float((pull + push - 2 * rest.get_potential_energy()) / (strain**2 * rest.get_volume()))


def _work(tensor: Array, stress: Array, direction: Array) -> float:
    """The same by stresses: dE/dh = V σ : ε (1 + hε)⁻¹ in the cell 1 + hε, with dσ/dh = C ε."""
    e = to_voigt(direction)
    pull = np.sum(stress * direction)
    return float(e @ tensor @ e + np.trace(direction) * pull - np.sum(stress * (direction @ direction)))


def to_voigt(strain: Array) -> Array:
    """Symmetric strain (3, 3) as (6,) with doubled shears."""
    return full_3x3_to_voigt_6_stress(strain) * np.array([1, 1, 1, 2, 2, 2])


def _stressed(atoms: Atoms, calculator: Calculator, strain: Array, ions: bool, fmax: float) -> Atoms:
    """A copy in the cell deformed by a symmetric strain, its stress remembered."""
    moved = atoms.copy()
    moved.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    if ions:
        moved = relaxed(moved, calculator, fmax=fmax)
    moved.calc = calculator
    try:
        stress = moved.get_stress()
    except PropertyNotImplementedError as error:
        raise InputError(f"the calculator gives no stress ({error}).", remedy="use one that does.") from error
    moved.calc = SinglePointCalculator(moved, stress=stress, energy=moved.get_potential_energy())
    return moved


def _directions(rotations: Array) -> list[Array]:
    """The fewest unit strains, in the order xx to xy, whose images under the rotations span all strains."""
    chosen: list[Array] = []
    span = np.zeros((0, 6))
    for row in np.eye(6):
        one = voigt_6_to_full_3x3_stress(row / np.array([1, 1, 1, 2, 2, 2]))
        images = np.array([to_voigt(turn @ one @ turn.T) for turn in rotations])
        wider = np.vstack([span, images])
        if np.linalg.matrix_rank(wider, tol=1e-6) > np.linalg.matrix_rank(span, tol=1e-6):
            chosen.append(one)
            span = wider
    return chosen


def _solve(strains: Array, stresses: Array) -> tuple[Array, float]:
    """The symmetric C (6, 6) closest to stresses (n, 6) = strains (n, 6) C, and the largest residual."""
    rows, columns = np.triu_indices(6)
    design = np.zeros((len(strains), 6, 21))
    for k, (i, j) in enumerate(zip(rows, columns, strict=True)):
        design[:, i, k] += strains[:, j]
        if i != j:
            design[:, j, k] += strains[:, i]
    flat = design.reshape(-1, 21)
    constants = np.linalg.lstsq(flat, stresses.ravel(), rcond=None)[0]
    tensor = np.zeros((6, 6))
    tensor[rows, columns] = tensor[columns, rows] = constants
    return tensor, float(np.abs(flat @ constants - stresses.ravel()).max())
