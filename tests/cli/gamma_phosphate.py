"""gamma-Li3PS4 in the ordered cell of 16 atoms, and small potentials fitted to the labels of data/lps."""

from functools import cache
from pathlib import Path

from ase import Atoms
from ase.io import read

from superion import Potential
from superion.electrostatics import CoulombTerm
from superion.potentials.gap.fit import fit
from superion.potentials.gap.settings import FitSettings

DATA = Path(__file__).parents[2] / "data" / "lps"
FRACTIONS = [
    *((0.2726, 0.3424, 0.0181), (0.7726, 0.6576, 0.5181), (0.7274, 0.3424, 0.0181), (0.2274, 0.6576, 0.5181)),
    *((0.5, 0.8734, 0.9631), (0.0, 0.1266, 0.4631)),
    *((0.5, 0.1891, 0.4848), (0.0, 0.8109, 0.9848)),
    *((0.2902, 0.3238, 0.3844), (0.7902, 0.6762, 0.8844), (0.7098, 0.3238, 0.3844), (0.2098, 0.6762, 0.8844)),
    *((0.5, 0.8806, 0.3884), (0.0, 0.1194, 0.8884), (0.5, 0.2028, 0.8198), (0.0, 0.7972, 0.3198)),
]
"""An ordered arrangement in the space group Pmn2_1."""


def crystal() -> Atoms:
    return Atoms("Li6P2S8", cell=[7.70829, 6.53521, 6.1365], pbc=True, scaled_positions=FRACTIONS)


@cache
def models(radial: int) -> dict[str, Potential]:
    """ "gap" and "es-gap" with the fixed charges of examples/li7p3s11.yaml, of so many radial functions."""
    names = ("train", "strained", "eos", "beta-Li3PS4", "isolated")
    frames = [atoms for name in names for atoms in read(DATA / f"{name}.extxyz", ":")]
    settings = FitSettings.model_validate({"soap": {"n_max": radial, "l_max": 4, "sparse_points": 150}})
    terms = fit(frames, settings, {"gap": [], "es-gap": [CoulombTerm.li7p3s11()]})
    return {name: Potential(found) for name, found in terms.items()}
