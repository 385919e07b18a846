"""What all widgets with a view of their own share: intents in, traits out, static forms beside.

A view is `view.js` and `view.css`, then the widget's own NAME.js. It shows the traits and sends
intents, small dictionaries such as {"intent": "answer", "text": "yes"}. A widget carries them out
in `intend`; what it refuses with a ValueError is shown to the reader and changes nothing. After
each intent `answered` rises: a view that waits in vain says that no kernel answers.
"""

from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from course.widgets.fallback import with_fallback

HERE = Path(__file__).parent


def front(name: str) -> str:
    """The script of a view, as one module."""
    return "\n".join((HERE / file).read_text("utf-8") for file in ("view.js", f"{name}.js"))


class Panel(anywidget.AnyWidget):
    """A widget whose view sends intents. Give `_esm = front("name")`; write the three methods."""

    _css = HERE / "view.css"

    title = t.Unicode(help="what the panel is called, for the eye and the screen reader").tag(
        sync=True
    )
    note = t.Unicode(help="what to say about the last step").tag(sync=True)
    answered = t.Int(help="intents answered so far").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._on_intent)

    def intend(self, content: dict[str, Any]) -> None:
        """Carry out an intent of the view; raises ValueError that says what is wrong with it."""
        raise NotImplementedError

    def as_html(self) -> str:
        """What stands there without a kernel, a script or a style sheet."""
        raise NotImplementedError

    def as_text(self) -> str:
        """The same as plain text."""
        raise NotImplementedError

    def _on_intent(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        with self.hold_sync():  # the view hears of all that changed at once
            self.note = ""
            try:
                self.intend(content)
            except ValueError as error:
                self.note = str(error)
            self.answered += 1

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return with_fallback(super()._repr_mimebundle_(**kwargs), self.as_html(), self.as_text())
