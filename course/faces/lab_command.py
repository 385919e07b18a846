"""`course lab`: keep a cluster alive for terminals, see it, stop it, keep its journal."""

import json
import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import httpx
import typer
import uvicorn
from rich.console import Console

from course.catalogue import scenarios
from course.faces.served import Address, Served, find, publish, withdraw
from course.faces.service import make_app
from course.faces.tokens import Accounts
from course.lab import Lab

app = typer.Typer(help="A cluster on this laptop, for terminals.", no_args_is_help=True)
out, err = Console(highlight=False), Console(stderr=True, highlight=False)

Port = Annotated[int, typer.Option(help="The first port to try.")]
Pace = Annotated[
    float, typer.Option(help="Virtual seconds for each real one; 0: time stands still.")
]


@app.command()
def serve(
    scenario: Annotated[str, typer.Option(help="A scenario's name.")] = "day-1",
    seed: Annotated[str, typer.Option(help="The same seed gives the same cluster.")] = "1",
    pace: Pace = 1.0,
    port: Port = 8080,
) -> None:
    """Start a cluster and keep it until Ctrl-C. In another terminal: dwcp-cli cluster status."""
    if scenario not in scenarios.names():
        _stop(f"There is no scenario {scenario!r}; there are {', '.join(scenarios.names())}.")
    with suppress(LookupError):
        old = find()
        if _answers(old):
            _stop(f"A lab is served at {old.url} already; stop it first: course lab stop")
    free = _free_port(port)
    accounts = Accounts(clock=time.time)
    served = Served(Lab(scenario, int(seed) if seed.isdecimal() else seed), pace)
    url = f"http://127.0.0.1:{free}"
    token, _ = accounts.issue("administrator")
    publish(Address(url, token, scenario, served.lab.seed, os.getpid()))
    out.print(f"{scenario}, seed {seed}, is served at {url}; its interface at {url}/docs")
    for role, password in accounts.passwords.items():
        out.print(f"  {role:<14} password {password}", markup=False)
    out.print("In another terminal: dwcp-cli cluster status. Stop it with Ctrl-C.")
    try:
        with served:
            uvicorn.run(make_app(served, accounts), port=free, log_level="warning")
    finally:
        withdraw()


@app.command()
def status() -> None:
    """Is a lab served, where, and how late is it there?"""
    at = _found()
    if not _answers(at):
        withdraw()
        _stop("A lab was served and is gone; start it again: course lab serve")
    body = _get(at, "/lab/journal")
    out.print(f"{at.scenario}, seed {at.seed}, at {at.url}: {len(body['journal'])} records")


@app.command()
def stop() -> None:
    """Stop the served lab."""
    at = _found()
    if _answers(at):
        with suppress(ProcessLookupError):
            os.kill(at.pid, signal.SIGINT)
    withdraw()
    out.print("The lab is stopped. Its journal is gone unless you kept it: course lab journal")


@app.command()
def journal(
    output: Annotated[Path, typer.Argument(help="The file to write.")] = Path("journal.json"),
) -> None:
    """Keep what was done: with scenario and seed it gives the same history again."""
    output.write_text(json.dumps(_get(_found(), "/lab/journal"), indent=1), "utf-8")
    out.print(f"The journal is in {output}.")


def _get(at: Address, path: str) -> dict:
    headers = {"Authorization": f"Bearer {at.token}"}
    try:
        answer = httpx.get(at.url + path, headers=headers, timeout=10)
    except httpx.HTTPError as error:
        _stop(f"The lab does not answer ({error}).")
    body: dict = answer.json()
    if "error" in body:
        _stop(f"{body['error']['code']}: {body['error']['message']}")
    return body


def _answers(at: Address) -> bool:
    """Is it there? One that is busy and slow to answer is."""
    try:
        return httpx.get(f"{at.url}/lab/alive", timeout=10).json() == {"lab": at.scenario}
    except httpx.TimeoutException:
        return True
    except (httpx.HTTPError, ValueError):
        return False


def _found() -> Address:
    try:
        return find()
    except LookupError as error:
        _stop(f"{error}")
        raise


def _free_port(first: int) -> int:
    for port in range(first, first + 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    _stop(f"Ports {first} to {first + 99} are in use; name another: course lab serve --port 9000")
    raise AssertionError


def _stop(message: str) -> None:
    err.print(message, markup=False, soft_wrap=True)
    raise typer.Exit(2)
