"""Every docs/gallery/*.py is run when the site is built, and shown with what it prints and draws.

What a script shows is kept in .cache/gallery under a checksum of the script and of all that it may use, so
that a second build runs nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from PIL import Image

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs" / "gallery"
CACHE = ROOT / ".cache" / "gallery"
USED = ("src/superion", "data", "docs/gallery/data", "docs/site_cells.py", "constraints.txt")
"""What scripts may use, beside themselves."""
ENTRY = re.compile(r"^- \[(?P<title>.+)\]\((?P<name>\w+)\.py\): (?P<text>.+(?:\n  .+)*)$", re.MULTILINE)
"""A script in the list of the index."""
WIDTH = 480  # pixels of a thumbnail
AT_ONCE = 2  # scripts


def on_files(files: Files, config: Any) -> Files:
    """Add a page for each script, its figures, and a thumbnail of the last one."""
    used, scripts = _used(), sorted(GALLERY.glob("*.py"))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        shown = list(pool.map(lambda script: _shown(script, used), scripts))
    if failed := [result for result in shown if isinstance(result, str)]:
        raise PluginError("\n\n".join(failed))
    for script, folder in zip(scripts, shown, strict=True):
        files.append(File.generated(config, f"gallery/{script.stem}.md", content=_page(script, folder)))
        for picture in folder.glob("*.png"):
            files.append(File.generated(config, f"gallery/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The list of scripts as cards with thumbnails."""
    if page.file.src_uri != "gallery/README.md":
        return markdown
    missing = {path.stem for path in GALLERY.glob("*.py")} - {m["name"] for m in ENTRY.finditer(markdown)}
    if missing:
        raise PluginError(f"docs/gallery/README.md does not list {', '.join(sorted(missing))}.")
    return ENTRY.sub(_card, markdown)


def _card(entry: re.Match[str]) -> str:
    return (
        f'<a class="gallery-card" href="{entry["name"]}.html"><img src="{entry["name"]}-small.png" alt="">'
        f"<strong>{escape(entry['title'])}</strong><span>{escape(' '.join(entry['text'].split()))}</span></a>"
    )


def _shown(script: Path, used: Any) -> Path | str:
    """The folder with what a script shows, or why it fails. It is run if that is not known yet."""
    checksum = used.copy()
    checksum.update(script.read_bytes())
    folder = CACHE / f"{script.stem}-{checksum.hexdigest()[:16]}"
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        made = Path(scratch) / script.stem
        command = [sys.executable, "docs/site_cells.py", str(script.relative_to(ROOT)), str(made)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": scratch}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode or done.stderr:
            return f"{script.relative_to(ROOT)} fails in the gallery:\n{done.stderr}{done.stdout}"
        last = sorted(made.glob("*.png"))[-1]
        with Image.open(last) as picture:
            picture.thumbnail((WIDTH, WIDTH))
            picture.save(made / f"{script.stem}-small.png")
        for old in CACHE.glob(f"{script.stem}-*"):
            shutil.rmtree(old)
        made.rename(folder)
    return folder


def _page(script: Path, folder: Path) -> str:
    """Text, code, what it prints and what it draws, in this order."""
    parts = ["---\nhide: [toc]\n---"]
    for cell in json.loads((folder / "cells.json").read_text()):
        if cell["kind"] == "text":
            parts.append(cell["source"])
            continue
        parts.append(f"```python\n{cell['source']}\n```")
        if cell["printed"]:
            parts.append(f"```text\n{cell['printed']}\n```")
        if cell["html"]:
            parts.append(f'<div class="gallery-table">{cell["html"]}</div>')
        for figure in cell["figures"]:
            parts.append(
                f'<figure class="gallery-figure"><img src="{figure["file"]}" alt="{escape(figure["alt"])}">'
                f"<figcaption>{escape(figure['caption'])}</figcaption></figure>"
            )
    here = script.name
    parts.append(
        f'<a href="{here}" download>Download {here}</a>: its cells open as a notebook in VS Code or Jupytext.'
    )
    return "\n\n".join(parts) + "\n"


def _used() -> Any:
    """A checksum begun with all that scripts may use."""
    checksum = hashlib.sha256()
    for name in USED:
        path = ROOT / name
        for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
            if "__pycache__" not in file.parts:
                checksum.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return checksum
