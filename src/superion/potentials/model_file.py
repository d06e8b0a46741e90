"""Model files: one safetensors file, terms and provenance as JSON in its header, nothing executable.

Only terms that superion or an installed package registers can be restored; a file cannot name code. It names
the packages that brought what is not superion's own. A SHA-256 over header and tensors
detects truncation and flipped bits; `model_schema` tells what else is wrong with a file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from superion.electrostatics.charges import CHARGE_MODELS
from superion.electrostatics.coulomb import CoulombTerm
from superion.electrostatics.densities import DENSITIES
from superion.electrostatics.equilibration_term import EquilibrationTerm
from superion.electrostatics.makov_payne import MakovPayne
from superion.electrostatics.polarizable_term import PolarizableTerm
from superion.electrostatics.properties import PROPERTIES
from superion.electrostatics.uniform_field import UniformField
from superion.errors import CorruptFileError, InputError, ModelError, SuperionError
from superion.files import write_atomic
from superion.potentials.base_model import BaseTerm
from superion.potentials.classical.pair_potentials import PairPotentials
from superion.potentials.gap.gaussian_process import SparseGP
from superion.potentials.kernel_charges.dipoles import AtomicDipoles
from superion.potentials.kernel_charges.property import KernelProperty
from superion.potentials.model_schema import (
    FORMAT,
    REMEDY,
    SHOWN,
    UNITS,
    check_arrays,
    read_content,
    read_envelope,
)
from superion.potentials.neural.term import NeuralTerm
from superion.potentials.repulsion import Repulsion
from superion.registry import Registry, UnknownKindError, installed, needed
from superion.terms import TERMS, Term

PROPERTIES.add(KernelProperty)
CHARGE_MODELS.add(NeuralTerm)
for _term in (
    SparseGP,
    CoulombTerm,
    EquilibrationTerm,
    MakovPayne,
    PolarizableTerm,
    AtomicDipoles,
    UniformField,
    NeuralTerm,
    PairPotentials,
    Repulsion,
    BaseTerm,
):
    TERMS.add(_term)
REGISTRIES: dict[str, Registry[Any]] = {
    "term": TERMS,
    "charges": CHARGE_MODELS,
    "density": DENSITIES,
    "property": PROPERTIES,
}


def save(path: str | Path, terms: Sequence[Term], provenance: Mapping[str, Any]) -> None:
    """Write terms and provenance to `path`; ModelError, and no file, if a number in them is none."""
    arrays: dict[str, np.ndarray] = {}
    entries = []
    for k, term in enumerate(terms):
        own = {f"term_{k}.{name}": np.ascontiguousarray(value) for name, value in term.arrays().items()}
        arrays |= own
        entries.append({"kind": term.kind, "settings": term.settings()})
    content = {"format": FORMAT, "units": UNITS, "terms": entries, "provenance": dict(provenance)}
    for term in terms:  # what nobody registered could be saved, and never be read
        _check_registered("TERMS", TERMS, term, path)
        if why := getattr(term, "unsaved", None):
            raise ModelError(
                f"{why}: it was not saved.",
                file=path,
                remedy="fit with base= the name or the settings file (.yaml) of the base; docs/models.md.",
            )
        if hasattr(held := getattr(term, "charges", None), "kind"):
            _check_registered("CHARGE_MODELS", CHARGE_MODELS, held, path)
    if brought := needed(REGISTRIES, entries):
        content["packages"] = {kind: installed(package) for kind, package in brought.items()}
    bad = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    try:
        json.dumps(entries, allow_nan=False)
    except ValueError:
        bad.append("a setting")
    if bad:
        raise ModelError(
            f"the model holds numbers that are not finite ({', '.join(bad[:SHOWN])}); it was not saved.",
            file=path,
            remedy="look for labels that contradict each other, or for absurd settings, and fit again.",
        )
    header = json.dumps(content, sort_keys=True)
    # one metadata entry, for safetensors writes several in any order and files would differ byte for byte
    metadata = {"superion": json.dumps({"content": header, "sha256": _digest(header, arrays)})}
    write_atomic(path, to_bytes(arrays, metadata=metadata))


def load(path: str | Path) -> tuple[list[Term], dict[str, Any]]:
    """Terms and provenance of a model file."""
    path = Path(path)
    if not path.is_file():
        raise InputError("no such model file.", file=path, remedy="check the path.")
    try:
        with safe_open(path, framework="np") as handle:
            metadata = handle.metadata() or {}
            arrays = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise CorruptFileError(
            f"not a complete safetensors file ({error}).",
            file=path,
            remedy="copy it again from its source, or fit again.",
        ) from error
    if "superion" not in metadata:
        raise ModelError(
            "a safetensors file, but not a superion model.",
            file=path,
            remedy="give a file made by `superion fit`.",
        )
    envelope = read_envelope(metadata["superion"], path)
    if envelope.sha256 != _digest(envelope.content, arrays):
        raise CorruptFileError(
            "the checksum does not match the content: the file was damaged.", file=path, remedy=REMEDY
        )
    content = read_content(envelope.content, path)
    check_arrays(arrays, path)
    parts: list[dict[str, np.ndarray]] = [{} for _ in content["terms"]]
    for name, array in arrays.items():
        term, _, own = name.removeprefix("term_").partition(".")
        if not (name.startswith("term_") and term.isdecimal() and int(term) < len(parts)):
            raise CorruptFileError(f"{name}: belongs to no term.", file=path, remedy=REMEDY)
        parts[int(term)][own] = array
    brought = content.get("packages", {})
    terms = [
        _restored(entry, own, k, path, brought)
        for k, (entry, own) in enumerate(zip(content["terms"], parts, strict=True))
    ]
    return terms, content["provenance"]


def _check_registered(name: str, registry: Registry[Any], part: Any, path: str | Path) -> None:
    """ModelError for a part that no registry could restore."""
    kind, known = type(part), registry.get(part.kind)
    if known is None or (known.__module__, known.__qualname__) != (kind.__module__, kind.__qualname__):
        raise ModelError(
            f"the {registry.what} {kind.__name__} is not registered under {part.kind!r}: its file could not "
            "be read.",
            file=path,
            remedy=f"register it, {name}.add({kind.__name__}) or by an entry point in {registry.group!r} "
            "(CONTRIBUTING.md).",
        )


def _restored(
    entry: dict[str, Any], arrays: dict[str, np.ndarray], number: int, path: Path, brought: dict[str, str]
) -> Term:
    """The term that an entry of the header and its tensors describe, all of them and nothing else.

    brought: packages of the kinds that are not superion's own, as `save` noted them.
    """
    kind = entry["kind"]
    where = f"terms.{number} ({kind})"
    try:
        term = TERMS.find(kind).restore(entry["settings"], arrays)
        shapes = {name: array.shape for name, array in term.arrays().items()}
    except UnknownKindError as error:
        packages = [package for name, package in brought.items() if name.endswith(f": {error.kind}")]
        if not packages:
            raise ModelError(f"{where}: {error.problem}", file=path, remedy=error.remedy) from error
        name = packages[0].partition(" ")[0]
        raise ModelError(
            f"{where}: {error.problem} It was brought by the package {packages[0]}.",
            file=path,
            remedy=f"pip install {name}",
        ) from error
    except SuperionError as error:
        raise type(error)(f"{where}: {error.problem}", file=path, remedy=error.remedy or REMEDY) from error
    except Exception as error:  # whatever parts that do not fit each other lead to
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise CorruptFileError(
            f"{where}: its parts do not fit each other: {why}.", file=path, remedy=REMEDY
        ) from error
    given = {name: array.shape for name, array in arrays.items()}
    wrong = sorted({name for name, _ in shapes.items() ^ given.items()})
    if wrong:
        raise CorruptFileError(
            f"{where}: of the tensors {', '.join(wrong[:SHOWN])} the term has none, or others.",
            file=path,
            remedy=REMEDY,
        )
    return term


def _digest(header: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(header.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}:{array.dtype}:{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
