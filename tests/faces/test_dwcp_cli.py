"""`course lab serve` and `dwcp-cli`, as two terminals have them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from course.faces.dwcp_cli import app
from course.lab import replay
from course.lab.commands import VERBS

ROOT = Path(__file__).parent.parent.parent


class Terminal:
    """Runs commands that find one lab, and no other of this user."""

    def __init__(self, folder):
        self.environment = {
            **os.environ, "DWCP_LAB_FILE": str(folder / "lab.json"), "COLUMNS": "160",
            "NO_COLOR": "1", "TERM": "dumb",
        }  # fmt: skip
        self.folder = folder

    def run(self, module, *words):
        return subprocess.run(
            [sys.executable, "-m", module, *words], cwd=ROOT, env=self.environment,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def cli(self, *words):
        """In this process, which is faster; one test runs the program itself."""
        done = CliRunner().invoke(app, words, prog_name="dwcp-cli", env=self.environment)
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def terminal(tmp_path_factory):
    mine = Terminal(tmp_path_factory.mktemp("terminal"))
    server = subprocess.Popen(
        [sys.executable, "-m", "course.cli", "lab", "serve", "--pace", "0", "--port", "18600"],
        cwd=ROOT, env=mine.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        for _ in range(150):
            time.sleep(0.2)
            assert server.poll() is None, server.stdout.read()
            if mine.run("course.cli", "lab", "status").returncode == 0:
                break
        yield mine
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=20)
    assert not Path(mine.environment["DWCP_LAB_FILE"]).exists(), "the address outlived the lab"


def test_two_terminals_share_one_cluster(terminal):
    made = terminal.cli("vm", "create", "--name", "web", "--memory-gb", "0.5", "--json")
    assert made.returncode == 0, made.stderr
    source = json.loads(made.stdout)["node"]
    target = next(f"worker-{n}" for n in (1, 2) if f"worker-{n}" != source)
    assert terminal.cli("migration", "start", "--vm", "web", "--target", target).returncode == 0
    waited = json.loads(terminal.cli("migration", "wait", "--vm", "web", "--json").stdout)
    assert waited["status"] == "completed" and waited["target"] == target


def test_the_program_itself_runs_and_may_be_piped(terminal):
    done = terminal.run("course.faces.dwcp_cli", "node", "list", "--json")
    assert done.returncode == 0 and len(json.loads(done.stdout)) == 13


def test_a_table_for_people_json_for_programs_ids_for_loops(terminal):
    table = terminal.cli("node", "list", "--region", "us-east").stdout
    assert table.split()[:3] == ["node", "role", "region"] and "controller-1" in table
    rows = json.loads(terminal.cli("node", "list", "--region", "us-east", "--json").stdout)
    ids = terminal.cli("node", "list", "--region", "us-east", "--output-format", "id").stdout
    assert [row["node"] for row in rows] == ids.split()


def test_a_dry_run_says_what_it_would_do_and_does_nothing(terminal):
    shown = terminal.cli("server", "stop", "--host", "worker-1", "--dry-run")
    assert shown.stdout.strip() == 'would do: server stop {"host": "worker-1"}'
    assert "worker-1" in terminal.cli("node", "list", "--status", "ready").stdout


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (("vm", "inspect", "--vm", "nobody"), 1, "VM_NOT_FOUND: no VM 'nobody'"),
        (("vm", "inspect"), 2, "Missing option '--vm'"),
        (("vm", "inspect", "--colour", "red"), 2, "No such option"),
        (("vm", "fly"), 2, "No such command"),
        (("vm", "create", "--name", "x", "--cpus", "many"), 2, "Invalid value for '--cpus'"),
        (("node", "list", "--output-format", "xml"), 2, "give table, json or id"),
    ],
)
def test_a_mistake_is_named_and_has_its_exit_code(terminal, words, exit_code, said):
    done = terminal.cli(*words)
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr


def test_a_check_that_fails_exits_with_3_so_that_scripts_stop(terminal):
    assert terminal.cli("cluster", "health").returncode == 0
    terminal.cli("server", "stop", "--host", "worker-10")
    terminal.cli("clock", "run", "--seconds", "60")
    assert terminal.cli("cluster", "health").returncode == 3
    terminal.cli("server", "start", "--host", "worker-10")


def test_lists_are_written_with_commas_and_help_says_what_a_verb_does(terminal):
    text = terminal.cli("cluster", "bootstrap", "--help").stdout
    assert "--controllers" in text and "Several with commas." in text
    assert "can interrupt service" in " ".join(text.split())
    refused = terminal.cli(
        "cluster", "bootstrap", "--cluster-id", "lab", "--controllers", "controller-1,controller-9"
    )
    assert refused.returncode == 1 and "controller-9" in refused.stderr


def test_every_verb_is_a_command(terminal):
    groups = {name.split(" ")[0] for name in VERBS}
    listed = terminal.cli("--help").stdout
    assert all(f" {group} " in listed for group in groups)


def test_the_journal_is_kept_in_a_file_and_replays(terminal):
    path = terminal.folder / "journal.json"
    assert terminal.run("course.cli", "lab", "journal", str(path)).returncode == 0
    kept = json.loads(path.read_text("utf-8"))
    lab = replay(kept["journal"], kept["scenario"], kept["seed"])
    assert lab.journal() and lab.vm.inspect(vm="web")["vm"] == "web"


def test_a_second_lab_does_not_take_the_place_of_the_first(terminal):
    done = terminal.run("course.cli", "lab", "serve")
    assert done.returncode == 2 and "served at" in done.stderr


def test_without_a_lab_it_says_how_to_start_one(tmp_path):
    alone = Terminal(tmp_path)
    done = alone.cli("node", "list")
    assert done.returncode == 5 and "course lab serve" in done.stderr
    assert alone.run("course.cli", "lab", "status").returncode == 2
    unknown = alone.run("course.cli", "lab", "serve", "--scenario", "nowhere")
    assert unknown.returncode == 2 and "day-1" in unknown.stderr
