"""Every number the model takes on trust, in one object."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from infra.domain import Interval

_FRACTION = Interval(0, 1)
_RATIO = Interval(0.01, 1)
_FACTOR = Interval(1, 100)
_KIB = Interval(0, 1e9)


def _assumed(default: float, domain: Interval) -> Any:  # noqa: ANN401 - as dataclasses.field
    return field(default=default, metadata={"domain": domain})


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What the guide assumes (v3.0 §1.2, 2.1-2.4, 4.1), each number open to change.

    Attributes:
        adoption: Share of active addresses that ask questions.
        queries_per_user_per_day: Questions of one such user.
        peak_multiplier: Busiest hour over the average hour.
        ticks_per_second: The network's pace.
        transactions_per_tick: Transactions in a tick that is not empty.
        queries_per_transaction: Questions one transaction sets off.
        inference_seconds: One answer on the reference machine, unloaded.
        gpu_time_ratio: Time on a GPU over time on the reference machine.
        parallel_queries: Answers a GPU node computes at once.
        efficiency: Share of a node's capacity left after overheads.
        redundancy: Nodes kept over nodes needed, against failures and bursts.
        growth: Room for growth over today's need.
        embedding_share: Share of the work done by embedding nodes; transformer nodes do the rest.
        cpu_speed_ratio: Speed of the demo's CPUs over the reference machine.
        distribution_overhead: Time of an answer computed by two machines over one.

    Not the guide's; assumed here until a fleet measures them:
        service_variability: Squared coefficient of variation of the time a stage works on an
            answer; 1 is exponential, what is left to assume when only the mean is known.
        request_kib: Of one question, as HTTPS brings it in.
        response_kib: Of one streamed answer on its way out.
        activation_kib_per_query: From embedding to transformer node: 3 KiB a token (1,536
            elements of 2 bytes, DeepSeek-R1-Distill-Qwen-1.5B) for 512 tokens.
        cross_zone_share: Share of that which crosses zones, in a phase with several.
        cross_region_share: Share of it which crosses regions, in a phase with several.
        log_kib_per_query: Written by all nodes together.
        download_gib_per_node: Packages, models and market data a month, through the NAT.
        spot_fallback_share: Share of the hours in which no spot instance is to be had and an
            on-demand one stands in.
        days_per_month: Of the guide's revenue (§5.2); costs have months of 730 hours.

    Raises:
        ConfigError: A value is NaN, infinite or outside its domain.
    """

    # read by infra.config, where qinfra.toml's [assumptions] becomes this class
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    adoption: float = _assumed(0.025, _FRACTION)
    queries_per_user_per_day: float = _assumed(4, Interval(0, 86_400))
    peak_multiplier: float = _assumed(3, Interval(1, 24))
    ticks_per_second: float = _assumed(1, Interval(0, 1_000))
    transactions_per_tick: float = _assumed(1, Interval(0, 1e6))
    queries_per_transaction: float = _assumed(0.1, Interval(0, 1_000))
    inference_seconds: float = _assumed(3, Interval(0.001, 86_400))
    gpu_time_ratio: float = _assumed(0.7, _RATIO)
    parallel_queries: int = _assumed(2, Interval(1, 1_024))
    efficiency: float = _assumed(0.85, _RATIO)
    redundancy: float = _assumed(1.5, _FACTOR)
    growth: float = _assumed(1.5, _FACTOR)
    embedding_share: float = _assumed(0.3, Interval(0.01, 0.99))
    cpu_speed_ratio: float = _assumed(0.4, _RATIO)
    distribution_overhead: float = _assumed(1.5, _FACTOR)
    service_variability: float = _assumed(1, Interval(0, 100))
    request_kib: float = _assumed(2, _KIB)
    response_kib: float = _assumed(4, _KIB)
    activation_kib_per_query: float = _assumed(1536, _KIB)
    cross_zone_share: float = _assumed(0.5, _FRACTION)
    cross_region_share: float = _assumed(0.02, _FRACTION)
    log_kib_per_query: float = _assumed(8, _KIB)
    download_gib_per_node: float = _assumed(5, _KIB)
    spot_fallback_share: float = _assumed(0.1, _FRACTION)
    days_per_month: float = _assumed(30.44, Interval(28, 31))

    def __post_init__(self) -> None:
        for item in fields(self):
            item.metadata["domain"].check(item.name, getattr(self, item.name))

    @property
    def transformer_share(self) -> float:
        """Share of the work done by transformer nodes."""
        return 1 - self.embedding_share
