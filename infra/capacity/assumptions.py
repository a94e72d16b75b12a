"""Every number the model takes on trust, in one object."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from infra.domain import Interval

_FRACTION = Interval(0, 1)
_RATIO = Interval(0.01, 1)
_FACTOR = Interval(1, 100)


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

    def __post_init__(self) -> None:
        for item in fields(self):
            item.metadata["domain"].check(item.name, getattr(self, item.name))

    @property
    def transformer_share(self) -> float:
        """Share of the work done by transformer nodes."""
        return 1 - self.embedding_share
