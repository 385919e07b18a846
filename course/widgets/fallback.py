"""What a widget shows where nothing can run: on a web page, in print, in a diff.

A saved output holds several forms of the same thing and the reader takes the best that it knows.
JupyterLab with a kernel takes the widget. A static page takes the HTML, a terminal the text. That
holds for nbconvert as long as no widget state is stored in the notebook: the course stores none.
"""

from typing import Any


def with_fallback(bundle: Any, html: str, text: str) -> Any:
    """Add static forms to the mime bundle of a widget, which is data or (data, metadata)."""
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
    return {**data, "text/html": html, "text/plain": text}, metadata
