"""Barriers of hops: paths of lowest energy between two states, and energies of other models along them."""

from superion.calculations.barriers.hops import Hop, hop_between, hops_in, hops_of
from superion.calculations.barriers.images import FRAMES
from superion.calculations.barriers.results import BarrierFile, BarrierRow, OnPath
from superion.calculations.barriers.run import RESULT, run_barriers
from superion.calculations.barriers.settings import BarrierSettings, PathSettings

__all__ = [
    "FRAMES",
    "RESULT",
    "BarrierFile",
    "BarrierRow",
    "BarrierSettings",
    "Hop",
    "OnPath",
    "PathSettings",
    "hop_between",
    "hops_in",
    "hops_of",
    "run_barriers",
]
