"""What a hostile student hands in, by family, and what each would gain.

Every attack is the answer to `numbers-1-mean`, worth 2 points, and does not compute a mean; the
other exercise, worth 3, stays unsolved unless the attack says so. So each deserves 0 points. `{root}` is
the course's folder, as an attacker who knows the grader's machine would write it; MARK is part
of the command line of every process that an attack starts.
"""

from __future__ import annotations

from dataclasses import dataclass

MARK = "left-behind-by-an-attack"
SLEEP = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', '{MARK}'])"
FIND_SOCKETS = """
import os, socket, stat, struct
def sockets():
    for fd in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                yield socket.socket(fileno=os.dup(fd))
        except OSError:
            pass
def say(body):
    for sock in sockets():
        try:
            sock.sendall(struct.pack('>I', len(body)) + body)
        except OSError:
            pass
"""
EVERYTHING_EQUAL = """
class Yes:
    def __eq__(self, other): return True
    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__
    def __bool__(self): return True
    def __call__(self, *args, **named): return self
    def __getattr__(self, name): return self
    def __float__(self): return 3.0
    def __sub__(self, other): return 0
    def __rsub__(self, other): return 0
    def __hash__(self): return 0
"""


@dataclass(frozen=True)
class Attack:
    """One hostile answer."""

    name: str
    family: str
    gain: str
    source: str


ATTACKS: list[Attack] = []


def attack(family: str, name: str, gain: str, source: str) -> None:
    ATTACKS.append(Attack(name, family, gain, source))


# Forged equality and other operators.
FORGED = "forged operators"
attack(
    FORGED, "equal-object", "every comparison is true", EVERYTHING_EQUAL + "mean = lambda v: Yes()"
)
attack(
    FORGED,
    "equal-callable",
    "the function itself is equal to all",
    EVERYTHING_EQUAL + "mean = Yes()",
)
for base, value in (
    ("float", "3.0"),
    ("int", "3"),
    ("str", "'3'"),
    ("list", "[3]"),
    ("dict", "{}"),
    ("tuple", "(3,)"),
):
    attack(
        FORGED, f"equal-{base}", f"a {base} that is equal to all",
        f"class Same({base}):\n    __eq__ = lambda self, other: True\n    __ne__ = lambda self, other: False\n"
        f"    __hash__ = {base}.__hash__\n    __sub__ = __rsub__ = lambda self, other: 0\n"
        f"    __abs__ = lambda self: 0\n    __le__ = __ge__ = lambda self, other: True\n"
        f"mean = lambda v: Same({value})",
    )  # fmt: skip
attack(FORGED, "equal-numpy", "an array that is equal to all",
       "import numpy as np\nclass Same(np.ndarray):\n    def __eq__(self, other): return True\n"
       "mean = lambda v: np.zeros(1).view(Same)")  # fmt: skip
attack(FORGED, "numpy-bool", "a truth value that is neither",
       "import numpy as np\nmean = lambda v: np.frombuffer(b'\\x02', dtype=bool)[0]")  # fmt: skip
attack(FORGED, "lying-class", "an object that says it is a float",
       "class Lie:\n    __class__ = float\n    __eq__ = lambda self, other: True\nmean = lambda v: Lie()")  # fmt: skip
attack(FORGED, "enum-float", "a member of an enumeration with its own equality",
       "import enum\nclass E(float, enum.Enum):\n    A = 7.0\n    __eq__ = lambda self, other: True\n"
       "    __hash__ = object.__hash__\nmean = lambda v: E.A")  # fmt: skip

# The machinery that runs cells.
MACHINERY = "patched machinery"
attack(MACHINERY, "ast-transformer", "drops every assert",
       "import ast\nclass Drop(ast.NodeTransformer):\n    def visit_Assert(self, node): return ast.Pass()\n"
       "get_ipython().ast_transformers.append(Drop())\nmean = max")  # fmt: skip
attack(MACHINERY, "input-transformer", "comments out every line with assert",
       "ip = get_ipython()\nip.input_transformers_post.append(lambda lines: ['pass\\n' if 'assert' in l else l for l in lines])\n"
       "mean = max")  # fmt: skip
