"""Labelled data of which it is known whether electrostatics beyond the cutoff matters, made from scratch.

Nothing is fitted here and nothing is chosen by what a model gives. Test frames are of other random numbers
than training frames; of pairs they are farther apart as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from ase import Atoms
from hamiltonians import Array, coulomb, ewald, lennard_jones, morse, pairwise

Answer = Literal["needed", "not needed"]


@dataclass(frozen=True)
class Case:
    """Frames, what a verdict on them should say, and what a study of them is told beside the defaults.

    make: training and test frames of a seed. cutoff: Å, of all models. charges: e, fixed ones by element,
    where a user would know any. ladder: neural candidates beside 2g; 4g, which has all that others have, has
    to be among them for "not needed".
    """

    name: str
    answer: Answer
    about: str
    cutoff: float
    make: Callable[[int], tuple[list[Atoms], list[Atoms]]]
    charges: dict[str, float] = field(default_factory=dict)
    fits: int = 5
    ladder: tuple[str, ...] = ("latent-charges", "4g")


MOLECULES: dict[str, tuple[str, Array, Array]] = {
    "ammonium": (
        "NH4",
        np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 1.02 / 3**0.5,
        np.array([-0.6, 0.4, 0.4, 0.4, 0.4]),
    ),
    "formate": (
        "CHO2",
        np.array([[0, 0, 0], [0, 0, 1.13], [1.09, 0, -0.63], [-1.09, 0, -0.63]]),
        np.array([0.7, 0.1, -0.9, -0.9]),
    ),
    "water": (
        "OH2",
        np.array([[0, 0, 0], [0.757, 0.586, 0], [-0.757, 0.586, 0]]),
        np.array([-0.82, 0.41, 0.41]),
    ),
    "methane": (
        "CH4",
        np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 1.09 / 3**0.5,
        np.zeros(5),
    ),
}
"""Rigid molecules: formula, positions in Å, charges in e."""
CORE = lennard_jones(0.005, 2.8)
"""Between atoms of different molecules."""


def turned(rng: np.random.Generator) -> Array:
    """A random rotation (QR of a normal matrix: Mezzadri, Notices AMS 54, 592, 2007)."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def pair(first: str, second: str, distance: float, turns: tuple[Array, Array]) -> Atoms:
    """Two molecules with the energy and forces of their interaction, centres this far apart."""
    parts = [MOLECULES[name] for name in (first, second)]
    places = [(p - p.mean(axis=0)) @ turn.T for (_, p, _), turn in zip(parts, turns, strict=True)]
    places[1] = places[1] + [distance, 0, 0]
    positions, charges = np.concatenate(places), np.concatenate([q for _, _, q in parts])
    part = np.repeat([0, 1], [len(p) for p in places])
    across = part[:, None] != part
    one, other = coulomb(positions, charges, across), pairwise(positions, None, CORE, across)
    atoms = Atoms("".join(formula for formula, _, _ in parts), positions)
    return labelled(atoms, one[0] + other[0], one[1] + other[1], round(charges.sum(), 9) + 0.0)


def labelled(atoms: Atoms, energy: float, forces: Array, total: float = 0.0) -> Atoms:
    """The structure with its labels."""
    atoms.info |= {"REF_energy": float(energy), "total_charge": float(total)}
    atoms.arrays["REF_forces"] = forces
    return atoms


def pairs(first: str, second: str, near: Array, far: Array, turns: tuple[int, int] = (10, 6)) -> Callable:
    """Training frames at the distances `near` and test frames at `far`, each of several orientations."""

    def make(seed: int) -> tuple[list[Atoms], list[Atoms]]:
        rng = np.random.default_rng(seed)
        parts: tuple[list[Atoms], list[Atoms]] = ([], [])
        for part, distances, name, count in zip(parts, (near, far), ("train", "test"), turns, strict=True):
            for k in range(count):
                both = turned(rng), turned(rng)
                for distance in distances:
                    atoms = pair(first, second, distance, both)
                    atoms.info["trajectory"] = f"{name}-{k}"
                    part.append(atoms)
        return parts

    return make


def packed(rng: np.random.Generator, count: int, edge: float, least: float) -> Array:
    """Positions drawn one after the other, none closer to another image than `least` Å."""
    found = np.empty((0, 3))
    while len(found) < count:
        one = rng.uniform(0, edge, 3)
        apart = found - one
        apart -= edge * np.round(apart / edge)
        if len(found) == 0 or np.min(np.sum(apart**2, axis=1)) > least**2:
            found = np.vstack([found, one])
    return found


