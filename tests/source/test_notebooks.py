"""Every notebook runs with its solutions in, in time, and what its prose names exists."""

import inspect
import json
import re

import pytest

from course.lab.commands import VERBS
from course.lab.metrics import Metrics
from tests.notebooks import NOTEBOOK_LIMIT_S, ROOT, all_notebooks, execute

NOTEBOOKS = all_notebooks()
IDS = [str(path.relative_to(ROOT)) for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_a_notebook_runs_from_top_to_bottom_in_time(path):
    run = execute(path)
    assert run.error is None, run.error
    assert 0 < run.cpu_s < NOTEBOOK_LIMIT_S


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_nothing_is_said_on_standard_error(path):
    copy = ROOT / "build" / "notebooks" / path.relative_to(ROOT)
    if not copy.exists():
        execute(path)
    for cell in json.loads(copy.read_text("utf-8"))["cells"]:
        said = ["".join(o["text"]) for o in cell.get("outputs", []) if o.get("name") == "stderr"]
        assert not said, f"{cell['id']}: {said}"


def text_of(path):
    return "\n".join(
        "".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"]
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_every_command_in_the_prose_exists_with_its_flags(path):
    for group, word, rest in re.findall(r"dwcp-cli ([a-z-]+) ([a-z-]+)([^`|\n]*)", text_of(path)):
        verb = f"{group} {word}"
        assert verb in VERBS, f"dwcp-cli {verb}"
        takes = list(inspect.signature(VERBS[verb]).parameters)
        for flag in re.findall(r"--([a-z-]+)", rest):
            assert flag.replace("-", "_") in takes, f"dwcp-cli {verb} --{flag}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_every_verb_that_is_called_exists_with_its_arguments(path):
    groups = "|".join({name.split(" ")[0] for name in VERBS})
    for group, word, arguments in re.findall(
        rf"\b\w+\.({groups})\.(\w+)\(([^()]*)\)", text_of(path)
    ):
        if hasattr(str, word) or (group == "metrics" and hasattr(Metrics, word)):
            continue  # a method of what is named as a group, such as migration.vm.startswith
        verb = f"{group} {word.replace('_', '-')}"
        assert verb in VERBS, f"{verb} is called and does not exist"
        takes = list(inspect.signature(VERBS[verb]).parameters)
        for name in re.findall(r"(\w+)=", arguments):
            assert name in takes, f"{verb} takes {takes}, not {name}"
