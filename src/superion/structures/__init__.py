"""Reading structures and labels, census, duplicates, splitting by trajectory."""

from superion.structures.census import Census, Group, census, require_labels
from superion.structures.duplicates import duplicate_groups, structure_hash
from superion.structures.labels import ISOLATED, LABELS, get_label, is_isolated
from superion.structures.read import read_frames, read_structure
from superion.structures.split import split_by_trajectory, trajectory_of

__all__ = [
    "ISOLATED",
    "LABELS",
    "Census",
    "Group",
    "census",
    "duplicate_groups",
    "get_label",
    "is_isolated",
    "read_frames",
    "read_structure",
    "require_labels",
    "split_by_trajectory",
    "structure_hash",
    "trajectory_of",
]
