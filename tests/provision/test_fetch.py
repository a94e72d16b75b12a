from __future__ import annotations

import gzip
import sys
import time

import pytest

from infra.errors import PreflightError, RemoteError
from provision.fetch import Limits, Request, fetch, streamed
from tests.provision.loopback import (
    Reply,
    answer,
    broken_off,
    dripping,
    dripping_headers,
    loopback,
    silent,
)

LIMITS = Limits(timeout_seconds=0.3, deadline_seconds=6, most_bytes=1_000, attempts=3)


def limits(**changes: float) -> Limits:
    return Limits(**{name: changes.get(name, getattr(LIMITS, name)) for name in LIMITS.__slots__})


@pytest.mark.parametrize(
    "bad",
    [
        answer("", status=503),
        answer("", status=500),
        answer("", status=429, headers={"retry-after": "0"}),
        broken_off("half"),
        silent(0.6),
    ],
)
def test_a_bad_answer_is_asked_for_again(bad: Reply) -> None:
    with loopback(bad, answer("good")) as server:
        assert fetch(Request(url=server.url, limits=LIMITS)) == b"good"
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("bad", "reason", "asked"),
    [
        (answer("", status=503), "answered 503 Service Unavailable", 3),
        (answer("", status=404), "answered 404 Not Found", 1),
        (answer("", status=301), "answered 301 Moved Permanently", 1),
        (broken_off("half"), "peer closed connection without sending complete message", 3),
        (answer(b"x" * 1_001), "answered more than 1,000 bytes", 1),
    ],
)
def test_what_stays_bad_is_told(bad: Reply, reason: str, asked: int) -> None:
    with loopback(bad) as server:
        with pytest.raises(RemoteError, match=reason):
            fetch(Request(url=server.url, limits=LIMITS))
        assert len(server.requests) == asked


def test_a_server_that_drips_meets_the_deadline() -> None:
    started = time.monotonic()
    with (
        loopback(dripping("x" * 500, pause_seconds=0.05)) as server,
        pytest.raises(RemoteError, match="took longer than 1 s"),
    ):
        fetch(Request(url=server.url, limits=limits(deadline_seconds=1)))
    assert time.monotonic() - started < 10


def test_nobody_there_is_told() -> None:
    with loopback() as server:
        url = server.url
    with pytest.raises(RemoteError, match="refused"):
        fetch(Request(url=url, limits=limits(attempts=2)))


def test_retry_after_is_kept() -> None:
    with loopback(answer("", status=429, headers={"retry-after": "1"}), answer("good")) as server:
        started = time.monotonic()
        assert fetch(Request(url=server.url, limits=LIMITS)) == b"good"
        assert time.monotonic() - started >= 1


def test_a_stream_comes_in_pieces_and_with_its_headers() -> None:
    reply = answer("a" * 900, headers={"etag": '"7"'})
    with loopback(answer("", status=502), reply) as server:
        request = Request(url=server.url, limits=LIMITS, headers={"if-none-match": '"6"'})
        with streamed(request) as found:
            assert b"".join(found.chunks()) == b"a" * 900
            assert found.headers["ETag"] == '"7"'
        assert server.requests[-1].headers["if-none-match"] == '"6"'


def test_a_stream_that_breaks_off_is_told() -> None:
    with (
        loopback(broken_off("half")) as server,
        pytest.raises(RemoteError, match="without sending complete"),
        streamed(Request(url=server.url, limits=LIMITS)) as found,
    ):
        list(found.chunks())


def test_not_modified_is_an_answer_to_a_condition_only() -> None:
    with loopback(answer("", status=304)) as server:
        asked = Request(url=server.url, limits=LIMITS, headers={"If-None-Match": '"6"'})
        with streamed(asked) as found:
            assert found.status == 304
        with pytest.raises(RemoteError, match="answered 304"):
            fetch(Request(url=server.url, limits=LIMITS))


def test_headers_that_drip_meet_the_deadline() -> None:
    started = time.monotonic()
    with (
        loopback(dripping_headers(pause_seconds=0.1)) as server,
        pytest.raises(RemoteError, match="took longer than 1 s"),
    ):
        fetch(Request(url=server.url, limits=limits(deadline_seconds=1)))
    assert time.monotonic() - started < 5


def test_a_pause_that_outlasts_the_deadline_is_not_taken() -> None:
    started = time.monotonic()
    with loopback(answer("", status=503, headers={"retry-after": "25"})) as server:
        with pytest.raises(RemoteError, match="answered 503"):
            fetch(Request(url=server.url, limits=limits(deadline_seconds=2)))
        assert len(server.requests) == 1
    assert time.monotonic() - started < 2


def test_what_is_packed_is_refused_before_it_is_unpacked() -> None:
    bomb = gzip.compress(gzip.compress(bytes(10_000_000)))
    reply = answer(bomb, headers={"content-encoding": "gzip, gzip"})
    with loopback(reply) as server:
        with pytest.raises(RemoteError, match="answered in gzip, gzip, which was not asked for"):
            fetch(Request(url=server.url, limits=LIMITS))
        assert server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1", "cannot be asked: .*socks"),
        ("HTTP_PROXY", "foo://x", "cannot be asked"),
        ("SSL_CERT_FILE", "/absent", "cannot be asked"),
    ],
)
def test_a_setting_of_the_machine_that_stands_in_the_way_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(RemoteError, match=reason):
        fetch(Request(url="http://192.0.2.1/", limits=limits(deadline_seconds=1)))


@pytest.mark.parametrize("host", ["..", "x" * 300, "xn--"])
def test_a_host_that_is_none_is_told(host: str) -> None:
    with pytest.raises(RemoteError):
        fetch(Request(url=f"http://{host}/", limits=limits(deadline_seconds=1)))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stamina", None)
    with pytest.raises(PreflightError, match="it takes stamina") as caught:
        fetch(Request(url="http://127.0.0.1:9/", limits=LIMITS))
    assert "qinfra[deploy]" in caught.value.hint
