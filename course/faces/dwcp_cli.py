"""`dwcp-cli`: the operator's verbs from a terminal, on the lab that `course lab serve` keeps alive.

The commands are not written down here: they are made from the verbs of `course.lab.commands`, so
what a notebook can do, a terminal can, under the same names; `typed` does it inside a notebook, on
a lab of its own. Exit codes: 0 done, 1 the service refused, 2 wrong use, 3 a check failed, 4 not
allowed, 5 not reachable.
"""

import inspect
import io
import json
import re
import shlex
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from contextvars import ContextVar
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from course.catalogue.errors import error_codes
from course.faces.served import find
from course.lab.commands import KINDS, VERBS, CommandError, groups

KIND_WORDS = {
    "R": "Reads only.",
    "C": "Changes state; can be undone by the opposite command.",
    "S": "Changes state and can interrupt service.",
    "D": "Can lose data.",
    "D2": "Can lose data; needs two people and an export of the state first.",
}
NOT_ALLOWED = {"TOKEN_MISSING", "TOKEN_EXPIRED", "LOGIN_FAILED", "SCOPE_MISSING"}
CHECKS = {"cluster health": "healthy", "migration test": "passed", "network test": "ok"}

out = Console(highlight=False, force_jupyter=False)
err = Console(stderr=True, highlight=False, force_jupyter=False)
app = typer.Typer(
    help="Operate a DWCP cluster. In the course: the one that `course lab serve` keeps alive.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

AsJson = Annotated[bool, typer.Option("--json", help="The same as --output-format json.")]
Format = Annotated[str, typer.Option("--output-format", help="table, json or id.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be sent; do nothing.")]
Limit = Annotated[float, typer.Option("--request-timeout", help="Seconds to wait for an answer.")]


def send(verb: str, arguments: dict[str, Any], timeout_s: float) -> Any:
    """Ask the served lab; stops the program with the table's exit codes."""
    try:
        at = find()
        answer = httpx.post(
            f"{at.url}/lab/do", json={"verb": verb, "arguments": arguments}, timeout=timeout_s,
            headers={"Authorization": f"Bearer {at.token}"},
        )  # fmt: skip
    except LookupError as error:
        stop(str(error), 5)
    except httpx.TimeoutException:
        stop(f"no answer within {timeout_s:g} s; whether {verb!r} took effect is unknown", 5)
    except httpx.HTTPError as error:
        stop(f"the lab does not answer ({error}); is it still running? course lab status", 5)
    try:
        body = answer.json()
    except ValueError:
        stop(f"what answers at {at.url} is no lab; is it still running? course lab status", 5)
    if "error" not in body:
        return body["result"]
    return refuse(body["error"]["code"], body["error"]["message"])


CARRY: ContextVar[Callable[[str, dict[str, Any], float], Any]] = ContextVar("carry", default=send)
"""Who carries out a verb: the served lab, or in `typed` one of this process."""


def typed(line: str, do: Callable[..., Any]) -> tuple[int, str]:
    """Carry out a command line by `do(verb, **arguments)`; the exit code, and what it printed."""
    said, code = io.StringIO(), 0
    token = CARRY.set(lambda verb, arguments, _: do(verb, **arguments))
    try:
        with redirect_stdout(said), redirect_stderr(said):
            app(shlex.split(line.removeprefix("dwcp-cli")), prog_name="dwcp-cli")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except ValueError as error:  # a quotation mark without its partner
        return 2, f"{error} in {line!r}"
    finally:
        CARRY.reset(token)
    return code, _COLOURS.sub("", said.getvalue())


_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # Jupyter asks programs to use them


def refuse(code: str, message: str) -> Any:
    """Print a refusal with what to do first, and stop with its exit code."""
    err.print(f"{code}: {message}", markup=False, soft_wrap=True)
    err.print(f"First: {error_codes()[code].first_action}.", markup=False, soft_wrap=True)
    raise typer.Exit(4 if code in NOT_ALLOWED else 2 if code == "UNKNOWN_FIELD" else 1)


def stop(message: str, exit_code: int) -> Any:
    err.print(message, markup=False, soft_wrap=True)
    raise typer.Exit(exit_code)


def command_for(verb: str, function: Callable[..., Any]) -> Callable[..., None]:
    """A Typer command with the verb's own arguments as options, and the global flags."""
    wanted = list(inspect.signature(function).parameters.values())[1:]  # the first is the world

    def command(
        json_: bool, output_format: str, dry_run: bool, request_timeout: float, **given: Any
    ) -> None:
        shape = "json" if json_ else output_format
        if shape not in ("table", "json", "id"):
            stop(f"--output-format is {shape!r}; give table, json or id", 2)
        arguments = {p.name: _listed(given[p.name], p) for p in wanted if given[p.name] is not None}
        if dry_run and KINDS[verb] != "R":
            out.print(f"would do: {verb} {json.dumps(arguments)}", markup=False, soft_wrap=True)
            return
        try:
            result = CARRY.get()(verb, arguments, request_timeout)
        except CommandError as error:
            refuse(error.code, error.message)
        show(result, shape)
        if isinstance(result, dict) and result.get(CHECKS.get(verb, ""), True) is False:
            raise typer.Exit(3)

    flags = [
        ("json_", AsJson, False), ("output_format", Format, "table"), ("dry_run", DryRun, False),
        ("request_timeout", Limit, 30.0),
    ]  # fmt: skip
    parameters = [_option(p) for p in wanted] + [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, kind, default in flags
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__doc__ = f"{inspect.getdoc(function)}\n\n{KIND_WORDS[KINDS[verb]]}"
    return command


def show(result: Any, shape: str) -> None:
    """A list of rows as a table, a dictionary as two columns, or all of it as JSON."""
    if shape == "json":
        print(json.dumps(result, indent=1))
        return
    rows = result if isinstance(result, list) else [result]
    if shape == "id":
        for row in rows:
            print(next(iter(row.values())) if isinstance(row, dict) and row else row)
        return
    if isinstance(result, dict):
        tables = {key: value for key, value in result.items() if _is_rows(value)}
        plain = {key: value for key, value in result.items() if key not in tables}
        _table([{"": key, "value": value} for key, value in plain.items()])
        for key, value in tables.items():
            out.print(f"\n{key}")
            _table(value)
    elif _is_rows(result):
        _table(result)
    elif result is not None:
        out.print(str(result), markup=False, soft_wrap=True)


def _table(rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_brief(row.get(column)) for column in columns))
    out.print(table)


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _brief(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(_brief(item) for item in value) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_brief(item)}" for key, item in value.items()) or "-"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _option(parameter: inspect.Parameter) -> inspect.Parameter:
    """An argument of a verb as an option: required if it has no default; lists with commas."""
    required = parameter.default is inspect.Parameter.empty
    kind: Any = _plain(parameter.annotation)
    name = "--" + parameter.name.replace("_", "-")
    text = "Several with commas." if _is_list(parameter) else None
    kind = kind if required else kind | None
    annotation: Any = Annotated[kind, typer.Option(name, help=text)]
    return inspect.Parameter(
        parameter.name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation,
        default=... if required else None,
    )  # fmt: skip


def _plain(annotation: Any) -> Any:
    """int, float or str for what a verb takes; lists and optional ones by their content."""
    text = str(annotation)
    for kind in (int, float):
        if annotation is kind or text.startswith(kind.__name__):
            return kind
    return str


def _is_list(parameter: inspect.Parameter) -> bool:
    return "list[" in str(parameter.annotation)


def _listed(value: Any, parameter: inspect.Parameter) -> Any:
    return [part.strip() for part in value.split(",")] if _is_list(parameter) else value


for _group in groups():
    _words = typer.Typer(no_args_is_help=True, help=f"The verbs of {_group}.")
    for _name, _function in VERBS.items():
        if _name.startswith(f"{_group} "):
            _words.command(_name.split(" ")[1])(command_for(_name, _function))
    app.add_typer(_words, name=_group)


def main() -> None:
    """For `dwcp-cli`; a closed pipe, as in `dwcp-cli node list | head`, is no error."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()


if __name__ == "__main__":
    main()