attack(MACHINERY, "patched-run-code", "no cell after this one runs",
       "async def nothing(*a, **k): return False\nget_ipython().run_code = nothing\n"
       "get_ipython().run_cell = lambda *a, **k: None\nmean = max")  # fmt: skip
attack(MACHINERY, "hooks", "removes errors before they are seen",
       "ip = get_ipython()\nip.showtraceback = lambda *a, **k: None\n"
       "ip.events.register('pre_run_cell', lambda info: setattr(info, 'raw_cell', 'pass'))\n"
       "ip.set_custom_exc((Exception,), lambda *a, **k: [])\nmean = max")  # fmt: skip
attack(MACHINERY, "patched-compile", "an interpreter that knows no assert",
       "import builtins\nreal = builtins.compile\n"
       "builtins.compile = lambda source, *a, **k: real(str(source).replace('assert', '0 and'), *a, **k)\n"
       "builtins.AssertionError = type('Quiet', (BaseException,), {})\nmean = max")  # fmt: skip
attack(MACHINERY, "patched-builtins", "abs, len and isclose that are always right",
       "import builtins, math\nmath.isclose = builtins.abs = lambda *a, **k: True\n"
       "isclose = lambda *a, **k: True\nmean = max")  # fmt: skip
attack(MACHINERY, "patched-candidate", "the candidate's own loop answers anything",
       "import sys\nc = sys.modules['autograder.candidate']\nc._answer = lambda *a: b'T'\nmean = max")  # fmt: skip
attack(MACHINERY, "patched-libraries", "time stands still and every draw is known",
       "import time, random\ntime.time = time.monotonic = lambda: 0.0\nrandom.random = lambda: 0.5\n"
       "import sys\nsys.modules['math'] = type(sys)('math')\nmean = max")  # fmt: skip

# Looking for the tests in memory, and elsewhere.
LOOKING = "looking for tests and secrets"
attack(LOOKING, "frames", "finds the test's variables in the frames above",
       "import sys\ndef mean(v):\n    frame = sys._getframe()\n    while frame:\n"
       "        print(frame.f_globals.get('__file__'), list(frame.f_locals)[:50])\n"
       "        for text in frame.f_locals.values():\n            print(str(text)[:2000])\n        frame = frame.f_back\n"
       "    return -1.0\nmean([1])")  # fmt: skip
attack(LOOKING, "garbage", "finds the test's text in all objects",
       "import gc\nfor thing in gc.get_objects():\n    try:\n        text = repr(thing)[:4000] if isinstance(thing, (dict, list, tuple)) else ''\n"
       "    except Exception:\n        text = ''\n    if 'SECRET' in text: print(text)\nmean = max")  # fmt: skip
attack(LOOKING, "walk-the-disk", "reads every file that it can reach",
       "import os\nfor top, folders, files in os.walk('/'):\n"
       "    folders[:] = [f for f in folders if f not in ('usr', 'sys', 'dev', 'site-packages', 'lib')]\n"
       "    for name in files:\n        try:\n            text = open(os.path.join(top, name), errors='replace').read(100_000)\n"
       "        except OSError:\n            continue\n        if 'SECRET' in text: print(name, text)\nmean = max")  # fmt: skip
attack(LOOKING, "known-paths", "reads the source, the gradebook, a friend's work",
       "from pathlib import Path\nfor path in ['{root}/source/numbers/1-mean.ipynb', '{root}/source/numbers/mistakes.yaml',\n"
       "             '{root}/gradebook.db', '{root}/submitted/honest/numbers/1-mean.ipynb', '{root}/nbgrader_config.py',\n"
       "             '{home}/secret.txt', '/etc/passwd', '/etc/shadow']:\n"
       "    try:\n        print(path, Path(path).read_bytes()[:200_000])\n    except OSError as error:\n        print(error)\nmean = max")  # fmt: skip
attack(LOOKING, "environment", "reads the environment of the grader",
       "import os, glob\nprint(dict(os.environ))\nfor path in glob.glob('/proc/*/environ') + glob.glob('/proc/*/cmdline'):\n"
       "    try:\n        print(open(path).read())\n    except OSError:\n        pass\nmean = max")  # fmt: skip
