"""A real HTTP server on loopback that answers as it is told to, well or badly."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Gives the server's next reply; the last one again and again."""

    protocol_version = "HTTP/1.1"
    server: Loopback

    def do_GET(self) -> None:
        self.body = b"".join(self._chunks())
        self.server.requests.append(self)
        reply = self.server.next_reply(self)
        try:
            reply(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base's names

    def _chunks(self) -> Iterator[bytes]:
        """Yield the body, whether its length was told or each of its chunks'."""
        if self.headers.get("transfer-encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("content-length") or 0))
            return
        while length := int(self.rfile.readline(), 16):
            yield self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()

    def log_message(self, *arguments: object) -> None:
        del arguments

    def send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        fields = {"content-length": str(len(body)), **(headers or {})}
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Loopback(ThreadingHTTPServer):
    """The server; `replies` may be changed between requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[Reply] = []
        self.routed: dict[str, Reply] = {}
        self.requests: list[Handler] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent about a client that has hung up, which is what some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def next_reply(self, handler: Handler) -> Reply:
        path = handler.path.partition("?")[0]
        if path in self.routed:
            return self.routed[path]
        if not self.replies:
            return answer(b"", status=404)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def loopback(*replies: Reply) -> Iterator[Loopback]:
    server = Loopback()
    server.replies = list(replies)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(
    body: bytes | str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    content = body.encode() if isinstance(body, str) else body
    return lambda handler: handler.send(status, content, headers)


def broken_off(body: bytes | str) -> Reply:
    """Promises more than it sends."""
    content = body.encode() if isinstance(body, str) else body

    def reply(handler: Handler) -> None:
        handler.send(200, content, {"content-length": str(len(content) + 100)})
        handler.close_connection = True

    return reply


def dripping(body: bytes | str, *, pause_seconds: float) -> Reply:
    """Sends a byte at a time."""
    content = body.encode() if isinstance(body, str) else body

    def reply(handler: Handler) -> None:
        handler.send(200, b"", {"content-length": str(len(content))})
        for position in range(len(content)):
            handler.wfile.write(content[position : position + 1])
            time.sleep(pause_seconds)

    return reply


def dripping_headers(*, pause_seconds: float) -> Reply:
    """Never comes to the end of its headers."""

    def reply(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(100):
            handler.wfile.write(f"x-{number}: 1\r\n".encode())
            time.sleep(pause_seconds)
        handler.close_connection = True

    return reply


def silent(seconds: float) -> Reply:
    """Sends nothing for a while, then hangs up."""

    def reply(handler: Handler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return reply
