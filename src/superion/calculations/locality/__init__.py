"""How far forces reach, and which charges explain what reaches far."""

from superion.calculations.locality.charges import ChargeFit, fit_charges
from superion.calculations.locality.run import locality, make_samples
from superion.calculations.locality.samples import SAMPLES, Samples
from superion.calculations.locality.spheres import LocalitySettings

__all__ = ["SAMPLES", "ChargeFit", "LocalitySettings", "Samples", "fit_charges", "locality", "make_samples"]
