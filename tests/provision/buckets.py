"""Buckets that are no cloud's: S3 as moto has it, Cloud Storage as a handful of lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.provision.loopback import Handler, Loopback, loopback


@contextmanager
def simulated_aws() -> Iterator[dict[str, str]]:
    """Yield the environment in which AWS is a server of ours."""
    server = pytest.importorskip("moto.server", reason="simulates AWS")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    finally:
        running.stop()


class CloudStorage:
    """Metadata of buckets, as the JSON API keeps it; one that is another's is known by name."""

    def __init__(self, server: Loopback) -> None:
        self.url = server.url
        self.buckets: dict[str, dict[str, Any]] = {}
        self.foreign: set[str] = set()
        self.written: list[str] = []
        server.replies = [self._answer]

    def _answer(self, handler: Handler) -> None:
        path, _, _ = handler.path.partition("?")
        name = path.removeprefix("/storage/v1/b").strip("/")
        document = json.loads(handler.body or b"{}")
        if handler.command != "GET":
            self.written.append(handler.command)
        if handler.command == "POST":
            name = document["name"]
            taken = name in self.foreign or name in self.buckets
            status = 409 if taken else 200
        else:
            status = 403 if name in self.foreign else 200 if name in self.buckets else 404
            status = 200 if handler.command == "POST" else status
        if status != 200:
            body = {"error": {"code": status, "message": f"no {name}"}}
        else:
            body = self.buckets[name] = merged(self.buckets.get(name, {}), document)
        handler.send(status, json.dumps(body).encode(), {"content-type": "application/json"})


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
