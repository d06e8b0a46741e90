"""Which anions there are along a trajectory, from graphs of bonds: PS4, P2S7, P2S6, chains, S–S, free S.

Atoms are network formers (usual oxidation state +3 or more), ligands (negative) or counter-ions (the rest,
which bond to nobody here). Formers bond to ligands and to formers, ligands to ligands, where they are closer
than a factor of the sum of their covalent radii (Cordero et al., Dalton Trans. 2832, 2008). An anion is what
hangs together. Its charge is that of its oxidation states, two electrons less for each bond of two ligands,
two more for each bond of two formers: P2S6 with a P–P bond is 4−, with two bridging S it is 2−. Nothing goes
by name, so that GeS4, SiO4 or YCl6 are found alike. What hangs together with its own periodic image is a
network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols, covalent_radii
from ase.neighborlist import neighbor_list
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from superion.analysis.anions_result import AnionsResult, Kind
from superion.analysis.blocks import FRAMES, mean_and_error
from superion.errors import InputError
from superion.simulation import Trajectory
from superion.structures.oxidation import OXIDATION

Array = np.ndarray
FORMER = 3.0
"""Oxidation state from which on a cation is a network former."""
PLACES = ("bridging", "terminal", "in a bond of two ligands alone", "free")
"""Places of ligands."""
BLOCKS = 10


class AnionSettings(BaseModel):
    """What counts as a bond, and who takes part."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    factor: float = Field(
        1.25, gt=0.5, lt=2, description="longest bond over the sum of covalent radii, no unit"
    )
    formers: tuple[str, ...] = Field(
        (), description="network formers; empty: usual oxidation state +3 or more"
    )
    ligands: tuple[str, ...] = Field((), description="ligands; empty: usual oxidation state below zero")


@dataclass(frozen=True, slots=True)
class Anions:
    """Of one frame. kinds: how many of each; member: (N,) number of the anion of an atom, −1 of counter-ions.

    ligands: by symbol, how many are in each place (`PLACES`).
    """

    kinds: Counter[str]
    member: Array
    ligands: dict[str, Counter[str]]


class _Roles:
    """Who is what among the atoms of a structure."""

    def __init__(self, numbers: Array, settings: AnionSettings) -> None:
        present = sorted({chemical_symbols[z] for z in numbers})
        lacking = [s for s in (*settings.formers, *settings.ligands) if s not in present]
        if lacking:
            raise InputError(
                f"there is no {' and no '.join(lacking)}; found {', '.join(present)}.",
                remedy="name elements of the trajectory (--formers, --ligands).",
            )
        state = {s: OXIDATION.get(s, 0.0) for s in present}
        ligands = settings.ligands or tuple(s for s in present if state[s] < 0 and s not in settings.formers)
        formers = settings.formers or tuple(s for s in present if state[s] >= FORMER and s not in ligands)
        if not ligands:
            raise InputError(
                f"no element of {', '.join(present)} is usually an anion.",
                remedy="name the ligands: --ligands S (in Python ligands=).",
            )
        self.former = np.isin(numbers, [atomic_numbers[s] for s in formers])
        self.ligand = np.isin(numbers, [atomic_numbers[s] for s in ligands])
        self.atoms = np.flatnonzero(self.former | self.ligand)
        self.state = np.array([state[chemical_symbols[z]] for z in numbers])
        bonding = {*formers, *ligands}
        self.cutoffs = {
            (a, b): settings.factor * (covalent_radii[atomic_numbers[a]] + covalent_radii[atomic_numbers[b]])
            for a in bonding
            for b in bonding
        }


def anions_of(atoms: Atoms, settings: AnionSettings | None = None) -> Anions:
    """The anions of one structure; InputError where nothing is a ligand."""
    return _anions(atoms, _Roles(atoms.numbers, settings or AnionSettings()))


def _anions(atoms: Atoms, roles: _Roles) -> Anions:
    part = atoms[roles.atoms]
    former, ligand = roles.former[roles.atoms], roles.ligand[roles.atoms]
    i, j, shift = neighbor_list("ijS", part, roles.cutoffs)
    size = len(part)
    _, label = connected_components(coo_matrix((np.ones(len(i)), (i, j)), shape=(size, size)), directed=False)
    charge = np.bincount(label, roles.state[roles.atoms])
    charge += np.bincount(label[i], (ligand[i] & ligand[j]).astype(float), minlength=len(charge))
    charge -= np.bincount(label[i], (former[i] & former[j]).astype(float), minlength=len(charge))
    endless = _endless(label, i, j, shift)
    symbols = np.array(part.get_chemical_symbols())
    kinds: Counter[str] = Counter()
    for k in range(len(charge)):
        own = label == k
        name = _formula(Counter(symbols[own & former].tolist()), Counter(symbols[own & ligand].tolist()))
        kinds["network" if k in endless else f"{name} {_charge(charge[k])}"] += 1
    to_formers = np.bincount(i[former[j]], minlength=size)
    to_ligands = np.bincount(i[ligand[j]], minlength=size)
    places: dict[str, Counter[str]] = {}
    for symbol, formers, others in zip(symbols[ligand], to_formers[ligand], to_ligands[ligand], strict=True):
        place = 0 if formers > 1 else 1 if formers else 2 if others else 3
        places.setdefault(str(symbol), Counter())[PLACES[place]] += 1
    member = np.full(len(atoms), -1)
    member[roles.atoms] = label
    return Anions(kinds, member, places)


