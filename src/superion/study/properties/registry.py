"""All properties that a study can compute, in the order in which it does, and their settings.

A property is a subclass of `Property`. It becomes known by a line here, by `PROPERTIES.add` in Python, or by
an entry point of the group `superion.properties` of an installed package.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model

from superion.registry import Registry
from superion.study.properties.activation_energy import ActivationEnergy
from superion.study.properties.barriers import Barriers
from superion.study.properties.base import Property
from superion.study.properties.conductivity import Conductivity
from superion.study.properties.defects import Defects
from superion.study.properties.dielectric import DielectricConstant
from superion.study.properties.elastic import Elastic
from superion.study.properties.eos import Eos
from superion.study.properties.forces import Forces
from superion.study.properties.labels import Energies, Stresses
from superion.study.properties.settings import ChosenProperties
from superion.verdict.topics import add_topic

if TYPE_CHECKING:
    from superion.study.steps import Study

PROPERTIES: Registry[type[Property]] = Registry("property", "superion.properties")
_KINDS: tuple[type[Property], ...] = (
    Forces,
    Energies,
    Stresses,
    Eos,
    Elastic,
    Defects,
    Barriers,
    DielectricConstant,
    Conductivity,
    ActivationEnergy,
)
for _kind in _KINDS:
    PROPERTIES.add(_kind)


def all_properties() -> list[type[Property]]:
    """All that can be used, those of other packages last; their topics are known to verdicts then."""
    found = list(PROPERTIES.working().values())
    for kind in found:
        if kind.topic is not None:
            add_topic(kind.topic)
    return found


def settings_model() -> type[ChosenProperties]:
    """The settings of all properties: a key for each that has any, null where it is not asked for."""
    return _settings_of(tuple(all_properties()))


@cache
def _settings_of(kinds: tuple[type[Property], ...]) -> type[ChosenProperties]:
    fields: dict[str, Any] = {
        kind.name: (kind.Settings | None, Field(None, description=f"{kind.about}; null: none"))
        for kind in kinds
        if kind.Settings is not None
    }
    return create_model(
        "PropertiesSettings",
        __base__=ChosenProperties,
        __doc__="What is computed with every fit; errors of forces always are.",
        **fields,
    )


class ReadProperties:
    """Reads the properties that a study asks for; which there are is looked up then."""

    @staticmethod
    def model() -> type[ChosenProperties]:
        """What it reads."""
        return settings_model()

    def __call__(self, given: Any) -> ChosenProperties:
        """Settings by property; ValidationError for what is wrong."""
        return given if isinstance(given, ChosenProperties) else settings_model().model_validate(given)


def properties_of(study: Study, *, from_dynamics: bool | None = None) -> list[Property]:
    """Those that the settings ask for, and those without settings; from_dynamics: of one kind alone."""
    chosen = study.settings.properties.chosen
    return [
        kind(study)
        for kind in all_properties()
        if (kind.Settings is None or kind.name in chosen) and from_dynamics in (None, kind.from_dynamics)
    ]
