"""Stands in for `qinfra-agent`: same arguments, agent.toml and listeners, no model, no torch.

`behaviour.json` in the model's folder says, by node name, who `dies` at its start, who is
`never_ready`, who is `deaf` to SIGTERM; `orchestrator-1: mute` answers without a token.
"""

from __future__ import annotations

import json
import signal
import ssl
import sys
import threading
import time
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SHAPE = {
    "id": "standin",
    "revision": "r1",
    "family": "qwen2",
    "layers": 4,
    "hidden": 8,
    "vocab": 16,
    "tied": False,
    "intermediate": 8,
    "heads": 2,
    "kv_heads": 1,
    "head_dim": 4,
    "context_tokens": 128,
    "dtype": "float32",
    "parameters": 1000,
    "bytes": 4000,
    "layer_parameters": 100,
    "embedding_parameters": 128,
    "head_parameters": 128,
    "demo": False,
}


def inspect(model: str) -> int:
    if not (Path(model) / "behaviour.json").exists():
        sys.stderr.write(f"Error: {model}: no config.json\nHint: Give a folder.\n")
        return 2
    shape = SHAPE | {"path": model}
    sys.stdout.write(json.dumps(shape))
    return 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ready = True
    tokens = 3

    def log_message(self, *_: object) -> None: ...

    def answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        document = {
            "/v1/models": {"data": [{"id": "standin"}]},
            "/v1/cluster": {"pipelines": []},
        }.get(self.path, {"ready": self.ready, "reason": "" if self.ready else "never will be"})
        status = 200 if self.ready else 503
        self.answer(status, "application/json", json.dumps(document).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        pieces = ["你好", ", ", "world"][: self.tokens]
        events: list[dict[str, object]] = [
            {"choices": [{"delta": {"content": text}}]} for text in pieces
        ]
        events.append(
            {
                "choices": [],
                "usage": {"prompt_tokens": 1, "completion_tokens": len(pieces)},
                "qinfra": {"nodes": ["embedding-1", "transformer-1"]},
            }
        )
        lines = [json.dumps(event) for event in events] + ["[DONE]"]
        self.answer(200, "text/event-stream", "".join(f"data: {x}\n\n" for x in lines).encode())


def run(path: Path) -> int:
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    name = config["node"]["name"]
    behaviours = json.loads((Path(config["model"]["path"]) / "behaviour.json").read_text())
    behaviour = behaviours.get(name, "")
    sys.stderr.write(json.dumps({"event": "hello", "level": "info", "node": name}) + "\n")
    if behaviour == "dies":
        sys.stderr.write("no more bananas\n")
        return 7
    Handler.ready = behaviour != "never_ready"
    Handler.tokens = 0 if behaviour == "mute" else 3
    stop = threading.Event()
    if behaviour == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
    serve("127.0.0.1", config["listen"]["status_port"], mutual_tls(path.parent, config["tls"]))
    if "gateway" in config:
        serve("127.0.0.1", config["gateway"]["port"], None)
    while not stop.is_set():
        time.sleep(0.02)
    return 0


def mutual_tls(folder: Path, tls: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / tls["ca"])
    context.load_cert_chain(folder / tls["certificate"], folder / tls["key"])
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def serve(host: str, port: int, context: ssl.SSLContext | None) -> None:
    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


if __name__ == "__main__":
    if sys.argv[1] == "inspect":
        sys.exit(inspect(sys.argv[-1]))
    sys.exit(run(Path(sys.argv[sys.argv.index("--config") + 1])))
