"""All kinds of results: units in their descriptions, one round trip, older files, damaged files."""

from __future__ import annotations

import copy
import importlib
import json
import pkgutil
import re

import pytest
from pydantic import ValidationError

import superion
from result_examples import EXAMPLES
from superion.errors import CorruptFileError, InputError
from superion.results import _HOMES, RESULTS, Result, ResultFile, known_kinds, read_result, write_result
from superion.simulation.summary import RunSummary
from superion.verdict.values import Value

UNIT = re.compile(
    r"no unit|count|(?<!\w)(eV|e|e·Å|Å[²³]?|1/Å|K|s|ps|ns|V|V/Å|GPa|THz|1/cm|S/cm|cm²/s|mS/cm)(?!\w)"
    r"|`unit`|units of the rows|unit of each"
)


def classes() -> list[type[Result]]:
    """Every class of results in the package."""
    for module in pkgutil.walk_packages(superion.__path__, "superion."):
        name = module.name.rpartition(".")[2]
        if "result" in name or name in ("summary", "job_file", "verdict_file", "values", "tuning"):
            importlib.import_module(module.name)
    found: list[type[Result]] = []
    waiting = [Result]
    while waiting:
        found += (below := waiting.pop().__subclasses__())
        waiting += below
    return sorted(
        {one for one in found if one.__module__.startswith("superion")}, key=lambda one: one.__name__
    )


def numeric(schema: dict, parts: dict) -> bool:
    """Whether a schema has numbers that no other class describes."""
    if "$ref" in schema:
        return False
    inner = [*schema.get("anyOf", ()), *schema.get("prefixItems", ())]
    inner += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    return schema.get("type") in ("number", "integer") or any(numeric(one, parts) for one in inner)


def test_every_number_says_its_unit() -> None:
    found = classes()
    lacking, seen = [], 0
    for model in (*found, Value):
        schema = model.model_json_schema()
        for name, field in schema.get("properties", {}).items():
            if numeric(field, schema.get("$defs", {})):
                seen += 1
                if not UNIT.search(field.get("description", "")):
                    lacking.append(f"{model.__name__}.{name}: {field.get('description')}")
    assert seen > 200
    assert lacking == []


def test_every_kind_has_an_example_here_and_is_known_where_it_lives() -> None:
    """A class that is not in the table would be found only by those who have imported it."""
    files = {one for one in classes() if issubclass(one, ResultFile)} - {ResultFile}
    own = {kind: one.__module__ for kind, one in RESULTS.items() if one.__module__.startswith("superion")}
    assert own == _HOMES
    assert {one.model_fields["kind"].default for one in files} == set(own)
    assert set(known_kinds()) >= set(EXAMPLES) == set(own)


def model_of(kind: str) -> type[ResultFile]:
    """The class of a kind."""
    importlib.import_module(_HOMES[kind])
    return RESULTS[kind]


@pytest.mark.parametrize("kind", _HOMES)
def test_older_files_are_read_and_a_round_trip_changes_nothing(tmp_path, kind) -> None:
    path, model = tmp_path / "result.json", model_of(kind)
    before = json.loads(json.dumps(EXAMPLES[kind]))
    path.write_text(json.dumps(before))
    old = read_result(path, model)
    write_result(path, old)
    text = path.read_text()
    assert superion.read_result(path) == old
    write_result(path, read_result(path))
    assert path.read_text() == text
    written = json.loads(text)
    assert (written["kind"], written["format"]) == (kind, 1)
    assert covers(written, before)
    assert old.to_dict() == written


@pytest.mark.parametrize("kind", _HOMES)
def test_every_result_shows_itself_in_a_notebook(kind) -> None:
    found = model_of(kind).model_validate_json(json.dumps(EXAMPLES[kind]))
    table = found.table
    assert len(table) > 0
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert found._repr_html_().startswith("<table>")
    assert list(found.to_frame().columns) == list(table.columns)


def covers(written, before) -> bool:
    """Whether all that was in the older file is in the new one, digit by digit."""
    if isinstance(before, dict):
        return all(key in written and covers(written[key], value) for key, value in before.items())
    if isinstance(before, list):
        return len(written) == len(before) and all(map(covers, written, before))
    return written == before


def refused(path, *said: str) -> None:
    """The file is refused by name, with a remedy, and with all that is to be said."""
    with pytest.raises(CorruptFileError) as caught:
        superion.read_result(path)
    text = str(caught.value)
    assert text.startswith(str(path)), text
    assert "Remedy: " in text, text
    for part in said:
        assert part in text, (part, text)


@pytest.mark.parametrize("kind", _HOMES)
def test_damaged_files_are_named_with_the_key_and_a_remedy(tmp_path, kind) -> None:
    path, model = tmp_path / "result.json", model_of(kind)
    content = json.loads(json.dumps(EXAMPLES[kind])) | {"kind": kind, "format": 1}
    text = json.dumps(content)
    path.write_text(text[: len(text) // 2])
    refused(path, "not valid JSON")
    path.write_text(json.dumps(content | {"format": 2}))
    refused(path, "format 2; this version reads up to 1", "upgrade superion")
    path.write_text(json.dumps(content | {"kind": f"{kind}s"}))
    refused(path, f"unknown kind of result '{kind}s'", f"'{kind}'", "upgrade superion")
    path.write_text("[]")
    refused(path, "does not say which kind")
    other = "md" if kind != "md" else "eos"
    path.write_text(json.dumps(content | {"kind": other}))
    with pytest.raises(CorruptFileError, match="kind: Input should be"):
        read_result(path, model)
    for name, field in model.model_fields.items():
        if name in ("kind", "format"):
            continue
        if field.is_required():
            path.write_text(json.dumps({key: value for key, value in content.items() if key != name}))
            refused(path, model.writer, f"{name}: Field required", model.remedy)
        path.write_text(json.dumps(content | {name: [[["x"]]]}))
        refused(path, model.writer, name)
    for place in numbers(content):
        path.write_text(json.dumps(changed(content, place, float("nan"))))
        refused(path, ".".join(map(str, place)), "nan is not a finite number")


def numbers(value, place=()):
    """Places of the first few numbers."""
    found = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, float):
            found.append((*place, key))
        elif isinstance(inner, dict | list):
            found += numbers(inner, (*place, key))
    return found[:3]


def changed(content, place, value):
    """A copy with another value in one place."""
    found = owner = copy.deepcopy(content)
    for key in place[:-1]:
        owner = owner[key]
    owner[place[-1]] = value
    return found


def test_what_is_no_number_is_not_written(tmp_path) -> None:
    with pytest.raises(ValidationError):
        RunSummary(drift=float("nan"), warnings=())
    with pytest.raises(InputError, match="no finite number"):
        write_result(tmp_path / "a.json", RunSummary(warnings=(), other=float("nan")))
    assert not (tmp_path / "a.json").exists()
