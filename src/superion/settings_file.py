"""Reading settings from YAML: safe-loaded, checked, and every mistake named with file and dotted key."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, Tag, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from superion.errors import InputError, suggest

Model = TypeVar("Model", bound=BaseModel)
SHOWN = 8  # mistakes listed at once
TRUTHS = "YAML reads yes, no, on and off as true and false"
REMEDY = (
    "`superion schema` (study) and `superion schema active-learning`, `fit`, `label` or `executor` list "
    "every key with its unit and default."
)


def read_settings(path: str | Path, model: type[Model]) -> Model:
    """Settings of the kind `model` from a YAML file; InputError naming each wrong key."""
    return validate(read_yaml(path), model, path)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file; InputError if it is no mapping, repeats a key or asks for objects."""
    path = Path(path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise InputError(f"cannot be read ({reason}).", file=path, remedy="check the path.") from error
    try:
        twice = next(_repeated(yaml.compose(text, Loader=yaml.SafeLoader)), None)
        value = yaml.safe_load(text)
    except yaml.constructor.ConstructorError as error:
        raise InputError(
            f"only plain values are allowed{_position(error)}: {error.problem}.",
            file=path,
            remedy="remove the tag (!…); settings are text, numbers, lists and mappings, never objects.",
        ) from error
    except yaml.YAMLError as error:
        raise InputError(
            f"not valid YAML{_position(error)}: {getattr(error, 'problem', None) or error}.",
            file=path,
            remedy="check indentation, colons and quotes there.",
        ) from error
    if twice:
        raise InputError(f"the key {twice} is given twice.", file=path, remedy="keep one of the two.")
    if not isinstance(value, dict):
        raise InputError(
            f"expected a mapping of settings, found {type(value).__name__}.",
            file=path,
            remedy="write lines of the form `key: value`.",
        )
    return value


def validate(
    values: Mapping[Any, Any], model: type[Model], file: object = None, *, remedy: str = REMEDY
) -> Model:
    """`values` as a `model`; InputError with dotted keys, what was expected, and suggestions."""
    try:
        made = model.model_validate(values)
    except ValidationError as error:
        raise InputError(
            explain(error, model),
            file=file,
            remedy=remedy,
        ) from error
    for place, truth in _truths(values, made):
        raise InputError(f"{place}: expected a number, found {truth}; {TRUTHS}.", file=file, remedy=remedy)
    return made


def _truths(given: Any, made: Any, place: str = "") -> Iterator[tuple[str, bool]]:
    """Dotted keys of truth values that were taken for the numbers 1 and 0."""
    if isinstance(given, bool) and isinstance(made, int | float) and not isinstance(made, bool):
        yield place, given
    elif isinstance(given, Mapping):
        for key, item in given.items():
            inner = made.get(key) if isinstance(made, Mapping) else getattr(made, str(key), None)
            yield from _truths(item, inner, f"{place}.{key}" if place else str(key))
    elif isinstance(given, list) and isinstance(made, list | tuple):
        for k, (item, inner) in enumerate(zip(given, made, strict=False)):
            yield from _truths(item, inner, f"{place}[{k}]")


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The mistakes that pydantic found, one sentence each."""
    found = error.errors(include_url=False)
    lines = list(dict.fromkeys(_sentence(details, model) for details in found))
    more = f" … and {len(lines) - SHOWN} more." if len(lines) > SHOWN else ""
    return " ".join(lines[:SHOWN]) + more


def _sentence(details: ErrorDetails, model: type[BaseModel]) -> str:
    place, owner = _place(details["loc"], model)
    if details["type"] == "extra_forbidden":
        return f"{place}: unknown key.{suggest(place.rpartition('.')[2], owner.model_fields)}"
    if details["type"] == "missing":
        return f"{place}: is missing{_described(details['loc'], owner)}."
    message = details["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    text = f"{place}: {message}" if place else message
    found = details["input"]
    if details["type"] != "value_error":
        text += f", found {reprlib.repr(found)}"
    if details["type"] in ("string_type", "invalid_key") and not isinstance(found, list | dict | None):
        text += f"; put it in quotes{f', for {TRUTHS}' if isinstance(found, bool) else ''}"
    return text if text.endswith("?") else text.removesuffix(".") + "."


def _place(location: tuple[int | str, ...], model: type[BaseModel]) -> tuple[str, type[BaseModel]]:
    """Dotted key of an error, without pydantic's names of union members, and the model it is in."""
    parts: list[str] = []
    owner, annotation = model, None
    for depth, part in enumerate(location, start=1):
        if isinstance(part, int):
            parts[-1:] = [f"{parts[-1]}[{part}]"] if parts else [f"[{part}]"]
            continue
        if annotation is None or part in owner.model_fields:
            field = owner.model_fields.get(part)
            parts.append(part)
            annotation = _chosen(field) if field else None
            inner = next(_models(annotation), None)
            if inner is not None and depth < len(location):
                owner, annotation = inner, None
        elif part in _tags(annotation):
            continue
        elif dict in {_origin(a) for a in _members(annotation)}:
            parts.append(part)
    return ".".join(parts), owner


def _chosen(field: FieldInfo) -> Any:
    """The annotation of a field, or the model that reads it where that is settled only as it is read."""
    readers = (getattr(getattr(mark, "func", None), "model", None) for mark in field.metadata)
    return next((model() for model in readers if model is not None), field.annotation)


def _tags(annotation: Any) -> set[str]:
    """Names of the members of a tagged union, which pydantic puts into the place of an error."""
    marks = (mark for member in _members(annotation) for mark in getattr(member, "__metadata__", ()))
    return {mark.tag for mark in marks if isinstance(mark, Tag)}


def _members(annotation: Any) -> Iterator[Any]:
    """An annotation and the members of its unions, at any depth."""
    yield annotation
    if get_origin(annotation) in (Annotated, Union, UnionType):
        for member in get_args(annotation):
            yield from _members(member)


def _origin(annotation: Any) -> Any:
    """The bare type: dict of dict[str, float], annotated or not."""
    plain = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return get_origin(plain) or plain


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Models named by a type annotation, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _described(location: tuple[int | str, ...], owner: type[BaseModel]) -> str:
    field = owner.model_fields.get(str(location[-1]))
    return f" ({field.description.rstrip('.')})" if field and field.description else ""


def _repeated(node: yaml.Node | None) -> Iterator[str]:
    """Dotted keys that occur twice in one mapping."""
    stack: list[tuple[yaml.Node | None, str]] = [(node, "")]
    visited: set[int] = set()
    while stack:
        current, prefix = stack.pop()
        if current is None or id(current) in visited:
            continue
        visited.add(id(current))
        if isinstance(current, yaml.SequenceNode):
            stack += [(item, prefix) for item in current.value]
        if isinstance(current, yaml.MappingNode):
            keys = [str(key.value) for key, _ in current.value]
            yield from (f"{prefix}{key}" for k, key in enumerate(keys) if key in keys[:k])
            stack += [(item, f"{prefix}{key}.") for key, (_, item) in zip(keys, current.value, strict=True)]


def _position(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