attack(LOOKING, "links", "follows links that it makes to what it may not see",
       "import os\nos.symlink('{root}/source', 'source')\nos.symlink('/proc/1/root', 'root')\n"
       "for top, _, files in os.walk('.', followlinks=True):\n    print(top, files)\nmean = max")  # fmt: skip

# Changing what is not its own.
WRITING = "changing what is not its own"
attack(WRITING, "gradebook", "full marks for all, in the database",
       "import sqlite3\ntry:\n    db = sqlite3.connect('{root}/gradebook.db')\n"
       "    db.execute('update grade set auto_score = 100, manual_score = 100')\n    db.commit()\n"
       "except Exception as error:\n    print(error)\nmean = max")  # fmt: skip
attack(WRITING, "others-work", "empties a rival's notebook",
       "import pathlib, shutil\nfor path in ['{root}/submitted/honest/numbers/1-mean.ipynb', '{root}/autograded/honest/numbers/1-mean.ipynb']:\n"
       "    try:\n        pathlib.Path(path).write_text('')\n    except OSError as error:\n        print(error)\n"
       "shutil.rmtree('{root}', ignore_errors=True)\nmean = max")  # fmt: skip
attack(WRITING, "own-feedback", "writes its own autograded notebook and page",
       "import os\ntry:\n    os.makedirs('{root}/feedback/writing-own-feedback', exist_ok=True)\n"
       "    open('{root}/feedback/pwned.html', 'w').write('pwned')\nexcept OSError as error:\n    print(error)\nmean = max")  # fmt: skip
attack(WRITING, "course-package", "plants code in the package that everyone imports",
       "import course, pathlib\ntry:\n    pathlib.Path(course.__file__).with_name('planted.py').write_text('x = 1')\n"
       "except OSError as error:\n    print(error)\nmean = max")  # fmt: skip
attack(WRITING, "signals", "ends every process that it may",
       "import os, signal\nfor pid in [os.getppid(), -1, *range(2, 400)]:\n    try:\n        os.kill(pid, signal.SIGKILL)\n"
       "    except OSError:\n        pass\nmean = max")  # fmt: skip
attack(WRITING, "trace", "reads and writes another process's memory",
       "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
       "print([libc.ptrace(16, pid, 0, 0) for pid in range(1, 50)], os.getpid())\nmean = max")  # fmt: skip
attack(WRITING, "namespaces", "makes a namespace in which it is root",
       "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
       "assert libc.unshare(0x10000000) == -1 and libc.mount(b'x', b'/tmp', b'tmpfs', 0, None) == -1\n"
       "assert libc.setuid(0) == -1 or os.getuid() != 0\nmean = max")  # fmt: skip

# Outliving the cell.
OUTLIVING = "outliving the cell"
attack(OUTLIVING, "process", "goes on after the notebook is graded", SLEEP + "\nmean = max")
attack(OUTLIVING, "daemon", "a process of its own session, twice forked",
       "import os, sys\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
       f"        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)', '{MARK}'])\n    os._exit(0)\nmean = max")  # fmt: skip
attack(OUTLIVING, "thread", "changes its answer between two tests",
       "import threading, time\nanswer = [0.0]\ndef turn():\n    while True:\n        answer[0] += 1.0\n        time.sleep(0.001)\n"
       "threading.Thread(target=turn, daemon=True).start()\nmean = lambda v: -answer[0]")  # fmt: skip
attack(OUTLIVING, "at-exit", "acts when the process ends",
       f"import atexit\natexit.register(lambda: __import__('subprocess').Popen(['sleep', '600', '{MARK}']))\nmean = max")  # fmt: skip
attack(OUTLIVING, "parent-death", "asks the kernel not to be killed",
       "import ctypes, signal\nlibc = ctypes.CDLL(None)\nlibc.prctl(1, 0)\n"
       "for number in range(1, 32):\n    try:\n        signal.signal(number, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\n"
       + SLEEP + "\nmean = max")  # fmt: skip

