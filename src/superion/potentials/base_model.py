"""The energy of somebody else's model as a term: a base that superion's own terms correct.

A file holds what the base is known by (the labeller, its settings, SHA-256 of its files and weights) and what
it says of one structure, never what runs it. The base is there again once the user names the engine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms

from superion.errors import ModelError
from superion.model import Model
from superion.terms import Evaluation

Array = np.ndarray
SAME = 1e-4
"""eV/atom and eV/Å; what another version of an engine may differ by on the structure in the file."""
ABOUT = ("labeller", "settings", "sources", "weights")
"""What an engine must have in common with the one that the model was made with."""


class BaseTerm:
    """Energy, forces and virial of a model that superion did not fit; charges and dipoles are left out.

    facts: JSON-ready, of the identity of the model. probe: a structure and what the model says of it, arrays
    `numbers` (N,), `positions` (N, 3) Å, `cell` (3, 3) Å, `pbc` (3,), `energy` (1,) eV and `forces` (N, 3)
    eV/Å. unsaved: why a file with this term could never be used, or None.
    """

    kind: ClassVar[str] = "base"

    def __init__(
        self,
        facts: Mapping[str, Any],
        probe: Mapping[str, Array],
        model: Model | None,
        unsaved: str | None = None,
    ) -> None:
        self.facts, self.probe, self.model, self.unsaved = dict(facts), dict(probe), model, unsaved
        self._known: dict[str, Evaluation] = {}

    @classmethod
    def of(cls, model: Model, atoms: Atoms) -> Self:
        """The term of a model, with `atoms` as its probe."""
        found = model.evaluate(atoms)
        probe = {
            "numbers": atoms.numbers.astype(np.float64),
            "positions": atoms.positions.copy(),
            "cell": atoms.cell.array.copy(),
            "pbc": atoms.pbc.astype(np.float64),
            "energy": np.array([found.energy]),
            "forces": found.forces,
        }
        named = getattr(model, "settings", None) is not None
        why = f"the base {model.name} was made in Python, so that nobody could name it to load the file"
        return cls(facts_of(model), probe, model, None if named else why)

    @property
    def name(self) -> str:
        """What it is called."""
        own = self.facts.get("settings", {})
        details = [str(own[key]) for key in ("model", "variant") if isinstance(own, dict) and key in own]
        return " ".join([str(self.facts["labeller"]), *details])

    @property
    def lacks(self) -> frozenset[str]:
        """Atomic energies, which nobody else tells, and what the base does not give."""
        return frozenset({"energies", "energy", "forces", "stress"} - set(self.facts["gives"]))

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """What the base says; NaN for its atomic energies, and for the virial where it gives no stress."""
        if self.model is None:
            raise ModelError(f"the base {self.name} of this model is not there.", remedy=self._how("MODEL"))
        if self._known and (known := self._known.get(_key(atoms))) is not None:
            return known
        return _alone(self.model.evaluate(atoms))

    def remember(self, frames: Sequence[Atoms], found: Sequence[Evaluation]) -> None:
        """Keep what the base says of these structures, so that it is not asked again."""
        for atoms, one in zip(frames, found, strict=True):
            self._known[_key(atoms)] = _alone(one)

    def knows(self, atoms: Atoms) -> bool:
        """Whether it is kept."""
        return _key(atoms) in self._known

    def opened(self, engines: Sequence[Model], path: str | Path) -> Self:
        """The term with that of the engines that it was made with.

        ModelError if none is, naming what differs, or if another version of it says something else.
        """
        if self.model is not None:
            return self
        if not engines:
            raise ModelError(
                f"this model corrects {self.name}, and a file names no code to run: say what runs it.",
                file=path,
                remedy=self._how(path),
            )
        differences = []
        for engine in engines:
            identity = engine.identity
            other = [key for key in ABOUT if identity.get(key) != self.facts.get(key)]
            if not other:
                self._check_version(engine, path)
                return type(self)(self.facts, self.probe, engine)
            differences.append(f"{engine.name} has other {' and '.join(other)}")
        raise ModelError(
            f"this model corrects {self.name}, but {'; '.join(differences)}.",
            file=path,
            remedy=self._how(path),
        )

    def _how(self, path: str | Path) -> str:
        return (
            f"superion.open_model({str(path)!r}, base=SETTINGS), or for commands a settings file (.yaml): "
            f"`model: {path}` and `base: SETTINGS`; SETTINGS: the name or the settings file of {self.name}."
        )

    def _check_version(self, engine: Model, path: str | Path) -> None:
        ours, theirs = (dict(facts.get("versions") or {}) for facts in (self.facts, engine.identity))
        changed = {k for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k)} - {"superion"}
        if not changed:
            return
        probe = self.probe
        atoms = Atoms(
            probe["numbers"].astype(int), probe["positions"], cell=probe["cell"], pbc=probe["pbc"] > 0
        )
        found = engine.evaluate(atoms)
        energy = abs(found.energy - float(probe["energy"][0])) / len(atoms)
        force = float(np.abs(found.forces - probe["forces"]).max())
        if max(energy, force) > SAME:
            names = ", ".join(f"{k} {theirs.get(k)}, not {ours.get(k)}" for k in sorted(changed))
            raise ModelError(
                f"{self.name} is not what it was as this model was fitted ({names}): its forces differ by "
                f"up to {force:.2g} eV/Å and its energy by {energy:.2g} eV/atom.",
                file=path,
                remedy="install the versions that the model was made with, or fit again.",
            )

    def settings(self) -> dict[str, Any]:
        """What the base is known by."""
        return {"base": self.facts}

    def arrays(self) -> dict[str, Array]:
        """The probe."""
        return dict(self.probe)

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """The term without its base; see `opened`."""
        return cls(settings["base"], arrays, None)


def facts_of(model: Model) -> dict[str, Any]:
    """JSON-ready: what a model is known by."""
    identity = model.identity
    facts = {key: identity[key] for key in (*ABOUT, "versions") if key in identity}
    return facts | {"gives": sorted(model.gives & {"energy", "forces", "stress"})}


def _alone(found: Evaluation) -> Evaluation:
    return Evaluation(found.energy, found.energies, found.forces, found.virial)


def _key(atoms: Atoms) -> str:
    """SHA-256 of all that a base may look at, to the last bit."""
    digest = hashlib.sha256(repr((atoms.pbc.tolist(), str(sorted(_stated(atoms).items())))).encode())
    for array in (atoms.numbers, atoms.positions, atoms.cell.array):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _stated(atoms: Atoms) -> dict[str, Any]:
    names = ("total_charge", "fragment_charges", "multiplicity")
    return {name: atoms.info[name] for name in names if name in atoms.info}
