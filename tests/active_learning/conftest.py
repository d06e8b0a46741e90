"""The toy salt of the study tests, and the reader of HTML of the report tests, serve here too."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "study"), str(Path(__file__).parents[1] / "report")]
