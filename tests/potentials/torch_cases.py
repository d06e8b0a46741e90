"""Potentials with every term and block that the PyTorch path knows, and the devices at hand."""

import numpy as np
import torch
from block_oracles import SPECIES, random_structure

from superion import Potential
from superion.electrostatics import CoulombTerm, FixedCharges, Gaussian, Point, Slater
from superion.potentials.few_body.angle import AngleBlock, AngleSettings
from superion.potentials.few_body.pair import PairBlock, PairSettings
from superion.potentials.gap.gaussian_process import SparseGP
from superion.potentials.many_body.soap import SoapBlock, SoapSettings
from superion.potentials.repulsion import Repulsion

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
SOAP = SoapSettings(cutoff=4.0, cutoff_width=1.5, n_max=4, l_max=3, zeta=2, delta=0.7, sparse_points=6)
CHARGES = FixedCharges({"Li": 0.4, "P": 1.5, "S": -0.9})
BLOCKS = {
    "pair": (PairBlock, PairSettings(cutoff=5.0)),
    "angle": (AngleBlock, AngleSettings(cutoff=3.5, sparse_points=8)),
    "soap": (SoapBlock, SOAP),
    "soap without angles": (SoapBlock, SOAP.model_copy(update={"l_max": 0, "zeta": 1})),
    "soap with components": (SoapBlock, SOAP.model_copy(update={"components": 5, "zeta": 3})),
    "soap with channels": (SoapBlock, SOAP.model_copy(update={"channels": 5, "l_max": 5})),
}
TERMS = {
    "repulsion": Repulsion({(3, 3): 3.0, (3, 16): 2.5, (15, 16): 2.2, (16, 16): 3.0}),
    "coulomb, slater": CoulombTerm(
        CHARGES,
        {"Li": Slater(1.1), "P": Point(), "S": Slater(0.9, 2)},
        accuracy=1e-10,
        background=True,
        method="ewald",
    ),
    "coulomb, points": CoulombTerm(CHARGES, Point(), background=True, method="ewald"),
    "coulomb, gaussian": CoulombTerm(CHARGES, Gaussian(0.8), background=True, method="ewald"),
}


def gaussian_process(*names: str) -> SparseGP:
    """Blocks with sparse points from random structures and random weights."""
    rng = np.random.default_rng(0)
    frames = [random_structure(seed, 8) for seed in range(4)]
    blocks = [BLOCKS[name][0].choose(frames, BLOCKS[name][1], SPECIES, rng) for name in names]
    weights = rng.normal(size=sum(block.size for block in blocks))
    return SparseGP(blocks, weights, {"Li": -1.0, "P": 2.0, "S": 0.5})


def potential(name: str) -> Potential:
    """The potential of one term or block, or of all of them."""
    if name == "all":
        return Potential([TERMS["coulomb, slater"], TERMS["repulsion"], gaussian_process(*BLOCKS)])
    return Potential([TERMS[name] if name in TERMS else gaussian_process(name)])
