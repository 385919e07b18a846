"""Who may import whom. The table is the documentation; this test is the rule."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

# The longest prefix that fits a module decides. Values: prefixes of ours that it may import, and
# prefixes of others. "*" means anything.
OURS = {
    "course.dwcp": ["course.dwcp"],
    "course.catalogue": ["course.catalogue"],
    "course.telemetry": ["course.telemetry"],
    "course.lab": ["course.lab", "course.telemetry", "course.dwcp", "course.catalogue"],
    "course.widgets": ["course.widgets", "course.catalogue"],
    "course.faces": [
        "course.faces",
        "course.lab",
        "course.telemetry",
        "course.dwcp",
        "course.catalogue",
    ],
    "course.figures": ["course.figures"],
    "course.notebook": [
        "course.faces.prometheus",
        "course.incident",
        "course.spent",
        "course.lab",
        "course.telemetry",
        "course.widgets",
        "course.figures",
        "course.catalogue",
    ],
    "course": ["course"],
    "autograder": ["autograder"],
    # Papers are drawn from the catalogue, and the clock that comes in is the widget's.
    "autograder.exam": ["autograder", "course.catalogue.questions", "course.widgets.clock"],
}
OTHERS = {
    "course.dwcp": ["numpy", "zstandard", "lz4", "ortools", "cryptography", "google_crc32c"],
    "course.catalogue": ["yaml", "jsonschema"],
    "course.telemetry": [
        "numpy",
        "pandas",
        "promql_parser",
        "opentelemetry",
        "grafana_foundation_sdk",
        "yaml",
    ],
    "course.lab": ["numpy", "simpy"],
    "course.widgets": ["anywidget", "ipywidgets", "traitlets", "IPython"],
    "course.faces": ["*"],
    "course.figures": ["matplotlib"],
    "course": ["*"],
    "autograder": ["*"],
}
PURE = ["course.dwcp"]
IMPURE_MODULES = {"time", "os", "socket", "asyncio", "uuid", "datetime", "pathlib", "threading"}
COMPONENTS = ["transport", "encoding", "prediction", "sync", "placement", "consensus"]


def modules():
    for package in ("course", "autograder"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            yield pytest.param(name, path, id=name)


def imported(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rule_for(table, module):
    fits = [prefix for prefix in table if module == prefix or module.startswith(prefix + ".")]
    return table[max(fits, key=len)]


def within(name, prefixes):
    return "*" in prefixes or any(name == p or name.startswith(p + ".") for p in prefixes)


@pytest.mark.parametrize(("module", "path"), list(modules()))
def test_a_module_imports_only_what_its_room_may(module, path):
    for name in imported(path):
        top = name.split(".")[0]
        if top in ("course", "autograder"):
            if name in ("course", "autograder"):
                continue
            assert within(name, rule_for(OURS, module)), f"{module} may not import {name}"
        elif top not in sys.stdlib_module_names:
            assert within(top, rule_for(OTHERS, module)), f"{module} may not import {name}"


@pytest.mark.parametrize(("module", "path"), list(modules()))
def test_the_protocol_has_no_clock_no_files_no_sockets_and_no_dice(module, path):
    if not within(module, PURE):
        return
    for name in imported(path):
        assert name.split(".")[0] not in IMPURE_MODULES, f"{module} imports {name}"
    tree = ast.parse(path.read_text("utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {ast.unparse(call) for call in calls}
    assert not names & {"open", "hash", "id", "input"}, f"{module} calls {names}"
    assert not any(name.startswith(("random.", "np.random.default_rng")) for name in names)


@pytest.mark.parametrize(("module", "path"), list(modules()))
def test_one_component_does_not_import_another(module, path):
    parts = module.split(".")
    if parts[:2] != ["course", "dwcp"] or len(parts) < 3 or parts[2] not in COMPONENTS:
        return
    others = [f"course.dwcp.{c}" for c in COMPONENTS if c != parts[2]]
    for name in imported(path):
        assert not within(name, others), f"{module} imports another component: {name}"


def test_the_course_never_imports_the_autograder():
    for parameter in modules():
        module, path = parameter.values
        if module.startswith("course"):
            assert not any(name.startswith("autograder") for name in imported(path)), module
