"""All relaxations of a run, stage by stage: crystals, defects, both in fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from ase import Atoms

from superion.calculations.defects.assemble import Cell, sweep
from superion.calculations.defects.branches import Branch, Submit, Vector, run_branches
from superion.calculations.defects.frames import CRYSTAL, frame_id
from superion.calculations.defects.settings import DefectSettings
from superion.calculations.defects.structures import Defect
from superion.electrostatics import ChargeModel
from superion.electrostatics.polarization import checked_charges
from superion.errors import InputError, SimulationError
from superion.model import Model
from superion.structures.bare import TOTAL, repeated
from superion.work.fingerprint import fingerprint
from superion.work.journal import Journal

Array = np.ndarray
STILL: Vector = (0.0, 0.0, 0.0)


@dataclass
class Work:
    """What is to be relaxed, and how. root: hash of the model and of how relaxations are done.

    charges: what fields act on, None in a run without fields. starts: where relaxations begin, by `frame_id`;
    others begin at the structures as made. used: relaxations that the result rests on.
    """

    potential: Model
    crystal: Atoms
    defects: Sequence[Defect]
    charges: ChargeModel | None
    settings: DefectSettings
    root: str
    journal: Journal
    submit: Submit
    slots: int
    show: bool
    starts: Mapping[str, Atoms]
    used: int = 0
    _keys: dict[tuple[int, int], str] = field(default_factory=dict)

    def cells(self) -> list[Cell]:
        """All relaxed structures, by supercell; SimulationError if a crystal cannot be relaxed."""
        cells = self._crystals()
        self._defects(cells)
        if self.charges is not None:
            self._fields(cells)
        return cells

    def _run(self, branches: Sequence[Branch], what: str) -> None:
        run_branches(branches, self.journal, self.submit, self.slots, what, self.show)
        self.used += sum(len(branch.found) for branch in branches)

    def _crystals(self) -> list[Cell]:
        cells, branches = [], []
        for supercell in self.settings.supercells:
            start = repeated(self.crystal, supercell)
            moved = self._moved(start, frame_id(supercell, CRYSTAL))
            branches.append(Branch(fingerprint([self.root, _facts(start)]), moved, [STILL]))
            cells.append(Cell(supercell, start))
        self._run(branches, "crystals")
        for number, (cell, branch) in enumerate(zip(cells, branches, strict=True)):
            (cell.crystal,) = branch.found
            if cell.crystal.failure:
                # a structure that is wrong has an error with a remedy of its own
                self.potential.in_background().evaluate(cell.start)
                raise SimulationError(
                    f"the crystal {cell.name} has no relaxed structure: {cell.crystal.failure}.",
                    remedy="start from a structure closer to a minimum, or use another model.",
                )
            self._keys[number, -1] = branch.key
        return cells

    def _defects(self, cells: Sequence[Cell]) -> None:
        """Defects without field; of pairs the dipole is followed from the relaxed crystal."""
        branches = []
        for number, cell in enumerate(cells):
            for k, defect in enumerate(self.defects):
                atoms = defect.atoms(self.crystal, cell.supercell)
                key = fingerprint([self._keys[number, -1], _facts(atoms)])
                pair = self.charges is not None and defect.kind == "frenkel"
                anchor = (cell.crystal.positions, np.zeros(3)) if pair else (None, None)
                moved = self._moved(atoms, frame_id(cell.supercell, defect.name))
                branches.append(Branch(key, moved, [STILL], *anchor))
                self._keys[number, k] = branches[-1].key
                cell.charges.append(None if defect.kind == "frenkel" else self._charge(atoms))
        self._run(branches, "defects")
        each = iter(branches)
        for cell in cells:
            cell.defects = [next(each).found[0] for _ in self.defects]
            cell.defect_fields = [{} for _ in self.defects]

    def _fields(self, cells: Sequence[Cell]) -> None:
        """Pairs that are still there, and their crystals, along each axis in both directions."""
        branches = []
        for number, cell in enumerate(cells):
            chosen = [k for k in range(len(self.defects)) if self._followed(cell, k)]
            for axis, sign in product(self.settings.axes if chosen else (), (1, -1)):
                fields = [_vector(axis, value) for value in sweep(self.settings, sign)]
                for k in (-1, *chosen):
                    made = self._in_field(number, cell, k, fields)
                    into = cell.crystal_fields if k < 0 else cell.defect_fields[k]
                    into[axis, sign] = made.found if made is not None else []
                    branches += [made] if made is not None else []
        self._run(branches, "fields")

    def _in_field(self, number: int, cell: Cell, k: int, fields: Sequence[Vector]) -> Branch | None:
        """The branch of defect `k`, or of the crystal (−1); None without fields on this side."""
        if not fields:
            return None
        if k < 0:
            return Branch(self._keys[number, k], cell.relaxed, fields, cell.crystal.positions, np.zeros(3))
        atoms = self.defects[k].atoms(self.crystal, cell.supercell)
        atoms.positions[:] = cell.defects[k].positions
        return Branch(self._keys[number, k], atoms, fields, atoms.positions.copy(), cell.defects[k].dipole)

    def _moved(self, atoms: Atoms, name: str) -> Atoms:
        """The structure at the positions it starts from."""
        start = self.starts.get(name)
        if start is None:
            return atoms
        same = len(start) == len(atoms) and (start.numbers == atoms.numbers).all()
        if not (same and np.allclose(start.cell.array, atoms.cell.array, atol=1e-6)):
            raise InputError(
                f"the structure {name} to start from is of another crystal.",
                remedy="start from a run of the same crystal, or from nothing.",
            )
        moved = atoms.copy()
        moved.positions[:] = start.positions
        return moved

    def _followed(self, cell: Cell, k: int) -> bool:
        """Whether a defect is a pair, and still one after relaxation."""
        defect, relaxed = self.defects[k], cell.defects[k]
        if defect.kind != "frenkel" or relaxed.failure:
            return False
        return not cell.arrangement(defect, defect.atoms(self.crystal, cell.supercell), relaxed).perfect

    def _charge(self, atoms: Atoms) -> float | None:
        charges = self.potential.charge_model
        return None if charges is None else float(checked_charges(atoms, charges).sum())


def _vector(axis: str, value: float) -> Vector:
    x, y, z = (value if axis == name else 0.0 for name in "xyz")
    return x, y, z


def _facts(atoms: Atoms) -> list[object]:
    facts: list[object] = [atoms.numbers.tolist(), atoms.cell.array.tolist(), atoms.positions.tolist()]
    return [*facts, atoms.info[TOTAL]] if TOTAL in atoms.info else facts
