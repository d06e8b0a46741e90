"""Whether a property needs long-range electrostatics: what was found, with what certainty, and why."""

from superion.verdict.values import (
    REFERENCE,
    PropertyFile,
    Value,
    error_value,
    property_path,
    read_property,
    write_property,
)

__all__ = [
    "REFERENCE",
    "PropertyFile",
    "Value",
    "error_value",
    "property_path",
    "read_property",
    "write_property",
]
