"""A calculator without a fault, and the same with one fault of each kind, for the referee to find."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes

from superion.electrostatics import CoulombTerm, FixedCharges, Gaussian
from superion.neighbours import Pairs, neighbour_pairs

Array = np.ndarray
CUTOFF = 4.5
EDGE = 5.2
CHARGES = {"Na": 0.6, "Cl": -0.6}
COULOMB = CoulombTerm(FixedCharges(CHARGES), Gaussian(0.7), 1e-9)
VOIGT = [0, 4, 8, 5, 2, 1]


def salt() -> Atoms:
    """Eight atoms."""
    return bulk("NaCl", "rocksalt", a=EDGE, cubic=True)


def fading(d: Array, strength: Array | float = 3.0, cutoff: float = CUTOFF) -> tuple[Array, Array]:
    """A repulsion (P,) that ends at the cutoff with three derivatives, and its gradient (P, 3)."""
    square = (d * d).sum(axis=1)
    x = np.clip(1 - square / cutoff**2, 0, None)
    bell = strength * np.exp(-square / 4.0)
    factor = -bell * x**4 / 2.0 - 8 * bell * x**3 / cutoff**2
    return bell * x**4, factor[:, None] * d


class Toy(Calculator):
    """A pair repulsion, and where `coulomb` Gaussian charges; `fault` changes the results of `sums`."""

    implemented_properties = ("energy", "energies", "forces", "stress", "stresses", "charges")

    def __init__(
        self, fault: Callable[[Toy, Atoms, dict], None] | None = None, *, coulomb: bool = False
    ) -> None:
        super().__init__()
        self.fault, self.coulomb = fault, coulomb
        self.last: Atoms | None = None
        self.pairs: Pairs | None = None

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        super().calculate(atoms, properties, system_changes)
        n = len(atoms)
        signs = np.where(atoms.numbers == 11, 1.0, -1.0)
        sums = {
            "energies": np.zeros(n),
            "forces": np.zeros((n, 3)),
            "virials": np.zeros((n, 3, 3)),
            "charges": CHARGES["Na"] * signs,
        }
        add(sums, self.found(atoms), *fading(self.found(atoms).vector))
        if self.coulomb:
            found = COULOMB.evaluate(atoms)
            sums["energies"] += found.energies
            sums["forces"] += found.forces
            sums["virials"] += found.virial / n
        if self.fault:
            self.fault(self, atoms, sums)
        self.last = atoms.copy()
        energy = sums.get("energy", sums["energies"].sum())
        self.results = {name: sums[name] for name in ("energies", "forces", "charges")} | {"energy": energy}
        if atoms.pbc.all():
            volume = atoms.get_volume()
            stresses = -sums["virials"].reshape(n, 9)[:, VOIGT] / volume
            self.results |= {"stresses": stresses, "stress": stresses.sum(axis=0)}
        self.results |= {name: sums[name] for name in ("stress", "stresses") if name in sums}

    def found(self, atoms: Atoms) -> Pairs:
        return neighbour_pairs(atoms, CUTOFF)


def add(sums: dict, pairs: Pairs, value: Array, gradient: Array) -> None:
    """Half of a pair energy to either atom."""
    n = len(sums["energies"])
    sums["energies"] += 0.5 * np.bincount(pairs.i, value, n)
    for a in range(3):
        pull = 0.5 * gradient[:, a]
        sums["forces"][:, a] += np.bincount(pairs.i, pull, n) - np.bincount(pairs.j, pull, n)
        for b in range(3):
            part = 0.5 * np.bincount(pairs.i, pull * pairs.vector[:, b], n)
            sums["virials"][:, a, b] -= part
            sums["virials"][:, b, a] -= part


def forces_one_per_cent_off(toy, atoms, sums):
    sums["forces"] *= 1.01


def stress_one_per_cent_off(toy, atoms, sums):
    sums["virials"] *= 1.01


def stress_without_charges(toy, atoms, sums):
    sums["virials"] -= COULOMB.evaluate(atoms).virial / len(atoms)


def feels_the_origin(toy, atoms, sums):
    """A wave that stands still in the cell, as the error of a mesh does that is too coarse."""
    if atoms.pbc.all():
        inverse = np.linalg.inv(atoms.cell.array)[:, 2]
        phase = 2 * np.pi * atoms.positions @ inverse
        sums["energies"] += 1e-3 * np.cos(phase)
        sums["forces"] += 1e-3 * 2 * np.pi * np.outer(np.sin(phase), inverse)


def feels_the_axes(toy, atoms, sums):
    pairs = toy.found(atoms)
    stretched = np.array([1.0, 1.0, 1.02])
    value, gradient = fading(pairs.vector * stretched, 1.0, 4.4)
    add(sums, pairs, value, gradient * stretched)


def feels_handedness(toy, atoms, sums):
    """A triple product of sums over the neighbours of each atom."""
    pairs, n = toy.found(atoms), len(atoms)
    square = (pairs.vector**2).sum(axis=1)
    x = np.clip(1 - square / CUTOFF**2, 0, None)
    powers, weight = (4, 5, 6), np.where(atoms.numbers[pairs.j] == 11, 1.0, 0.4)
    g = [weight * x**p for p in powers]
    slope = [-2 * p * weight * x ** (p - 1) / CUTOFF**2 for p in powers]
    g[1], slope[1] = g[1] * weight, slope[1] * weight
    v = [
        np.array([np.bincount(pairs.i, own * pairs.vector[:, a], n) for a in range(3)]).T for own in g
    ]  # (N, 3) each
    strength = 0.3
    sums["energies"] += strength * (v[0] * np.cross(v[1], v[2])).sum(axis=1)
    total = np.zeros_like(pairs.vector)
    for k in range(3):
        other = strength * np.cross(v[(k + 1) % 3], v[(k + 2) % 3])[pairs.i]
        along = (other * pairs.vector).sum(axis=1)
        total += g[k][:, None] * other + (slope[k] * along)[:, None] * pairs.vector
    for a in range(3):
        sums["forces"][:, a] += np.bincount(pairs.i, total[:, a], n) - np.bincount(pairs.j, total[:, a], n)
        for b in range(3):
            sums["virials"][:, a, b] -= np.bincount(pairs.i, total[:, a] * pairs.vector[:, b], n)


def feels_the_order(toy, atoms, sums):
    """Every other atom in the list, not in the crystal, is stronger."""
    pairs = toy.found(atoms)
    add(sums, pairs, *fading(pairs.vector, 0.1 * ((pairs.i % 2) + (pairs.j % 2))))


def feels_the_lattice_vectors(toy, atoms, sums):
    if atoms.pbc.all():
        a, b, _ = atoms.cell.array
        sums["energies"] += 1e-3 * (a @ b) ** 2 / (a @ a) / (b @ b)


def looks_for_few_images(toy, atoms, sums):
    """Neighbours in the next cells only, wherever the atoms are."""
    if not atoms.pbc.all():
        return
    pairs = toy.found(atoms)
    shift = pairs.vector - atoms.positions[pairs.j] + atoms.positions[pairs.i]
    lost = -1.0 * (np.abs(shift @ np.linalg.inv(atoms.cell.array)).max(axis=1) > 2.5)
    value, gradient = fading(pairs.vector)
    add(sums, pairs, lost * value, lost[:, None] * gradient)


def is_not_extensive(toy, atoms, sums):
    sums["energies"] += 1e-4 * len(atoms)


def ends_abruptly(toy, atoms, sums):
    pairs = toy.found(atoms)
    near = 1.0 * ((pairs.vector**2).sum(axis=1) < 4.0**2)
    value, gradient = fading(pairs.vector, 0.002, 50.0)
    add(sums, pairs, near * value, near[:, None] * gradient)


def jumps_with_the_volume(toy, atoms, sums):
    """As a sum over reciprocal vectors that is cut off early."""
    if atoms.pbc.all():
        sums["energies"] += 1e-4 * np.floor(40 * (atoms.get_volume() / EDGE**3 / (len(atoms) / 8)) + 0.3)


def charges_do_not_add_up(toy, atoms, sums):
    sums["charges"] = sums["charges"] + 1e-4


def energies_do_not_add_up(toy, atoms, sums):
    sums["energy"] = sums["energies"].sum() + 1e-5 * len(atoms)


def virials_do_not_add_up(toy, atoms, sums):
    if atoms.pbc.all():
        sums["stress"] = -sums["virials"].sum(axis=0).flat[VOIGT] / atoms.get_volume()
        sums["virials"] = 1.01 * sums["virials"]


def changes_what_it_is_given(toy, atoms, sums):
    atoms.positions += 1e-9


def pushes_in_vacuum(toy, atoms, sums):
    if not atoms.pbc.any():
        sums["forces"] *= 1.01


def pushes_in_slabs(toy, atoms, sums):
    if atoms.pbc.any() and not atoms.pbc.all():
        sums["forces"] *= 1.01


def is_noisy(toy, atoms, sums):
    toy.rng = getattr(toy, "rng", None) or np.random.default_rng(0)
    sums["energies"] += 1e-3 * toy.rng.normal() / len(atoms)


class Forgetful(Toy):
    """Looks for neighbours anew only when an atom has moved by more than an Å: it has no skin."""

    known: Atoms | None = None

    def found(self, atoms: Atoms) -> Pairs:
        known, inverse = self.known, None
        if known is not None and len(known) == len(atoms) and (known.numbers == atoms.numbers).all():
            same = (known.pbc == atoms.pbc).all() and np.abs(known.cell.array - atoms.cell.array).max() < 0.2
            if same and np.abs(known.positions - atoms.positions).max() < 1.0:
                inverse = np.linalg.pinv(known.cell.array) if known.pbc.any() else np.zeros((3, 3))
        if inverse is None:
            self.known = atoms.copy()
            self.pairs = neighbour_pairs(atoms, CUTOFF)
            return self.pairs
        old = self.pairs
        shift = np.rint((old.vector - known.positions[old.j] + known.positions[old.i]) @ inverse)
        vector = atoms.positions[old.j] - atoms.positions[old.i] + shift @ atoms.cell.array
        return Pairs(old.i, old.j, vector, np.linalg.norm(vector, axis=1), old.start)
