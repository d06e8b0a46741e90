"""Cases from files of others, given by path: carbon chains and gold on magnesium oxide.

Subsets of the data of Ko, Finkler, Goedecker and Behler, Nat. Commun. 12, 398 (2021), CC BY 4.0, as shipped
with n2p2.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from cases import Case

from superion.structures.read import read_frames

CUTOFF = 4.23
"""Å, 8 bohr as published."""


def given_cases(folder: Path) -> dict[str, Case]:
    """Both, of files in a folder."""
    cases = (
        Case("carbon chains", "needed", "C10H2 and C10H3+", CUTOFF, chains(folder)),
        Case("gold", "needed", "Au2 on MgO and on Al-doped MgO", CUTOFF, gold(folder)),
    )
    return {case.name: case for case in cases}


def chains(folder: Path):
    """Every frame, displaced at random, is independent of the others; a fifth is held out."""

    def make(seed: int) -> tuple[list[Atoms], list[Atoms]]:
        frames = read_frames(folder / "carbon_chain.input.data")
        return divided(
            frames, np.random.default_rng(seed).permutation(len(frames)).tolist(), len(frames) // 5
        )

    return make


def gold(folder: Path):
    """A quarter of each kind is held out."""

    def make(seed: int) -> tuple[list[Atoms], list[Atoms]]:
        frames = read_frames(folder / "Au2_MgO.input.data")
        kinds: dict[tuple, list[int]] = {}
        for k, atoms in enumerate(frames):
            heights = atoms.positions[atoms.symbols == "Au", 2]
            kinds.setdefault(("Al" in atoms.symbols, abs(heights[0] - heights[1]) < 1.0), []).append(k)
        held = [k for own in kinds.values() for k in own[seed % 4 :: 4]]
        return divided(frames, held + [k for k in range(len(frames)) if k not in held], len(held))

    return make


def divided(frames: list[Atoms], order: list[int], held: int) -> tuple[list[Atoms], list[Atoms]]:
    """Training and test frames, every one a trajectory of its own, without what names its origin."""
    for place, k in enumerate(order):
        atoms = frames[k]
        kept = {key: atoms.info[key] for key in ("REF_energy", "total_charge") if key in atoms.info}
        atoms.info = kept | {"trajectory": f"{'test' if place < held else 'train'}-{k}"}
    return [frames[k] for k in order[held:]], [frames[k] for k in order[:held]]
