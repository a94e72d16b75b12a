"""Buckets that are no cloud's: S3 as moto has it, Cloud Storage as a handful of lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.provision.loopback import Handler, Loopback, loopback


class CloudStorage:
    """Buckets and their objects as the JSON API keeps them, preconditions and all.

    Attributes:
        foreign: Names of buckets that are another's.
        objects: Generation and content, by path.
        written: Methods that changed a bucket.
    """

    def __init__(self, server: Loopback) -> None:
        self.url = server.url
        self.buckets: dict[str, dict[str, Any]] = {}
        self.foreign: set[str] = set()
        self.objects: dict[str, tuple[int, bytes]] = {}
        self.written: list[str] = []
        self._generation = 0
        server.replies = [self._answer]

    def _answer(self, handler: Handler) -> None:
        url = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        path = unquote(url.path)
        if path.startswith("/upload/"):
            self._upload(handler, query)
        elif "/o/" in path or not path.startswith("/storage/"):
            self._object(handler, path.rpartition("/b/")[2].replace("/o/", "/").strip("/"), query)
        elif path.endswith("/o"):
            items = [resource(name, *held) for name, held in sorted(self.objects.items())]
            send(handler, 200, {"kind": "storage#objects", "items": items})
        else:
            self._bucket(handler, path.removeprefix("/storage/v1/b").strip("/"))

    def _bucket(self, handler: Handler, name: str) -> None:
        document = json.loads(handler.body or b"{}")
        if handler.command != "GET":
            self.written.append(handler.command)
        name = name or document["name"]
        known = name in self.buckets
        if handler.command == "POST":
            status = 409 if known or name in self.foreign else 200
        else:
            status = 403 if name in self.foreign else 200 if known else 404
        if status == 200:
            self.buckets[name] = merged(self.buckets.get(name, {}), document)
        send(handler, status, self.buckets.get(name, {}))

    def _upload(self, handler: Handler, query: dict[str, str]) -> None:
        boundary = handler.headers["content-type"].partition("boundary=")[2].strip('"').encode()
        content = handler.body.split(b"--" + boundary)[2].partition(b"\r\n\r\n")[2]
        name = f"{handler.path.split('/b/')[1].split('/')[0]}/{query['name']}"
        now = self.objects.get(name, (0, b""))[0]
        if int(query.get("ifGenerationMatch", now)) != now:
            send(handler, 412, {})
            return
        self._generation += 1
        self.objects[name] = self._generation, content.removesuffix(b"\r\n")
        send(handler, 200, resource(name, *self.objects[name]))

    def _object(self, handler: Handler, name: str, query: dict[str, str]) -> None:
        generation, content = self.objects.get(name, (0, b""))
        if not generation:
            send(handler, 404, {})
        elif handler.command == "DELETE":
            held = int(query.get("ifGenerationMatch", generation)) == generation
            if held:
                del self.objects[name]
            send(handler, 204 if held else 412, {})
        elif query.get("alt") == "json":
            send(handler, 200, resource(name, generation, content))
        else:
            handler.send(200, content, {"x-goog-generation": str(generation)})


def resource(name: str, generation: int, content: bytes) -> dict[str, Any]:
    """Return an object's metadata."""
    bucket, _, path = name.partition("/")
    numbers = {"generation": str(generation), "metageneration": "1", "size": str(len(content))}
    return {"kind": "storage#object", "bucket": bucket, "name": path, **numbers}


def send(handler: Handler, status: int, document: dict[str, Any]) -> None:
    if status >= 400:
        document = {"error": {"code": status, "message": f"status {status}"}}
    body = b"" if status == 204 else json.dumps(document).encode()
    handler.send(status, body, {"content-type": "application/json"})


def merged(kept: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return what PATCH makes of two documents: lists are replaced, objects are merged."""
    both = {
        name: merged(kept[name], value)
        for name, value in given.items()
        if isinstance(value, dict) and isinstance(kept.get(name), dict)
    }
    return {**kept, **given, **both}


@contextmanager
def cloud_storage() -> Iterator[CloudStorage]:
    with loopback() as server:
        yield CloudStorage(server)
