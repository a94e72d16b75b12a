from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.observation import Observation
from infra.config import NetworkSettings
from infra.errors import ConfigError, RemoteError
from provision.network import read_network, statistics_url
from tests.provision.loopback import (
    Reply,
    answer,
    broken_off,
    dripping,
    loopback,
    silent,
)

NOW = datetime.now(UTC)
STATS = {
    "timestamp": str(int(NOW.timestamp()) - 90),
    "activeAddresses": 600_000,
    "epoch": 241,
    "circulatingSupply": "210000000000000",
    "price": 1.5e-06,
    "ticksInCurrentEpoch": 1000,
    "emptyTicksInCurrentEpoch": 10,
    "currentTick": 76_000_000,
}
GOOD = answer(json.dumps({"data": STATS}))


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "qinfra"


def observe(source: str, url: str = "http://127.0.0.1:9", now: datetime = NOW) -> Observation:
    settings = NetworkSettings(source=source, rpc_url=url, timeout_seconds=0.5, attempts=2)
    return read_network(settings, now, lambda _: None)


def test_the_guide_is_dated() -> None:
    found = observe("guide")
    assert found.metrics == GUIDE_NETWORK
    assert found.notes == ("guide v3.0 §1.1, measured 2025-08-21",)


def test_a_file_is_read_with_its_age(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(STATS))
    found = observe(str(path))
    assert found.metrics.active_addresses == 600_000
    assert found.notes[0].endswith(" UTC, 1m 30s ago")


def test_the_network_answers() -> None:
    with loopback(GOOD) as server:
        found = observe("live", server.url)
        (request,) = server.requests
    assert request.path == "/v1/latest-stats"
    assert found.metrics.active_addresses == 600_000
    assert found.metrics.source == f"{server.url}/v1/latest-stats"
    assert "1m 30s ago" in found.notes[0]
    assert found.notes[1] == "missing, computed from the other figures: burned_qu, market_cap_usd"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (silent(0.8), "no answer within 0.5 s"),
        (answer("", status=503), "answered 503"),
        (answer("<html>sorry</html>"), "not JSON"),
        (answer(json.dumps({"data": STATS})[:40]), "not JSON, or cut short"),
        (broken_off(json.dumps({"data": STATS})), "without sending complete"),
        (dripping(json.dumps({"data": STATS}), pause_seconds=0.1), "took longer than 1 s"),
        (answer(json.dumps({"data": STATS | {"activeAddresses": -5}})), "active_addresses is -5"),
        (
            answer(json.dumps({"data": STATS | {"emptyTicksInCurrentEpoch": 2000}})),
            "more than the epoch's 1000 ticks",
        ),
        (answer(json.dumps({"code": 14, "message": "down"})), "none of the network's figures"),
        (answer(b"x" * 70_000), "answered more than 65,536 bytes"),
    ],
)
def test_a_bad_answer_leaves_the_last_good_one_with_its_age(bad: Reply, reason: str) -> None:
    with loopback(bad) as server:
        with pytest.raises(RemoteError) as caught:
            observe("live", server.url)
        assert reason in str(caught.value)
        assert "no earlier answer" in str(caught.value)

        server.replies = [GOOD]
        good = observe("live", server.url)
        server.replies = [bad]
        later = observe("live", server.url, NOW + timedelta(hours=3))
    assert later.metrics == good.metrics
    assert "LAST GOOD ANSWER" in later.notes[0]
    assert later.notes[0].endswith("3h 0m old")
    assert reason in later.notes[1]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("{"),
        lambda path: path.write_text('{"url": 1}'),
        lambda path: path.write_text("[" * 50_000),
        lambda path: path.write_text(path.read_text().replace("+00:00", "+99:00")),
        lambda path: path.unlink(),
        lambda path: path.write_text(path.read_text().replace("600000", "-1")),
    ],
)
def test_a_spoilt_record_is_as_none(data: Path, spoil: Callable[[Path], object]) -> None:
    with loopback(GOOD, answer("", status=500)) as server:
        observe("live", server.url)
        (kept,) = data.iterdir()
        spoil(kept)
        with pytest.raises(RemoteError, match="no earlier answer"):
            observe("live", server.url)


def test_a_record_without_a_zone_still_has_an_age(data: Path) -> None:
    with loopback(GOOD, answer("", status=500)) as server:
        observe("live", server.url)
        (kept,) = data.iterdir()
        kept.write_text(kept.read_text().replace("+00:00", ""))
        assert "LAST GOOD ANSWER" in observe("live", server.url).notes[0]


def test_two_networks_keep_an_answer_each(data: Path) -> None:
    with loopback(GOOD) as first, loopback(GOOD) as second:
        observe("live", first.url)
        observe("live", second.url)
    assert len(list(data.iterdir())) == 2


def test_another_networks_answer_does_not_stand_in() -> None:
    with loopback(GOOD) as first, loopback(answer("", status=500)) as second:
        observe("live", first.url)
        with pytest.raises(RemoteError, match="no earlier answer"):
            observe("live", second.url)


def test_an_answer_that_cannot_be_kept_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(blocked))
    with loopback(GOOD) as server:
        assert observe("live", server.url).metrics.active_addresses == 600_000


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("liev", "network 'liev': no such file"),
        ("/", "cannot be read: Is a directory"),
    ],
)
def test_a_source_that_is_none_is_refused(source: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        observe(source)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "rpc.qubic.org",
        "ftp://x",
        "http://",
        "http://a:b@c",
        "http://x/?q=1",
        "http://x:99999",
        "http://x/#y",
    ],
)
def test_a_base_that_cannot_be_asked_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="rpc_url is"):
        statistics_url(url)


@pytest.mark.parametrize(
    "url",
    ["http://me:secret@rpc", "http://:secret@rpc", "https://a:secret@x:99999", "ftp://a:secret@x",
     "https://x/?token=secret"],
)  # fmt: skip
def test_a_password_in_a_url_is_not_shown(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        statistics_url(url)
    assert "secret" not in str(caught.value) + caught.value.hint


def test_a_path_before_the_statistics_is_kept() -> None:
    assert statistics_url("https://proxy/qubic/") == "https://proxy/qubic/v1/latest-stats"
