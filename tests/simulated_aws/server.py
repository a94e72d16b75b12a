"""moto's server with the gaps filled: one request at a time, and a plain no to what it lacks."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterable
from typing import Any

# Read when moto is imported: policies of AWS's own can be attached, certificates are issued.
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
os.environ.setdefault("MOTO_ACM_VALIDATION_WAIT", "0")

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server

from tests.simulated_aws import budgets, elasticache, machines, quotas, rules, templates

GAPS = (budgets, elasticache, machines, quotas, rules, templates)


class OneAtATime:
    """Serves a request at a time, for moto's stores have no locks.

    What moto lacks is refused with 400: at 500 Terraform's provider tries again for minutes. Who
    has hung up while waiting for a turn is not served, as AWS would have served it before.
    """

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._turn = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        told: list[Any] = []

        def keep(status: str, headers: Any, exc_info: Any = None) -> None:
            told[:] = [status, headers]

        with self._turn:
            if _has_hung_up(environ["werkzeug.socket"]):
                start_response("503 Service Unavailable", [])
                return []
            answer = self._moto(environ, keep)
            body = b"".join(answer)
            if hasattr(answer, "close"):
                answer.close()
        status, headers = told
        if status.startswith("500"):
            asked = environ.get("HTTP_X_AMZ_TARGET") or environ.get("PATH_INFO")
            sys.stderr.write(f"lacking: {environ['REQUEST_METHOD']} {asked}\n")
            status = "400 Bad Request"
        start_response(status, headers)
        return [body]


def _has_hung_up(client: socket.socket) -> bool:
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def server(port: int = 0) -> BaseWSGIServer:
    """Return a server on the loopback address that listens; a free port when 0 is given."""
    for each in GAPS:
        each.fill()
    return make_server(
        "127.0.0.1", port, OneAtATime(), threaded=True, request_handler=MotoRequestHandler
    )
