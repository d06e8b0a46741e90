"""What mkdocs.yml cannot say: pages that stand beside docs/, pages that are generated, links between all.

Links are written as they hold in the repository; pages of docs/ stand one folder higher in the site.
"""

from __future__ import annotations

import posixpath
import re
from html import escape
from pathlib import Path
from typing import Any

import typer
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

import superion
from superion.cli.app import app

ROOT = Path(__file__).parents[1]
BESIDE = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md", "data/README.md"]
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages and sources beside docs/ that are linked, and the references."""
    for name in {*BESIDE, *(name for page in [*_pages(), *BESIDE] for name in _linked(page))}:
        if not name.startswith("docs/") and (ROOT / name).is_file():
            files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    files.append(File.generated(config, "reference/commands.md", content=commands()))
    names = "\n\n".join(f"::: superion.{name}" for name in superion.__all__ if name != "__version__")
    files.append(File.generated(config, "reference/python.md", content=f"# Python\n\n{names}\n"))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links of the repository as links of the site."""
    here = page.file.src_uri
    source = here if here in BESIDE else f"docs/{here}"

    def moved(match: re.Match[str]) -> str:
        name = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[1]))
        if not (ROOT / name).is_file():
            raise PluginError(f"{source}: there is no {name} in the repository.")
        if name.startswith("docs/gallery/") and name.endswith(".py"):
            name = name[:-3] + ".md"  # the page that shows the script
        return posixpath.relpath(name.removeprefix("docs/"), posixpath.dirname(here) or ".")

    return LINK.sub(moved, markdown)


def commands() -> str:
    """Every command with its arguments and options, as Markdown."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("superion", ["run"], resilient_parsing=True)
    text = ["# Commands", group.help, _table(group, context)]
    shown = {name: command for name, command in group.commands.items() if not command.hidden}
    for name, command in sorted(shown.items()):
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        text += [f"## superion {name}", f"`{' '.join(inner.get_usage().split()[1:])}`", command.help]
        text.append(_table(command, inner))
    return "\n\n".join(text) + "\n"


def _table(command: Any, context: Any) -> str:
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    rows = [f"| <code>{_plain(name)}</code> | {_plain(text)} |" for name, text in filter(None, records)]
    return "\n".join(["| option | meaning |", "| --- | --- |", *rows])


def _plain(text: str) -> str:
    """Text in which nothing but `code` is markup."""
    text = re.sub("`(.*?)`", r"<code>\1</code>", escape(text))
    return re.sub(r"[\[\]|*_]", lambda match: f"&#{ord(match[0])};", text)


def _pages() -> list[str]:
    return [str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md")]


def _linked(page: str) -> list[str]:
    folder = posixpath.dirname(page)
    return [posixpath.normpath(posixpath.join(folder, m)) for m in LINK.findall((ROOT / page).read_text())]
