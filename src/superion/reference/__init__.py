"""First-principles labels: labellers, a journalled label store, execution on any executor."""

from superion.reference.executors import ExecutorSettings, Workers, factory_workers, make_workers
from superion.reference.export import export, labelled
from superion.reference.labeller import Labeller, SetupError, UnfitError, label_key, structure_key
from superion.reference.labels import InvalidLabelError, Labels, UnconvergedError
from superion.reference.run import Outcome, label_frames, stored_labels
from superion.reference.settings import LabellerSettings, make_labeller, named_labeller
from superion.reference.store import Entry, Store, open_store, read_store

__all__ = [
    "Entry",
    "ExecutorSettings",
    "InvalidLabelError",
    "Labeller",
    "LabellerSettings",
    "Labels",
    "Outcome",
    "SetupError",
    "Store",
    "UnconvergedError",
    "UnfitError",
    "Workers",
    "export",
    "factory_workers",
    "label_frames",
    "label_key",
    "labelled",
    "make_labeller",
    "make_workers",
    "named_labeller",
    "open_store",
    "read_store",
    "stored_labels",
    "structure_key",
]
