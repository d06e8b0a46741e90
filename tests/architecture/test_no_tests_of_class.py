"""Nothing asks for the class of a model, a term or a charge model outside the room that defines it."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
ROOMS = ("electrostatics", "potentials")
SHARED = ("superion.terms", "superion.model")
MARKS = ("evaluate", "evaluate_batch", "charges", "vjp", "design", "born_charges", "calculate")
"""Methods by which such a class is known, also a protocol."""


def room(module: str) -> str:
    return module.split(".")[1] if module.count(".") else module


def names_of(tree: ast.Module) -> dict[str, str]:
    """Names that a file imports from superion, with the modules they come from."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("superion"):
            found |= {alias.asname or alias.name: f"{node.module}:{alias.name}" for alias in node.names}
    return found


def asked_for(node: ast.expr) -> Iterator[str]:
    """Names in the second argument of `isinstance`."""
    yield from (inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))


def is_model_class(thing: object) -> bool:
    return isinstance(thing, type) and any(callable(getattr(thing, mark, None)) for mark in MARKS)


def offences(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    known, module = names_of(tree), ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    found = []
    for node in ast.walk(tree):
        called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if called not in ("isinstance", "issubclass"):
            continue
        for name in asked_for(node.args[1]):
            if name not in known:
                continue
            place, _, own = known[name].partition(":")
            thing = getattr(importlib.import_module(place), own, None)
            things = thing if isinstance(thing, tuple) else (thing,)
            for one in things:
                home = getattr(one, "__module__", "")
                watched = room(home) in ROOMS or home in SHARED
                if watched and is_model_class(one) and room(home) != room(module):
                    found.append(f"{path.relative_to(SOURCE)}:{node.lineno}: {own}")
    return found


def test_no_class_of_a_model_is_asked_for_outside_its_room():
    found = [offence for path in sorted((SOURCE / "superion").rglob("*.py")) for offence in offences(path)]
    assert found == []


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("from superion.potentials.gap.gaussian_process import SparseGP\nisinstance(x, SparseGP)", True),
        ("from superion.electrostatics import CoulombTerm\nisinstance(x, (int, CoulombTerm))", True),
        ("from superion.terms import LocalTerm\nisinstance(x, int | LocalTerm)", True),
        ("from superion.potentials import Calculator\nisinstance(x, Calculator)", True),
        ("from superion.potentials import FitSettings\nisinstance(x, FitSettings)", False),
        ("from superion.electrostatics import Slater\nisinstance(x, Slater)", False),
    ],
)
def test_the_test_sees_what_it_should(tmp_path, monkeypatch, line, bad):
    path = tmp_path / "superion" / "study" / "x.py"
    path.parent.mkdir(parents=True)
    path.write_text(line)
    monkeypatch.setitem(globals(), "SOURCE", tmp_path)
    assert bool(offences(path)) is bad
