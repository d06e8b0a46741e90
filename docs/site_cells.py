"""Run a script of the gallery cell by cell, as a notebook does, and keep what each cell shows.

    python docs/site_cells.py SCRIPT FOLDER

writes FOLDER/cells.json and the figures. `# %% [markdown]` begins text in comments, `# %%` begins code. A
cell shows what it prints, its last expression, and its figures. Every figure needs a label (`num=`), which is
its description for those who do not see it, and a caption: text after it that begins with `Figure:`. A script
that warns or writes to stderr fails.
"""

from __future__ import annotations

import ast
import io
import json
import re
import sys
import traceback
import warnings
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MARK = re.compile(r"^# %%(?P<text> \[markdown\])?[^\n]*$", re.MULTILINE)
CAPTION = "Figure: "


class GalleryError(Exception):
    """What is wrong with a script."""


@dataclass
class Figure:
    """A picture: its file, what it shows in words, its caption."""

    file: str
    alt: str
    caption: str = ""


@dataclass
class Cell:
    """Text as Markdown, or code with what it shows. line: of its first line in the script, from 1."""

    kind: str
    source: str
    line: int
    printed: str = ""
    html: str = ""
    figures: list[Figure] = field(default_factory=list)


def split(script: str) -> list[Cell]:
    """The cells of a script."""
    marks = list(MARK.finditer(script))
    if not marks or script[: marks[0].start()].strip():
        raise GalleryError("a script of the gallery begins with `# %% [markdown]`.")
    found = []
    for mark, end in zip(marks, [m.start() for m in marks[1:]] + [len(script)], strict=True):
        body = script[mark.end() : end]
        line = script.count("\n", 0, mark.end()) + 1 + len(body) - len(body.lstrip("\n"))
        body = body.strip("\n")
        if mark["text"]:
            lines = body.splitlines()
            if wrong := [text for text in lines if not text.startswith("#")]:
                raise GalleryError(f"line {line}: text in a comment, and not {wrong[0]!r}.")
            body = "\n".join(re.sub("^# ?", "", text) for text in lines)
        found.append(Cell("text" if mark["text"] else "code", body, line))
    return found


def run(script: Path, folder: Path) -> list[Cell]:
    """Run all cells of a script and write its figures to `folder`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.close("all")
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(script)}
    cells = split(script.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    waiting: list[Figure] = []
    for cell in cells:
        if cell.kind == "code":
            _missing(waiting)
            _execute(cell, script, names)
            waiting = cell.figures = _figures(script.stem, folder)
        elif cell.source.startswith(CAPTION):
            first, _, rest = cell.source.partition("\n\n")
            for figure in waiting:
                figure.caption = " ".join(first.removeprefix(CAPTION).split())
            cell.source, waiting = rest, []
    _missing(waiting)
    if not any(cell.figures for cell in cells):
        raise GalleryError("a script of the gallery shows at least one figure.")
    return cells


def _execute(cell: Cell, script: Path, names: dict[str, Any]) -> None:
    """Run one cell with all warnings as errors; its last expression is shown."""
    import matplotlib.pyplot as plt

    tree = ast.parse(cell.source)
    ast.increment_lineno(tree, cell.line - 1)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    out, err = io.StringIO(), io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(out), redirect_stderr(err):
        warnings.simplefilter("error")
        exec(compile(tree, str(script), "exec"), names)
        value = eval(compile(ast.Expression(last.value), str(script), "eval"), names) if last else None
        if hasattr(value, "_repr_html_"):
            cell.html = value._repr_html_()
        elif (
            value is not None and not plt.get_fignums()
        ):  # what the last call of a drawing returns says nothing
            print(repr(value))
    if err.getvalue():
        raise GalleryError(f"line {cell.line}: the cell wrote to stderr: {err.getvalue().strip()}")
    cell.printed = out.getvalue().rstrip()


def _figures(stem: str, folder: Path) -> list[Figure]:
    import matplotlib.pyplot as plt

    found = []
    for number in plt.get_fignums():
        figure = plt.figure(number)
        if not figure.get_label():
            raise GalleryError(
                "a figure needs a description: plt.subplots(num='Forces, predicted against …')"
            )
        file = f"{stem}-{len(list(folder.glob('*.png'))) + 1}.png"
        figure.savefig(folder / file, dpi=170)
        found.append(Figure(file, figure.get_label()))
    plt.close("all")
    return found


def _missing(figures: list[Figure]) -> None:
    for figure in figures:
        raise GalleryError(f"the figure {figure.alt!r} needs a caption: text after it, `{CAPTION}…`")


def main(script: Path, folder: Path) -> int:
    """Run a script; 1 and the traceback if it fails."""
    try:
        cells = run(script, folder)
    except GalleryError as error:
        print(f"{script}: {error}", file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    (folder / "cells.json").write_text(json.dumps([asdict(cell) for cell in cells], ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
