"""The charge equilibration QEq of Rappé and Goddard, J. Phys. Chem. 95, 3358, 1991, with its parameters.

Electronegativity χ and hardness J ("idempotential") are those of the lone atom from its ionisation potential
and electron affinity; hydrogen's are fitted (table I and equation 22 there). An atom carries the density of
an ns Slater orbital of its valence shell n, with exponent (2n + 1)λ/2R and covalent radius R (equation 17).
λ = 0.4913 was fitted to the dipoles of alkali halides and made table I, where hydrogen has 0.5 (the printed
exponent of oxygen, 0.9745/a₀, is that of R = 0.667 Å; its printed R is 0.669 Å). Rounded to 0.5 it made the
charges of hydrides in table III.

Hydrogen. In the paper its orbital and hardness depend on its charge (e): ζ = ζ⁰ + q/a₀, J = J⁰(1 + q/ζ⁰a₀),
repeated until nothing changes (equations 20 and 21). These charges minimise no energy: the derivative of the
Coulomb integrals by the exponent, and half that of J, are missing, so that no forces follow from them.
`rappe_goddard` therefore keeps hydrogen as it is at q = 0, and `published_charges` gives the charges of the
paper, without forces. Where hydrogen is negative, as in LiH, the iteration has no end.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import pi, sqrt

import numpy as np
import torch
from ase import Atoms, units

from superion.electrostatics.charge_equilibration import ChargeEquilibration
from superion.electrostatics.coulomb_matrix import coulomb_matrix
from superion.electrostatics.densities import COULOMB, Density, Gaussian, Slater, self_interaction
from superion.electrostatics.equilibration import Constraints, DirectResponse, equilibrate
from superion.errors import InputError, ModelError

Array = np.ndarray
PARAMETERS: dict[str, tuple[int, float, float, float]] = {
    "H": (1, 4.5280, 13.8904, 0.371),
    "Li": (2, 3.006, 4.772, 1.557),
    "C": (2, 5.343, 10.126, 0.759),
    "N": (2, 6.899, 11.760, 0.715),
    "O": (2, 8.741, 13.364, 0.669),
    "F": (2, 10.874, 14.948, 0.706),
    "Na": (3, 2.843, 4.592, 2.085),
    "Si": (3, 4.168, 6.974, 1.176),
    "P": (3, 5.463, 8.000, 1.102),
    "S": (3, 6.928, 8.972, 1.047),
    "Cl": (3, 8.564, 9.892, 0.994),
    "K": (4, 2.421, 3.84, 2.586),
    "Br": (4, 7.790, 8.850, 1.141),
    "Rb": (5, 2.331, 3.692, 2.770),
    "I": (5, 6.822, 7.524, 1.333),
    "Cs": (6, 2.183, 3.422, 2.984),
}
"""Of each element n, χ (V), J (eV/e²) and R (Å): table I, all that it lists."""
SHELL = 8
"""Electrons of a filled valence shell; hydrogen has room for 2."""
VALENCE = {
    **dict.fromkeys(("H", "Li", "Na", "K", "Rb", "Cs"), 1),
    **dict.fromkeys(("C", "Si"), 4),
    **dict.fromkeys(("N", "P"), 5),
    **dict.fromkeys(("O", "S"), 6),
    **dict.fromkeys(("F", "Cl", "Br", "I"), 7),
}
"""Electrons in the valence shell of the atom."""
SCALE = 0.4913
HYDROGEN_SCALE = 0.5
CONVERGED = 1e-10  # e
ROUNDS = 100


def rappe_goddard(
    symbols: Iterable[str],
    density: str = "slater",
    *,
    scale: float = SCALE,
    total_charge: float | None = None,
    neutral_parts: bool = False,
    accuracy: float = 1e-8,
    warn: bool = True,
    bounded: bool = True,
) -> ChargeEquilibration:
    """QEq for these elements, with hydrogen at q = 0; see the head of this module.

    density: "slater", or "gaussian" with the self-interaction of the Slater density, which costs less.
    scale: λ of all elements but hydrogen. bounded: keep charges between those of the empty and of the filled
    valence shell, as the paper does. The rest: see `ChargeEquilibration`. Raises InputError for an
    element that table I does not list and for an unknown density.
    """
    elements = list(dict.fromkeys(symbols))
    densities: dict[str, Density] = {symbol: slater(symbol, scale) for symbol in elements}
    if density == "gaussian":
        for symbol, own in densities.items():
            densities[symbol] = Gaussian(COULOMB / (sqrt(pi) * self_interaction(own)))
    elif density != "slater":
        raise InputError(f"unknown density {density!r}.", remedy="choose slater or gaussian.")
    return ChargeEquilibration(
        {symbol: PARAMETERS[symbol][1] for symbol in elements},
        {symbol: PARAMETERS[symbol][2] for symbol in elements},
        densities,
        total_charge,
        neutral_parts=neutral_parts,
        accuracy=accuracy,
        warn=warn,
        bounds={symbol: valence_range(symbol) for symbol in elements} if bounded else None,
    )


def valence_range(symbol: str) -> tuple[float, float]:
    """Charges (e) of the filled and of the empty valence shell: −7 and +1 of lithium, −2 and +6 of sulfur."""
    electrons = VALENCE[symbol]
    return float(electrons - (2 if symbol == "H" else SHELL)), float(electrons)


def slater(symbol: str, scale: float = SCALE, charge: float = 0.0) -> Slater:
    """The density of an element; charge: e, of hydrogen. InputError for an element without parameters."""
    if symbol not in PARAMETERS:
        raise InputError(
            f"Rappé and Goddard give no parameters for {symbol!r}; they do for {', '.join(PARAMETERS)}.",
            remedy="give electronegativity, hardness and density yourself: ChargeEquilibration.",
        )
    n, _, _, radius = PARAMETERS[symbol]
    own = HYDROGEN_SCALE if symbol == "H" else scale
    zeta = own * (2 * n + 1) / (2 * radius) + (charge / units.Bohr if symbol == "H" else 0.0)
    return Slater(zeta, n)


def published_charges(atoms: Atoms, total_charge: float = 0.0, scale: float = 0.5) -> Array:
    """(N,) e, the charges of the paper, hydrogen included; of structures without periodic axes.

    Raises InputError for periodic structures and elements without parameters; ModelError if the charge of
    hydrogen leaves −1 to 1 e, the range of the equations, or does not settle.
    """
    if atoms.pbc.any():
        raise InputError(
            "the charge-dependent hydrogen of QEq is for structures without periodic axes.",
            remedy="use rappe_goddard, which keeps hydrogen as it is without charge.",
        )
    symbols = atoms.get_chemical_symbols()
    resting = [slater(symbol, scale) for symbol in symbols]
    chi, resting_hardness = (np.array([PARAMETERS[s][k] for s in symbols]) for k in (1, 2))
    hydrogen = atoms.numbers == 1
    constraints = Constraints.total(len(atoms), total_charge)
    positions = torch.tensor(atoms.positions, dtype=torch.float64)
    charges = np.zeros(len(atoms))
    for _ in range(ROUNDS):
        if len(charges) and np.abs(charges[hydrogen]).max(initial=0.0) >= 1:
            break
        every = [
            slater(s, scale, q) if s == "H" else d for s, q, d in zip(symbols, charges, resting, strict=True)
        ]
        distinct = tuple(dict.fromkeys(every))
        kinds = torch.tensor([distinct.index(d) for d in every], dtype=torch.int64)
        growth = np.array([d.zeta / rest.zeta for d, rest in zip(every, resting, strict=True)])
        matrix = coulomb_matrix(positions, None, distinct, kinds).numpy()
        matrix += np.diag(resting_hardness * growth)
        response = DirectResponse(matrix, constraints, symbols)
        before, charges = charges, equilibrate(response, matrix.dot, chi, constraints)
        if not hydrogen.any() or np.abs(charges - before).max() < CONVERGED:
            return charges
    raise ModelError(
        f"the charge of hydrogen did not settle; the last charges are {charges.round(3).tolist()} e.",
        remedy="check the structure and its total charge, or use rappe_goddard.",
    )
