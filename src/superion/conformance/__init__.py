"""A referee for models of any package: whether energies, forces and stresses are what they have to be."""

from importlib import import_module

from superion.conformance.referee import check
from superion.conformance.registry import CHECKS
from superion.conformance.result import Check, Report, Settings

FILES = (
    "precision",
    "finite_differences",
    "long_range",
    "symmetries",
    "cells",
    "smoothness",
    "sums",
    "dynamics",
    "repetition",
    "boundaries",
)
"""Each registers its checks, in the order of the report."""
for _name in FILES:
    import_module(f"{__name__}.{_name}")

__all__ = ["CHECKS", "Check", "Report", "Settings", "check"]
