"""One small network for each element: symmetry functions in, a number per atom out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor

Weights = dict[str, Tensor]

SKIP = "skip.weight"
"""Name of the weights of what is linear in the inputs."""


def initial_networks(
    name: str,
    symbols: Sequence[str],
    inputs: int,
    hidden: Sequence[int],
    generator: torch.Generator,
    linear: bool = False,
) -> Weights:
    """Weights `name.symbol.layer.{weight,bias}`, uniform with variance 1/inputs of the layer; biases 0.

    linear: weights of the inputs themselves as well, 0 to begin with.
    """
    sizes = [inputs, *hidden, 1]
    weights: Weights = {}
    for symbol in symbols:
        for layer, (a, b) in enumerate(pairwise(sizes)):
            draw = torch.rand(b, a, dtype=torch.float64, generator=generator)
            weights[f"{name}.{symbol}.{layer}.weight"] = (2 * draw - 1) * sqrt(3 / a)
            weights[f"{name}.{symbol}.{layer}.bias"] = torch.zeros(b, dtype=torch.float64)
        if linear:
            weights[f"{name}.{symbol}.{SKIP}"] = torch.zeros(1, inputs, dtype=torch.float64)
    return weights


def apply_networks(
    weights: Mapping[str, Tensor], name: str, symbols: Sequence[str], elements: Tensor, inputs: Tensor
) -> Tensor:
    """(N,) output for the inputs (N, F) of atoms whose element is elements (N,); tanh in hidden layers."""
    result = inputs.new_zeros(len(inputs))
    for index, symbol in enumerate(symbols):
        atoms = torch.nonzero(elements == index).flatten()
        if not len(atoms):
            continue
        x, layer = inputs[atoms], 0
        while f"{name}.{symbol}.{layer}.weight" in weights:
            if layer:
                x = torch.tanh(x)
            key = f"{name}.{symbol}.{layer}"
            x = torch.nn.functional.linear(x, weights[f"{key}.weight"], weights[f"{key}.bias"])
            layer += 1
        skip = weights.get(f"{name}.{symbol}.{SKIP}")
        if skip is not None:
            x = x + torch.nn.functional.linear(inputs[atoms], skip)
        result = result.index_add(0, atoms, x[:, 0])
    return result
