"""What reaches a terminal: text in its own encoding, and no instruction to it that data could hold.

Names of files, keys of structures and messages of other programs may hold escape sequences, which move the
cursor, hide lines or change the title of a window, and markup of rich. Both are shown as what they are.
"""

from __future__ import annotations

import codecs
import io
import re
import sys
from typing import Any

from rich.console import Console

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""All control characters but tab and new line, and those that turn the direction of writing."""
_PLAIN = str.maketrans(
    {
        "Å": "A", "·": "*", "×": "x", "±": "+/-", "−": "-", "–": "-", "—": "-", "…": "...", "°": " deg",
        "²": "^2", "³": "^3", "⁻": "^-", "¹": "1", "≥": ">=", "≤": "<=", "≈": "~", "→": "->", "∞": "inf",
        "α": "alpha", "β": "beta", "γ": "gamma", "Δ": "Delta", "δ": "delta", "ε": "epsilon", "λ": "lambda",
        "µ": "u", "μ": "u", "σ": "sigma", "Σ": "Sum", "τ": "tau", "χ": "chi", "“": '"', "”": '"', "’": "'",
    }
)  # fmt: skip


def shown(text: str) -> str:
    r"""`text` with control characters written out (\x1b) instead of obeyed."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _fitting(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding does not have: A for Å, escapes for what is no text."""
    assert isinstance(error, UnicodeEncodeError)
    part = error.object[error.start : error.end]
    return part.translate(_PLAIN).encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error("superion", _fitting)


class Stream(io.TextIOWrapper):
    """Standard output or error: shows every text as far as its encoding goes, and obeys nothing in it."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        encoding = codecs.lookup(stream.encoding or "utf-8").name
        self._narrow = encoding == "ascii"  # click would take a stream of ASCII for a mistake
        super().__init__(
            stream.buffer,
            encoding="latin-1" if self._narrow else encoding,
            errors="superion",
            line_buffering=stream.line_buffering,
            write_through=True,
        )

    def write(self, text: str) -> int:
        """Write data."""
        return self.instruct(shown(text))

    def instruct(self, text: str) -> int:
        """Write what may hold instructions to the terminal: not data."""
        if self._narrow:
            text = text.encode("ascii", "superion").decode("ascii")
        return super().write(text)


class _Instructions:
    """A stream as rich sees it, whose own escape sequences are to be obeyed."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.write = stream.instruct

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class PlainConsole(Console):
    """A console that takes no text for markup, emoji or instructions."""

    def __init__(self, *, stderr: bool = False, **settings: Any) -> None:
        stream: Any = sys.stderr if stderr else sys.stdout
        if isinstance(stream, Stream):
            settings["file"] = _Instructions(stream)
        super().__init__(stderr=stderr, markup=False, emoji=False, **settings)

    def render_str(self, text: str, **options: Any) -> Any:
        """The text as it is."""
        return super().render_str(shown(text), **options | {"markup": False, "emoji": False})


def guard_streams() -> None:
    """Let everything that this process writes go through a `Stream`."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and not isinstance(stream, Stream):
            stream.flush()
            setattr(sys, name, Stream(stream))
