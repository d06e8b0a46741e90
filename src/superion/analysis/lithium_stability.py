"""Whether a flat interface of lithium metal and a solid electrolyte stays flat as lithium is plated.

Linear stability after Monroe and Newman (J. Electrochem. Soc. 152, A396, 2005), for two isotropic elastic
half-spaces as in Ahmad and Viswanathan (Phys. Rev. Lett. 119, 056003, 2017). A wave A cos(kx) of the
interface changes the electrochemical potential of the electrons at the metal by Δμ = χ A cos(kx),

    χ = (V_M k/2z) [(1 + v) (τ_e − τ_s) + (1 − v) (p_e + p_s) − (1 + v) γ k]
    τ_e − τ_s = 4 G_e G_s (ν_e (4ν_s − 3) − 3ν_s + 2)/D
    p_e + p_s = (G_e² (4ν_s − 3) + G_s² (3 − 4ν_e))/D
    D = G_e (1 − ν_e) (3 − 4ν_s) + G_s (1 − ν_s) (3 − 4ν_e)

with shear moduli G and Poisson's ratios ν of the electrode e and the electrolyte s, the molar volume V_M of
the metal, v = V(ion in the electrolyte)/V_M, charge z = 1 and interface energy γ. τ and p are the normal
deviatoric stress and the pressure, −(σ_xx + σ_zz)/2, at the interface for A k = 1 in plane strain, where
displacements and tangential stress go on across the interface. χ < 0: peaks are plated slower than valleys,
and waves of this length die out. Valid at the onset only: no plastic flow, no grain boundaries, no cracks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase import units

from superion.errors import InputError

LITHIUM_SHEAR = 3.4 * units.GPa
"""Shear modulus of lithium metal as used by Monroe and Newman (2005), eV/Å³."""
LITHIUM_POISSON = 0.42
"""Poisson's ratio of lithium metal as used by Monroe and Newman (2005)."""
LITHIUM_VOLUME = 3.51**3 / 2
"""Volume of an atom in bcc lithium, Å³: lattice constant 3.51 Å at room temperature (CRC Handbook)."""


@dataclass(frozen=True, slots=True)
class Stability:
    """χ (eV/Å) at one wavenumber, its standard error, and its parts, which add up to `chi`.

    deviatoric, hydrostatic, surface: parts by stresses and by the interface energy.
    """

    chi: float
    error: float
    deviatoric: float
    hydrostatic: float
    surface: float

    @property
    def stable(self) -> bool:
        """Whether waves of this length die out."""
        return self.chi < 0


def interface_stresses(
    shear: float, poisson: float, metal_shear: float, metal_poisson: float
) -> tuple[float, float]:
    """τ_e − τ_s and p_e + p_s, in the unit of the shear moduli, for A k = 1."""
    e, s, ne, ns = metal_shear, shear, metal_poisson, poisson
    d = e * (1 - ne) * (3 - 4 * ns) + s * (1 - ns) * (3 - 4 * ne)
    return (
        4 * e * s * (ne * (4 * ns - 3) - 3 * ns + 2) / d,
        (e * e * (4 * ns - 3) + s * s * (3 - 4 * ne)) / d,
    )


def lithium_stability(
    shear: float,
    poisson: float,
    ion_volume: float,
    *,
    wavenumber: float = 0.01,
    interface_energy: float = 0.0,
    metal_shear: float = LITHIUM_SHEAR,
    metal_poisson: float = LITHIUM_POISSON,
    metal_volume: float = LITHIUM_VOLUME,
    errors: Mapping[str, float] | None = None,
) -> Stability:
    """Stability of the interface with an electrolyte: shear modulus (eV/Å³), Poisson's ratio, volume (Å³).

    ion_volume: partial volume that one ion of lithium has in the electrolyte. wavenumber: 1/Å; 0.01 is
    10⁸/m. interface_energy: eV/Å²; without it the answer holds for long waves. errors: standard errors, by
    the names of these arguments, propagated to first order as independent.
    """
    values = {
        "shear": shear,
        "poisson": poisson,
        "ion_volume": ion_volume,
        "interface_energy": interface_energy,
        "metal_shear": metal_shear,
        "metal_poisson": metal_poisson,
        "metal_volume": metal_volume,
    }
    _check(values, wavenumber)
    parts = _parts(values, wavenumber)
    variance = 0.0
    for name, error in (errors or {}).items():
        if name not in values or not (np.isfinite(error) and error >= 0):
            raise InputError(
                f"cannot use the error {error!r} of {name!r}.",
                remedy=f"give non-negative errors of {', '.join(values)}.",
            )
        step = 1e-5 * max(abs(values[name]), 1e-3)
        ends = [sum(_parts(values | {name: values[name] + h}, wavenumber)) for h in (step, -step)]
        variance += ((ends[0] - ends[1]) / (2 * step) * error) ** 2
    return Stability(sum(parts), float(np.sqrt(variance)), *parts)


def _parts(values: Mapping[str, float], wavenumber: float) -> tuple[float, float, float]:
    deviatoric, pressure = interface_stresses(
        values["shear"], values["poisson"], values["metal_shear"], values["metal_poisson"]
    )
    ratio = values["ion_volume"] / values["metal_volume"]
    scale = 0.5 * values["metal_volume"] * wavenumber
    return (
        scale * (1 + ratio) * deviatoric,
        scale * (1 - ratio) * pressure,
        -scale * (1 + ratio) * values["interface_energy"] * wavenumber,
    )


def _check(values: Mapping[str, float], wavenumber: float) -> None:
    for name, value in {**values, "wavenumber": wavenumber}.items():
        if "poisson" in name:
            fits, wanted = -1 < value < 0.5, "between -1 and 0.5"
        elif name == "interface_energy":
            fits, wanted = 0 <= value < np.inf, "zero or more"
        else:
            fits, wanted = 0 < value < np.inf, "a positive number"
        if not fits:
            raise InputError(f"{name} must be {wanted}, found {value}.")
