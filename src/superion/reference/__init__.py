"""First-principles labels: labellers, a journalled label store.

Names are imported when first used, so that the process of a label starts fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from superion.reference.driver import Driver
    from superion.reference.labeller import Labeller, SetupError, UnfitError, label_key, structure_key
    from superion.reference.labels import InvalidLabelError, Labels, UnconvergedError
    from superion.reference.output import export, labelled
    from superion.reference.run import Outcome, label_frames, stored_labels
    from superion.reference.settings import LabellerSettings, make_labeller, named_labeller
    from superion.reference.store import Entry, Store, open_store, read_store

__all__ = [
    "Driver",
    "Entry",
    "InvalidLabelError",
    "Labeller",
    "LabellerSettings",
    "Labels",
    "Outcome",
    "SetupError",
    "Store",
    "UnconvergedError",
    "UnfitError",
    "export",
    "label_frames",
    "label_key",
    "labelled",
    "make_labeller",
    "named_labeller",
    "open_store",
    "read_store",
    "stored_labels",
    "structure_key",
]

_MODULES = {
    "Driver": "driver",
    "Entry": "store",
    "InvalidLabelError": "labels",
    "Labeller": "labeller",
    "LabellerSettings": "settings",
    "Labels": "labels",
    "Outcome": "run",
    "SetupError": "labeller",
    "Store": "store",
    "UnconvergedError": "labels",
    "UnfitError": "labeller",
    "export": "output",
    "label_frames": "run",
    "label_key": "labeller",
    "labelled": "output",
    "make_labeller": "settings",
    "named_labeller": "settings",
    "open_store": "store",
    "read_store": "store",
    "stored_labels": "run",
    "structure_key": "labeller",
}


def __getattr__(name: str) -> Any:
    """A public name, from its module."""
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
