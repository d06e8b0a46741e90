"""Properties of a study: what each fit, and the labels, say about one of them."""

from superion.study.properties.base import Measured, Property
from superion.study.properties.registry import properties_of
from superion.study.properties.settings import PropertiesSettings

__all__ = ["Measured", "PropertiesSettings", "Property", "properties_of"]