def boxes(one: Callable, training: int, test: int) -> Callable:
    """Independent frames, every one a trajectory of its own."""

    def make(seed: int) -> tuple[list[Atoms], list[Atoms]]:
        rng = np.random.default_rng(seed)
        frames = [one(rng) for _ in range(training + test)]
        for k, atoms in enumerate(frames):
            atoms.info["trajectory"] = f"{'train' if k < training else 'test'}-{k}"
        return frames[:training], frames[training:]

    return make


def ions(count: int) -> Callable:
    """Random charges of +1 and −1 (Na, Cl) with Lennard-Jones cores, 1.6 of them in 100 Å³."""
    edge = (count / 0.016) ** (1 / 3)

    def one(rng: np.random.Generator) -> Atoms:
        positions = packed(rng, count, edge, 2.2)
        charges = np.repeat([1.0, -1.0], count // 2)
        electric = ewald(positions, charges, edge)
        core = pairwise(positions, edge * np.eye(3), lennard_jones(0.01, 2.2, 4.0))
        symbols = np.where(charges > 0, "Na", "Cl").tolist()
        atoms = Atoms(symbols, positions, cell=[edge] * 3, pbc=True)
        return labelled(atoms, electric[0] + core[0], electric[1] + core[1])

    return one


def liquid(count: int) -> Callable:
    """Argon of 2 atoms in 100 Å³, its Lennard-Jones forces ended at 6.5 Å."""
    edge = (count / 0.02) ** (1 / 3)

    def one(rng: np.random.Generator) -> Atoms:
        positions = packed(rng, count, edge, 2.9)
        atoms = Atoms(f"Ar{count}", positions, cell=[edge] * 3, pbc=True)
        return labelled(atoms, *pairwise(positions, edge * np.eye(3), lennard_jones(0.0103, 3.4, 6.5)))

    return one


def noisy(count: int, noise: float = 0.03) -> Callable:
    """Morse pairs of two elements that end at 4.5 Å, with random errors of the labels (eV/Å; per atom eV)."""
    edge = (count / 0.02) ** (1 / 3)

    def one(rng: np.random.Generator) -> Atoms:
        positions = packed(rng, count, edge, 2.3)
        atoms = Atoms(f"Si{count // 2}Ge{count - count // 2}", positions, cell=[edge] * 3, pbc=True)
        energy, forces = pairwise(positions, edge * np.eye(3), morse(0.3, 1.5, 2.6, 4.5))
        return labelled(
            atoms, energy + noise * rng.normal() * count**0.5, forces + noise * rng.normal(size=forces.shape)
        )

    return one


NEAR, FAR = np.linspace(5.5, 11.0, 5), np.linspace(12.0, 15.0, 3)
CASES = {
    case.name: case
    for case in (
        Case(
            "charged pair", "needed", "ammonium and formate drawn apart", 5.0,
            pairs("ammonium", "formate", NEAR, FAR),
        ),
        Case(
            "charged and polar", "needed", "ammonium and water drawn apart", 5.0,
            pairs("ammonium", "water", NEAR, FAR),
        ),
        Case(
            "apolar pair", "not needed", "two methanes drawn apart", 5.0,
            pairs("methane", "methane", NEAR, FAR),
        ),
        Case(
            "random charges", "needed", "128 charges of ±1 e with Lennard-Jones cores", 4.0,
            boxes(ions(128), 20, 8), {"Na": 1.0, "Cl": -1.0},
        ),
        Case(
            "few random charges", "needed", "the same with 24 of them", 4.0,
            boxes(ions(24), 20, 8), {"Na": 1.0, "Cl": -1.0},
        ),
        Case(
            "liquid", "not needed", "Lennard-Jones argon, 64 atoms", 6.5,
            boxes(liquid(64), 20, 8),
        ),
        Case(
            "noise", "not needed", "pairs within the cutoff, labels with random errors", 5.0,
            boxes(noisy(32), 20, 8),
        ),
    )
}  # fmt: skip

SHORT = {
    case.name: case
    for case in (
        Case(
            "a dozen charges", "needed", "random charges, small enough for a test", 4.0,
            boxes(ions(12), 10, 5), {"Na": 1.0, "Cl": -1.0}, fits=4, ladder=(),
        ),
        Case(
            "small liquid", "not needed", "argon, small enough for a test", 6.5,
            boxes(liquid(24), 8, 5), fits=4, ladder=("4g",),
        ),
    )
}  # fmt: skip
"""Not in the table: `pytest` runs them."""
