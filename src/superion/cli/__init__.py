"""Command line: thin commands over the rooms."""

from __future__ import annotations

import warnings

_by_python = warnings.formatwarning


def main() -> None:
    """Entry point of the `superion` command."""
    from superion.cli.process import prepare

    prepare()
    from superion.cli.app import app

    warnings.formatwarning = format_warning
    app(prog_name="superion")


def format_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """`warning: …` for what a user should know; warnings about code as Python writes them."""
    if issubclass(category, UserWarning):
        return f"warning: {message}\n"
    return _by_python(message, category, filename, lineno, line)
