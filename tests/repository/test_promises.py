"""The promise table says how many stand, and they do."""

import re

import pytest
import yaml

from tests.release import ROOT
from tests.repository import promises
from tests.repository.promises import PAGE, PROMISES

ROWS = re.findall(r"^\| ([^|]+) \| [^|]+ \| (\d+) \| (\d+) \|", PAGE.read_text("utf-8"), re.M)


def test_the_page_has_a_row_for_each_promise_and_no_other():
    assert [what for what, _, _ in ROWS] == [promise.what for promise in PROMISES]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.what)
def test_as_many_stand_as_the_page_says(promise):
    told = {what: int(stand) for what, _, stand in ROWS}
    stale = "run python -m tests.repository.promises"
    assert told[promise.what] == promise.count(), stale
    assert (ROOT / promise.proof).is_file(), promise.proof


def test_the_page_is_what_is_made_from_the_table():
    assert PAGE.read_text("utf-8") == promises.page(), "run python -m tests.repository.promises"


def test_an_alert_without_a_runbook_does_not_count(tmp_path, monkeypatch):
    here = ROOT / "course/catalogue/rules/alerts.yaml"
    data = yaml.safe_load(here.read_text("utf-8"))
    there = tmp_path / "course/catalogue/rules/alerts.yaml"
    there.parent.mkdir(parents=True)
    there.write_text(yaml.safe_dump(data), "utf-8")
    monkeypatch.setattr(promises, "ROOT", tmp_path)
    whole = promises.alerts()
    del data["groups"][0]["rules"][0]["annotations"]["runbook"]
    there.write_text(yaml.safe_dump(data), "utf-8")
    assert promises.alerts() == whole - 1
