"""Tells CloudWatch of the queue, by which groups of machines grow and shrink.

A node carries no SDK: PutMetricData is one signed form, and its credentials are those of the
machine's own role. What cannot be told is dropped, for a minute later there is news.
"""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import structlog

from node_agent.cloud.metadata import AwsMetadata, Request, Unanswered, send
from node_agent.cloud.signing import Credentials, Scope, signed_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from node_agent.cloud.metadata import Metadata
    from node_agent.config import Cloud

NAMESPACE = "qinfra"
QUEUE_METRIC = "queue_depth_per_slot"
_ROLES = "/latest/meta-data/iam/security-credentials/"
# IMDSv2 shows new credentials at least five minutes before the old ones expire.
_RENEW_BEFORE = timedelta(minutes=5)
_SEND_SECONDS = 10.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """Credentials until a time."""

    credentials: Credentials
    expires: datetime


def loan_of(text: str) -> Loan:
    """Read the credentials that IMDSv2 gives out; never says what it read.

    Raises:
        Unanswered: They are none.
    """
    try:
        told = json.loads(text)
        expires = datetime.fromisoformat(told["Expiration"])
        parts = [told[name] for name in ("AccessKeyId", "SecretAccessKey", "Token")]
        if not all(isinstance(part, str) and part.isprintable() and part for part in parts):
            raise ValueError("a part is missing")
        return Loan(
            credentials=Credentials(key_id=parts[0], secret=parts[1], token=parts[2]),
            expires=expires.astimezone(UTC),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise Unanswered("the machine's role: no credentials that can be read") from None


class InstanceRole:
    """The machine's own credentials, asked for again before they expire.

    Args:
        metadata: Of this machine.
    """

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._loan: Loan | None = None

    def credentials(self, now: datetime) -> Credentials:
        """Return what is valid at `now`.

        Raises:
            Unanswered: No metadata server, or the machine has no role.
        """
        if self._loan is None or now >= self._loan.expires - _RENEW_BEFORE:
            role = (self._metadata.get(_ROLES) or "").strip()
            if not re.fullmatch(r"[\w+=,.@-]{1,64}", role, re.ASCII):
                raise Unanswered("the machine has no role")
            self._loan = loan_of(self._metadata.get(f"{_ROLES}{role}") or "")
        return self._loan.credentials


def metric_form(dimensions: Mapping[str, str], values: Sequence[float]) -> bytes:
    """Return the body of PutMetricData for what the queue was in the last minute.

    Args:
        dimensions: What tells this queue from others.
        values: At least one and at most 150; sent one by one, so that averages over several
            orchestrators weigh each sample alike.
    """
    datum = "MetricData.member.1"
    fields = {
        "Action": "PutMetricData",
        "Version": "2010-08-01",
        "Namespace": NAMESPACE,
        f"{datum}.MetricName": QUEUE_METRIC,
        f"{datum}.Unit": "None",
    }
    for number, (name, value) in enumerate(dimensions.items(), start=1):
        fields[f"{datum}.Dimensions.member.{number}.Name"] = name
        fields[f"{datum}.Dimensions.member.{number}.Value"] = value
    for number, sample in enumerate(values, start=1):
        fields[f"{datum}.Values.member.{number}"] = f"{sample:.6f}"
    return urlencode(fields).encode()


@dataclass(slots=True, kw_only=True)
class CloudWatch:
    """CloudWatch of one region.

    Args:
        region: Where the machine is.
        role: Signs.
        url: Of another server in its place; empty for AWS's own.
    """

    region: str
    role: InstanceRole
    url: str = ""

    def put(self, form: bytes) -> None:
        """Send a form.

        Raises:
            Unanswered: No credentials, no answer, or a refusal; says its code.
        """
        now = datetime.now(UTC)
        url = self.url or f"https://monitoring.{self.region}.amazonaws.com"
        headers = signed_headers(
            "POST",
            {
                "host": urlsplit(url).netloc,
                "content-type": "application/x-www-form-urlencoded",
            },
            form,
            self.role.credentials(now),
            Scope(region=self.region, service="monitoring"),
            now,
        )
        request = Request(method="POST", url=url, path="/", headers=headers, body=form)
        answer = send(request, seconds=_SEND_SECONDS)
        if answer.status != 200:
            code = re.search(r"<Code>(\w{1,64})</Code>", answer.body)
            said = f"{answer.status} {code[1]}" if code else str(answer.status)
            raise Unanswered(f"{url} answers {said}")


@dataclass(slots=True, kw_only=True)
class Publisher:
    """Samples the queue and tells CloudWatch once a minute, from a thread of its own.

    Args:
        cloudwatch: Whom to tell.
        dimensions: What tells this queue from others.
        sample: Returns waiting requests per slot; None while that is not defined.
        sample_seconds: How often to sample.
        publish_seconds: How often to tell; 150 samples go into one form.
    """

    cloudwatch: CloudWatch
    dimensions: Mapping[str, str]
    sample: Callable[[], float | None]
    sample_seconds: float
    publish_seconds: float
    state: str = field(default="starting", init=False)
    _ended: threading.Event = field(default_factory=threading.Event, init=False)

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._publish, name="metrics", daemon=True).start()

    def stop(self) -> None:
        """End; what was sampled since the last time is not told."""
        self._ended.set()

    def _publish(self) -> None:
        samples: list[float] = []
        due = time.monotonic() + self.publish_seconds
        while not self._ended.wait(self.sample_seconds):
            if (depth := self.sample()) is not None:
                samples.append(depth)
            if time.monotonic() >= due:
                due = time.monotonic() + self.publish_seconds
                if samples:
                    self._tell(samples[-150:])
                samples = []

    def _tell(self, samples: Sequence[float]) -> None:
        try:
            self.cloudwatch.put(metric_form(self.dimensions, samples))
        except Unanswered as error:
            if self.state != "failing":
                log.warning("the queue cannot be told to CloudWatch", reason=str(error)[:200])
            self.state = "failing"
            return
        if self.state != "publishing":
            log.info("the queue is told to CloudWatch", metric=QUEUE_METRIC)
        self.state = "publishing"


def publisher_of(
    cloud: Cloud, deployment: str, sample: Callable[[], float | None]
) -> Publisher | None:
    """Return the publisher that an orchestrator's configuration asks for, None for none."""
    if cloud.metrics == "none":
        return None
    return Publisher(
        cloudwatch=CloudWatch(
            region=cloud.region,
            role=InstanceRole(AwsMetadata(cloud.metadata_url)),
            url=cloud.cloudwatch_url,
        ),
        dimensions={"deployment": deployment, "region": cloud.region},
        sample=sample,
        sample_seconds=cloud.ask_seconds,
        publish_seconds=cloud.publish_seconds,
    )
