"""The server: moto's application with our actions, and requests one at a time."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import (
    UNSIGNED_ACTIONS,
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from tests.simulated_aws import (  # noqa: F401 - each adds its actions
    backups,
    budgets,
    cache_users,
    caches,
    databases,
    extending,
    groups,
    images,
    instances,
    placement,
    prefix_lists,
    quotas,
    refusals,
    scaling,
    tags,
)

HOST = "127.0.0.1"
# moto takes a question without a signature for one to S3.
UNSIGNED_ACTIONS["GetCallerIdentity"] = ("sts", "us-east-1")
Answer = Iterable[bytes]
Application = Callable[[dict[str, Any], Any], Answer]


class _Handler(MotoRequestHandler):
    def log_request(self, *_: object) -> None:
        """Requests are not told: an apply makes a thousand."""


def serve(port: int) -> None:
    """Answer until the process is ended.

    Args:
        port: Any that is free when 0; the address is told on stdout once there is an answer.
    """
    application = _in_turn(DomainDispatcherApplication(create_backend_app))
    server = make_server(HOST, port, application, threaded=True, request_handler=_Handler)
    print(f"http://{HOST}:{server.server_port}", flush=True)  # noqa: T201 - as asked
    server.serve_forever()


def _in_turn(application: Application) -> Application:
    """Give each request moto for itself: its dictionaries bear no two at a time.

    Who has hung up while waiting for a turn is not served: AWS would have answered before that.
    """
    turn = threading.Lock()

    def answer(environ: dict[str, Any], start_response: Any) -> Answer:
        # A client may be slow to send; nobody waits for that.
        length = -1 if environ.get("wsgi.input_terminated") else environ.get("CONTENT_LENGTH") or 0
        body = environ["wsgi.input"].read(int(length))
        environ["wsgi.input"] = io.BytesIO(body)
        if environ["PATH_INFO"] == refusals.PATH:
            refusals.asked(environ["REQUEST_METHOD"], body)
            start_response("204 No Content", [])
            return []
        with turn:
            if _has_hung_up(environ["werkzeug.socket"]):
                start_response("503 Service Unavailable", [])
                return []
            return [b"".join(application(environ, start_response))]

    return answer


def _has_hung_up(client: socket.socket) -> bool:
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
