"""The REST service: its endpoints, its errors, who may do what, and calls that are repeated."""

import pytest
from fastapi.testclient import TestClient

from course.catalogue.errors import error_codes
from course.faces.served import Served
from course.faces.service import make_app
from course.faces.tokens import Accounts
from course.lab import Lab, replay
from course.lab.commands import KINDS, SCOPES, VERBS, CommandError


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


class Site:
    """A service on a lab whose clocks stand still."""

    def __init__(self):
        self.clock = Clock()
        self.accounts = Accounts(self.clock)
        self.served = Served(Lab("day-1", seed=4), pace=0)
        app = make_app(self.served, self.accounts)
        self.client = TestClient(app, raise_server_exceptions=False)

    def call(self, method, path, role="administrator", **more):
        token, _ = self.accounts.issue(role)
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **more)


@pytest.fixture(scope="module")
def site():
    return Site()


def code(answer):
    return answer.json()["error"]["code"]


def test_a_cluster_from_status_to_a_finished_migration(site):
    status = site.call("GET", "/v3/cluster/status").json()
    assert status["status"] == "healthy" and status["controllers"]["total"] == 3
    assert status["workers"] == {"total": 10, "ready": 10, "unreachable": 0}
    made = site.call("POST", "/v3/vms", json={"name": "shop", "resources": {"memory_gb": 1}})
    assert made.status_code == 202 and made.json()["created_at"].endswith("Z")
    source = site.call("GET", "/v3/vms/shop").json()["node"]
    target = next(f"worker-{n}" for n in (2, 3) if f"worker-{n}" != source)
    move = site.call(
        "POST", "/v3/migrations",
        json={"vm_id": "shop", "target_node": target, "options": {"amst_streams": 6}},
    )  # fmt: skip
    assert move.status_code == 202, move.text
    path = f"/v3/migrations/{move.json()['migration_id']}"
    assert site.call("GET", path).json()["status"] in ("pending", "approved", "in_progress")
    site.served.lab.run(60)
    done = site.call("GET", path).json()
    assert done["status"] == "completed" and done["progress"] == 100
    assert done["stats"]["bytes_total"] == 2**30
    assert site.call("GET", "/v3/vms/shop").json()["node"] == target


def test_a_node_is_drained_excluded_and_removed_over_the_interface():
    site = Site()
    for number in range(2):
        body = {"name": f"vm-{number}", "resources": {"memory_gb": 0.5}}
        node = site.call("POST", "/v3/vms", json=body).json()["node"]
    drained = site.call("POST", f"/v3/nodes/{node}/drain", json={"reason": "new memory"})
    assert drained.status_code == 202 and drained.json()["moved"] >= 1
    assert site.call("GET", f"/v3/nodes/{node}").json()["status"] == "draining"
    assert site.call("GET", "/v3/vms?limit=1").json()["total"] == 2
    assert site.call("GET", "/v3/migrations?status=completed").json()["total"] >= 1
    body = {"region": "eu-west", "duration": "15m", "reason": "storm"}
    assert len(site.call("POST", "/v3/placements/exclusions", json=body).json()) == 4
    bad = site.call("POST", "/v3/placements/exclusions", json={**body, "duration": "soon"})
    assert "write 90s, 15m, 1h or 2d" in bad.json()["error"]["message"]
    assert code(site.call("DELETE", f"/v3/nodes/{node}")) == "INVALID_REQUEST"
    refused = site.call("DELETE", f"/v3/nodes/{node}?confirm=true", role="operator")
    assert refused.status_code == 403
    assert site.call("DELETE", f"/v3/nodes/{node}?confirm=true").status_code == 202
    assert site.call("DELETE", "/v3/vms/vm-0").json()["status"] == "deleted"


def test_a_migration_is_given_time_cancelled_and_tried_again_over_the_interface():
    site = Site()
    site.call("POST", "/v3/vms", json={"name": "shop", "resources": {"memory_gb": 1}})
    move = site.call("POST", "/v3/migrations", json={"vm_id": "shop", "target_node": "worker-8"})
    path = f"/v3/migrations/{move.json()['migration_id']}"
    site.served.lab.run(1)
    assert site.call("PATCH", path, json={"timeout_seconds": 600}).status_code == 200
    assert site.call("POST", f"{path}/cancel").json() == {"status": "cancelled"}
    assert code(site.call("POST", f"{path}/cancel")) == "MIGRATION_NOT_CANCELLABLE"
    again = site.call("POST", f"{path}/retry", json={"target_node": "worker-9"}).json()
    assert again["retry_of"] == move.json()["migration_id"]
    gone = site.call("GET", path)
    assert gone.status_code == 404 and again["migration_id"] in gone.json()["error"]["message"]


