"""Checkpoints of a training: nested states of optimisers as one safetensors file, nothing pickled."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from superion.errors import CorruptFileError, InputError
from superion.files import write_atomic

Array = np.ndarray
TENSOR, ENTRIES = "tensor", "entries"


def write_checkpoint(path: str | Path, key: str, state: Any) -> None:
    """Write a tree of dicts, lists, tensors, numbers, strings and None; key: of what it belongs to."""
    arrays: dict[str, Array] = {}
    tree = _taken_apart(state, arrays)
    content = json.dumps({"key": key, "state": tree})
    metadata = {"superion-training": json.dumps({"content": content, "sha256": _digest(content, arrays)})}
    write_atomic(path, to_bytes(arrays, metadata=metadata))


def read_checkpoint(path: str | Path, key: str, device: torch.device) -> Any:
    """The state that was written under this key.

    Raises CorruptFileError for a damaged file and InputError for the checkpoint of another training.
    """
    remedy = "delete the file to begin the training anew."
    try:
        with safe_open(path, framework="np") as handle:
            metadata = handle.metadata() or {}
            arrays = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
        envelope = json.loads(metadata["superion-training"])
        if envelope["sha256"] != _digest(envelope["content"], arrays):
            raise ValueError("its content does not match its SHA-256")
        content = json.loads(envelope["content"])
        found, tree = content["key"], content["state"]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptFileError(
            f"not a checkpoint of a training ({error}).", file=path, remedy=remedy
        ) from error
    if found != key:
        raise InputError(
            "the checkpoint belongs to a training with other data or settings.", file=path, remedy=remedy
        )
    return _put_together(tree, arrays, device)


def _digest(content: str, arrays: dict[str, Array]) -> str:
    digest = hashlib.sha256(content.encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _taken_apart(value: Any, arrays: dict[str, Array]) -> Any:
    match value:
        case torch.Tensor():
            name = f"{len(arrays)}"
            arrays[name] = np.array(value.detach().cpu().numpy(), order="C")  # also without axes
            return {TENSOR: name}
        case dict():
            return {ENTRIES: [[key, _taken_apart(entry, arrays)] for key, entry in value.items()]}
        case list() | tuple():
            return [_taken_apart(entry, arrays) for entry in value]
    return value


def _put_together(value: Any, arrays: dict[str, Array], device: torch.device) -> Any:
    match value:
        case {"tensor": str(name)}:
            return torch.tensor(arrays[name], device=device)
        case {"entries": list(entries)}:
            return {key: _put_together(entry, arrays, device) for key, entry in entries}
        case list():
            return [_put_together(entry, arrays, device) for entry in value]
    return value