def _endless(label: Array, i: Array, j: Array, shift: Array) -> set[int]:
    """Parts that hang together with their own periodic image: paths around them do not close."""
    found: set[int] = set()
    if not shift.any():
        return found
    bonds: dict[int, list[tuple[int, Array]]] = {}
    for a, b, s in zip(i.tolist(), j.tolist(), shift, strict=True):
        bonds.setdefault(a, []).append((b, s))
    image: dict[int, Array] = {}
    for start in bonds:
        if start in image:
            continue
        image[start], waiting = np.zeros(3, dtype=int), [start]
        while waiting:
            a = waiting.pop()
            for b, s in bonds[a]:
                there = image[a] + s
                if b not in image:
                    image[b] = there
                    waiting.append(b)
                elif (image[b] != there).any():
                    found.add(int(label[a]))
    return found


def _formula(formers: Mapping[str, int], ligands: Mapping[str, int]) -> str:
    return "".join(f"{s}{n if n > 1 else ''}" for part in (formers, ligands) for s, n in sorted(part.items()))


def _charge(charge: float) -> str:
    size = round(abs(charge))
    return "0" if not size else f"{size}{'-' if charge < 0 else '+'}"


def anions(trajectory: Trajectory, settings: AnionSettings | None = None) -> AnionsResult:
    """Census of the anions of all frames, one frame in memory at a time.

    >>> found = anions(superion.Trajectory.open("run"))
    >>> [(kind.name, kind.mean) for kind in found.kinds]
    [('P2S7 4-', 2.0), ('PS4 3-', 2.0)]

    Errors are those of blocks of frames, None for fewer than 100. Raises InputError where nothing is a
    ligand.
    """
    roles = _Roles(trajectory.numbers, settings or AnionSettings())
    frames: list[Counter[str]] = []
    places: list[dict[str, Counter[str]]] = []
    first_change: int | None = None
    changed = np.zeros(len(trajectory.numbers), dtype=bool)
    start: Anions | None = None
    for k in range(len(trajectory)):
        atoms = Atoms(
            numbers=trajectory.numbers,
            positions=trajectory.positions[k],
            cell=trajectory.cells[k],
            pbc=trajectory.pbc,
        )
        own = _anions(atoms, roles)
        start = start or own
        moved = _moved(start.member, own.member)
        if first_change is None and moved.any():
            first_change = k
        changed |= moved
        frames.append(own.kinds)
        places.append(own.ligands)
    names = sorted({name for one in frames for name in one})
    kinds = tuple(_kind(name, [one[name] for one in frames]) for name in names)
    symbols = sorted({s for one in places for s in one})
    ligands = {
        s: {place: float(np.mean([one[s][place] for one in places])) for place in PLACES} for s in symbols
    }
    notes = []
    if first_change is not None:
        notes.append(
            f"bonds of {np.count_nonzero(changed)} atoms differ from those of the first frame at some time, "
            f"first in frame {first_change}: anions exchange atoms or decompose, or a bond is stretched "
            "(--factor)."
        )
    return AnionsResult(
        frames=len(frames),
        kinds=kinds,
        ligands=ligands,
        first_change=first_change,
        changed=int(np.count_nonzero(changed)),
        notes=tuple(notes),
    )


def _moved(before: Array, now: Array) -> Array:
    """(N,) atoms whose anion has other members than before; labels are arbitrary."""
    moved = np.zeros(len(now), dtype=bool)
    for k in range(int(before.max()) + 1):
        own = before == k
        parts = np.unique(now[own])
        if len(parts) > 1 or np.count_nonzero(now == parts[0]) != np.count_nonzero(own):
            moved |= own
    return moved


def _kind(name: str, counts: list[int]) -> Kind:
    series = np.array(counts, dtype=float)
    error = None
    if len(series) >= BLOCKS * FRAMES:
        _, found = mean_and_error(series, BLOCKS)
        error = float(found)
    return Kind(name=name, mean=float(series.mean()), error=error, least=min(counts), most=max(counts))
