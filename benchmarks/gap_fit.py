"""The peer: QUIP's gap_fit and calculator with our hyper-parameters (`quippy-ase`, in the `test` extra)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.io import write
from quippy.potential import Potential as Quip

from superion.potentials import FitSettings
from superion.terms import Evaluation


def arguments(settings: FitSettings, species: Sequence[str], baseline: dict[str, float]) -> list[str]:
    """The same model in gap_fit's words. A pair counts twice in QUIP, hence half the delta."""
    pair, soap, sigma = settings.pair, settings.soap, settings.sigma
    numbers = " ".join(str(atomic_numbers[s]) for s in species)
    descriptors = [
        f"distance_2b cutoff={pair.cutoff} cutoff_transition_width={pair.cutoff_width} "
        f"covariance_type=ard_se delta={pair.delta / 2} theta_uniform={pair.lengthscale} "
        f"sparse_method=uniform n_sparse={pair.sparse_points} add_species=T",
        *(
            f"soap cutoff={soap.cutoff} cutoff_transition_width={soap.cutoff_width} n_max={soap.n_max} "
            f"l_max={soap.l_max} atom_sigma={soap.atom_sigma} zeta={soap.zeta} delta={soap.delta} "
            f"covariance_type=dot_product n_sparse={soap.sparse_points} sparse_method=cur_points "
            f"n_species={len(species)} species_Z={{{{{numbers}}}}} Z={atomic_numbers[s]} add_species=F"
            for s in species
        ),
    ]
    e0 = ":".join(f"{s}:{e}" for s, e in baseline.items())
    return [
        "gap={" + " : ".join(descriptors) + "}",
        f"e0={{{e0}}}",
        f"default_sigma={{{sigma.energy} {sigma.force} {sigma.virial} 0}}",
        "energy_parameter_name=target_energy",
        "force_parameter_name=target_forces",
        "virial_parameter_name=target_virial",
        "do_copy_at_file=F",
        "sparse_separate_file=T",
        "rnd_seed=1",
    ]


def target(atoms: Atoms, base: Evaluation) -> Atoms:
    """A frame with labels minus a baseline under the keys that gap_fit is told to read."""
    copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    copy.info["target_energy"] = atoms.info["REF_energy"] - base.energy
    if "REF_forces" in atoms.arrays:
        copy.arrays["target_forces"] = atoms.arrays["REF_forces"] - base.forces
    if "REF_stress" in atoms.info:
        xx, yy, zz, yz, xz, xy = -atoms.info["REF_stress"] * atoms.get_volume()
        virial = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) - base.virial
        copy.info["target_virial"] = virial.ravel()  # a 3 x 3 array would be written as JSON
    return copy


def gap_fit(frames: Sequence[Atoms], words: Sequence[str], folder: Path) -> Quip:
    """Run gap_fit on frames made by `target`, in `folder`, and load what it fitted."""
    write(folder / "train.extxyz", list(frames))
    program = str(Path(sys.executable).parent / "gap_fit")
    done = subprocess.run(
        [program, "at_file=train.extxyz", "gp_file=gap.xml", *words],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return Quip("IP GAP", param_filename=str(folder / "gap.xml"))