def test_health_is_503_when_a_check_fails_and_says_which():
    site = Site()
    assert site.call("GET", "/v3/cluster/health").status_code == 200
    site.served.lab.server.stop(host="worker-3")
    site.served.lab.run(60)
    answer = site.call("GET", "/v3/cluster/health")
    assert answer.status_code == 503
    failed = [check["name"] for check in answer.json()["checks"] if check["state"] == "fail"]
    assert "workers" in failed
    assert site.call("GET", "/v3/cluster/status").json()["status"] == "degraded"


def test_lists_come_in_pages(site):
    first = site.call("GET", "/v3/nodes?limit=4&type=worker").json()
    assert (len(first["nodes"]), first["total"], first["page"]) == (4, 10, 1)
    last = site.call("GET", "/v3/nodes?limit=4&page=3&type=worker").json()
    assert len(last["nodes"]) == 2
    assert site.call("GET", "/v3/nodes?limit=4&page=9").status_code == 400
    assert site.call("GET", "/v3/nodes?limit=501").status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "name"),
    [
        ("GET", "/v3/nodes/worker-99", None, 404, "NODE_NOT_FOUND"),
        ("GET", "/v3/vms/none", None, 404, "VM_NOT_FOUND"),
        ("GET", "/v3/migrations/mig-1-none", None, 404, "MIGRATION_NOT_FOUND"),
        ("POST", "/v3/vms", {"name": "x", "colour": "red"}, 400, "UNKNOWN_FIELD"),
        ("POST", "/v3/vms", {"name": "No Spaces"}, 400, "INVALID_REQUEST"),
        ("POST", "/v3/vms", {"name": "huge", "resources": {"memory_gb": 900}}, 400, "INVALID_REQUEST"),
        ("POST", "/v3/migrations", {"vm_id": "x", "strategy": "teleport"}, 400, "INVALID_REQUEST"),
        ("POST", "/lab/do", {"verb": "make coffee"}, 400, "INVALID_REQUEST"),
        ("POST", "/lab/do", {"verb": "node list", "arguments": {"sort": 1}}, 400, "UNKNOWN_FIELD"),
        ("GET", "/v3/upgrades/1", None, 404, "INVALID_REQUEST"),
    ],
)  # fmt: skip
def test_an_error_has_the_bodys_form_and_the_tables_status(site, method, path, body, status, name):
    answer = site.call(method, path, json=body, headers={"X-Request-Id": "req-mine"})
    assert (answer.status_code, code(answer)) == (status, name)
    error = answer.json()["error"]
    assert error["message"] and error["request_id"] == "req-mine"
    assert answer.headers["X-Request-Id"] == "req-mine"
    assert answer.headers["DWCP-Version"] == "3.0.0"


def test_nobody_reads_without_a_token_and_nobody_changes_with_a_viewers(site):
    assert code(site.client.get("/v3/nodes")) == "TOKEN_MISSING"
    bad = site.client.get("/v3/nodes", headers={"Authorization": "Bearer nonsense"})
    assert (bad.status_code, code(bad)) == (401, "TOKEN_MISSING")
    assert site.call("GET", "/v3/nodes", role="viewer").status_code == 200
    refused = site.call("POST", "/v3/vms", role="viewer", json={"name": "mine"})
    assert (refused.status_code, code(refused)) == (403, "SCOPE_MISSING")
    verb = {"verb": "cluster bootstrap", "arguments": {}}
    assert code(site.call("POST", "/lab/do", role="operator", json=verb)) == "SCOPE_MISSING"


