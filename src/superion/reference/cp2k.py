"""Labels from CP2K through ASE. CP2K: Kühne et al., J. Chem. Phys. 152, 194103 (2020)."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from ase import Atoms
from ase.units import Rydberg
from pydantic import BaseModel, ConfigDict, Field

from superion.reference.ase_calculator import labels_from
from superion.reference.labeller import SetupError, UnfitError, made_with, multiplicity, total_charge
from superion.reference.labels import Kind, Labels, UnconvergedError


class Cp2kSettings(BaseModel):
    """Settings of a CP2K calculation with Gaussian and plane waves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: str = Field("cp2k_shell", description="Program that is started, e.g. cp2k_shell.psmp.")
    cutoff: float = Field(5442.0, gt=0, description="Plane waves of the density, eV (5442 eV is 400 Ry).")
    basis: str = Field("DZVP-MOLOPT-SR-GTH", description="Basis set of every element.")
    basis_file: str = Field("BASIS_MOLOPT", description="File of basis sets.")
    pseudopotential: str = Field("auto", description="GTH pseudopotential; auto follows xc.")
    xc: str = Field("PBE", description="Exchange-correlation functional.")
    max_scf: int = Field(100, gt=0, description="Limit of self-consistent iterations.")
    input: str = Field("", description="More sections of CP2K input, merged into the input.")


class Cp2kLabeller:
    """Γ-point labels unless `input` asks for more; every label starts a fresh program."""

    name: ClassVar[str] = "cp2k"
    kind: ClassVar[Kind] = "first-principles"
    packages: ClassVar[tuple[str, ...]] = ("ase",)

    def __init__(self, settings: Cp2kSettings | None = None) -> None:
        self._settings = settings or Cp2kSettings()

    def settings(self) -> dict[str, Any]:
        """All settings but the command."""
        return self._settings.model_dump(mode="json", exclude={"command"})

    def properties(self) -> frozenset[str]:
        """Energy, forces and stress; SetupError without the program."""
        self._find()
        return frozenset({"energy", "forces", "stress"})

    def _find(self) -> None:
        command = self._settings.command
        if shutil.which(command.split()[0]) is None:
            raise SetupError(
                f"there is no program {command!r}.",
                remedy="install CP2K (Debian package cp2k), or name its program in a settings file (.yaml): "
                "cp2k: {command: ...}.",
            )

    def label(self, atoms: Atoms) -> Labels:
        """Energy, forces, and the stress of periodic cells."""
        from ase.calculators.cp2k import CP2K

        settings = self._settings
        self._find()
        charge, spin = total_charge(atoms), multiplicity(atoms)
        if charge != round(charge):
            raise UnfitError(
                f"the total charge is {charge} e; CP2K takes whole numbers only.",
                remedy="correct total_charge of the frame.",
            )
        periodic = bool(atoms.pbc.all())
        with TemporaryDirectory(prefix="cp2k") as folder:
            with CP2K(
                command=settings.command,
                basis_set=settings.basis,
                basis_set_file=settings.basis_file,
                pseudo_potential=settings.pseudopotential,
                cutoff=settings.cutoff,
                xc=settings.xc,
                max_scf=settings.max_scf,
                inp=settings.input,
                charge=charge,
                multiplicity=spin,
                uks=spin is not None,
                stress_tensor=periodic,
                label=f"{folder}/cp2k",
            ) as calculator:
                labels = labels_from(atoms, calculator, "")
            text = Path(folder, "cp2k.out").read_text(errors="replace")
        if "NOT converged" in text:
            raise UnconvergedError(
                f"the self-consistent cycle did not converge in {settings.max_scf} iterations.",
                remedy="check the structure, or raise max_scf.",
            )
        found = re.search(r"version string:\s*CP2K version (\S+)", text)
        method = (
            f"CP2K {found[1] if found else 'of unknown version'}, {made_with('ase')}; "
            f"{settings.xc} {settings.basis} {settings.cutoff / Rydberg:.0f} Ry"
        )
        return replace(labels, method=method, stress=labels.stress if periodic else None)