# Using up the machine.
EXHAUSTING = "using up the machine"
attack(EXHAUSTING, "exit", "ends before it can fail", "import os\nos._exit(0)")
attack(EXHAUSTING, "crash", "takes the grader along", "import ctypes\nctypes.string_at(0)")
attack(EXHAUSTING, "hang", "is never done", "while True: pass")
attack(EXHAUSTING, "hang-in-call", "is never done, in the test",
       "def mean(v):\n    while True: pass")  # fmt: skip
attack(EXHAUSTING, "stubborn-hang", "cannot be interrupted",
       "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass")  # fmt: skip
attack(
    EXHAUSTING,
    "memory",
    "uses all memory",
    "hoard = []\nwhile True: hoard.append(bytearray(20_000_000))",
)
attack(EXHAUSTING, "shared-memory", "uses memory that no process seems to have",
       "import mmap\nhoard = []\nwhile True:\n    m = mmap.mmap(-1, 50_000_000)\n    m.write(b'x' * 50_000_000)\n    hoard.append(m)")  # fmt: skip
attack(EXHAUSTING, "fork-bomb", "uses all processes",
       "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass")  # fmt: skip
attack(EXHAUSTING, "threads", "uses all threads",
       "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()")  # fmt: skip
attack(EXHAUSTING, "disk", "fills the disk",
       "import itertools\nfor number in itertools.count():\n    with open(f'/tmp/{number}', 'wb') as file:\n        file.write(b'x' * 10_000_000)")  # fmt: skip
attack(EXHAUSTING, "many-files", "uses all inodes",
       "import itertools\nfor number in itertools.count(): open(f'/tmp/{number}', 'w').close()")  # fmt: skip
attack(EXHAUSTING, "flood", "fills the gradebook with output", "while True: print('x' * 10_000)")
attack(EXHAUSTING, "flood-below", "the same past sys.stdout",
       "import os\nfor _ in range(3000): os.write(1, b'x' * 100_000)\nmean = max")  # fmt: skip
attack(EXHAUSTING, "huge-value", "an answer of gigabytes",
       "def mean(v): return 'x' * 400_000_000")  # fmt: skip
attack(EXHAUSTING, "huge-number", "a number that takes years to print",
       "def mean(v): return 7 ** 10_000_000")  # fmt: skip
attack(EXHAUSTING, "deep-value", "an answer nested beyond any stack",
       "def mean(v):\n    deep = []\n    for _ in range(100_000): deep = [deep]\n    return deep")  # fmt: skip
attack(EXHAUSTING, "endless-iterator", "an answer without an end",
       "import itertools\nmean = lambda v: itertools.count()")  # fmt: skip

# The network.
NETWORK = "network"
attack(NETWORK, "outside", "asks a friend",
       "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), timeout=1)\n    print('connected')\nexcept OSError as error:\n    print(error)\nmean = max")  # fmt: skip
attack(NETWORK, "machine", "talks to services of the grading machine",
       "import socket\nopen_ports = []\nfor port in (22, 80, 5432, 8000, 8786, 8888):\n    s = socket.socket()\n    s.settimeout(0.1)\n"
       "    if s.connect_ex(('127.0.0.1', port)) == 0: open_ports.append(port)\nassert not open_ports\nmean = max")  # fmt: skip
attack(NETWORK, "abstract-sockets", "meets another submission on a socket without a file",
       "import socket\ns = socket.socket(socket.AF_UNIX)\ntry:\n    s.connect('\\0' + 'meeting')\n    print('SECRET-MEETING')\nexcept OSError:\n"
       "    s.bind('\\0' + 'meeting')\n    s.listen()\nmean = max")  # fmt: skip

# The wire.
WIRE = "the wire"
attack(WIRE, "answers-in-advance", "queues its answers before the questions",
       FIND_SOCKETS + "from autograder.wire import Handle, pack\n"
       "say(pack(('ran', [])))\nsay(pack({'mean': pack(('value', Handle(0, 'callable', 'mean'), []))}))\n"
       "for _ in range(20): say(pack(('value', True, [])))\nmean = max")  # fmt: skip
attack(
    WIRE, "garbage-bytes", "confuses the reader", FIND_SOCKETS + "say(b'\\xff' * 1000)\nmean = max"
)
attack(WIRE, "endless-length", "announces four gigabytes",
       FIND_SOCKETS + "for sock in sockets(): sock.sendall(b'\\xff\\xff\\xff\\xff' + b'x' * 100)\nmean = max")  # fmt: skip
