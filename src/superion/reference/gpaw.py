"""Labels from GPAW: plane waves or atomic orbitals.

GPAW: Mortensen et al., J. Chem. Phys. 160, 092503 (2024). The defaults are the settings of `data/lps`.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field

from superion.reference.labeller import made_with, multiplicity, require, total_charge
from superion.reference.labels import Kind, Labels, UnconvergedError

INSTALL = (
    "Debian packages g++ libopenblas-dev libxc-dev libfftw3-dev, then `pip install gpaw`; see docs/labels.md."
)


class GpawSettings(BaseModel):
    """Settings of a GPAW calculation; the defaults are those of the labels in `data/lps`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["pw", "lcao"] = Field("pw", description="Plane waves, or atomic orbitals.")
    cutoff: float = Field(350.0, gt=0, description="Energy of the plane waves, eV (pw).")
    spacing: float = Field(0.18, gt=0, description="Spacing of the real-space grid, Å (lcao).")
    basis: str = Field("dzp", description="Basis set (lcao).")
    xc: str = Field("PBE", description="Exchange-correlation functional.")
    width: float = Field(0.05, ge=0, description="Width of the Fermi-Dirac occupations, eV.")
    kpoints: tuple[int, int, int] | None = Field(
        None, description="Monkhorst-Pack grid. Default: from kpoint_density."
    )
    kpoint_density: float = Field(
        1.5,
        gt=0,
        description="Points per Å⁻¹ along each periodic axis; one point where that suffices, else even.",
    )
    stress: bool = Field(True, description="Compute the stress of periodic cells (pw).")
    charges: bool = Field(
        False, description="Hirshfeld charges, shifted alike on all atoms to sum to the total charge."
    )
    dipole: bool = Field(False, description="Dipole of structures that are not periodic.")
    maxiter: int = Field(333, gt=0, description="Limit of self-consistent iterations.")


def kpoint_grid(atoms: Atoms, density: float) -> tuple[int, int, int]:
    """Monkhorst-Pack grid of at least `density` points per Å⁻¹ (2π included) along each periodic axis.

    One point where that is enough, else an even number. Monkhorst and Pack, Phys. Rev. B 13, 5188 (1976).
    """
    reciprocal = np.linalg.norm(atoms.cell.reciprocal().array, axis=1)
    wanted = [
        math.ceil(2 * math.pi * b * density) if periodic else 1
        for b, periodic in zip(reciprocal, atoms.pbc, strict=True)
    ]
    a, b, c = (n if n == 1 else n + n % 2 for n in wanted)
    return a, b, c


class GpawLabeller:
    """Labels from GPAW; every label starts from scratch, so that it does not depend on others.

    A lone atom without a multiplicity follows Hund's rule; anything else has no spin polarisation.

    log: where GPAW writes its text, "-" for standard output.
    """

    name: ClassVar[str] = "gpaw"
    kind: ClassVar[Kind] = "first-principles"
    packages: ClassVar[tuple[str, ...]] = ("gpaw", "ase")

    def __init__(self, settings: GpawSettings | None = None, log: str | None = None) -> None:
        self._settings = settings or GpawSettings()
        self._log = log

    def settings(self) -> dict[str, Any]:
        """All settings."""
        return self._settings.model_dump(mode="json")

    def properties(self) -> frozenset[str]:
        """Energy, forces, and what the settings ask for; SetupError without GPAW."""
        require("gpaw", INSTALL)
        chosen = self._settings
        asked = {"stress": chosen.stress and chosen.mode == "pw", "charges": chosen.charges}
        return frozenset({"energy", "forces", *(name for name, wanted in asked.items() if wanted)})

    def label(self, atoms: Atoms) -> Labels:
        """Energy, free energy, forces, and stress, charges and dipole as asked for."""
        gpaw = require("gpaw", INSTALL)
        settings = self._settings
        structure = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        grid = settings.kpoints or kpoint_grid(structure, settings.kpoint_density)
        spin = multiplicity(atoms)
        structure.calc = gpaw.GPAW(**self._parameters(structure, grid, total_charge(atoms), spin))
        try:
            energy = float(structure.get_potential_energy())
        except gpaw.KohnShamConvergenceError as error:
            raise UnconvergedError(
                f"the self-consistent cycle did not converge in {settings.maxiter} iterations.",
                remedy="check the structure, or raise maxiter or width.",
            ) from error
        mode = f"PW({settings.cutoff:g} eV)" if settings.mode == "pw" else f"LCAO({settings.basis})"
        return Labels(
            energy=energy,
            free_energy=float(structure.get_potential_energy(force_consistent=True)),
            forces=structure.get_forces(),
            stress=structure.get_stress() if self._has_stress(structure) else None,
            charges=_hirshfeld(structure, total_charge(atoms)) if settings.charges else None,
            dipole=structure.get_dipole_moment() if settings.dipole and not structure.pbc.any() else None,
            method=f"{made_with('gpaw')}; {settings.xc} {mode} FD({settings.width:g} eV) "
            f"kpts {'x'.join(map(str, grid))}" + ("" if spin is None else f" multiplicity {spin}"),
        )

    def _has_stress(self, atoms: Atoms) -> bool:
        return self._settings.stress and self._settings.mode == "pw" and bool(atoms.pbc.all())

    def _parameters(
        self, atoms: Atoms, grid: tuple[int, int, int], charge: float, spin: int | None
    ) -> dict[str, Any]:
        settings = self._settings
        parameters: dict[str, Any] = {
            "mode": {"name": "pw", "ecut": settings.cutoff} if settings.mode == "pw" else "lcao",
            "xc": settings.xc,
            "kpts": grid,
            "occupations": {"name": "fermi-dirac", "width": settings.width},
            "symmetry": {"point_group": False},
            "maxiter": settings.maxiter,
            "txt": self._log,
        }
        if settings.mode == "lcao":
            parameters |= {"basis": settings.basis, "h": settings.spacing}
        if charge:
            parameters["charge"] = charge
        if spin is not None:
            atoms.set_initial_magnetic_moments(np.full(len(atoms), (spin - 1) / len(atoms)))
            parameters["spinpol"] = True
            parameters["occupations"]["fixmagmom"] = True
        elif len(atoms) == 1:
            parameters["hund"] = True
        if settings.charges:
            parameters["legacy_gpaw"] = True  # the Hirshfeld analysis knows this implementation only
        return parameters


def _hirshfeld(atoms: Atoms, charge: float) -> np.ndarray:
    """Hirshfeld charges (N,) in e that sum to `charge`. Hirshfeld, Theor. Chim. Acta 44, 129 (1977)."""
    hirshfeld = require("gpaw.analyse.hirshfeld", INSTALL)
    charges = np.array(hirshfeld.HirshfeldPartitioning(atoms.calc).get_charges())
    return charges - (charges.sum() - charge) / len(charges)
