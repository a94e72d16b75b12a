"""A project of Google Cloud on loopback: the part of Compute Engine's REST API that is asked here.

It answers as Google's reference and its clients' error texts have it: 64-bit ids as text,
operations that go on after the call, pages, and 403 for five different things. It takes what the
real client sends and knows nothing of whoever asks. What it cannot do it refuses with 501.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Document = dict[str, Any]
Answer = tuple[int, Document]
PROJECT = "a-project"
_PATH = re.compile(
    r"/compute/v1/projects/(?P<project>[^/]+)"
    r"(?:/(?P<scope>zones/[^/]+|regions/[^/]+|global|aggregated)"
    r"(?:/(?P<collection>[A-Za-z]+)(?:/(?P<family>family/)?(?P<name>[^/]+)(?:/(?P<verb>\w+))?)?)?)?"
)
_CLAUSE = re.compile(r"\(?(?:labels\.)?([\w-]+) = \"?([\w.-]+)\"?\)?")
_RUNS = {"start": ("STAGING", "RUNNING"), "resume": ("STAGING", "RUNNING"),
         "stop": ("STOPPING", "TERMINATED")}  # fmt: skip
_VCPUS = {"n1-standard-1": 1, "n1-standard-4": 4, "n1-standard-8": 8}


def refusal(status: int, message: str, why: str, /, **info: Any) -> Answer:
    """What Google says in the place of an answer; `info` is of a google.rpc.ErrorInfo."""
    errors = [{"message": message, "domain": "global", "reason": why}]
    error: Document = {"code": status, "message": message, "errors": errors}
    if info:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        error["details"] = [{"@type": kind, "domain": "googleapis.com", **info}]
    return status, {"error": error}


def denied(permission: str, resource: str = f"projects/{PROJECT}") -> Answer:
    return refusal(403, f"Required '{permission}' permission for '{resource}'", "forbidden")


API_DISABLED = refusal(
    403,
    "Compute Engine API has not been used in project 42 before or it is disabled. Enable it by "
    "visiting https://console.developers.google.com/apis/api/compute.googleapis.com then retry.",
    "accessNotConfigured",
    reason="SERVICE_DISABLED",
    metadata={"consumer": "projects/42", "service": "compute.googleapis.com"},
)
UNAUTHENTICATED = refusal(
    401,
    "Request had invalid authentication credentials. Expected OAuth 2 access token.",
    "authError",
)
UNAVAILABLE = refusal(503, "The service is currently unavailable.", "backendError")


@dataclass(slots=True)
class SimulatedGcp:
    """The project; a test changes what it likes before it asks.

    Attributes:
        things: Bodies by scope, collection and name.
        limits: Of quotas by metric; of every region.
        used: Beside what the project's own things use.
        zones: With the machine types that each offers.
        images: Families' newest image by project and family.
        host_keys: By instance; one that is missing has told nothing yet.
        failing: Answers in the place of one's own to paths that a pattern is found in.
        slow_seconds: Before the answers to such paths.
        broken: Why operations on an instance fail: a code and words.
        steps: Looks at an operation until it is done.
        page_size: The most that a page holds, whatever is asked.
        filters: Whether it understands filters; a list without them has everything.
        ahead: Of its clock.
        requests: Method and path of each, in their order.
    """

    things: dict[tuple[str, str, str], Document] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=lambda: {
        "CPUS": 24.0, "CPUS_ALL_REGIONS": 32.0, "PREEMPTIBLE_CPUS": 0.0,
        "IN_USE_ADDRESSES": 8.0, "SSD_TOTAL_GB": 500.0})  # fmt: skip
    used: dict[str, float] = field(default_factory=dict)
    region_status: str = "UP"
    zones: dict[str, set[str]] = field(default_factory=lambda: {
        f"us-central1-{letter}": set(_VCPUS) for letter in "abcf"})  # fmt: skip
    images: dict[tuple[str, str], Document] = field(
        default_factory=lambda: {
            ("debian-cloud", "debian-12"): {"name": "debian-12-v20261110", "status": "READY"}
        }
    )
    host_keys: dict[str, dict[str, str]] = field(default_factory=dict)
    failing: dict[str, Answer] = field(default_factory=dict)
    slow_seconds: dict[str, float] = field(default_factory=dict)
    broken: dict[str, tuple[str, str]] = field(default_factory=dict)
    steps: int = 2
    page_size: int = 500
    filters: bool = True
    ahead: timedelta = timedelta()
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(4_242_424_242_424_242))
    _ends: dict[str, tuple[int, Callable[[], None]]] = field(default_factory=dict)

    def add(self, scope: str, collection: str, name: str, **body: Any) -> Document:
        """Put something there, as of an insert that is done."""
        link = f"{self.url}/compute/v1/projects/{PROJECT}/{scope}/{collection}/{name}"
        whole = {"id": str(next(self._numbers)), "name": name, "selfLink": link, **body}
        self.things[scope, collection, name] = whole
        return whole

    def instance(self, name: str, zone: str = "us-central1-b", **body: Any) -> Document:
        """Put an instance there with its boot disk; returns the instance."""
        labels = body.pop("labels", {})
        spot = {"provisioningModel": body.pop("provisioning", "STANDARD")}
        kind = f"zones/{zone}/machineTypes/{body.pop('machine', 'n1-standard-4')}"
        disk = f"zones/{zone}/diskTypes/pd-ssd"
        self.add(f"zones/{zone}", "disks", name, labels=labels, type=disk, sizeGb="50")
        return self.add(f"zones/{zone}", "instances", name, **{
            "labels": labels, "machineType": kind, "status": "RUNNING", "scheduling": spot, **body,
        })  # fmt: skip

    def answer(self, method: str, path: str, query: dict[str, str]) -> Answer:
        """Return status and body."""
        found = _PATH.fullmatch(path)
        if found is None:
            return refusal(404, f"no route {path}", "notFound")
        part = found.groupdict()
        if part["project"] not in (PROJECT, *(owner for owner, _ in self.images)):
            return _missing(f"projects/{part['project']}")
        if part["scope"] is None:
            return 200, {"name": part["project"], "quotas": self._quotas("")}
        if part["collection"] is None:
            return self._place(part["scope"])
        if part["scope"] == "aggregated":
            return self._aggregated(part["collection"], query)
        if method == "GET" and part["name"] is None:
            return self._list(part["scope"], part["collection"], query)
        return self._one(method, path, part, query)

    def _place(self, scope: str) -> Answer:
        kind, _, name = scope.partition("/")
        if kind == "zones" and name in self.zones:
            return 200, {"name": name, "status": "UP"}
        if kind == "regions" and any(zone.startswith(f"{name}-") for zone in self.zones):
            return 200, {"name": name, "status": self.region_status, "quotas": self._quotas(name)}
        return _missing(f"projects/{PROJECT}/{scope}")

    def _quotas(self, region: str) -> list[Document]:
        own: dict[str, float] = dict(self.used)
        for (scope, collection, _), thing in self.things.items():
            if region in scope:
                for metric, amount in _consumed(collection, thing):
                    own[metric] = own.get(metric, 0.0) + amount
        return [
            {"metric": metric, "limit": limit, "usage": own.get(metric, 0.0)}
            for metric, limit in self.limits.items()
            if (metric == "CPUS_ALL_REGIONS") == (region == "")
        ]

    def _one(self, method: str, path: str, part: Document, query: dict[str, str]) -> Answer:
        scope, collection, name = part["scope"], part["collection"], unquote(part["name"])
        if collection == "machineTypes":
            offered = name in self.zones.get(scope.removeprefix("zones/"), ())
            return (200, _machine_type(name)) if offered else _missing(path[12:])
        if collection == "images":
            image = self.images.get((part["project"], name)) if part["family"] else None
            return (200, image) if image else _missing(path[12:])
        thing = self.things.get((scope, collection, name))
        if thing is None:
            return _missing(f"projects/{PROJECT}/{scope}/{collection}/{name}")
        if collection == "operations":
            self._step(thing)
        if method == "GET" and part["verb"] == "getGuestAttributes":
            return self._guest_attributes(name, query)
        if method == "GET":
            return 200, thing
        if method == "POST" and collection == "instances" and part["verb"] in _RUNS:
            return self._run(scope, thing, part["verb"])
        return refusal(501, f"simulated: {method} {path}", "notImplemented")

    def _run(self, scope: str, thing: Document, verb: str) -> Answer:
        if (thing["status"] == "SUSPENDED") != (verb == "resume") and verb != "stop":
            words = f"Instance is {thing['status']}: it cannot be asked to {verb}."
            return refusal(400, words, "resourceNotReady")
        before = thing["status"]
        during, after = _RUNS[verb]
        name = f"operation-{next(self._numbers)}"
        operation = self.add(scope, "operations", name, operationType=verb, status="PENDING")
        thing["status"] = during

        def end() -> None:
            operation["status"] = "DONE"
            if thing["name"] not in self.broken:
                thing["status"] = after
                return
            code, words = self.broken[thing["name"]]
            thing["status"] = before
            operation["error"] = {"errors": [{"code": code, "message": words}]}

        self._ends[name] = self.steps, end
        return 200, dict(operation)

    def _step(self, operation: Document) -> None:
        left, end = self._ends[operation["name"]]
        self._ends[operation["name"]] = left - 1, end
        operation["status"] = "RUNNING"
        if left <= 1:
            end()

    def _guest_attributes(self, name: str, query: dict[str, str]) -> Answer:
        path = query["queryPath"]
        if name not in self.host_keys or path != "hostkeys/":
            return _missing(path, "' of type 'Guest Attribute")
        items = [
            {"namespace": "hostkeys", "key": key, "value": value}
            for key, value in self.host_keys[name].items()
        ]
        return 200, {"queryPath": path, "queryValue": {"items": items}}

    def _list(self, scope: str, collection: str, query: dict[str, str]) -> Answer:
        found = [each for place, each in self._wanted(collection, query) if place == scope]
        start = int(query.get("pageToken", "0"))
        page = {"items": found[start : start + self.page_size]}
        return 200, page | self._next(start, len(found))

    def _aggregated(self, collection: str, query: dict[str, str]) -> Answer:
        found = self._wanted(collection, query)
        start = int(query.get("pageToken", "0"))
        empty = {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "There are no results."}}
        items: Document = {f"zones/{zone}": dict(empty) for zone in self.zones}
        for scope, each in found[start : start + self.page_size]:
            items.setdefault(scope, {}).pop("warning", None)
            items[scope].setdefault(collection, []).append(each)
        return 200, {"items": items} | self._next(start, len(found))

    def _next(self, start: int, total: int) -> Document:
        after = start + self.page_size
        return {"nextPageToken": str(after)} if after < total else {}

    def _wanted(self, collection: str, query: dict[str, str]) -> list[tuple[str, Document]]:
        if collection == "machineTypes":
            everything = [
                (f"zones/{zone}", _machine_type(kind))
                for zone, kinds in self.zones.items()
                for kind in sorted(kinds)
            ]
        else:
            everything = [(at[0], each) for at, each in self.things.items() if at[1] == collection]
        clauses = query["filter"].split(" AND ") if self.filters and "filter" in query else []
        return [(scope, each) for scope, each in everything if _passes(each, clauses)]


def _passes(thing: Document, clauses: list[str]) -> bool:
    for clause in clauses:
        found = _CLAUSE.fullmatch(clause)
        assert found, f"a filter that Google would not understand: {clause}"
        of = thing.get("labels", {}) if "labels." in clause else thing
        if of.get(found[1]) != found[2]:
            return False
    return True


def _consumed(collection: str, thing: Document) -> Iterator[tuple[str, float]]:
    if collection == "instances" and thing["status"] not in ("TERMINATED", "SUSPENDED"):
        vcpus = _VCPUS[thing["machineType"].rpartition("/")[2]]
        yield "CPUS", vcpus
        yield "CPUS_ALL_REGIONS", vcpus
    if collection == "disks":
        yield "SSD_TOTAL_GB", float(thing["sizeGb"])
    if collection == "addresses" and thing["status"] == "IN_USE":
        yield "IN_USE_ADDRESSES", 1.0


def _machine_type(name: str) -> Document:
    return {"name": name, "guestCpus": _VCPUS[name], "memoryMb": 3_840 * _VCPUS[name]}


def _missing(what: str, kind: str = "") -> Answer:
    return refusal(404, f"The resource '{what.lstrip('/')}{kind}' was not found", "notFound")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.rfile.read(length)
        parts = urlsplit(self.path)
        project = self.server.project
        project.requests.append((self.command, parts.path))
        with self.server.lock:
            status, body = self._answer(parts.path, parts.query)
        for pattern, seconds in project.slow_seconds.items():
            if re.search(pattern, parts.path):
                time.sleep(seconds)
        self._send(status, json.dumps(body).encode())

    do_POST = do_HEAD = do_GET  # noqa: N815 - as the base class names them

    def _answer(self, path: str, query: str) -> Answer:
        project = self.server.project
        for pattern, answer in project.failing.items():
            if re.search(pattern, path):
                return answer
        if path == "/token":
            return 200, {"access_token": "a-token", "expires_in": 3_600, "token_type": "Bearer"}
        if not self.headers.get("authorization", "").startswith("Bearer "):
            return UNAUTHENTICATED
        return project.answer(self.command, path, {k: v[0] for k, v in parse_qs(query).items()})

    def _send(self, status: int, body: bytes) -> None:
        self.send_response_only(status)
        now = datetime.now(UTC) + self.server.project.ahead
        self.send_header("date", format_datetime(now, usegmt=True))
        self.send_header("content-type", "application/json; charset=UTF-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            try:
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        del arguments


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, project: SimulatedGcp) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.project = project
        self.lock = threading.Lock()
        project.url = f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def simulated_gcp() -> Iterator[SimulatedGcp]:
    """Serve an empty project on a port of its own."""
    project = SimulatedGcp()
    server = _Server(project)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield project
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
