"""The REST service on a served lab: /v3 as the manual has it, and the page that describes it.

Each endpoint is a verb of the operator under another name: checks, decisions and errors are the
verb's own. `/lab/do` takes any verb as it is; `dwcp-cli` and notebooks use it.

Long work is answered with 202 and followed by reading the object; here a migration goes on while
the lab's clock runs. Not here yet, and answered with 404: what later days bring (upgrades,
backups, webhooks). Pages to scrape are in `course.faces.metrics`.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from course.catalogue.errors import error_codes
from course.dwcp.units import GIB
from course.faces import metrics, traces
from course.faces.served import Served
from course.faces.tokens import Accounts, need
from course.lab.commands import SCOPES, CommandError, lookup
from course.lab.hosts import EPOCH

VERSION = "3.0.0"
KEYS_KEPT = 1_000  # idempotency keys
LIMIT_DEFAULT, LIMIT_MAX = 50, 500
ASKED: ContextVar[tuple[str | None, str]] = ContextVar("asked", default=(None, ""))
"""Of the request that is being answered: its `traceparent` and its id."""


class Body(BaseModel):
    """A request: a field that is not known is an error, not a surprise."""

    model_config = ConfigDict(extra="forbid")


class Login(Body):
    username: str
    password: str


class Do(Body):
    verb: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Resources(Body):
    cpu: int = Field(default=2, ge=1, le=64)
    memory_gb: float = Field(default=2, gt=0)
    disk_gb: int = Field(default=20, ge=1)


class NewVm(Body):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    image: str = "debian-12"
    resources: Resources = Field(default_factory=Resources)


class MigrationOptions(Body):
    compression_level: int = Field(default=5, ge=1, le=19)
    amst_streams: int = Field(default=8, ge=4, le=16)


class NewMigration(Body):
    vm_id: str
    target_node: str | None = None
    strategy: str = Field(default="pre-copy", pattern="^pre-copy$")
    options: MigrationOptions | None = None


class MigrationChange(Body):
    timeout_seconds: int = Field(ge=1, le=86_400)


class Retry(Body):
    target_node: str | None = None
    amst_streams: int | None = Field(default=None, ge=1, le=16)


class Reason(Body):
    reason: str = "asked for by the API"


class Exclusion(Body):
    """Of a node or a region; `duration` is a number with s, m, h or d."""

    node: str | None = None
    region: str | None = None
    duration: str = "1h"
    reason: str = Field(min_length=1)


class NewNode(Body):
    node_id: str
    region: str | None = None
    controller: str


def make_app(served: Served, accounts: Accounts) -> FastAPI:
    """The service; all state is in `served` and `accounts`."""
    app = FastAPI(
        title="DWCP v3", version=VERSION,
        description="A simulated cluster on your laptop, behind the REST interface of a real one.",
    )  # fmt: skip
    answers: OrderedDict[tuple[str, str], tuple[bytes, int, bytes]] = OrderedDict()

    def caller(authorization: Annotated[str | None, Header()] = None) -> dict[str, str]:
        kind, _, token = (authorization or "").partition(" ")
        return accounts.claims(token.strip() if kind.lower() == "bearer" else None)

    Caller = Annotated[dict[str, str], Depends(caller)]

    def verb(who: dict[str, str], word: str, /, **arguments: Any) -> Any:
        need(who, SCOPES[word])
        given = {k: v for k, v in arguments.items() if v is not None}
        return served.do(word, given, *ASKED.get())

    @app.middleware("http")
    async def mark(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        given = request.headers.get("X-Request-Id", "")
        request.state.id = given if 0 < len(given) <= 64 else f"req-{secrets.token_hex(6)}"
        ASKED.set((request.headers.get("traceparent"), request.state.id))
        response = await _once(request, go_on, answers)
        response.headers["X-Request-Id"] = request.state.id
        response.headers["DWCP-Version"] = VERSION
        return response

    @app.exception_handler(CommandError)
    def refused(request: Request, error: CommandError) -> JSONResponse:
        return _error(request, error.code, error.message, error.details)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"] if part not in ("body", "query"))
        code = "UNKNOWN_FIELD" if first["type"] == "extra_forbidden" else "INVALID_REQUEST"
        return _error(request, code, f"{field or 'the body'}: {first['msg']}", {"field": field})

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> JSONResponse:
        return _error(request, "INTERNAL_ERROR", f"{type(error).__name__}: {error}", {})

    @app.exception_handler(HTTPException)
    def not_here(request: Request, error: HTTPException) -> JSONResponse:
        text = f"{request.method} {request.url.path}: {error.detail}; see /docs for what there is"
        answer = _error(request, "INVALID_REQUEST", text, {})
        answer.status_code = error.status_code
        return answer

    @app.post("/v3/auth/login", tags=["authentication"])
    def login(body: Login) -> dict[str, str]:
        return _token(*accounts.login(body.username, body.password))

    @app.post("/v3/auth/refresh", tags=["authentication"])
    def refresh(who: Caller, authorization: Annotated[str, Header()]) -> dict[str, str]:
        return _token(*accounts.refresh(authorization.partition(" ")[2].strip()))

    @app.post("/v3/auth/logout", status_code=204, tags=["authentication"])
    def logout(who: Caller, authorization: Annotated[str, Header()]) -> None:
        accounts.logout(authorization.partition(" ")[2].strip())

    @app.get("/v3/cluster/status", tags=["cluster"])
    def cluster_status(who: Caller) -> dict[str, Any]:
        return _cluster(verb(who, "cluster status"), verb(who, "node list"))

    @app.get("/v3/cluster/health", tags=["cluster"])
    def cluster_health(who: Caller, response: Response) -> dict[str, Any]:
        health = verb(who, "cluster health")
        response.status_code = 200 if health["healthy"] else 503
        return {
            "checks": [
                {"name": c["check"], "state": "pass" if c["ok"] else "fail", "value": c["found"],
                 "threshold": c["wanted"]}
                for c in health["checks"]
            ]
        }  # fmt: skip

    @app.get("/v3/nodes", tags=["nodes"])
    def nodes(
        who: Caller, status: str | None = None, region: str | None = None,
        type: Annotated[str | None, Query(pattern="^(controller|worker)$")] = None,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
        page: Annotated[int, Query(ge=1)] = 1,
    ) -> dict[str, Any]:  # fmt: skip
        sizes = {row["host"]: row for row in verb(who, "host list")}
        rows = [
            _node(row, sizes[row["node"]])
            for row in verb(who, "node list", status=status, region=region)
            if type in (None, row["role"])
        ]
        return _page("nodes", rows, limit, page)

    @app.get("/v3/nodes/{node}", tags=["nodes"])
    def node(who: Caller, node: str) -> dict[str, Any]:
        rows = {row["node"]: row for row in verb(who, "node list")}
        if node not in rows:
            raise CommandError("NODE_NOT_FOUND", f"no node {node!r}; there are {', '.join(rows)}")
        size = next(row for row in verb(who, "host list") if row["host"] == node)
        more = {"version": size["version"], "clock_offset_ms": size["clock_offset_ms"]}
        return _node(rows[node], size) | more

    @app.post("/v3/nodes", status_code=202, tags=["nodes"])
    def join(who: Caller, body: NewNode) -> dict[str, Any]:
        row = verb(
            who, "node join", node_id=body.node_id, controller=body.controller, region=body.region
        )
        return {"node_id": row["node"], "state": row["status"]}

    @app.post("/v3/nodes/{node}/drain", status_code=202, tags=["nodes"])
    def drain(who: Caller, node: str, body: Reason | None = None) -> dict[str, Any]:
        return verb(who, "node drain", node=node, reason=(body or Reason()).reason)

    @app.post("/v3/nodes/{node}/uncordon", tags=["nodes"])
    def uncordon(who: Caller, node: str) -> dict[str, Any]:
        verb(who, "node uncordon", node=node)
        return {"status": "ready"}

    @app.delete("/v3/nodes/{node}", status_code=202, tags=["nodes"])
    def remove(who: Caller, node: str, confirm: bool = False) -> dict[str, Any]:
        return verb(who, "node remove", node=node, confirm=confirm)

    @app.post("/v3/placements/exclusions", status_code=201, tags=["placement"])
    def exclude(who: Caller, body: Exclusion) -> Any:
        seconds = duration_s(body.duration)
        if body.node:
            return verb(
                who, "placement avoid-node", node=body.node, duration=seconds, reason=body.reason
            )
        return verb(
            who, "placement set-blacklist", region=body.region or "", duration=seconds,
            reason=body.reason,
        )  # fmt: skip

    @app.get("/v3/vms", tags=["VMs"])
    def vms(
        who: Caller, node: str | None = None, status: str | None = None,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
        page: Annotated[int, Query(ge=1)] = 1,
    ) -> dict[str, Any]:  # fmt: skip
        rows = [r for r in verb(who, "vm list", node=node) if status in (None, r["status"])]
        return _page("vms", rows, limit, page)

    @app.delete("/v3/vms/{vm}", tags=["VMs"])
    def delete(who: Caller, vm: str) -> dict[str, Any]:
        return verb(who, "vm delete", vm=vm) | {"deleted_at": now()}

    @app.post("/v3/vms", status_code=202, tags=["VMs"])
    def create(who: Caller, body: NewVm) -> dict[str, Any]:
        made = verb(
            who, "vm create", name=body.name, memory_gb=body.resources.memory_gb,
            cpus=body.resources.cpu,
        )  # fmt: skip
        return {
            "vm_id": made["vm"], "status": "creating", "node": made["node"], "created_at": now()
        }  # fmt: skip

    @app.get("/v3/vms/{vm}", tags=["VMs"])
    def inspect(who: Caller, vm: str) -> dict[str, Any]:
        found = verb(who, "vm inspect", vm=vm)
        resources = {"cpu": found["cpus"], "memory_gb": found["memory_gb"]}
        keys = ("status", "node", "owner", "owner_version")
        return {"vm_id": vm, "name": vm, "resources": resources} | {k: found[k] for k in keys}

    @app.post("/v3/migrations", status_code=202, tags=["migrations"])
    def migrate(who: Caller, body: NewMigration) -> dict[str, Any]:
        if body.options:
            source = verb(who, "vm inspect", vm=body.vm_id)["node"]
            verb(who, "amst set-streams", count=body.options.amst_streams, node=source)
            verb(who, "hde set-compression", level=body.options.compression_level, node=source)
        started = verb(who, "migration start", vm=body.vm_id, target=body.target_node)
        status = served.lab.world.migrations[body.vm_id].state
        return {"migration_id": started["id"], "status": status, "started_at": now()}

    def moved(who: dict[str, str], migration: str) -> dict[str, Any]:
        vm = re.sub(r"^mig-\d+-", "", migration)
        found: dict[str, Any] = verb(who, "migration status", vm=vm)
        if migration not in (found["id"], vm):
            raise CommandError("MIGRATION_NOT_FOUND", f"{vm}'s last migration is {found['id']}")
        return found

    @app.get("/v3/migrations", tags=["migrations"])
    def migrations(
        who: Caller, status: str | None = None,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
        page: Annotated[int, Query(ge=1)] = 1,
    ) -> dict[str, Any]:  # fmt: skip
        rows = verb(who, "migration list", status=status)
        return _page("migrations", [_migration(moved(who, r["id"])) for r in rows], limit, page)

    @app.get("/v3/migrations/{migration}", tags=["migrations"])
    def migration(who: Caller, migration: str) -> dict[str, Any]:
        return _migration(moved(who, migration))

    @app.patch("/v3/migrations/{migration}", tags=["migrations"])
    def change(who: Caller, migration: str, body: MigrationChange) -> dict[str, Any]:
        vm = moved(who, migration)["vm"]
        verb(who, "migration set-timeout", vm=vm, timeout=body.timeout_seconds)
        return _migration(moved(who, migration))

    @app.post("/v3/migrations/{migration}/cancel", status_code=202, tags=["migrations"])
    def cancel(who: Caller, migration: str, body: Reason | None = None) -> dict[str, Any]:
        vm, reason = moved(who, migration)["vm"], (body or Reason()).reason
        return {"status": verb(who, "migration cancel", vm=vm, reason=reason)["status"]}

    @app.post("/v3/migrations/{migration}/retry", status_code=202, tags=["migrations"])
    def retry(who: Caller, migration: str, body: Retry | None = None) -> dict[str, Any]:
        vm, given = moved(who, migration)["vm"], body or Retry()
        again = verb(
            who, "migration retry", vm=vm, target=given.target_node,
            amst_streams=given.amst_streams,
        )  # fmt: skip
        return {"migration_id": again["id"], "retry_of": again["retry_of"]}

    @app.get("/v3/consensus/quorum", tags=["consensus"])
    def quorum(who: Caller, response: Response) -> dict[str, Any]:
        found = verb(who, "consensus quorum-status")
        response.status_code = 200 if found["present"] >= found["required"] else 503
        return found

    @app.post("/lab/do", tags=["lab"])
    def do(who: Caller, body: Do) -> dict[str, Any]:
        """Any verb of the operator, as `dwcp-cli` sends it."""
        lookup(body.verb)
        return {"result": verb(who, body.verb, **body.arguments), "now_s": served.lab.now_s}

    @app.get("/lab/alive", tags=["lab"])
    async def alive() -> dict[str, str]:
        """Which scenario is served; needs no token, and no turn at the lab."""
        return {"lab": served.lab.scenario}

    app.include_router(metrics.make_router(served))
    app.include_router(traces.make_router(served))

    @app.get("/v3/metrics", tags=["metrics"])
    def metric(
        who: Caller, name: str, duration: str = "1h", node: str | None = None,
        step: metrics.Step = 15,
    ) -> dict[str, Any]:  # fmt: skip
        need(who, "read")
        return served.look(lambda lab: metrics.series(lab, name, duration_s(duration), node, step))

    @app.get("/v3/metrics/catalog", tags=["metrics"])
    def metrics_catalog(who: Caller) -> dict[str, Any]:
        need(who, "read")
        return served.look(metrics.catalog)

    @app.get("/v3/alerts", tags=["metrics"])
    def alerts(who: Caller, severity: str | None = None) -> dict[str, Any]:
        need(who, "read")
        return {"alerts": served.look(lambda lab: metrics.firing(lab, severity, _time))}

    @app.get("/lab/journal", tags=["lab"])
    def journal(who: Caller) -> dict[str, Any]:
        """What was done so far; with scenario and seed it gives the same history again."""
        lab = served.lab
        return {"scenario": lab.scenario, "seed": lab.seed, "journal": lab.journal()}

    def now() -> str:
        return _time((EPOCH + served.lab.world.now) / 1e6)

    return app


def duration_s(text: str) -> int:
    """Seconds of a duration such as 90s, 15m, 1h, 2d."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if not found:
        raise CommandError("INVALID_REQUEST", f"{text!r} is no duration; write 90s, 15m, 1h or 2d")
    return int(found[1]) * {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[found[2]]


async def _once(
    request: Request,
    go_on: Callable[[Request], Awaitable[Response]],
    answers: OrderedDict[tuple[str, str], tuple[bytes, int, bytes]],
) -> Response:
    """Honour Idempotency-Key: the same key and body get the first answer again."""
    key = request.headers.get("Idempotency-Key")
    if key is None or request.method != "POST":
        return await go_on(request)
    if not 16 <= len(key) <= 64:
        return _error(request, "INVALID_REQUEST", "Idempotency-Key has 16 to 64 characters", {})
    who = (request.headers.get("Authorization", ""), key)
    asked = request.url.path.encode() + b" " + await request.body()
    if who in answers:
        first, status, body = answers[who]
        if first != asked:
            return _error(request, "IDEMPOTENCY_MISMATCH", "this key was used for another call", {})
        return Response(
            body, status, {"Idempotency-Replayed": "true"}, media_type="application/json"
        )
    response = await go_on(request)
    body = b"".join([part async for part in response.body_iterator])  # type: ignore[attr-defined]
    if response.status_code < 500:
        answers[who] = (asked, response.status_code, body)
        while len(answers) > KEYS_KEPT:
            answers.popitem(last=False)
    return Response(body, response.status_code, dict(response.headers))


def _error(request: Request, code: str, message: str, details: dict[str, Any]) -> JSONResponse:
    """The error body of the API, from the one table of codes."""
    row = error_codes()[code]
    error = {
        "code": code, "message": message, "details": details,
        "request_id": getattr(request.state, "id", ""), "retryable": row.retry.startswith("yes"),
        "first_action": row.first_action,
    }  # fmt: skip
    headers = {}
    if row.http in (429, 503):
        error["retry_after_seconds"] = 5
        headers["Retry-After"] = "5"
    return JSONResponse({"error": error}, row.http, headers)


def _cluster(status: dict[str, Any], nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """healthy: all controllers and 95 % of the workers; critical: no leader, or under 80 %."""
    kinds = {role: [n for n in nodes if n["role"] == role] for role in ("controller", "worker")}
    ready = {role: sum(n["status"] == "ready" for n in rows) for role, rows in kinds.items()}
    share = ready["worker"] / len(kinds["worker"]) if kinds["worker"] else 1.0
    state = "degraded"
    if status["leader"] is None or share < 0.80:
        state = "critical"
    elif ready["controller"] == len(kinds["controller"]) and share >= 0.95:
        state = "healthy"
    lost = sum(n["status"] == "unreachable" for n in kinds["worker"])
    return {
        "cluster_id": status["cluster_id"],
        "status": state,
        "controllers": {"total": len(kinds["controller"]), "healthy": ready["controller"],
                        "leader": status["leader"]},
        "workers": {"total": len(kinds["worker"]), "ready": ready["worker"], "unreachable": lost},
        "consensus": {"protocol": "raft", "term": status["term"]},
    }  # fmt: skip


def _node(row: dict[str, Any], size: dict[str, Any]) -> dict[str, Any]:
    resources = {"cpu": size["cpus"], "memory_gb": size["memory_gb"]}
    return {
        "id": row["node"], "type": row["role"], "status": row["status"], "region": row["region"],
        "resources": resources, "vms": row["vms"], "reason": row["reason"],
    }  # fmt: skip


def _migration(status: dict[str, Any]) -> dict[str, Any]:
    wire = round(status["wire_gb"] * 1e9)
    return {
        "migration_id": status["id"], "vm_id": status["vm"], "status": status["status"],
        "source_node": status["source"], "target_node": status["target"],
        "progress": 100 if status["status"] == "completed" else min(95, 20 * len(status["rounds"])),
        "error": status["error"],
        "stats": {"bytes_transferred": wire, "bytes_total": round(status["memory_gb"] * GIB),
                  "bandwidth_mbps": status["rate_mbps"], "elapsed_seconds": status["duration_s"],
                  "wire_reduction": status["wire_reduction"]},
    }  # fmt: skip


def _page(name: str, rows: list[dict[str, Any]], limit: int, page: int) -> dict[str, Any]:
    start = (page - 1) * limit
    if rows and start >= len(rows):
        raise CommandError("INVALID_REQUEST", f"page {page} is past the end of {len(rows)} rows")
    return {name: rows[start : start + limit], "total": len(rows), "page": page}


def _token(token: str, expires: float) -> dict[str, str]:
    return {"token": token, "expires_at": _time(expires)}


def _time(seconds: float) -> str:
    """RFC 3339, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
