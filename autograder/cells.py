"""Run the source of a cell as a notebook does, and keep what it said.

Both sides use it: the candidate for the author's cells, the examiner for the locked ones. It is
IPython without a kernel, so magics, `await`, the value of the last line and inline figures work
as they do in JupyterLab. Outputs are plain dictionaries in nbformat's shape.

    shell = make_shell()
    outputs = shell.run("1 + 1", name="numbers-1-mean")

Nothing is sent while a cell runs; what it says beyond `OUTPUT_LIMIT` characters is dropped.
"""

from __future__ import annotations

import io
import os
import re
import sys
import traceback
from typing import Any

from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

Output = dict[str, Any]

OUTPUT_LIMIT = 1_000_000  # characters of one cell's output
MAX_OUTPUTS = 1_000  # of one cell
FLOOD = "\n... the rest of this cell's output was left out ...\n"
TRACEBACK_LINES = 60
FILE = "<cell {}>"  # the file name of a cell's code; tracebacks show its last part


class Outputs(list[Output]):
    """What one cell said, in order, up to the limit."""

    size = 0

    def say(self, output: Output, size: int) -> None:
        """Add an output, unless the cell has said too much already."""
        before, self.size = self.size, self.size + size
        if self.size <= OUTPUT_LIMIT and len(self) < MAX_OUTPUTS:
            self.append(output)
        elif before <= OUTPUT_LIMIT:
            self.size = OUTPUT_LIMIT + 1
            self.append({"output_type": "stream", "name": "stdout", "text": FLOOD})

    def write(self, name: str, text: str) -> None:
        """Add text to a stream; text that follows text of the same stream joins it."""
        last = self[-1] if self else {}
        if last.get("name") == name and self.size + len(text) <= OUTPUT_LIMIT:
            self.size += len(text)
            last["text"] += text
        elif text:
            self.say({"output_type": "stream", "name": name, "text": text}, len(text))


class Stream(io.TextIOBase):
    """Stands for sys.stdout or sys.stderr."""

    encoding = "utf-8"

    def __init__(self, shell: Shell, name: str) -> None:
        self.shell, self.name = shell, name

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str) -> int:
        """Keep the text with the cell that runs now."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.shell.outputs.write(self.name, str.__str__(text))
        return len(text)


class Publisher(DisplayPublisher):
    """What `display` shows."""

    def publish(self, data: Any, metadata: Any = None, *_: Any, **kw: Any) -> None:
        """Keep it; an update of an earlier display is a display of its own."""
        output = {"output_type": "display_data", "data": data, "metadata": metadata or {}}
        _said(self.shell).say(output, _size(data))

    def clear_output(self, wait: bool = False) -> None:
        """Forget what the cell showed so far."""
        _said(self.shell).clear()


class Hook(DisplayHook):
    """The value of a cell's last line."""

    def write_output_prompt(self) -> None:
        """No prompt: the notebook draws it."""

    def write_format_data(self, format_dict, md_dict=None):  # type: ignore[no-untyped-def]
        """Keep the value's representations."""
        output = {"output_type": "execute_result", "data": format_dict, "metadata": md_dict or {}}
        _said(self.shell).say({**output, "execution_count": None}, _size(format_dict))

    def finish_displayhook(self) -> None:
        """Nothing to flush."""


def _said(shell: Any) -> Outputs:
    """Typed for what it is: IPython's own classes do not know our shell."""
    outputs: Outputs = shell.outputs
    return outputs


def _size(data: dict[str, Any]) -> int:
    return sum(len(value) if isinstance(value, str | bytes) else 100 for value in data.values())


class Compiler(CachingCompiler):
    """Names the code of a cell after the cell."""

    cell = "0"

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """The file name of the cell that runs now."""
        return FILE.format(self.cell)

    def format_code_name(self, name: str) -> tuple[str, str] | None:
        """How a traceback calls it."""
        return ("Cell", name) if name == FILE.format(self.cell) else None


class Shell(InteractiveShell):
    """One notebook's namespace, and the outputs of the cell that runs."""

    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)
    compiler_class = Type(Compiler)
    outputs = Outputs()
    raised: BaseException | None = None

    def run(self, source: str, name: str) -> list[Output]:
        """Run a cell; an error is the last of its outputs and stays in `raised`."""
        self.outputs, self.raised = Outputs(), None
        self.compile.cell = name  # type: ignore[attr-defined]
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = Stream(self, "stdout"), Stream(self, "stderr")
        try:
            self.run_cell(source, store_history=True)
        finally:
            sys.stdout, sys.stderr = streams
        return list(self.outputs)

    def showtraceback(self, *args: Any, **kw: Any) -> None:
        """Keep the exception as an error output, without the frames of IPython."""
        self.raised = sys.exc_info()[1]
        if self.raised is not None:
            self.outputs.append(error_output(self.raised))

    showsyntaxerror = showtraceback
    showindentationerror = showtraceback

    def enable_gui(self, gui: str | None = None) -> None:
        """`%matplotlib inline` asks for no event loop."""

    def ask_exit(self) -> None:
        """`exit()` ends the process, as it ends a kernel."""
        os._exit(0)

    def init_sys_modules(self) -> None:
        """`__main__` is the notebook."""
        super().init_sys_modules()
        sys.modules["__main__"] = self.user_module


def error_output(error: BaseException) -> Output:
    """The exception as a notebook's error output; its text may be anything, or fail."""
    text = text_of(error)
    lines = getattr(error, "frames_elsewhere", None) or frames_of(error)
    name = type.__getattribute__(type(error), "__name__")
    return {"output_type": "error", "ename": name, "evalue": text,
            "traceback": [*lines, f"{name}: {text}"]}  # fmt: skip


def text_of(error: BaseException, longest: int = 4_000) -> str:
    """str(error), whatever that does."""
    try:
        text = re.sub(r"\(<cell .*?>, (line \d+)\)$", r"(\1)", str(error))
        return str.__str__(text)[:longest] if isinstance(text, str) else ""
    except BaseException:  # the author's class decides what str() does
        return ""


def frames_of(error: BaseException) -> list[str]:
    """The traceback's lines from the notebook's own code on."""
    try:
        frames = traceback.extract_tb(error.__traceback__)
        own = [place for place, frame in enumerate(frames) if frame.filename.startswith("<cell ")]
        lines = traceback.format_list(frames[own[0] :]) if own else []
        if isinstance(error, SyntaxError):
            lines += traceback.format_exception_only(error)[:-1]
    except Exception:  # an exception that is not what it says it is
        return []
    text = "".join(lines).replace('File "<cell ', 'Cell "').replace('>", line', '", line')
    return text.splitlines()[-TRACEBACK_LINES:]


def place_of(error: BaseException) -> dict[str, Any] | None:
    """Where in the notebook's own code it was raised last: cell, line number, line."""
    try:
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.filename.startswith("<cell "):
                cell = frame.filename[len("<cell ") : -1]
                return {"cell": cell, "line": frame.lineno or 0, "text": (frame.line or "")[:200]}
    except Exception:  # as above
        pass
    return None


def make_shell() -> Shell:
    """A fresh shell; made before a process is forked, it costs its children nothing."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.cache_size = 1_000
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    return Shell.instance(config=config)
