"""Properties of a study: what each fit, and the labels, say about one of them."""

from superion.study.properties.base import Measured, Property
from superion.study.properties.registry import PROPERTIES, properties_of

__all__ = ["PROPERTIES", "Measured", "Property", "properties_of"]
