"""Which names a cell binds and uses, read off its text.

Two questions are answered from it, both when a notebook is about to be graded (script.py):
which names of a locked cell must be fetched from the candidate, and which of the course's own
cells an author's code can notice, so that the others need not be run again.

A cell that cannot be parsed binds and uses nothing: it will not run either.
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from IPython.core.inputtransformer2 import TransformerManager

IPYTHON = frozenset({"get_ipython", "display", "exit", "quit", "In", "Out", "_", "__", "___"})
KNOWN = frozenset(dir(builtins)) | IPYTHON | {"__name__", "__builtins__", "__file__"}
# With these, a cell can reach any name without naming it.
REACHES_ALL = frozenset({"exec", "eval", "globals", "locals", "vars", "compile", "__import__",
                         "get_ipython", "In", "Out", "_", "__", "___", "_ih", "_oh"})  # fmt: skip
LONGEST = 50_000  # characters of a cell that is taken apart
MOST_MAGICS = 40  # lines of it; IPython looks for them in quadratic time
MAGIC_LINE = re.compile(r"^\s*[%!?]|=\s*[%!]|\?\s*$", re.MULTILINE)
WRITES_FILES = frozenset({"write_text", "write_bytes", "to_csv", "to_json", "to_parquet", "mkdir",
                          "savefig", "save", "savez", "unlink", "chdir"})  # fmt: skip
OWN_PACKAGES = ("course", "IPython")  # calling what they export changes nothing behind one's back


@dataclass(frozen=True)
class Names:
    """What one cell does with names at the level of the notebook."""

    binds: frozenset[str] = frozenset()
    stable: frozenset[str] = frozenset()  # of `binds`: by import, def or class alone
    uses: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()  # of `uses`: may be read before the cell itself binds it
    imports: frozenset[tuple[str, str]] = frozenset()  # (name, package)
    sets: frozenset[str] = frozenset()  # names with an attribute or item that is assigned
    calls: frozenset[str] = frozenset()  # names of which something is called for its effect
    reaches_all: bool = False  # may use any name
    acts_behind: bool = False  # may write files, or is a magic


@lru_cache(maxsize=4096)
def names_of(source: str) -> Names:
    """The names of a cell's source, magics included."""
    tree = _parsed(source)
    if tree is None:
        return Names(reaches_all=True)  # whoever wrote it
    try:
        table = symtable.symtable(_transformed(source), "cell", "exec")
    except (SyntaxError, ValueError):
        return Names()
    except (MemoryError, RuntimeError):
        return Names(reaches_all=True)
    binds, uses = _globals(table)
    nodes = list(ast.walk(tree))
    return Names(
        frozenset(binds),
        frozenset((_defined(tree) - _assigned(tree)) & binds),
        frozenset(uses),
        frozenset(_nested(table) | _read_first(tree.body, set())),
        frozenset(_imported(tree).items()),
        frozenset(filter(None, (_root(n) for n in nodes if _sets(n)))),
        frozenset(filter(None, (_root(n) for n in nodes if _calls(n)))),
        bool(uses & REACHES_ALL),
        bool(uses & {"get_ipython", "open"}) or any(_writes(n) for n in nodes),
    )


def _parsed(source: str) -> ast.Module | None:
    """The tree of a cell, empty if it cannot be parsed; None if it is not to be taken apart."""
    if len(source) > LONGEST or len(MAGIC_LINE.findall(source)) > MOST_MAGICS:
        return None
    try:
        tree = ast.parse(_transformed(source))
        ast.unparse(tree)  # as deep as whatever walks through it later
        return tree
    except (SyntaxError, ValueError):
        return ast.Module([], [])
    except (MemoryError, RuntimeError):
        return None


def _transformed(source: str) -> str:
    """Magics as the calls that IPython makes of them."""
    return str(TransformerManager().transform_cell(source))


def _globals(table: symtable.SymbolTable) -> tuple[set[str], set[str]]:
    """(bound, used) at module level, from this scope and all within it."""
    binds, uses = set(), set()
    top = table.get_type() == "module"
    for symbol in table.get_symbols():
        name = symbol.get_name()
        bound = symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
        if bound and (top or symbol.is_declared_global()):
            binds.add(name)
        if symbol.is_referenced() and (top or symbol.is_global()):
            uses.add(name)
    for child in table.get_children():
        inner_binds, inner_uses = _globals(child)
        binds |= inner_binds
        uses |= inner_uses
    return binds, uses


def _nested(table: symtable.SymbolTable) -> set[str]:
    """The notebook's names that functions use: at a time that the text does not tell."""
    return set().union(*(_globals(child)[1] for child in table.get_children()))


