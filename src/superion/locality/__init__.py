"""How far forces reach, and which charges explain what reaches far."""

from superion.locality.charges import ChargeFit, fit_charges
from superion.locality.run import locality, make_samples
from superion.locality.samples import SAMPLES, Samples
from superion.locality.spheres import LocalitySettings

__all__ = ["SAMPLES", "ChargeFit", "LocalitySettings", "Samples", "fit_charges", "locality", "make_samples"]
