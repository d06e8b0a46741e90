"""Numbered files of frames that check themselves and hold what is needed to go on.

A run is `meta.json` and `chunk-000000.safetensors`, `chunk-000001.safetensors`, …. Each chunk is written in
one atomic step and holds its frames, the state after its last frame, a SHA-256 of all that, and the
SHA-256 of the chunk before it (of `meta.json` for the first). The chunk is thus its own checkpoint: there
is no second file that could disagree with it, and a chunk that is damaged, or that does not
continue the one before it, is recognised.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors import numpy as tensors

from superion.errors import CorruptFileError, SuperionError
from superion.files import read_json, write_atomic
from superion.simulation.state import Packed, State, unpack

Array = np.ndarray
META = "meta.json"
FORMAT = "superion trajectory 1"
REMEDY = (
    "resume the run (run its command again, `superion md` with --resume): it is redone from the last good "
    "frame before it."
)
_META_REMEDY = "restore the file from a copy; the chunks beside it are untouched."


class _Meta(BaseModel):
    """What every reader of `meta.json` relies on."""

    model_config = ConfigDict(strict=True)

    numbers: Annotated[list[Annotated[int, Field(ge=0, le=118)]], Field(min_length=1)]
    masses: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]]
    pbc: Annotated[list[bool], Field(min_length=3, max_length=3)]
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Frames by name, each with the frame as first axis, and the state after the last of them."""

    frames: dict[str, Array]
    state: State
    digest: str


def chunk_path(folder: Path, index: int) -> Path:
    """File of chunk number `index`."""
    return folder / f"chunk-{index:06d}.safetensors"


def write_chunk(folder: Path, index: int, previous: str, frames: dict[str, Array], state: Packed) -> str:
    """Write a chunk atomically and return its digest.

    index: its number. previous: digest of what it continues. state: after the last of `frames`.
    Raises SuperionError if the disk refuses.
    """
    values, held = state
    arrays = {f"frame.{name}": np.ascontiguousarray(array) for name, array in frames.items()}
    arrays |= {f"state.{name}": np.ascontiguousarray(array) for name, array in held.items()}
    info = {"previous": previous, "state": values}
    digest = _digest(info, arrays)
    text = json.dumps({"digest": digest, **info})
    _write(chunk_path(folder, index), tensors.save(arrays, metadata={"superion": text}))
    return digest


def read_chunk(folder: Path, index: int, previous: str) -> Chunk:
    """Read and verify a chunk that continues the one with digest `previous`, else CorruptFileError."""
    path = chunk_path(folder, index)
    if not path.exists():
        raise CorruptFileError("the file is missing.", file=path, remedy=REMEDY)
    try:
        with safe_open(path, framework="numpy") as handle:
            info = json.loads(handle.metadata()["superion"])
            arrays = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
        digest = info.pop("digest")
        intact = digest == _digest(info, arrays)
    except (SafetensorError, json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise CorruptFileError(f"not a readable chunk ({error}).", file=path, remedy=REMEDY) from error
    if not intact:
        raise CorruptFileError("the content does not match its SHA-256.", file=path, remedy=REMEDY)
    if info["previous"] != previous:
        raise CorruptFileError("does not continue the file before it.", file=path, remedy=REMEDY)
    state = unpack(info["state"], _group(arrays, "state."))
    return Chunk(_group(arrays, "frame."), state, digest)


def count_chunks(folder: Path) -> int:
    """One more than the highest chunk number in `folder`."""
    numbers = (path.stem.removeprefix("chunk-") for path in folder.glob("chunk-*.safetensors"))
    return max((int(number) + 1 for number in numbers if number.isdigit()), default=0)


def first_step(folder: Path, index: int) -> int | None:
    """First step in a chunk that is not verified, or None if it cannot be determined."""
    try:
        with safe_open(chunk_path(folder, index), framework="numpy") as handle:
            return int(handle.get_tensor("frame.step")[0])
    except (SafetensorError, FileNotFoundError):
        return None


def write_meta(folder: Path, meta: dict[str, Any]) -> None:
    """Write `meta.json` with a checksum of its content."""
    _write(folder / META, json.dumps({**meta, "sha256": _sha256_of(meta)}, indent=1) + "\n")


def read_meta(folder: Path) -> dict[str, Any]:
    """Content of `meta.json` without its checksum; CorruptFileError if it is damaged."""
    path = folder / META
    meta = read_json(path, _META_REMEDY)
    found = meta.get("format") if isinstance(meta, dict) else type(meta).__name__
    if found != FORMAT:
        raise CorruptFileError(
            f"expected the format {FORMAT!r}, found {found!r}.", file=path, remedy=_META_REMEDY
        )
    if meta.pop("sha256", None) != _sha256_of(meta):
        raise CorruptFileError("the content does not match its SHA-256.", file=path, remedy=_META_REMEDY)
    try:
        found = _Meta.model_validate_json(json.dumps(meta))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise CorruptFileError(f"{place}: {first['msg']}.", file=path, remedy=_META_REMEDY) from error
    if len(found.numbers) != len(found.masses):
        raise CorruptFileError(
            f"{len(found.numbers)} numbers of elements, but {len(found.masses)} masses.",
            file=path,
            remedy=_META_REMEDY,
        )
    return meta


def meta_digest(meta: dict[str, Any]) -> str:
    """SHA-256 of everything in `meta.json` that cannot change during a run (all but the number of steps)."""
    return _sha256_of({**meta, "settings": {k: v for k, v in meta["settings"].items() if k != "steps"}})


def _write(path: Path, data: bytes | str) -> None:
    try:
        write_atomic(path, data)
    except OSError as error:
        raise SuperionError(
            f"cannot write ({error.strerror}); everything written before is safe.",
            file=path,
            remedy="make room on the disk or give the right to write, then resume the run.",
        ) from error


def _sha256_of(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _digest(info: dict[str, Any], arrays: dict[str, Array]) -> str:
    total = hashlib.sha256(json.dumps(info, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        total.update(f"{name} {array.dtype.str} {array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _group(arrays: dict[str, Array], prefix: str) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
