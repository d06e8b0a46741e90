"""Names that packages of others can add to: terms, charge models, recipes, labellers.

Three ways lead into a registry. superion adds its own where they are defined. A Python program adds with
`add`, also as a decorator. A package that is installed names an entry point in the group of the registry:

    [project.entry-points."superion.terms"]
    morse = "theirs.morse:Morse"

Entry points are looked for when a name is asked for that nobody has added, and imported when it is theirs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, packages_distributions, version
from typing import Any, TypeVar

from superion.errors import InputError, ModelError, SuperionError, suggest

T = TypeVar("T")
OWN = "superion"
NEWER = "the model was written by a newer version, or edited by hand."


class PluginWarning(UserWarning):
    """A package brings something that cannot be used."""


class UnknownKindError(ModelError):
    """A model file needs a kind of term, charges or property that no package here brings."""

    kind = ""


class Registry(Mapping[str, T]):
    """Things by name. what: one of them, for messages. group: of entry points.

    error: what an unknown name raises. As a mapping it has all names, those of entry points too.
    """

    def __init__(
        self, what: str, group: str, error: type[SuperionError] = InputError, remedy: str | None = None
    ) -> None:
        """remedy: what to do about an unknown name; None: the names that there are."""
        self.what, self.group = what, group
        self._error, self._remedy = error, remedy
        self._known: dict[str, T] = {}
        self._sources: dict[str, str] = {}

    def add(self, thing: T, name: str | None = None) -> T:
        """Add a thing under its `kind`, its `name`, or the name given; usable as a decorator.

        InputError if something else has this name.
        """
        name = name or getattr(thing, "kind", None) or getattr(thing, "name", None)
        if not isinstance(name, str) or not name:
            raise InputError(
                f"the {self.what} {thing!r} has no name.", remedy="give it the attribute `kind`, or a name."
            )
        if name in self._known and _path(self._known[name]) != _path(thing):
            raise InputError(
                f"there is a {self.what} {name!r} already, of {self.source(name)}.",
                remedy="choose another name.",
            )
        self._known[name], self._sources[name] = thing, _source(thing)
        return thing

    def __getitem__(self, name: str) -> T:
        """The thing of this name; KeyError if there is none, InputError if its package is broken."""
        if name not in self._known:
            self._known[name], self._sources[name] = self._load(name)
        return self._known[name]

    def find(self, name: str) -> T:
        """The thing of this name; an error with a suggestion if there is none."""
        try:
            return self[name]
        except KeyError:
            pass
        error = self._error(
            f"unknown {self.what} {name!r}.{suggest(name, self)}",
            remedy=self._remedy or f"{self.what}s are {', '.join(self)}.",
        )
        if isinstance(error, UnknownKindError):
            error.kind = name
        raise error

    def source(self, name: str) -> str:
        """The distribution that brings a name: `superion`, another one, or the module where it has none."""
        self[name]
        return self._sources[name]

    def working(self) -> dict[str, T]:
        """All that can be imported; a PluginWarning names what cannot."""
        found = {}
        for name in self:
            try:
                found[name] = self[name]
            except InputError as error:
                warnings.warn(str(error), PluginWarning, stacklevel=2)
        return found

    def added(self) -> dict[str, T]:
        """What is known without looking for entry points."""
        return dict(self._known)

    def __contains__(self, name: object) -> bool:
        return name in self._known or any(point.name == name for point in self._points())

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._known, *(point.name for point in self._points())]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _points(self) -> list[EntryPoint]:
        return [point for point in entry_points(group=self.group) if point.name not in self._known]

    def _load(self, name: str) -> tuple[T, str]:
        points = {(point.value, _of(point)): point for point in self._points() if point.name == name}
        if not points:
            raise KeyError(name)
        if len(points) > 1:
            raise InputError(
                f"{' and '.join(sorted(owner for _, owner in points))} both bring a {self.what} {name!r}.",
                remedy="uninstall all but one of them.",
            )
        ((_, owner), point) = points.popitem()
        try:
            return point.load(), owner
        except Exception as error:  # whatever a module of somebody else's raises
            raise InputError(
                f"the {self.what} {name!r} of the package {owner} cannot be imported: {point.value} raises "
                f"{type(error).__name__}: {error}.",
                remedy=f"mend or uninstall {owner}; nothing else depends on it.",
            ) from error


def known_in(registry: Registry[Any]) -> Callable[[str], str]:
    """A validator of settings: the name of a thing in the registry; ValueError with a suggestion."""

    def known(name: str) -> str:
        if name not in registry:
            raise ValueError(f"unknown {registry.what} {name!r}.{suggest(name, registry)}")
        return name

    return known


def needed(registries: Mapping[str, Registry[Any]], content: Any) -> dict[str, str]:
    """Packages of others behind the kinds that occur in JSON-ready content, by `what: kind`."""
    kinds = set(_kinds(content))
    foreign = {
        f"{what}: {kind}": registry.source(kind)
        for what, registry in registries.items()
        for kind in kinds.intersection(registry)
    }
    return {kind: package for kind, package in sorted(foreign.items()) if package != OWN}


def installed(package: str) -> str:
    """The package with its version, where it has one."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package


def _kinds(content: Any) -> Iterator[str]:
    if isinstance(content, Mapping):
        if isinstance(content.get("kind"), str):
            yield content["kind"]
        for inner in content.values():
            yield from _kinds(inner)
    elif isinstance(content, list | tuple):
        for inner in content:
            yield from _kinds(inner)


def _of(point: EntryPoint) -> str:
    return OWN if point.dist is None else str(point.dist.name)


def _path(thing: Any) -> object:
    """What a module that is imported anew defines again is the same thing."""
    name = getattr(thing, "__qualname__", None)
    return thing if name is None else (thing.__module__, name)


def _source(thing: Any) -> str:
    """The distribution whose module defines a thing, or else the module."""
    place: Callable[[], str] | str = getattr(thing, "__module__", None) or type(thing).__module__
    top = str(place).partition(".")[0]
    if top == OWN:
        return OWN
    return next(iter(packages_distributions().get(top, ())), top)