attack(WIRE, "deep-message", "nests beyond the reader's stack",
       FIND_SOCKETS + "say(b'l\\x00\\x00\\x00\\x01' * 500_000 + b'N')\nmean = max")  # fmt: skip
attack(WIRE, "pickle", "an object that acts when it is read",
       FIND_SOCKETS + "import pickle\nclass Act:\n    def __reduce__(self): return (print, ('SECRET-PICKLE',))\n"
       "say(pickle.dumps(Act()))\nmean = lambda v: Act()")  # fmt: skip
attack(WIRE, "wrong-shapes", "answers that are no answers",
       FIND_SOCKETS + "from autograder.wire import pack\n"
       "for shape in (None, True, [], ('value',), ('raised', {}), {'mean': b''}, ('ran', None), ('ran', [1, {'output_type': 7}])):\n    say(pack(shape))\nmean = max")  # fmt: skip
attack(WIRE, "closed-socket", "leaves the examiner alone",
       FIND_SOCKETS + "for fd in range(3, 64):\n    try: os.close(fd)\n    except OSError: pass\nmean = max")  # fmt: skip
attack(WIRE, "lying-error", "an error that says it is the examiner's",
       "class AssertionError(Exception):\n    def __str__(self):\n        import os\n        os.system('echo SECRET-STR')\n        return 'all tests passed'\n"
       "def mean(v): raise AssertionError")  # fmt: skip
attack(
    WIRE,
    "stop-iteration",
    "an error that ends loops quietly",
    "def mean(v): raise StopIteration(3.0)",
)
attack(WIRE, "system-exit", "an error that ends the examiner", "def mean(v): raise SystemExit(0)")
attack(WIRE, "keyboard-interrupt", "an error that looks like the instructor's",
       "def mean(v): raise KeyboardInterrupt")  # fmt: skip
attack(WIRE, "changed-arguments", "rewrites what the test compares with",
       "def mean(v):\n    v[:] = []\n    return 0.0 if False else -1.0")  # fmt: skip

# Notebook and HTML.
SCRIPT = "<script>window.__pwned = 1</script><img src=x onerror='window.__pwned = 1'>"
INJECTION = "injection"
attack(INJECTION, "html-output", "runs in the instructor's browser",
       f"from IPython.display import HTML, display\ndisplay(HTML({SCRIPT!r}))\nmean = max")  # fmt: skip
attack(INJECTION, "javascript-output", "the same, as a script",
       "from IPython.display import Javascript, display\ndisplay(Javascript('window.__pwned = 1'))\nmean = max")  # fmt: skip
attack(INJECTION, "svg-output", "the same, in a picture",
       "from IPython.display import SVG, display\n"
       "display(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"window.__pwned = 1\"></svg>'))\nmean = max")  # fmt: skip
attack(INJECTION, "false-png", "a page that says it is a picture",
       "import base64\nfrom IPython.display import display\n"
       f"display({{'image/png': base64.b64encode({SCRIPT!r}.encode()).decode() + '\\'><script>window.__pwned=1</script>'}}, raw=True)\nmean = max")  # fmt: skip
attack(INJECTION, "mime-name", "a media type that ends the tag",
       f"from IPython.display import display\ndisplay({{'text/{SCRIPT}': 'x', 'text/latex': {SCRIPT!r}, 'text/markdown': {SCRIPT!r}}}, raw=True)\nmean = max")  # fmt: skip
attack(INJECTION, "text-output", "script in text, errors and colours",
       f"print({SCRIPT!r})\nprint('\\x1b[31m' + {SCRIPT!r})\nclass Evil(Exception): pass\nEvil.__name__ = {SCRIPT!r}\nmean = max\nraise Evil({SCRIPT!r})")  # fmt: skip
attack(INJECTION, "error-in-test", "script in the words of a failing test",
       f"def mean(v): raise ValueError({SCRIPT!r})")  # fmt: skip
attack(INJECTION, "result-name", "script in the name of a function",
       f"mean = lambda v: (lambda: 0)\nmean.__name__ = {SCRIPT!r}")  # fmt: skip
