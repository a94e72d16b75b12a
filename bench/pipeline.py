"""Two stages on two cores beside the same code unsharded on one, with one and eight streams."""

from __future__ import annotations

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.checkpoint import save_random
from bench.fleet import Fleet, fleet

TOKENS = 48
ROUNDS = 3
PROMPT = "The quick brown fox jumps over the lazy dog. " * 2


def measure() -> dict[str, float]:
    """Return tokens a second and their ratios."""
    with tempfile.TemporaryDirectory() as temporary:
        model = Path(temporary) / "model"
        save_random(model)
        figures: dict[str, float] = {}
        options = ("--model", str(model), "--threads", "1")
        with fleet("--stages", "1", *options) as whole:
            whole.pin({"worker-1": {0}, "orchestrator-1": {1}})
            figures |= _figures("unsharded_one_core", whole)
        with fleet("--stages", "2", *options) as split:
            split.pin({"embedding-1": {0}, "transformer-1": {1}})
            figures |= _figures("two_stages_two_cores", split)
    for streams in (1, 8):
        figures[f"two_stages_vs_unsharded_{streams}_streams"] = (
            figures[f"two_stages_two_cores_{streams}_streams_tokens_per_second"]
            / figures[f"unsharded_one_core_{streams}_streams_tokens_per_second"]
        )
    return figures


def _figures(name: str, running: Fleet) -> dict[str, float]:
    return {
        f"{name}_{streams}_streams_tokens_per_second": _throughput(running, streams)
        for streams in (1, 8)
    }


def _throughput(running: Fleet, streams: int) -> float:
    """Tokens a second of all streams together, prompts included in the time; median of rounds."""

    def ask(index: int) -> int:
        answer = running.chat(f"{index} {PROMPT}", max_tokens=TOKENS).json()
        return int(answer["usage"]["completion_tokens"])

    rates = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        with ThreadPoolExecutor(streams) as pool:
            tokens = sum(pool.map(ask, range(streams)))
        rates.append(tokens / (time.perf_counter() - started))
    return statistics.median(rates)
