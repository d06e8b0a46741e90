"""Defaults of a fit by name: `fast`; `learned`, whose forces err less after a fit twice as long; `fine`.

What the settings give themselves stands; a quality fills in the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from superion.potentials.many_body.soap import SoapSettings

Quality = Literal["fast", "learned", "fine"]

NEAR = SoapSettings(channels=12)
FAR = SoapSettings(channels=8, cutoff=7.0, cutoff_width=6.0, atom_sigma=0.8, l_max=3)
"""A smooth second block of longer reach; a sharper one of shorter reach is worth less."""

SOAPS: dict[str, tuple[SoapSettings, tuple[SoapSettings, ...], bool]] = {
    "fast": (NEAR, (), False),
    "learned": (NEAR, (), True),
    "fine": (NEAR, (FAR,), True),
}
"""By quality: the first block, further ones, whether channels are learned."""


def with_quality(given: Any) -> Any:
    """Settings of a fit as they were given, with what their `quality` says beside."""
    if not isinstance(given, Mapping) or given.get("quality") not in SOAPS:
        return given
    soap, more, learn = SOAPS[given["quality"]]
    own = given.get("soap", {})
    filled = {**soap.model_dump(), **own} if isinstance(own, Mapping) else own
    further = [each.model_dump() for each in more]
    return {"more_soap": further, "learn_channels": learn, **given, "soap": filled}
