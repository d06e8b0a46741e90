"""Whether a property needs long-range electrostatics: what was found, with what certainty, and why."""

from superion.verdict.settings import VerdictSettings
from superion.verdict.study import StudyVerdict, study_verdict, study_verdicts, write_verdict
from superion.verdict.topics import TOPICS, Limit, Topic, add_topic
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
    "TOPICS",
    "Limit",
    "PropertyFile",
    "StudyVerdict",
    "Topic",
    "Value",
    "VerdictSettings",
    "add_topic",
    "error_value",
    "property_path",
    "read_property",
    "study_verdict",
    "study_verdicts",
    "write_property",
    "write_verdict",
]
