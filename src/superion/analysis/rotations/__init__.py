"""Turns of anions along a trajectory, and their coupling to hops of ions."""

from superion.analysis.rotations.analysis import rotations
from superion.analysis.rotations.result import AnionKind, RotationsResult
from superion.analysis.rotations.settings import RotationSettings

__all__ = ["AnionKind", "RotationSettings", "RotationsResult", "rotations"]
