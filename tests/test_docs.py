"""What the reference for those who extend superion says of registries."""

import re
from importlib import import_module
from pathlib import Path

from superion.registry import Registry

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| `(superion\.\S+)\.(\w+)` \| `(superion\.\w+)` \|", re.MULTILINE)


def test_registries():
    rows = ROW.findall((ROOT / "docs/reference/extending.md").read_text())
    for module, name, group in rows:
        registry = getattr(import_module(module), name)
        assert isinstance(registry, Registry)
        assert registry.group == group
    sources = (path.read_text() for path in (ROOT / "src").rglob("*.py"))
    assert len(rows) == sum(
        len(re.findall(r"^\w+: Registry\[.* = Registry\(", s, re.MULTILINE)) for s in sources
    )
