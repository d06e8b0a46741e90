"""A base under what a recipe fits: the labels less what somebody else's model says of each frame."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from superion.errors import InputError
from superion.files import is_model, sha256
from superion.model import Model, terms_of
from superion.potentials.base_model import BaseTerm
from superion.potentials.opening import labeller_settings, open_model
from superion.progress import track
from superion.reference.run import label_frames
from superion.structures import is_isolated
from superion.terms import Evaluation, Term
from superion.work.executors import open_executor


class Base:
    """A model, superion's or not, and what it said of frames so far.

    model: as `open_model` has it. store: folder of a label store, in which what an engine says of a frame is
    kept, so that it is never computed twice; None: in memory alone.
    """

    def __init__(self, what: str | Path | Any, store: Path | None = None, *, progress: bool = False) -> None:
        self.model: Model = open_model(what)
        self._what, self._store, self._progress = what, store, progress
        self._term: BaseTerm | None = None

    @property
    def long_range(self) -> bool:
        """Whether it brings charges that interact."""
        return any(getattr(term, "charges", None) is not None for term in terms_of(self.model))

    def terms(self) -> list[Term]:
        """Those of a model of superion, without deviations, for these are the correction's; or one term."""
        if self._term is not None:
            return [self._term]
        bare = [getattr(term, "without_deviation", lambda term=term: term)() for term in terms_of(self.model)]
        return list(bare)

    def residual(self, frames: Sequence[Atoms]) -> list[Atoms]:
        """Copies of the frames, whose labels are what the base leaves; isolated atoms are left out.

        So the energies of elements are those of least squares. Labels of stress are left out where the base
        gives none. InputError for a frame that the base cannot take.
        """
        bulk = [atoms for atoms in frames if not is_isolated(atoms)]
        if not bulk:
            raise InputError("a base needs frames of more than isolated atoms.", remedy="add some.")
        return [less(atoms, found) for atoms, found in zip(bulk, self._evaluated(bulk), strict=True)]

    def _evaluated(self, frames: Sequence[Atoms]) -> list[Evaluation]:
        if terms_of(self.model):
            shown = track(frames, f"base {self.model.name}", len(frames), show=self._progress)
            return [self.model.evaluate(atoms) for atoms in shown]
        if self._term is None:
            self._term = BaseTerm.of(self.model, min(frames, key=len))
        new = [atoms for atoms in frames if not self._term.knows(atoms)]
        if self._store is not None and new:
            self._label(new, self._store)
        else:
            shown = track(new, f"base {self.model.name}", len(new), show=self._progress and bool(new))
            self._term.remember(new, [self.model.evaluate(atoms) for atoms in shown])
        return [self._term.evaluate(atoms) for atoms in frames]

    def _label(self, frames: Sequence[Atoms], store: Path) -> None:
        assert self._term is not None
        with open_executor("serial") as workers:
            made = label_frames(
                frames, labeller_settings(self._what), store, workers, progress=self._progress, again=True
            )
        for name, entry in made.failures.items():
            raise InputError(
                f"the base {self.model.name} cannot take {len(made.failures)} of {len(frames)} frames: "
                f"{entry.reason}",
                frame=name,
                remedy="leave these frames out, or choose a base that knows their elements; what it said of "
                f"the others is kept in {store}.",
            )
        as_evaluation = getattr(self.model, "of_labels")  # noqa: B009 - models of others alone have it
        found = [as_evaluation(a, e.labels) for a, e in zip(frames, made.entries, strict=True)]
        self._term.remember(frames, found)


def open_base(what: str | Path | Any, store: Path | None = None, *, progress: bool = False) -> Base:
    """The base of this name, opened once in a process while its files stay, so that it keeps what it said."""
    named = isinstance(what, str | Path)
    stamp = tuple(sha256(path) for path in files_of(what).values()) if named else ()
    return _opened(what, store, progress, stamp)


@cache
def _opened(what: Any, store: Path | None, progress: bool, stamp: tuple[str, ...]) -> Base:
    return Base(what, store, progress=progress)


def less(atoms: Atoms, found: Evaluation) -> Atoms:
    """A copy of a frame whose labels of energy, forces and stress are less an evaluation of it.

    A label of stress is left out where the evaluation has none.
    """
    left = atoms.copy()
    if "REF_energy" in left.info:
        left.info["REF_energy"] = float(left.info["REF_energy"]) - found.energy
    if "REF_forces" in left.arrays:
        left.arrays["REF_forces"] = np.asarray(left.arrays["REF_forces"], dtype=np.float64) - found.forces
    if "REF_stress" in left.info:
        if np.isnan(found.virial).any():
            del left.info["REF_stress"]
        else:
            stress = full_3x3_to_voigt_6_stress(-found.virial / atoms.get_volume())
            left.info["REF_stress"] = np.asarray(left.info["REF_stress"], dtype=np.float64) - stress
    return left


def fixed_terms(terms: Sequence[Term]) -> list[Term]:
    """Electrostatics, repulsion and a base: what is not fitted to energies; of a neural potential charges."""
    held = [part() for term in terms if (part := getattr(term, "electrostatics", None)) is not None]
    rest = [term for term in terms if not getattr(term, "fitted", False)]
    return [*rest, *(term for term in held if term is not None)]


def is_file_name(what: str) -> bool:
    """Whether this is the path of a file, not the name of a labeller."""
    return bool(Path(what).suffix) or len(Path(what).parts) > 1


def files_of(what: str | Path) -> dict[str, Path]:
    """The settings or model file of a base, and the files that it names, by the name in records."""
    path = Path(what)
    if not path.is_file():
        return {}
    paths = [path]
    if not is_model(path):
        labeller_settings(path).with_path(lambda file: paths.append(Path(file)) or file)  # type: ignore[func-returns-value]
    return {f"base {one.name}": one for one in paths if one.is_file()}
