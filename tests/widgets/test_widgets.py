"""The widgets' models: what a click does, and what stands there without a kernel."""

import pytest

from course.catalogue.trees import load
from course.widgets.hints import hints
from course.widgets.predict import Predict
from course.widgets.tree import TreeWidget, as_html, as_text


def send(widget, **content):
    """What the view's `model.send` does."""
    widget._handle_custom_msg(content, [])


def healthy():
    return {"controllers_majority": True, "minutes_since_change": 500}


def test_looking_shows_the_signal_and_what_it_answers():
    widget = TreeWidget(load("T01"), look=healthy)
    send(widget, intent="look")
    assert widget.evidence == {
        "rows": [["controllers_majority", "True"]],
        "told": "yes",
        "problem": "",
    }


def test_a_signal_that_cannot_be_read_is_said_and_does_not_block():
    widget = TreeWidget(load("T01"), look=dict)
    send(widget, intent="look")
    assert "needs the signal controllers_majority" in widget.evidence["problem"]
    send(widget, intent="answer", text="yes")
    assert widget.current == "b"


def test_an_answer_against_the_signal_is_noted_and_kept():
    widget = TreeWidget(load("T01"), look=healthy, clock=lambda: 12.5)
    send(widget, intent="look")
    send(widget, intent="answer", text="no")
    assert "the signal says “yes”" in widget.note
    assert widget.leaf["go"] == "T13"
    step = widget.walk[0]
    assert (step["question"], step["answer"], step["told"], step["at_s"]) == (
        "a",
        "no",
        "yes",
        12.5,
    )


def test_back_and_restart_lead_where_they_say():
    widget = TreeWidget(load("T01"), look=healthy)
    for text in ("yes", "no"):
        send(widget, intent="answer", text=text)
    send(widget, intent="back")
    assert widget.current == "b"
    send(widget, intent="restart")
    assert (widget.current, widget.path) == ("a", [])


def test_without_a_cluster_there_is_nothing_to_look_at():
    widget = TreeWidget(load("T32"))
    assert not widget.can_look
    send(widget, intent="look")
    assert widget.evidence == {}


@pytest.mark.parametrize("name", ["T01", "T32"])
def test_a_tree_reads_without_a_kernel(name):
    tree = load(name)
    data, _ = TreeWidget(tree)._repr_mimebundle_()
    assert data["text/html"] == as_html(tree) and data["text/plain"] == as_text(tree)
    for question in tree.questions.values():
        assert question.ask in data["text/plain"]


def test_a_prediction_stands_beside_what_happened():
    prediction = Predict("How long?", unit="s", low=0, high=100)
    prediction.commit(20)
    assert prediction.beside(23.5) == "It is 23.5 s. You said 20 s: 3.5 s less."


def test_the_right_choice_is_acknowledged_and_the_reason_given():
    prediction = Predict("Which?", choices=["raft", "pbft"])
    prediction.commit("raft")
    assert prediction.beside("raft", because="Trusted.") == "It is raft. As you predicted. Trusted."


def test_a_run_without_a_prediction_says_so_and_goes_on():
    assert "You made no prediction" in Predict("How long?", unit="s").beside(3)


def test_after_the_reveal_nothing_can_be_committed():
    prediction = Predict("Which?", choices=["a", "b"])
    prediction.reveal("a")
    prediction.commit("a")
    assert prediction.committed is None


def test_hints_lie_inside_one_another_and_a_broken_one_breaks_nothing():
    def broken():
        raise KeyError("journal")

    html = hints(["first", lambda: "second", broken]).data
    assert html.index("first") < html.index("second") < html.index("could not: &#x27;journal&#x27;")
    assert html.count("<details>") == html.count("</details>") == 3


@pytest.mark.parametrize("value", [None, "many", 101, -1, float("nan"), True, [5]])
def test_what_is_no_prediction_is_answered_with_what_would_be_one(value):
    prediction = Predict("How long?", unit="s", low=0, high=100)
    send(prediction, intent="commit", value=value)
    assert prediction.note == "Give a number from 0 to 100 s." and prediction.committed is None


def test_a_choice_is_one_of_those_given():
    prediction = Predict("Which?", choices=["raft", "pbft"])
    send(prediction, intent="commit", value="paxos")
    assert prediction.note == "Choose an answer first."
    send(prediction, intent="commit", value="raft")
    assert prediction.note.startswith("Committed: raft.")


def test_a_prediction_reads_without_a_kernel():
    data, _ = Predict("Which <one>?", choices=["raft", "pbft"])._repr_mimebundle_()
    assert "Which &lt;one&gt;?" in data["text/html"] and "- pbft" in data["text/plain"]
