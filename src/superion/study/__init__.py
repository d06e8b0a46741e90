"""One YAML file, one resumable study."""

from superion.study.config import StudySettings, read_study, schema
from superion.study.run import run_study
from superion.study.status import status

__all__ = ["StudySettings", "read_study", "run_study", "schema", "status"]
