"""Dependencies are told truly: what is imported is declared, what is optional is imported late and named."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FILES = sorted((ROOT / "src").rglob("*.py"))
OWN = {"yaml": "pyyaml", "mpi4py": "mpi4py", "distributed": "distributed", "chemfiles": "chemfiles"}
"""Distributions of modules that may not be installed here."""
PART = {"pydantic-core"}
"""Always brought by a declared one, in the same version."""


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=~! ;]", text, maxsplit=1)[0].lower().replace("_", "-") for text in requirements}


NEEDED = names(PROJECT["dependencies"])
EXTRAS = {extra: names(found) for extra, found in PROJECT["optional-dependencies"].items()}


BROUGHT = packages_distributions()


def _imports() -> Iterator[tuple[str, str, bool]]:
    """File, module, and whether it is imported with the file, of every import of another package."""
    for path in FILES:
        tree = ast.parse(path.read_text())
        inner = {
            id(statement)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Try)
            or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
            for statement in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found = [node.module]
            else:
                continue
            for name in found:
                top = name.split(".")[0]
                if top != "superion" and top not in sys.stdlib_module_names:
                    yield str(path.relative_to(ROOT)), top, id(node) not in inner


IMPORTS = sorted(set(_imports()))


def distribution(module: str) -> set[str]:
    found = [OWN[module]] if module in OWN else BROUGHT.get(module, [module])
    return {name.lower().replace("_", "-") for name in found} - PART


def test_what_is_imported_with_its_file_is_a_dependency():
    """But in the files of figures and pages, which commands import late and under `drawing`."""
    late = EXTRAS["report"]
    assert not {
        (file, module)
        for file, module, early in IMPORTS
        if early
        and (found := distribution(module))
        and not found & (NEEDED | late if "/report/" in file else NEEDED)
    }


def test_whatever_is_imported_belongs_to_a_dependency_or_to_an_extra():
    every = NEEDED.union(*(found for extra, found in EXTRAS.items() if extra not in ("test", "dev", "docs")))
    assert not {module for _, module, _ in IMPORTS if (f := distribution(module)) and not f & every}


def test_every_dependency_is_imported():
    used = set().union(*(distribution(module) for _, module, _ in IMPORTS))
    assert not NEEDED - used


def test_the_remedy_for_a_missing_extra_names_it():
    """Somewhere in src stands superion[EXTRA] for every extra that src imports."""
    text = "".join(path.read_text() for path in FILES)
    used = set().union(*(distribution(module) for _, module, _ in IMPORTS))
    lacking = {
        extra
        for extra, found in EXTRAS.items()
        if extra not in ("test", "dev", "docs") and found & used and f"superion[{extra}]" not in text
    }
    assert not lacking
