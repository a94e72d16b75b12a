"""The network's figures from the guide, a file, or the Qubic RPC with its last good answer."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.observation import Observation, read_observation
from infra.errors import ConfigError, QinfraError, RemoteError
from provision.fetch import checked_base
from provision.files import data_folder, read_bounded, write_atomically
from provision.report.table import duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.config import NetworkSettings

GUIDE, LIVE = "guide", "live"
STATISTICS = "/v1/latest-stats"

_LARGEST_BYTES = 64 * 2**10


def guide_network() -> Observation:
    """Return the guide's snapshot, with its date."""
    return Observation(metrics=GUIDE_NETWORK, notes=(GUIDE_NETWORK.source,))


def read_network(
    settings: NetworkSettings, now: datetime, say: Callable[[str], object]
) -> Observation:
    """Return the figures of a source, with notes on their origin, age and gaps.

    Args:
        settings: The source.
        now: For the age, UTC.
        say: Told what is waited for.

    Raises:
        ConfigError: The file or the URL cannot be used.
        RemoteError: The RPC gave no good answer, and never has before.
    """
    if settings.source == GUIDE:
        return guide_network()
    if settings.source == LIVE:
        return _live(settings, now, say)
    path = Path(settings.source).expanduser()
    if not path.exists():
        raise ConfigError(
            f"network '{settings.source}': no such file",
            hint=f"Use {GUIDE}, {LIVE} or the path of a JSON file.",
        )
    text = read_bounded(path, _LARGEST_BYTES)
    found = read_observation(text, source=str(path), strict=True, now=now)
    return _introduced(found, str(path), now)


def _live(settings: NetworkSettings, now: datetime, say: Callable[[str], object]) -> Observation:
    url = statistics_url(settings.rpc_url)
    say(f"asking {url}, at most {settings.timeout_seconds * settings.attempts:g} s")
    kept = data_folder() / f"network-{crc32(url.encode()):08x}.json"  # each RPC its own
    try:
        body = _asked(url, settings)
        found = _believed(body, url, now)
    except RemoteError as error:
        return _last_good(kept, url, error, now)
    _keep(kept, url, body, now)
    return _introduced(found, url, now)


def statistics_url(rpc_url: str) -> str:
    """Return where the statistics are, under the base of an RPC.

    Raises:
        ConfigError: The base is no http(s) URL, or holds a password.
    """
    return (
        checked_base(
            rpc_url,
            "rpc_url",
            what="the base of an RPC",
            hint="For example --rpc-url https://rpc.qubic.org.",
        )
        + STATISTICS
    )


def _asked(url: str, settings: NetworkSettings) -> bytes:
    from provision.fetch import Limits, Request, fetch

    limits = Limits(
        timeout_seconds=settings.timeout_seconds,
        deadline_seconds=settings.timeout_seconds * settings.attempts,
        most_bytes=_LARGEST_BYTES,
        attempts=settings.attempts,
    )
    return fetch(Request(url=url, limits=limits))


def _believed(body: bytes | str, url: str, now: datetime) -> Observation:
    """Read an answer; a lie is as good as none.

    Raises:
        RemoteError: It cannot be.
    """
    try:
        return read_observation(body, source=url, strict=False, now=now)
    except ConfigError as error:
        raise RemoteError(str(error), hint=error.hint) from error


def _introduced(found: Observation, source: str, now: datetime) -> Observation:
    """Put first where the figures come from and how old they are."""
    if not found.dated:
        return replace(found, notes=(f"{source}, of no date", *found.notes))
    observed = datetime.fromtimestamp(found.metrics.timestamp, tz=UTC)
    line = f"{source}, observed {observed:%Y-%m-%d %H:%M} UTC, {_age(observed, now)} ago"
    return replace(found, notes=(line, *found.notes))


def _age(then: datetime, now: datetime) -> str:
    return duration(max(0.0, (now - then).total_seconds()))


def _keep(path: Path, url: str, body: bytes, now: datetime) -> None:
    """Keep an answer for the day there is none; where it cannot be kept, go on without."""
    document = {
        "url": url,
        "fetched_at": now.isoformat(timespec="seconds"),
        "body": body.decode("utf-8", "replace"),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(document) + "\n")
    except OSError:
        return


def _last_good(path: Path, url: str, failed: RemoteError, now: datetime) -> Observation:
    """Return the answer that was kept, and say how old it is and why it stands in.

    Raises:
        RemoteError: None was kept of this URL.
    """
    kept = _kept(path, url, now)
    if kept is None:
        raise RemoteError(
            f"{failed}; and there is no earlier answer to fall back on",
            hint=f"Use --network {GUIDE}, or --network FILE with figures of your own.",
        ) from failed
    fetched_at, found = kept
    return replace(
        found,
        notes=(
            f"LAST GOOD ANSWER of {fetched_at:%Y-%m-%d %H:%M} UTC, {_age(fetched_at, now)} old",
            f"because {failed}",
            *found.notes,
        ),
    )


def _kept(path: Path, url: str, now: datetime) -> tuple[datetime, Observation] | None:
    try:
        document = json.loads(read_bounded(path, 2 * _LARGEST_BYTES))
        if document["url"] != url:
            return None
        fetched_at = datetime.fromisoformat(document["fetched_at"]).astimezone(UTC)
        return fetched_at, _believed(document["body"], url, now)
    except (QinfraError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None  # absent, cut short or of another version: as if there were none
