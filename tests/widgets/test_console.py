"""The console turns a desk's clock, types, speaks, and reads without a kernel."""

import pytest

from course.widgets.console import TYPED_MAX, Console


class PaperDesk:
    """A desk on paper: a clock and what was said."""

    def __init__(self):
        self.now, self.at, self.said = 0.0, 0.0, []

    def look(self):
        return {
            "title": "A <b>bad</b> night", "now_s": self.now, "at_s": self.at,
            "pages": [{"s": 0.0, "page": "It <is> down"}],
            "panels": [{"title": "Nodes", "rows": [{"node": "w-1", "state": "down"}]}, {"title": "VMs", "rows": []}],
            "series": [], "logs": [{"s": 1.0, "event": "stopped"}],
        }  # fmt: skip

    def step(self, seconds):
        self.now = self.at = self.now + seconds

    def back(self, at_s):
        if at_s < 0:
            raise ValueError("nothing before 0 s")
        self.at = at_s

    def type(self, line):
        return (1, f"no {line}") if self.at < self.now else (0, f"did {line}")

    def say(self, kind, text):
        self.said.append((kind, text))
        return {"incident": "x"} if kind == "done" else {}

    def choices(self):
        return ["a", "b"]


@pytest.fixture
def desk():
    return PaperDesk()


@pytest.fixture
def console(desk):
    return Console(desk)


def send(widget, **content):
    widget._handle_custom_msg(content, [])


def test_time_passes_only_while_the_clock_runs(console, desk):
    send(console, intent="tick")
    assert desk.now == 0
    send(console, intent="run", pace_s=60)
    send(console, intent="tick")
    send(console, intent="pause")
    send(console, intent="tick")
    assert desk.now == 60 and console.snapshot["now_s"] == 60


def test_one_can_look_back_step_towards_now_and_return(console, desk):
    send(console, intent="step", seconds=60)
    send(console, intent="back", at_s=10)
    send(console, intent="step", seconds=10)
    assert (desk.at, desk.now) == (20, 60)
    send(console, intent="type", line="node list")
    assert console.typed[-1] == {"s": 20.0, "line": "node list", "code": 1, "text": "no node list"}
    send(console, intent="step", seconds=3600)
    assert (desk.at, desk.now) == (60, 60)


def test_the_clock_stops_when_one_looks_back_and_runs_from_now(console, desk):
    send(console, intent="run", pace_s=10)
    send(console, intent="tick")
    send(console, intent="back", at_s=0)
    assert not console.running
    send(console, intent="run", pace_s=10)
    send(console, intent="tick")
    assert desk.now == desk.at == 20


@pytest.mark.parametrize(
    "content",
    [{}, {"intent": "explode"}, {"intent": "step", "seconds": -5}, {"intent": "step", "seconds": 10**9},
     {"intent": "run", "pace_s": 7}, {"intent": "back", "at_s": "x"}, {"intent": "type", "line": 3},
     {"intent": "back", "at_s": -1}, {"intent": "type", "line": " "}, {"intent": "type", "line": "x" * 501}],
)  # fmt: skip
def test_nonsense_from_a_view_changes_nothing_and_is_answered(console, desk, content):
    send(console, **content)
    assert (desk.now, desk.at, desk.said, console.typed) == (0, 0, [], [])
    assert console.answered == 1


def test_what_a_terminal_keeps_is_bounded(console):
    for i in range(TYPED_MAX + 5):
        console.type(f"node list {i}")
    assert len(console.typed) == TYPED_MAX and console.typed[-1]["line"].endswith("104")


def test_people_are_spoken_to_in_the_present_and_the_end_shows_the_verdict(console, desk):
    send(console, intent="step", seconds=60)
    send(console, intent="back", at_s=10)
    send(console, intent="say", kind="acknowledge", text="")
    assert desk.at == desk.now and desk.said == [("acknowledge", "")]
    send(console, intent="say", kind="done", text="")
    assert console.verdict == {"incident": "x"}


def test_a_console_reads_without_a_kernel(console):
    console.type("node list")
    data, _ = console._repr_mimebundle_()
    for form in ("text/html", "text/plain"):
        assert all(word in data[form] for word in ("w-1", "down", "stopped", "VMs: none"))
    assert "<b>bad</b>" not in data["text/html"] and "&lt;is&gt;" in data["text/html"]
    assert "did node list" in data["text/html"]
