"""The cloud's word that it takes this machine back, and how long the machine then has.

AWS gives two minutes and says when they end; Google Cloud gives 30 seconds and says only that they
have begun. Both are asked every few seconds, so that most of the time is left at worst.
"""

from __future__ import annotations

import json
import math
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from node_agent.cloud.metadata import AwsMetadata, GoogleMetadata, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from node_agent.cloud.metadata import Metadata
    from node_agent.config import Cloud

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
_AWS_ACTION = "/latest/meta-data/spot/instance-action"
_AWS_REBALANCE = "/latest/meta-data/events/recommendations/rebalance"
_AWS_ACTIONS = ("terminate", "stop", "hibernate")
_AWS_SECONDS = 120.0
# https://cloud.google.com/compute/docs/instances/preemptible
_GOOGLE_PREEMPTED = "/computeMetadata/v1/instance/preempted"
_GOOGLE_SECONDS = 30.0
# Kept for closing listeners and for the end of a step that computes.
_MARGIN_SECONDS = 5.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """The machine goes.

    Attributes:
        action: terminate, stop or hibernate on AWS; preempt on Google Cloud.
        at: When; None where the cloud does not say, or not in a form that can be read.
    """

    action: str
    at: datetime | None = None

    def described(self) -> dict[str, object]:
        """Return it in JSON types."""
        return {"action": self.action, "time": self.at.isoformat() if self.at else None}


def aws_interruption(text: str) -> Interruption | None:
    """Read what IMDSv2 has at spot/instance-action; None when it is no notice.

    A known action with a time that cannot be read is a notice all the same.
    """
    notice = _json_object(text)
    action = notice.get("action")
    if action not in _AWS_ACTIONS:
        return None
    return Interruption(action=action, at=_moment(notice.get("time")))


def google_interruption(text: str) -> Interruption | None:
    """Read what Google's server has at instance/preempted; None unless it is TRUE."""
    return Interruption(action="preempt") if text.strip() == "TRUE" else None


def seconds_to_work(at: datetime, now: datetime, most_seconds: float) -> float:
    """Return how long what runs may go on before a machine that goes at `at`.

    Args:
        at: When the machine goes.
        now: By this machine's clock, which may be wrong.
        most_seconds: What the cloud gives from the first notice.
    """
    left = (at - now).total_seconds() - _MARGIN_SECONDS
    return max(0.0, min(left, most_seconds))


class Source(Protocol):
    """A cloud that gives notice; `notice_seconds` ahead of the end."""

    notice_seconds: float

    def ask(self) -> Interruption | None:
        """Return the notice if there is one; raises Unanswered."""


class AwsSource:
    """Spot interruptions, and the rebalance recommendations that may precede them.

    Args:
        metadata: Of this machine.
    """

    notice_seconds = _AWS_SECONDS

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._warned = False

    def ask(self) -> Interruption | None:
        """Return the notice if there is one.

        A recommendation is logged once and no more: most machines outlive it by hours.

        Raises:
            Unanswered: The metadata server does not answer.
        """
        text = self._metadata.get(_AWS_ACTION)
        if text is not None:
            return aws_interruption(text)
        if not self._warned and self._metadata.get(_AWS_REBALANCE) is not None:
            self._warned = True
            log.warning("rebalance recommended: an interruption is more likely than usual")
        return None


class GoogleSource:
    """Preemptions.

    Args:
        metadata: Of this machine.
    """

    notice_seconds = _GOOGLE_SECONDS

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata

    def ask(self) -> Interruption | None:
        """Return the notice if there is one.

        Raises:
            Unanswered: The metadata server does not answer.
        """
        return google_interruption(self._metadata.get(_GOOGLE_PREEMPTED) or "")


class Watch:
    """Asks for a notice from a thread of its own until there is one; inert without a source.

    Args:
        source: Whom to ask; None on machines that nobody takes back.
        every_seconds: How often.
    """

    def __init__(self, source: Source | None, every_seconds: float) -> None:
        self._source = source
        self._every_seconds = every_seconds
        self._on_notice: Callable[[Interruption], object] = lambda _: None
        self._ended = threading.Event()
        self._reachable = True
        self._interruption: Interruption | None = None
        self._work_until = math.inf
        self._thread = threading.Thread(target=self._watch, name="notices", daemon=True)

    @property
    def interruption(self) -> Interruption | None:
        """The notice, once there is one; its time is then known, or assumed."""
        return self._interruption

    def described(self) -> dict[str, object] | None:
        """Return the notice in JSON types."""
        return self._interruption.described() if self._interruption else None

    @property
    def work_until(self) -> float:
        """When what runs must have ended, in monotonic seconds; infinity without a notice."""
        return self._work_until

    def start(self, on_notice: Callable[[Interruption], object]) -> None:
        """Begin to ask; `on_notice` is called once at most, from the thread."""
        self._on_notice = on_notice
        if self._source is not None:
            self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.is_set():
            notice = self._look()
            if notice is not None and not self._ended.is_set():
                self._take(notice)
                return
            self._ended.wait(self._every_seconds)

    def _look(self) -> Interruption | None:
        try:
            notice = self._source.ask() if self._source else None
        except Unanswered as error:
            if self._reachable:
                log.warning("no notice of an interruption can come", reason=str(error)[:200])
            self._reachable = False
            return None
        if not self._reachable:
            log.info("notices of interruptions can come again")
        self._reachable = True
        return notice

    def _take(self, notice: Interruption) -> None:
        given = self._source.notice_seconds if self._source else 0.0
        now = datetime.now(UTC)
        # One that does not say when it ends may have begun just after the question before.
        at = notice.at or now + timedelta(seconds=max(0.0, given - self._every_seconds))
        left = seconds_to_work(at, now, given)
        self._work_until = time.monotonic() + left
        self._interruption = Interruption(action=notice.action, at=at)
        log.warning("interruption", work_seconds=round(left, 1), **self._interruption.described())
        self._on_notice(self._interruption)


def watch_of(cloud: Cloud) -> Watch:
    """Return the watch that a node's configuration asks for."""
    source: Source | None = None
    if cloud.notices == "aws":
        source = AwsSource(AwsMetadata(cloud.metadata_url))
    elif cloud.notices == "gcp":
        source = GoogleSource(GoogleMetadata(cloud.metadata_url))
    return Watch(source, cloud.ask_seconds)


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _moment(value: object) -> datetime | None:
    """Return a time in ISO 8601; one without a zone is in UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
