"""Toys of other tests serve here too."""

import sys
from pathlib import Path

for room in ("study", "potentials", "potentials/neural", "cli"):
    sys.path.insert(0, str(Path(__file__).parents[1] / room))
