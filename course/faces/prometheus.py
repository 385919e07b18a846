"""PromQL answered by a real Prometheus where one is installed, else by the embedded evaluator.

`query(store, promql, at)` takes whichever there is; the answer's `by` says which. `Prometheus` is
one server process with the history of a store: on a free port of this machine, with its data in a
folder that goes away with it. History gets in by remote write, which keeps stale markers, or with
`blocks=True` as blocks made by promtool from OpenMetrics text, as one would backfill a real one.

For one question the start (about a second) costs more than the answer: keep a `Prometheus` open to
ask many. Left out: scraping; time is virtual in the lab, and a server scrapes by the wall clock.
"""

import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import numpy as np

from course.telemetry import exposition, promql, remote_write
from course.telemetry.labels import make
from course.telemetry.promql import Answer, Line, QueryError
from course.telemetry.series import Store

START_SECONDS_MAX = 20.0
BY = "Prometheus"


class UnavailableError(RuntimeError):
    """There is no Prometheus here, or it does not start."""


def installed() -> bool:
    """Is there a Prometheus on this machine?"""
    return shutil.which("prometheus") is not None


class Prometheus:
    """A Prometheus that holds a store's history. Use it with `with`."""

    def __init__(self, store: Store, blocks: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="course-prometheus-")
        self._process: subprocess.Popen[bytes] | None = None
        try:
            if blocks:
                self._backfill(store)
            self._connection = self._start()
            if not blocks:
                self._write(store)
        except BaseException:
            self.close()
            raise

    def _backfill(self, store: Store) -> None:
        text = Path(self._folder.name, "history.txt")
        text.write_text(exposition.openmetrics(store), "utf-8")
        command = [_program("promtool"), "tsdb", "create-blocks-from", "openmetrics"]
        done = subprocess.run(
            [*command, str(text), str(self._data)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise UnavailableError(f"promtool takes no blocks from this history: {done.stderr}")

    @property
    def _data(self) -> Path:
        return Path(self._folder.name, "data")

    def _start(self) -> http.client.HTTPConnection:
        config = Path(self._folder.name, "prometheus.yml")
        config.write_text("global: {scrape_interval: 15s}\n", "utf-8")
        port = _free_port()
        command = [
            _program("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={self._data}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
            "--log.level=error",
        ]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._wait_until_ready(connection)
        return connection

    def _wait_until_ready(self, connection: http.client.HTTPConnection) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                connection.request("GET", "/-/ready")
                response = connection.getresponse()
                response.read()
                if response.status == 200:
                    return
            except (OSError, http.client.HTTPException):
                connection.close()
            time.sleep(0.02)
        raise UnavailableError(f"Prometheus did not start within {START_SECONDS_MAX:g} s")

    def _write(self, store: Store) -> None:
        body = remote_write.request(store)
        self._connection.request("POST", "/api/v1/write", body, remote_write.HEADERS)
        response = self._connection.getresponse()
        text = response.read().decode("utf-8", "replace")
        if response.status >= 300:
            raise UnavailableError(f"Prometheus refuses the history: {text.strip()}")

    def query(self, expression: str, at: int) -> Answer:
        """The answer at the moment `at` (ms)."""
        return self._ask("query", {"query": expression, "time": exposition.seconds(at)})

    def query_range(self, expression: str, start: int, end: int, step: int) -> Answer:
        """The answer at `start`, `start + step`, ... up to `end` (ms)."""
        seconds = exposition.seconds
        span = {"start": seconds(start), "end": seconds(end), "step": seconds(step)}
        return self._ask("query_range", {"query": expression, **span})

    @property
    def version(self) -> int:
        """Its major version, 2 or 3."""
        self._connection.request("GET", "/api/v1/status/buildinfo")
        body = json.loads(self._connection.getresponse().read())
        return int(body["data"]["version"].split(".")[0])

    def _ask(self, path: str, arguments: dict[str, str]) -> Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", f"/api/v1/{path}", urlencode(arguments), headers)
        body = json.loads(self._connection.getresponse().read())
        if body["status"] != "success":
            raise QueryError(body["error"])
        return _answer(body["data"])

    def close(self) -> None:
        """Stop the process and delete its data."""
        if self._process is not None:
            self._connection_closed()
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        self._folder.cleanup()

    def _connection_closed(self) -> None:
        if hasattr(self, "_connection"):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def query(
    store: Store,
    expression: str,
    at: int | None = None,
    *,
    start: int | None = None,
    end: int | None = None,
    step: int | None = None,
) -> Answer:
    """`expression` at one moment or over a span, in ms. The answer's `by` says who answered."""
    if at is not None and start is end is step is None:
        if not installed():
            return promql.query(store, expression, at)
        with Prometheus(store) as server:
            return server.query(expression, at)
    if at is None and start is not None and end is not None and step is not None:
        if not installed():
            return promql.query_range(store, expression, start, end, step)
        with Prometheus(store) as server:
            return server.query_range(expression, start, end, step)
    raise ValueError("give either `at`, or `start`, `end` and `step`")


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise UnavailableError(f"{name} is not installed on this machine")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answer(data: dict[str, Any]) -> Answer:
    kind, result = data["resultType"], data["result"]
    if kind == "string":
        return Answer(kind, (), result[1], by=BY)
    if kind == "scalar":
        return Answer(kind, (_line({}, [result]),), by=BY)
    points = "value" if kind == "vector" else "values"
    lines = (
        _line(one["metric"], [one[points]] if kind == "vector" else one[points]) for one in result
    )
    return Answer(kind, tuple(lines), by=BY)


def _line(metric: dict[str, str], points: list[list[Any]]) -> Line:
    times = np.array([round(float(at) * 1000) for at, _ in points], np.int64)
    return Line(make(metric), times, np.array([float(value) for _, value in points]))
