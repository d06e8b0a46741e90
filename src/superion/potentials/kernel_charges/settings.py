"""What a fit of kernel charge equilibration is determined by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Self

from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from pydantic import BaseModel, ConfigDict, Field

from superion.potentials.many_body.soap import SoapSettings

ORGANIC = frozenset({"H", "C", "N", "O", "F", "P", "S", "Cl"})
Learned = Literal["hardness", "width", "delta", "sigma"]

ELECTRONEGATIVITY = (
    SoapSettings(
        cutoff=2.5, cutoff_width=1.5, n_max=4, l_max=4, atom_sigma=0.3, delta=5.0, sparse_points=1000
    ),
    SoapSettings(
        cutoff=4.5, cutoff_width=3.0, n_max=6, l_max=4, atom_sigma=0.5, delta=5.0, sparse_points=1000
    ),
)
ATOMIC_DIPOLES = (
    SoapSettings(
        cutoff=2.5, cutoff_width=1.5, n_max=3, l_max=3, atom_sigma=0.3, delta=0.5, sparse_points=500
    ),
    SoapSettings(
        cutoff=4.5, cutoff_width=3.0, n_max=4, l_max=3, atom_sigma=0.5, delta=0.5, sparse_points=500
    ),
)

MOLECULES = (
    SoapSettings(
        cutoff=2.0, cutoff_width=1.0, n_max=4, l_max=4, atom_sigma=0.25, delta=224.0, sparse_points=1000
    ),
    SoapSettings(
        cutoff=2.5, cutoff_width=1.5, n_max=4, l_max=4, atom_sigma=0.3, delta=49.0, sparse_points=1000
    ),
    SoapSettings(
        cutoff=3.0, cutoff_width=2.0, n_max=5, l_max=4, atom_sigma=0.35, zeta=4, delta=7.0, sparse_points=1000
    ),
    SoapSettings(
        cutoff=4.5, cutoff_width=3.0, n_max=6, l_max=4, atom_sigma=0.5, delta=4.0, sparse_points=1000
    ),
)
"""Of electronegativities in organic molecules. The shortest sees hardly more than bonds. Its kernel of a
carbon atom of ethane with itself is 0.99998 after C-C has grown by 0.1 Å; `delta` lets that change 1.5 V."""
MOLECULAR_DIPOLES = (
    SoapSettings(cutoff=2.0, cutoff_width=1.0, n_max=4, l_max=3, atom_sigma=0.25, zeta=1, delta=0.45),
    SoapSettings(cutoff=3.0, cutoff_width=2.0, n_max=4, l_max=3, atom_sigma=0.35, zeta=4, delta=0.14),
    SoapSettings(cutoff=3.5, cutoff_width=3.0, n_max=4, l_max=4, atom_sigma=0.4, zeta=4, delta=0.19),
    SoapSettings(cutoff=4.5, cutoff_width=3.0, n_max=4, l_max=3, atom_sigma=0.5, zeta=2, delta=0.07),
)


class KernelSigmas(BaseModel):
    """Expected errors of the labels; the model is not asked to follow them more closely."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dipole: float = Field(0.02, gt=0, description="dipole component, e·Å")
    quadrupole: float = Field(0.05, gt=0, description="quadrupole component, e·Å²")
    charge: float = Field(0.02, gt=0, description="charge of an atom, e")
    esp: float = Field(0.02, gt=0, description="electrostatic potential at a point, V")


