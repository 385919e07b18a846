"""The examples of Terraform and Ansible fit the course, and the programs themselves take them."""

import inspect
import json
import os
import shutil
import subprocess

import pytest
import yaml

from course.lab import Lab
from course.lab.commands import VERBS
from course.lab.hosts import PORTS
from tests.release import ROOT

TERRAFORM, ANSIBLE = ROOT / "deploy" / "terraform", ROOT / "deploy" / "ansible"
PLAYBOOKS = sorted(ANSIBLE.glob("playbook-*.yaml"))
INVENTORY = yaml.safe_load((ANSIBLE / "inventory.yaml").read_text("utf-8"))["all"]
OF_ALL_VERBS = {"json", "request_timeout"}


def tasks():
    """Every task of every playbook, with the playbook's name."""
    for path in [*PLAYBOOKS, ANSIBLE / "tasks" / "install.yaml"]:
        for part in yaml.safe_load(path.read_text("utf-8")):
            listed = part.get("tasks", [part]) + part.get("pre_tasks", [])
            yield from ((path.name, task) for task in listed)


def run(*command, cwd):
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_call_of_the_command_line_is_a_verb_with_flags_that_it_has():
    calls = [task["ansible.builtin.command"]["argv"] for _, task in tasks()
             if "ansible.builtin.command" in task]  # fmt: skip
    ours = [argv for argv in calls if argv[0] == "dwcp-cli"]
    for _, group, word, *flags in ours:
        verb = f"{group} {word}"
        assert verb in VERBS, verb
        given = {flag.removeprefix("--").split("=")[0].replace("-", "_") for flag in flags}
        takes = inspect.signature(VERBS[verb]).parameters
        assert given <= OF_ALL_VERBS | set(takes), f"{verb} {given}"
        needed = {name for name, one in takes.items() if one.default is one.empty}
        assert needed - {"world"} <= given, f"{verb} {given}"
    assert len(ours) >= 8


def test_only_modules_of_ansible_core_are_used():
    for name, task in tasks():
        used = [key for key in task if "." in key]
        assert len(used) == 1 and used[0].startswith("ansible.builtin."), (name, task)


def test_the_inventory_is_the_cluster_of_the_labs():
    hosts = {
        name: (role.removesuffix("s"), one["node_region"])
        for role, group in INVENTORY["children"].items()
        for name, one in group["hosts"].items()
    }
    lab = Lab("day-1", 1)
    assert hosts == {row["host"]: (row["role"], row["region"]) for row in lab.host.list()}


@pytest.mark.parametrize("role", ["controller", "worker"])
def test_the_ports_that_are_opened_are_those_that_a_node_listens_on(role):
    rules = INVENTORY["vars"]["ports"][role]
    opened = [port for rule in rules for port in range(rule["first"], rule["last"] + 1)]
    assert sorted(opened) == sorted(PORTS[role])


@pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is not installed")
def test_terraform_validates_and_tests_its_folder_and_makes_the_inventory(tmp_path):
    here = tmp_path / "terraform"
    shutil.copytree(TERRAFORM, here, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    run("terraform", "fmt", "-check", "-recursive", cwd=here)
    run("terraform", "init", "-backend=false", cwd=here)
    assert json.loads(run("terraform", "validate", "-json", cwd=here))["valid"]
    assert "5 passed, 0 failed" in run("terraform", "test", "-no-color", cwd=here)
    run("terraform", "apply", "-auto-approve", "-var-file=lab.tfvars", cwd=here)
    made = run("terraform", "output", "-raw", "inventory", cwd=here)
    assert yaml.safe_load(made)["all"] == INVENTORY


@pytest.mark.skipif(not shutil.which("ansible-playbook"), reason="Ansible is not installed")
def test_ansible_reads_every_playbook():
    names = [path.name for path in PLAYBOOKS]
    said = run("ansible-playbook", "--syntax-check", *names, cwd=ANSIBLE)
    assert all(f"playbook: {name}" in said for name in names)
