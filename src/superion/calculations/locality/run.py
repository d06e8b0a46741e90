"""The locality test of a structure with any labeller: structures, labels, spreads; resumable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from superion.calculations.locality.results import Displaced, LocalityFile, SpreadRow
from superion.calculations.locality.samples import SAMPLES, Samples
from superion.calculations.locality.spheres import LocalitySettings, displaced, make_series, reference_atoms
from superion.calculations.locality.spreads import About, spreads
from superion.errors import LabelError
from superion.reference import LabellerSettings, export, label_frames
from superion.terms import Term
from superion.work.pools import Workers


def make_samples(
    atoms: Atoms,
    settings: LocalitySettings,
    labeller: LabellerSettings,
    folder: Path,
    workers: Workers,
    *,
    timeout: float | None = None,
    retries: int = 1,
    again: bool = False,
) -> Samples:
    """Label all structures of a test; those that the store in `folder/labels` has are not made again.

    Writes `samples.extxyz`. Raises InputError for a cell too small and for atoms that are not there,
    LabelError naming what could not be labelled; all other labels are kept.
    """
    centres = reference_atoms(atoms, settings.reference, np.random.default_rng(settings.seed))
    frames = list(displaced(atoms, make_series(atoms, centres, settings), settings))
    outcome = label_frames(
        frames, labeller, folder / "labels", workers, timeout=timeout, retries=retries, again=again
    )
    if failed := outcome.failures:
        name, entry = next(iter(failed.items()))
        raise LabelError(
            f"{len(failed)} of {len(frames)} labels could not be made: {', '.join(list(failed)[:5])}"
            f"{', …' if len(failed) > 5 else ''}. The reason for {name}: {entry.reason}",
            file=folder,
            remedy=f"mend the cause and run the same command again, with --again to retry what failed "
            f"{entry.attempts} times; {len(frames) - len(failed)} labels are kept.",
        )
    export(folder / SAMPLES, frames, outcome.entries)
    return Samples.read(folder)


def locality(
    samples: Samples, subtract: Mapping[str, Sequence[Term]] | None = None, about: About = "unperturbed"
) -> LocalityFile:
    """Spreads by species and radius (eV/Å), of the forces and of what is left without some terms.

    `forces`, and `without` by the names in `subtract`, hold for each species a list by radius.
    """
    return LocalityFile(
        about=about,
        structure=Displaced(**samples.summary()),
        forces=_tables(samples, about),
        without={name: _tables(samples.without(*terms), about) for name, terms in (subtract or {}).items()},
    )


def _tables(samples: Samples, about: About) -> dict[str, list[SpreadRow]]:
    found = spreads(samples.responses(), about)
    return {species: [SpreadRow(**spread.to_json()) for spread in rows] for species, rows in found.items()}
