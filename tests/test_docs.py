"""What the reference for those who extend superion says of registries, and plain words in all texts."""

import re
from importlib import import_module
from pathlib import Path

import typer

from superion.cli.app import app
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


PLAIN = {
    r"\b(?:is|are|was|were|be|being) told\b(?! apart| from)": "printed, reported, or given",
    r"\bin earnest\b": "what is meant: at full size, for production",
    r"\bat rest\b": "relaxed, or equilibrium",
    r"[,;] for (?:it|they|their|there|he|she|we|you|nothing|nobody|what|this|that|these)\b": "because",
    r"\bmade? good\b": "corrected",
    r"\bmind that\b": "note that, or nothing",
}
"""Phrases over which a reader stumbles, and what to write instead."""
TEXTS = ("*.md", "docs/**/*.md", "docs/gallery/*.py", "data/*.md", "benchmarks/*.md", "examples/*.yaml")


def test_pages_and_help_are_in_plain_words():
    texts = {
        str(path.relative_to(ROOT)): path.read_text()
        for pattern in TEXTS
        for path in ROOT.glob(pattern)
        if path.name != "CHANGELOG.md"
    }
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        texts[f"superion {name} --help"] = "\n".join(
            [command.help or "", *(getattr(parameter, "help", None) or "" for parameter in command.params)]
        )
    assert len(texts) > 60
    assert _stumbles({"it": "The rest is told,\nfor it waits."}) == [
        "it: 'is told': write printed, reported, or given",
        "it: ', for it': write because",
    ]
    assert not _stumbles(texts)


def _stumbles(texts):
    flat = {name: " ".join(text.split()) for name, text in texts.items()}
    return [
        f"{name}: {match[0]!r}: write {better}"
        for name, text in flat.items()
        for phrase, better in PLAIN.items()
        for match in re.finditer(phrase, text)
    ]


LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


def test_links_lead_to_files():
    texts = [path for pattern in TEXTS for path in ROOT.glob(pattern)]
    links = [(path, link) for path in texts for link in LINK.findall(path.read_text())]
    assert len(links) > 150
    assert not [
        f"{path.relative_to(ROOT)}: {link}" for path, link in links if not (path.parent / link).exists()
    ]
