"""All properties that a study can compute, in the order in which it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from superion.study.properties.base import Property
from superion.study.properties.conductivity import Conductivity
from superion.study.properties.defects import Defects
from superion.study.properties.dielectric import DielectricConstant
from superion.study.properties.elastic import Elastic
from superion.study.properties.eos import Eos
from superion.study.properties.forces import Forces

if TYPE_CHECKING:
    from superion.study.steps import Study

STATIC: tuple[type[Property], ...] = (Forces, Eos, Elastic, Defects, DielectricConstant)
FROM_DYNAMICS: tuple[type[Property], ...] = (Conductivity,)


def properties_of(study: Study, kinds: tuple[type[Property], ...]) -> list[Property]:
    """Those of `kinds` that the settings ask for; errors of forces always."""
    chosen = {Forces.name, *study.settings.properties.chosen}
    return [kind(study) for kind in kinds if kind.name in chosen]
