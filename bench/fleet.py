"""Fleets to measure: deployed, asked and destroyed with the product's own commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from provision.probe import operator_context

QINFRA = Path(sys.executable).with_name("qinfra")
DEPLOY_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A deployment that answers."""

    root: Path
    base_url: str
    api_key: str
    model: str
    deploy_seconds: float
    nodes: tuple[dict[str, Any], ...]

    def chat(self, content: str, *, stream: bool = False, **options: Any) -> httpx.Response:
        """Ask once; the response of a stream is still unread."""
        client = httpx.Client(timeout=DEPLOY_SECONDS)
        request = client.build_request(
            "POST",
            f"{self.base_url}/chat/completions",
            headers={"Authorization": f"Bearer {self.api_key}"},
            json={
                "model": self.model,
                "messages": [{"role": "user", "content": content}],
                "temperature": 0,
                "stream": stream,
                **options,
            },
        )
        response = client.send(request, stream=stream)
        if response.status_code != 200:
            raise RuntimeError(response.read().decode())
        return response

    def status(self, node: str) -> dict[str, Any]:
        """Return a node's /status, read with the operator's certificate."""
        context = operator_context(self.root / "pki" / "operator")
        port = next(n["status_port"] for n in self.nodes if n["name"] == node)
        answer: dict[str, Any] = httpx.get(
            f"https://127.0.0.1:{port}/status", verify=context, timeout=10
        ).json()
        return answer

    def pin(self, cores: dict[str, set[int]]) -> None:
        """Let every thread of the named nodes run on the given cores only."""
        for node, allowed in cores.items():
            for thread in Path(f"/proc/{self.status(node)['pid']}/task").iterdir():
                os.sched_setaffinity(int(thread.name), allowed)


@contextmanager
def fleet(*options: str, home: Path | None = None) -> Iterator[Fleet]:
    """Deploy the demo phase with `options`, and destroy it after use."""
    with tempfile.TemporaryDirectory() as temporary:
        home = home or Path(temporary)
        started = time.perf_counter()
        argv = [QINFRA, "deploy", "--phase", "demo", "--name", "bench", "--home", home, "--json"]
        done = subprocess.run(
            [*map(str, argv), *options],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=DEPLOY_SECONDS,
        )
        seconds = time.perf_counter() - started
        deployed = json.loads(done.stdout)
        root = home / "bench"
        try:
            yield Fleet(
                root=root,
                base_url=deployed["base_urls"][0],
                api_key=(root / "api.key").read_text().strip(),
                model=deployed["model"],
                deploy_seconds=seconds,
                nodes=tuple(json.loads((root / "inventory.json").read_text())["nodes"]),
            )
        finally:
            subprocess.run(
                [str(QINFRA), "destroy", "--name", "bench", "--home", str(home), "--yes"],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
