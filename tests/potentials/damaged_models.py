"""Model files with a valid checksum and wrong contents: every key and every tensor in every way."""

import copy
import json

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from superion.potentials.model_file import _digest

GONE = object()
WRONG = (GONE, None, "abc", -1, 0, 1e400, float("nan"), [], {}, [[1.0]], 10**30, True)
"""What takes the place of a value."""


def opened(path):
    """Header and tensors of a model file."""
    with safe_open(path, framework="np") as handle:
        arrays = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
        envelope = json.loads(handle.metadata()["superion"])
    return json.loads(envelope["content"]), arrays


def written(path, content, arrays):
    """A model file whose checksum is right; content: JSON-ready, or text as it is."""
    header = content if isinstance(content, str) else json.dumps(content)
    envelope = json.dumps({"content": header, "sha256": _digest(header, arrays)})
    path.write_bytes(save(arrays, metadata={"superion": envelope}))


def places(value, path=()):
    """Paths to every value in nested mappings and lists, as keys and indices."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(content, place, value):
    """A copy with another value at a place, or without it."""
    content = copy.deepcopy(content)
    owner = content
    for key in place[:-1]:
        owner = owner[key]
    if value is GONE:
        del owner[place[-1]]
    else:
        owner[place[-1]] = value
    return content


def misshapen(array):
    """Arrays that are not what a term wrote: other shapes, types and numbers."""
    yield "shorter", array[:-1]
    yield "longer", np.concatenate([array, array[:1]])
    yield "another axis", array[None]
    yield "flat", array.reshape(-1)[: max(array.size - 1, 0)]
    yield "empty", np.zeros(0)
    yield "float32", array.astype(np.float32)
    yield "integers", array.astype(np.int64)
    yield "nan", np.where(np.arange(array.size).reshape(array.shape) == 0, np.nan, array)
    yield "inf", np.full(array.shape, np.inf)
