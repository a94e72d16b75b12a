"""From `qinfra deploy` to the first answer, what the agents weigh, and what a token costs."""

from __future__ import annotations

import json
import time

from bench.echo import round_trip_seconds_p50
from bench.fleet import Fleet, fleet

QUESTION = "Qubic 網路的當前健康狀況如何？"
REQUESTS = 40


def measure() -> dict[str, float]:
    """Return seconds, MiB and milliseconds for the demo phase with the embedded model.

    Overhead is what is left of the time between two tokens when both stages' compute is taken
    away: link, serialisation, scheduling and sampling. All three are medians of the nodes' own
    records over one stream at a time. A bare echo of the same bytes, in the same run, is what this
    machine takes for the way there and back alone.
    """
    with fleet():  # fills the page cache: what is measured is a second deploy
        pass
    with fleet() as running:
        first_answer = _first_token_seconds(running)
        for _ in range(REQUESTS):
            running.chat(QUESTION)
        embedding, transformer = running.status("embedding-1"), running.status("transformer-1")
        orchestrator = running.status("orchestrator-1")
    echo = round_trip_seconds_p50()
    gap = transformer["token_gap_seconds_p50"]
    compute = embedding["step_seconds_p50"] + transformer["step_seconds_p50"]
    return {
        "warm_deploy_seconds": running.deploy_seconds,
        "warm_deploy_to_first_answer_seconds": running.deploy_seconds + first_answer,
        "orchestrator_mib": orchestrator["resident_bytes"] / 2**20,
        "embedding_mib": embedding["resident_bytes"] / 2**20,
        "transformer_mib": transformer["resident_bytes"] / 2**20,
        "token_gap_ms_p50": gap * 1e3,
        "stage_compute_ms_p50": compute * 1e3,
        "token_overhead_ms_p50": (gap - compute) * 1e3,
        "bare_mtls_echo_ms_p50": echo * 1e3,
        "token_overhead_vs_bare_echo": (gap - compute) / echo,
    }


def _first_token_seconds(running: Fleet) -> float:
    started = time.perf_counter()
    for line in running.chat(QUESTION, stream=True).iter_lines():
        if line.startswith("data: {"):
            choices = json.loads(line[6:])["choices"]
            if choices and choices[0]["delta"].get("content"):
                return time.perf_counter() - started
    raise RuntimeError("the stream ended without text")
