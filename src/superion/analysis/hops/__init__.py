"""Sites and hops of mobile ions along a trajectory."""

from superion.analysis.hops.analysis import Found, find_hops, hops
from superion.analysis.hops.export import exported, isolated
from superion.analysis.hops.result import HopsResult, JumpType, SiteKind
from superion.analysis.hops.settings import HopSettings

__all__ = [
    "Found",
    "HopSettings",
    "HopsResult",
    "JumpType",
    "SiteKind",
    "exported",
    "find_hops",
    "hops",
    "isolated",
]