def test_a_token_of_another_cluster_or_without_a_signature_is_refused(site):
    other, _ = Accounts(site.clock).issue("administrator")
    header = other.split(".")
    import base64

    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for token in (other, f"{none}.{header[1]}."):
        answer = site.client.get("/v3/nodes", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401


def test_tokens_expire_are_renewed_and_revoked():
    site = Site()
    password = site.accounts.passwords["operator"]
    body = {"username": "operator", "password": password}
    token = site.client.post("/v3/auth/login", json=body).json()["token"]
    mine = {"Authorization": f"Bearer {token}"}
    fresh = site.client.post("/v3/auth/refresh", headers=mine).json()["token"]
    site.clock.now += 59
    assert site.client.get("/v3/nodes", headers=mine).status_code == 200
    site.clock.now += 2
    assert code(site.client.get("/v3/nodes", headers=mine)) == "TOKEN_EXPIRED"
    other = {"Authorization": f"Bearer {fresh}"}
    assert site.client.post("/v3/auth/logout", headers=other).status_code == 204
    assert site.client.get("/v3/nodes", headers=other).status_code == 401
    third, expires = site.accounts.issue("viewer")
    site.clock.now = expires
    late = site.client.get("/v3/nodes", headers={"Authorization": f"Bearer {third}"})
    assert code(late) == "TOKEN_EXPIRED"


def test_guessing_passwords_is_slowed_down():
    site = Site()
    body = {"username": "operator", "password": "guess"}
    answers = [site.client.post("/v3/auth/login", json=body) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert answers[-1].headers["Retry-After"]
    site.clock.now += 301
    right = {"username": "operator", "password": site.accounts.passwords["operator"]}
    assert site.client.post("/v3/auth/login", json=right).status_code == 200


def test_a_call_repeated_with_its_key_is_done_once(site):
    key = {"Idempotency-Key": "0123456789abcdef"}
    token, _ = site.accounts.issue("operator")
    headers = {"Authorization": f"Bearer {token}", **key}
    body = {"name": "once", "resources": {"memory_gb": 0.5}}
    first = site.client.post("/v3/vms", json=body, headers=headers)
    again = site.client.post("/v3/vms", json=body, headers=headers)
    assert first.status_code == again.status_code == 202
    assert again.json() == first.json() and again.headers["Idempotency-Replayed"] == "true"
    other = site.client.post("/v3/vms", json={**body, "name": "twice"}, headers=headers)
    assert (other.status_code, code(other)) == (422, "IDEMPOTENCY_MISMATCH")
    short = site.client.post("/v3/vms", json=body, headers={**headers, "Idempotency-Key": "x"})
    assert code(short) == "INVALID_REQUEST"


def test_the_journal_of_a_served_lab_gives_the_same_history_again(site):
    kept = site.call("GET", "/lab/journal").json()
    again = replay(kept["journal"], kept["scenario"], kept["seed"])
    assert again.fingerprint() == site.served.lab.fingerprint()


def test_a_clock_that_ticks_by_itself_is_one_record_and_replays():
    lab = Lab("day-1", seed=9)
    for _ in range(40):
        lab.pass_time(0.137)
    lab.vm.create(name="a", memory_gb=0.5)
    for _ in range(40):
        lab.pass_time(0.2)
    assert [record["verb"] for record in lab.journal()] == ["clock run", "vm create", "clock run"]
    again = replay(lab.journal(), "day-1", 9)
    assert again.fingerprint() == lab.fingerprint() and again.now_s == lab.now_s


def test_time_passes_in_a_served_lab_at_its_pace():
    import time

    served = Served(Lab("day-1", seed=4), pace=50)
    before = served.lab.now_s
    with served:
        time.sleep(1.0)
    assert served.lab.now_s > before + 5
    with pytest.raises(ValueError, match="pace is -1"):
        Served(served.lab, pace=-1)


# They change nothing, and yet what they return, or cost, is not for everybody.
SENSITIVE = {"state-sync export", "state-sync verify", "network speedtest", "node forensics"}


def test_every_verb_says_what_it_may_do_and_who_may():
    for name, function in VERBS.items():
        assert KINDS[name] in {"R", "C", "S", "D", "D2"} and function.__doc__
        assert SCOPES[name] in {"read", "operate", "admin"}
        reads_only = KINDS[name] == "R" and name not in SENSITIVE
        assert reads_only == (SCOPES[name] == "read"), name


def test_a_code_that_is_raised_stands_in_the_table():
    for name in error_codes():
        assert str(CommandError(name, "why")).startswith(name)


def test_the_interface_describes_itself(site):
    paths = site.client.get("/openapi.json").json()["paths"]
    assert {"/v3/cluster/status", "/v3/nodes", "/v3/vms", "/v3/migrations"} <= set(paths)
    assert site.client.get("/docs").status_code == 200
