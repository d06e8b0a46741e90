"""Synthetic studies, toy salts and damaged models of other rooms serve here too."""

import sys
from pathlib import Path

for room in (".", "active_learning", "work", "cli", "potentials", "report", "study"):
    sys.path.insert(0, str(Path(__file__).parents[1] / room))
