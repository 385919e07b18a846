"""The runbooks as papermill runs them: the executed copy holds the record, healthy or cured."""

import json
from pathlib import Path

import papermill
import pytest

ROOT = Path(__file__).parent.parent.parent
CASES = {
    "incident-response": {"scenario": "con-02-full-disks", "operator": "Ada"},
    "performance-troubleshooting": {"scenario": "trn-07-full-packets-vanish", "vm": "shop"},
}


@pytest.mark.parametrize("name", CASES)
def test_the_executed_copy_is_the_record_of_what_was_done(name, tmp_path):
    copy = tmp_path / "record.ipynb"
    notebook = ROOT / "course" / "runbooks" / f"{name}.ipynb"
    papermill.execute_notebook(notebook, copy, CASES[name], cwd=ROOT, progress_bar=False)
    cells = {cell["id"]: cell for cell in json.loads(copy.read_text("utf-8"))["cells"]}
    record = "".join(
        line for out in cells["record-data"]["outputs"] for line in out["data"]["text/plain"]
    )
    assert f"'runbook': '{name}'" in record and "'state': 'done'" in record
    assert "Nothing is left." in record and "'kind': 'did'" in record
