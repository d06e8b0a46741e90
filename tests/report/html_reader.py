"""Reads a report with the standard library's parser."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"meta", "img", "br", "link", "wbr"}


class Page(HTMLParser):
    """Tags with attributes, visible text, and tables as rows of cells; refuses unbalanced tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.pieces: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        data = data.replace("\u00a0", " ")
        self.pieces.append(data)
        if {"td", "th"} & set(self._open):
            self.tables[-1][-1][-1] += data

    @property
    def text(self) -> str:
        """Visible text with single spaces."""
        return " ".join("".join(self.pieces).split())

    def table(self, *heads: str) -> list[list[str]]:
        """Rows of the one table whose header contains all of `heads`, without the header."""
        found = [t for t in self.tables if all(head in t[0] for head in heads)]
        assert len(found) == 1, [t[0] for t in self.tables]
        return found[0][1:]
