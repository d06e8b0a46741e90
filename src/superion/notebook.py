"""Tables for notebooks: as HTML that is shown, and as a pandas DataFrame to go on with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from superion.errors import InputError


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under the names of columns, with units in the names where there are any; None: no value."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def __repr__(self) -> str:
        return f"Table({self.caption!r}, {len(self.rows)} rows: {', '.join(self.columns)})"

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def to_frame(self) -> Any:
        """The table as a pandas DataFrame; InputError without pandas."""
        try:
            import pandas as pd
        except ImportError as error:
            raise InputError(
                "a DataFrame needs the package pandas, which is not installed.",
                remedy="pip install 'superion[notebook]'",
            ) from error
        return pd.DataFrame(self.rows, columns=list(self.columns))

    def _repr_html_(self) -> str:
        return html_table(self.caption, self.columns, self.rows)


def html_table(caption: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """An HTML table; all text in it is escaped."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(_text(cell))}</td>' for cell in row)}</tr>" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _text(cell: Any) -> str:
    if cell is None:
        return "–"
    return f"{cell:.5g}" if isinstance(cell, float) else str(cell)