class KernelQEqSettings(BaseModel):
    """Everything a fit of kernel charge equilibration is determined by, besides the data.

    The preset kqeq of `superion fit` takes other defaults for dipoles of organic molecules: `completed`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    electronegativity: tuple[SoapSettings, ...] = Field(
        ELECTRONEGATIVITY,
        min_length=1,
        description="kernels whose sum is the electronegativity; their `delta` is in V",
    )
    atomic_dipoles: tuple[SoapSettings, ...] = Field(
        ATOMIC_DIPOLES,
        description="kernels of dipoles on the atoms, which add to dipoles, quadrupoles and potentials but "
        "do not interact; their `delta` is in e·Å; none: charges alone",
    )
    offset_sigma: float = Field(
        5.0, gt=0, description="prior standard deviation of the electronegativity of an element, V"
    )
    hardness: dict[str, float] = Field(
        {}, description="hardness without self-interaction, eV/e², where learning starts; default 10"
    )
    width: dict[str, float] = Field(
        {}, description="width of the Gaussian charges, Å, where learning starts; default: covalent radii"
    )
    learn: tuple[Learned, ...] = Field(
        ("hardness", "width", "delta", "sigma"),
        description="what is adapted, beside the weights, to predict labels that are left out: hardness and "
        "width of every element, delta of every kernel, all sigmas by a common factor",
    )
    steps: int = Field(60, ge=0, description="evaluations of the left-out error while learning")
    rows: int = Field(1500, ge=1, description="labels used while learning, at most; whole frames at random")
    sigma: KernelSigmas = Field(KernelSigmas(), description="expected errors of the labels")
    use: tuple[Literal["dipole", "quadrupole", "charge", "esp"], ...] = Field(
        ("dipole", "quadrupole", "charge", "esp"), description="labels to learn from, where frames have them"
    )
    start_charges: dict[str, float] = Field(
        {}, description="charges of elements, e, from which training on energies starts without other labels"
    )
    cycles: int = Field(
        20, ge=1, description="linear solutions at fixed charges, at most, in training on energies"
    )
    tolerance: float = Field(1e-3, gt=0, description="change of a charge, e, at which the cycles end")
    total_charge: float | None = Field(
        None, description="total charge of structures that state none, e; null refuses them"
    )
    background: bool | None = Field(
        None,
        description="charged periodic cells: true: a uniform background neutralises them; null: the same, "
        "with a warning; false: they are refused",
    )
    neutral_parts: bool = Field(
        False,
        description="keep each bonded part of a neutral cluster neutral, so that no charge flows between "
        "molecules that do not touch; the energy jumps where a bond breaks",
    )
    accuracy: float = Field(
        1e-8, ge=1e-15, le=1e-2, description="of periodic Coulomb sums, relative to a bare pair"
    )
    jitter: float = Field(1e-8, gt=0, description="added to the prior's diagonal, relative to its mean")
    seed: int = Field(0, ge=0, description="seed of the choice of sparse points and of frames")

    @classmethod
    def for_molecules(cls, elements: Iterable[str]) -> Self:
        """Settings for dipoles of molecules with these elements (symbols) and with bonds below 2 Å.

        Kernels of more lengths than by default, the same hardness for all elements, half their covalent radii
        as widths, nothing learned but weights, molecules that have come apart neutral in each part. The
        choice is that of benchmarks/kqeq.py.
        """
        symbols = sorted(set(elements))
        return cls(
            electronegativity=MOLECULES,
            atomic_dipoles=MOLECULAR_DIPOLES,
            hardness=dict.fromkeys(symbols, 5.0),
            width={symbol: 0.5 * float(covalent_radii[atomic_numbers[symbol]]) for symbol in symbols},
            sigma=KernelSigmas(dipole=0.033),
            learn=(),
            neutral_parts=True,
        )

    def completed(self, frames: Sequence[Atoms]) -> Self:
        """These settings, with what they leave unsaid from `for_molecules` where it suits the frames.

        That is if all are clusters of the elements in ORGANIC and one has a label of its dipole.
        """
        suited = (
            not any(atoms.pbc.any() for atoms in frames)
            and {s for atoms in frames for s in atoms.symbols} <= ORGANIC
            and any("REF_dipole" in atoms.info for atoms in frames)
        )
        if not suited:
            return self
        said = {name: getattr(self, name) for name in self.model_fields_set}
        return self.for_molecules(s for atoms in frames for s in atoms.symbols).model_copy(update=said)
