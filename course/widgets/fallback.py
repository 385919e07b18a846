"""What a widget shows where nothing can run: on a web page, in print, in a diff.

A saved output holds several forms of the same thing and the reader takes the best that it knows.
JupyterLab with a kernel takes the widget. A static page takes the HTML, a terminal the text. That
holds for nbconvert as long as no widget state is stored in the notebook: the course stores none.
"""

from collections.abc import Sequence
from html import escape
from typing import Any


def with_fallback(bundle: Any, html: str, text: str) -> Any:
    """Add static forms to the mime bundle of a widget, which is data or (data, metadata)."""
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
    return {**data, "text/html": html, "text/plain": text}, metadata


def html_table(title: str, rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a table with a caption, columns in the order in which they come up."""
    if not rows:
        return f"<p>{escape(title)}: none.</p>"
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    cells = [[escape(str(row.get(name, ""))) for name in names] for row in rows]
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells)
    return f"<table><caption>{escape(title)}</caption><tr>{head}</tr>{body}</table>"
