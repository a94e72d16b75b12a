"""A server of ours that answers as AWS does, for plans that look things up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def simulated_aws() -> Iterator[dict[str, str]]:
    """Yield the environment in which programs take the server for AWS; skip without moto."""
    moto = pytest.importorskip("moto.server", reason="simulates AWS")
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
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
