"""Toys of the study, the training and the simulation tests serve here too."""

import sys
from pathlib import Path

for room in ("study", "active_learning", "simulation"):
    sys.path.insert(0, str(Path(__file__).parents[1] / room))