def _read_first(body: Iterable[ast.stmt], bound: set[str]) -> set[str]:
    """Names that these statements may read before they bind them; adds to `bound` what they do."""
    read: set[str] = set()
    for statement in body:
        parts: list[Sequence[ast.stmt]] = [
            getattr(statement, field, []) for field in ("body", "orelse", "finalbody")
        ]
        parts += [handler.body for handler in getattr(statement, "handlers", [])]
        parts += [case.body for case in getattr(statement, "cases", [])]
        inside = {id(node) for part in parts for inner in part for node in ast.walk(inner)}
        head = [node for node in ast.walk(statement) if id(node) not in inside]
        loads = {n.id for n in head if isinstance(n, ast.Name) and _loads(n)}
        stores = {n.id for n in head if isinstance(n, ast.Name) and not _loads(n)}
        if isinstance(statement, ast.AugAssign | ast.Delete):
            loads |= stores
        read |= loads - bound
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            stores, parts = stores | {statement.name}, []
        if isinstance(statement, ast.Import | ast.ImportFrom):
            stores |= {a.asname or a.name.partition(".")[0] for a in statement.names}
        bound |= stores
        for part in parts:  # perhaps not run: what it binds is not bound for certain
            read |= _read_first(part, set(bound))
    return read


def _defined(tree: ast.Module) -> set[str]:
    """Names bound at the top by import, def or class."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    names = {node.name for node in tree.body if isinstance(node, kinds)}
    return names | set(_imported(tree))


def _imported(tree: ast.Module) -> dict[str, str]:
    """Name -> the package that it comes from."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = top
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = (node.module or "").partition(".")[0]
    return found


def modules_of(source: str) -> set[str]:
    """The modules that a cell imports, anywhere in it; none of a cell that is not taken apart."""
    tree = _parsed(source)
    found = set()
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def _assigned(tree: ast.Module) -> set[str]:
    """Names bound in any other way, anywhere."""
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not _loads(n)}


def _loads(node: ast.expr) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Load)


def _root(node: ast.AST) -> str | None:
    """`np` of `np.random.state[0]`."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Expr):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _sets(node: ast.AST) -> bool:
    """np.pi = 3"""
    return isinstance(node, ast.Attribute | ast.Subscript) and not _loads(node)


def _calls(node: ast.AST) -> bool:
    """np.random.seed(1), with nothing made of what it returns"""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def _writes(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in WRITES_FILES


def to_fetch(locked: Sequence[str]) -> list[list[str]]:
    """For each locked cell, in order: the names it reads that no locked cell has defined."""
    defined: set[str] = set(KNOWN)
    wanted = []
    for source in locked:
        names = names_of(source)
        defined |= names.binds
        wanted.append(sorted(names.uses - defined))
    return wanted


@dataclass(frozen=True)
class Part:
    """A cell that the candidate may have to run.

    kind is "own", the author's; "given", the course's; or "locked", the course's and run by the
    examiner, whose calls reach the candidate in any case.
    """

    source: str
    kind: str


def needed(cells: Sequence[Part], wanted: Iterable[str]) -> set[int]:
    """The cells that must run for the author's own to do what they did, and for `wanted` to be.

    An author's cell always runs. Another one runs if it binds a name that a running cell may read,
    or (unless locked) if it touches one, directly or through a function that it calls, or if it
    may act behind the names. What remains shows something and leaves nothing: no cell that runs
    can tell whether it did.
    """
    names = [names_of(cell.source) for cell in cells]
    if any(cell.kind == "own" and n.reaches_all for cell, n in zip(cells, names, strict=True)):
        return set(range(len(cells)))
    stable = _stable(cells, names)
    foreign = {name for n in names for name, top in n.imports if top not in OWN_PACKAGES}
    behind = {name: n.uses for n in names for name in n.stable & stable}
    touched = [_through(n, stable, behind) for n in names]
    reach = [
        n.binds if cell.kind == "locked" else n.binds | touch
        for cell, n, touch in zip(cells, names, touched, strict=True)
    ]
    run = {
        place
        for place, (cell, n) in enumerate(zip(cells, names, strict=True))
        if cell.kind == "own" or (cell.kind == "given" and _acts_behind(n, stable, foreign))
    }
    known = set(wanted)
    while True:
        known |= {name for place in run for name in _behind_reads(names[place], behind)}
        more = {place for place in range(len(cells)) if place not in run and reach[place] & known}
        if not more:
            return run
        run |= more


def _acts_behind(names: Names, stable: set[str], foreign: set[str]) -> bool:
    """Whether the cell may change something that is not named: a module, a file, a setting."""
    changes_modules = names.sets & stable or names.calls & foreign
    return bool(names.acts_behind or names.reaches_all or changes_modules)


def _behind_reads(names: Names, behind: dict[str, frozenset[str]]) -> set[str]:
    """What the cell may read, and what the functions that it uses may."""
    return _closure(names.reads, behind)


def _stable(cells: Sequence[Part], names: Sequence[Names]) -> set[str]:
    """Names that only ever stand for what one given cell imports or defines."""
    rebound: set[str] = set()
    for cell, n in zip(cells, names, strict=True):
        rebound |= n.binds if cell.kind == "own" else n.binds - n.stable
    return {name for n in names for name in n.stable} - rebound


def _closure(names: Iterable[str], behind: dict[str, frozenset[str]]) -> set[str]:
    todo, seen = set(names), set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo |= behind.get(name, frozenset())
    return seen


def _through(names: Names, stable: set[str], behind: dict[str, frozenset[str]]) -> set[str]:
    """The names whose values the cell may change, used directly or through functions."""
    return _closure(names.uses, behind) - stable - KNOWN
