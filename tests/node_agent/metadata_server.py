"""A machine's metadata server on loopback: IMDSv2 with tokens that expire, and Google's."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ACTION = "/latest/meta-data/spot/instance-action"
REBALANCE = "/latest/meta-data/events/recommendations/rebalance"
ROLES = "/latest/meta-data/iam/security-credentials/"
PREEMPTED = "/computeMetadata/v1/instance/preempted"


class Handler(BaseHTTPRequestHandler):
    server: MetadataServer

    def do_PUT(self) -> None:
        seconds = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.path != "/latest/api/token" or self.server.cloud != "aws":
            self._answer(404)
        elif not (seconds.isdecimal() and 1 <= int(seconds) <= 21_600):
            self._answer(400)
        else:
            token = secrets.token_urlsafe(16)
            self.server.tokens.append(token)
            self._answer(200, token)

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.cloud == "aws":
            if self.headers.get("X-aws-ec2-metadata-token") not in self.server.tokens[-1:]:
                self._answer(401)
                return
        elif self.headers.get("Metadata-Flavor") != "Google":
            self._answer(403)
            return
        if self.server.ailing:
            self._answer(503)
        elif (page := self.server.pages.get(self.path)) is None:
            self._answer(404)
        else:
            self._answer(200, page)

    def _answer(self, status: int, text: str = "") -> None:
        body = text.encode()
        self.send_response(status)
        if self.server.cloud == "gcp":
            self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


class MetadataServer(ThreadingHTTPServer):
    """Has the pages a test gives it; the newest token is the only one that is valid."""

    daemon_threads = True

    def __init__(self, cloud: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cloud = cloud
        self.pages: dict[str, str] = {PREEMPTED: "FALSE"} if cloud == "gcp" else {}
        self.tokens: list[str] = []
        self.asked: list[str] = []
        self.ailing = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def expire_tokens(self) -> None:
        self.tokens.append("none has this one")


@contextlib.contextmanager
def metadata_server(cloud: str) -> Iterator[MetadataServer]:
    with MetadataServer(cloud) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
