"""Li2S–P2S5 glasses before melting: composition, structural units, and packing without overlaps.

Which anions a composition asks for follows from counting charges: PS4³⁻ takes 3 Li per P, P2S7⁴⁻ 2, P2S6²⁻
(two tetrahedra sharing an edge) 1, and sulphide takes what is left. The first two are what is found near
75 and 67 % Li2S (C. Dietrich et al., J. Mater. Chem. A 5, 18111, 2017). A melt rearranges them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, floor

import numpy as np
from ase import Atoms, units
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from superion.errors import InputError
from superion.neighbours import MAX_EXTENT, neighbour_pairs
from superion.sizes import EVALUATED, check_size
from superion.structures.contacts import check_contacts

Array = np.ndarray
BOND = 2.05
"""P–S distance in Å (γ-Li3PS4: 2.04 to 2.06)."""
MIN_DISTANCES: dict[str, float] = {
    "Li-Li": 2.4, "Li-P": 2.6, "Li-S": 2.2, "P-P": 3.2, "P-S": 2.9, "S-S": 3.2,
}  # fmt: skip
"""Å between atoms of different units."""
BARE_DISTANCES: dict[str, float] = MIN_DISTANCES | {"P-P": 2.2, "P-S": 2.0, "S-S": 2.8}
"""Å between single atoms."""
SLACK = 0.9
"""Fraction of a minimum distance that a packing has to reach."""
STIFF = 10.0
"""Springs inside units over the push between them."""
TRIES = 10
MANY = 2000
"""Atoms of all tries together; large packings are all alike."""
HOPELESS = 0.1
"""Å²; overlap of an atom beyond which no other try ends without: packings succeed below 0.02."""
DENSEST = np.pi / np.sqrt(18)
"""Fraction of space that equal spheres fill at most."""


@dataclass(frozen=True, slots=True)
class GlassFormula:
    """`li2s` units of Li2S and `p2s5` of P2S5, and how many anions of each kind they are."""

    li2s: int
    p2s5: int

    @property
    def atoms(self) -> int:
        """Number of atoms."""
        return 3 * self.li2s + 7 * self.p2s5

    @property
    def percent(self) -> float:
        """Li2S in mol %."""
        return 100 * self.li2s / (self.li2s + self.p2s5)

    @property
    def elements(self) -> dict[str, int]:
        """Atoms of each element."""
        return {"Li": 2 * self.li2s, "P": 2 * self.p2s5, "S": self.li2s + 5 * self.p2s5}

    def anions(self) -> dict[str, int]:
        """Numbers of S, PS4, P2S7 and P2S6 that hold all P and S; InputError below 50 % Li2S."""
        a, b = self.li2s, self.p2s5
        if a >= 3 * b:
            found = {"S": a - 3 * b, "PS4": 2 * b}
        elif a >= 2 * b:
            found = {"PS4": 2 * (a - 2 * b), "P2S7": 3 * b - a}
        elif a >= b:
            found = {"P2S7": a - b, "P2S6": 2 * b - a}
        else:
            raise InputError(
                f"there are no anions for {self.percent:.3g} % Li2S: below 50 % lithium cannot balance them.",
                remedy="pack single atoms, or take 50 % or more.",
            )
        return {name: count for name, count in found.items() if count}


def glass_formula(percent: float, atoms: int) -> GlassFormula:
    """Whole numbers of Li2S and P2S5 close to `percent` mol % Li2S and to the number of atoms.

    The size may differ from `atoms` by a tenth, in small cells by more (21 atoms, at most a half); among
    these the closest composition is taken, then the closest size.
    """
    if not 0 <= percent <= 100:
        raise InputError(f"Li2S must be 0 to 100 mol %, found {percent}.")
    if atoms < 10:
        raise InputError(f"a glass needs at least 10 atoms, found {atoms}.")
    check_size(f"a glass of {atoms} atoms", atoms=atoms, each=EVALUATED, remedy="take fewer --atoms.")
    room = max(0.1 * atoms, min(21, atoms / 2))
    options = []
    for b in range(int((atoms + room) / 7) + 1):
        fewest, most = max(ceil((atoms - room - 7 * b) / 3), 0), floor((atoms + room - 7 * b) / 3)
        wanted = percent * b / (100 - percent) if percent < 100 else most
        near = {floor(wanted), ceil(wanted), round((atoms - 7 * b) / 3)}
        options += [
            GlassFormula(a, b) for a in {min(max(n, fewest), most) for n in near} if a + b and a >= fewest
        ]
    return min(options, key=lambda f: (round(abs(f.percent - percent), 6), abs(f.atoms - atoms)))


def glass(
    formula: GlassFormula,
    density: float,
    rng: np.random.Generator,
    *,
    bare: bool = False,
    min_distances: Mapping[str, float] | None = None,
) -> Atoms:
    """A cubic cell with lithium and the anions of the formula at random, none of them overlapping.

    density: g/cm³. bare: single atoms instead of anions. min_distances: Å by pair such as "Li-S", changes to
    the defaults; nine tenths of them are kept for sure. Raises InputError if the density is too high.
    """
    if not (np.isfinite(density) and density > 0):
        raise InputError(f"the density must be positive (g/cm³), found {density}.")
    parts = formula.elements if bare else {"Li": 2 * formula.li2s} | formula.anions()
    shapes = [anion(name) for name, count in parts.items() for _ in range(count)]
    blank = Atoms("".join(shape.get_chemical_formula(mode="reduce") for shape in shapes), pbc=True)
    edge = float((blank.get_masses().sum() / (density * units.kg * 1e-3 / 1e24)) ** (1 / 3))
    blank.cell = edge * np.eye(3)
    too_dense = InputError(
        f"{len(blank)} atoms at {density:g} g/cm³ cannot be packed without overlaps.",
        remedy="lower the density or the minimum distances; a glass of Li3PS4 has about 1.9 g/cm³.",
    )
    allowed = (BARE_DISTANCES if bare else MIN_DISTANCES) | _checked(min_distances or {})
    if edge > MAX_EXTENT:
        raise InputError(
            f"{len(blank)} atoms at {density:g} g/cm³ need a cell of {edge:.3g} Å.",
            remedy="raise the density; a glass of Li3PS4 has about 1.9 g/cm³.",
        )
    if _spheres(shapes, allowed) > DENSEST * edge**3:
        raise too_dense
    owner = np.repeat(np.arange(len(shapes)), [len(shape) for shape in shapes])
    for _ in range(max(2, min(TRIES, MANY // len(blank)))):
        start = [
            rng.uniform(0, edge, 3) + Rotation.from_quat(rng.normal(size=4)).apply(shape.positions)
            for shape in shapes
        ]
        blank.positions = np.concatenate(start)
        apart, overlap = _push_apart(blank, owner, allowed)
        if apart:
            packed = blank[np.argsort(blank.numbers, kind="stable")]
            packed.wrap()
            check_contacts(packed, "the packing", "raise the minimum distances.")
            return packed
        if overlap > HOPELESS:
            break
    raise too_dense


def _spheres(shapes: Sequence[Atoms], allowed: Mapping[str, float]) -> float:
    """Volume (Å³) that one sphere of each unit takes, as large as no two of different units may overlap."""
    radius = {
        symbol: SLACK / 2 * min(distance for pair, distance in allowed.items() if symbol in pair.split("-"))
        for symbol in ("Li", "P", "S")
    }
    largest = {shape.get_chemical_formula(): max(radius[s] for s in shape.symbols) for shape in shapes}
    return sum(4 / 3 * np.pi * largest[shape.get_chemical_formula()] ** 3 for shape in shapes)


def anion(name: str) -> Atoms:
    """An ideal unit: PS4, P2S7 (corner sharing), P2S6 (edge sharing), or an atom."""
    corners = BOND / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    if name == "PS4":
        return Atoms("PS4", positions=[[0, 0, 0], *corners])
    if name == "P2S7":
        other = corners[0] - corners[1]  # the bridge has the tetrahedral angle
        return Atoms("P2S7", positions=[[0, 0, 0], other, *corners, *(other + corners[[0, 2, 3]])])
    if name == "P2S6":
        other = corners[0] + corners[1]
        return Atoms("P2S6", positions=[[0, 0, 0], other, *corners, *(other - corners[2:])])
    return Atoms(name, positions=[[0.0, 0.0, 0.0]])


def _checked(distances: Mapping[str, float]) -> dict[str, float]:
    checked = {}
    for pair, distance in distances.items():
        name = "-".join(sorted(pair.split("-")))
        if name not in MIN_DISTANCES or not (np.isfinite(distance) and distance >= 0):
            raise InputError(
                f"cannot understand the minimum distance {pair!r}: {distance}.",
                remedy=f"give Å for pairs among {', '.join(MIN_DISTANCES)}.",
            )
        checked[name] = float(distance)
    return checked


def _push_apart(atoms: Atoms, owner: Array, allowed: Mapping[str, float]) -> tuple[bool, float]:
    """Move atoms until soft spheres do not overlap and units keep their shape.

    Whether that worked, and the mean squared overlap (Å²) that an atom is left with.
    """
    kinds, place = np.unique(atoms.symbols, return_inverse=True)
    table = np.array([[allowed["-".join(sorted((a, b)))] for b in kinds] for a in kinds])
    members = np.split(np.arange(len(owner)), np.flatnonzero(np.diff(owner)) + 1)
    bonds = np.array([pair for unit in members for pair in combinations(unit, 2)], dtype=int).reshape(-1, 2)
    length = np.linalg.norm(atoms.positions[bonds[:, 1]] - atoms.positions[bonds[:, 0]], axis=1)
    trial = atoms.copy()

    def others(x: Array) -> tuple[Array, Array, Array, Array, Array]:
        trial.positions = x.reshape(-1, 3)
        pairs = neighbour_pairs(trial, float(table.max()))
        i, j = pairs.i, pairs.j
        inner = (owner[i] == owner[j]) & (
            np.abs(pairs.vector - (trial.positions[j] - trial.positions[i])).max(axis=1, initial=0) < 1e-6
        )
        keep = ~inner
        return i[keep], j[keep], pairs.vector[keep], pairs.distance[keep], table[place[i], place[j]][keep]

    def energy(x: Array) -> tuple[float, Array]:
        i, _, vector, distance, wanted = others(x)
        overlap = np.maximum(wanted - distance, 0.0)
        slope = np.zeros((len(atoms), 3))
        np.add.at(slope, i, (overlap / distance)[:, None] * vector)
        total = 0.25 * float((overlap**2).sum())
        offset = trial.positions[bonds[:, 1]] - trial.positions[bonds[:, 0]]
        now = np.linalg.norm(offset, axis=1)
        pull = STIFF * (1 - length / now)[:, None] * offset
        np.add.at(slope, bonds[:, 1], pull)
        np.add.at(slope, bonds[:, 0], -pull)
        return total + 0.5 * STIFF * float(((now - length) ** 2).sum()), slope.ravel()

    found = minimize(energy, atoms.positions.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    _, _, _, distance, wanted = others(found.x)
    now = np.linalg.norm(trial.positions[bonds[:, 1]] - trial.positions[bonds[:, 0]], axis=1)
    atoms.positions = trial.positions
    apart = (distance >= SLACK * wanted).all() and np.allclose(now, length, rtol=1 - SLACK)
    return bool(apart), float(found.fun) / len(atoms)
