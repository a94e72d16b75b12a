"""The cloud takes a machine back: what counts as its word, and how long there then is."""

from __future__ import annotations

import json
import math
import queue
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from node_agent.cloud.metadata import AwsMetadata, GoogleMetadata, Unanswered
from node_agent.cloud.notices import (
    Interruption,
    aws_interruption,
    google_interruption,
    seconds_to_work,
    watch_of,
)
from node_agent.config import Cloud
from tests.node_agent.metadata_server import ACTION, PREEMPTED, REBALANCE, metadata_server

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["action", "time"]), inner),
)


@pytest.mark.parametrize(
    ("notice", "action", "at"),
    [
        ({"action": "terminate", "time": "2026-03-01T12:00:00Z"}, "terminate", AT),
        ({"action": "stop", "time": "2026-03-01T14:00:00+02:00"}, "stop", AT),
        ({"action": "stop", "time": "2026-03-01T12:00:00"}, "stop", AT),
        ({"action": "hibernate"}, "hibernate", None),
        ({"action": "terminate", "time": "soon"}, "terminate", None),
        ({"action": "terminate", "time": math.inf}, "terminate", None),
        ({"action": "terminate", "time": "0001-01-01T00:00:00+14:00"}, "terminate", None),
    ],
)
def test_a_known_action_of_aws_is_a_notice_whatever_its_time(notice, action, at):
    assert aws_interruption(json.dumps(notice)) == Interruption(action=action, at=at)


@pytest.mark.parametrize(
    "text",
    [
        '{"action": "format-disk", "time": "2026-03-01T12:00:00Z"}',
        '{"action": ["terminate"]}',
        '["terminate"]',
        "[" * 100_000,
        "<html>terminate</html>",
        "",
    ],
)
def test_nothing_else_is_one(text):
    assert aws_interruption(text) is None


@given(st.text() | JSON.map(json.dumps))
def test_whatever_a_server_says_is_read_without_an_error(text):
    for read in (aws_interruption, google_interruption):
        notice = read(text)
        assert notice is None or notice.described()


@pytest.mark.parametrize(("seconds_ahead", "left"), [(120, 115), (3, 0), (-60, 0), (1e9, 120)])
def test_work_ends_before_the_machine_and_a_wrong_clock_gives_no_more_than_the_cloud(
    seconds_ahead, left
):
    assert seconds_to_work(AT + timedelta(seconds=seconds_ahead), AT, 120) == left


def started(cloud: str, url: str):
    """A watch, and the queue into which it puts what it hears."""
    heard: queue.SimpleQueue[Interruption] = queue.SimpleQueue()
    watch = watch_of(Cloud(notices=cloud, metadata_url=url, ask_seconds=0.01))
    watch.start(heard.put)
    return watch, heard


def test_a_notice_of_aws_is_heard_over_expired_tokens_and_errors():
    with metadata_server("aws") as server, capture_logs() as logs:
        server.pages[REBALANCE] = '{"noticeTime": "2026-03-01T11:00:00Z"}'
        watch, heard = started("aws", server.url)
        _after_more_questions(server)
        assert watch.interruption is None
        server.expire_tokens()
        server.ailing = True
        _after_more_questions(server)
        server.ailing = False
        _after_more_questions(server)
        server.pages[ACTION] = '{"action": "stop", "time": "2026-03-01T12:00:00Z"}'
        assert heard.get(timeout=10) == Interruption(action="stop", at=AT)
    assert watch.described() == {"action": "stop", "time": "2026-03-01T12:00:00+00:00"}
    assert [log["event"] for log in logs] == [
        "rebalance recommended: an interruption is more likely than usual",
        "no notice of an interruption can come",
        "notices of interruptions can come again",
        "interruption",
    ]
    assert watch._thread.join(timeout=10) is None
    assert not watch._thread.is_alive()


def test_a_preemption_on_google_cloud_leaves_what_it_gives():
    with metadata_server("gcp") as server:
        before = datetime.now(UTC)
        watch, heard = started("gcp", server.url)
        _after_more_questions(server)
        assert watch.interruption is None
        server.pages[PREEMPTED] = "TRUE"
        notice = heard.get(timeout=10)
    assert notice.action == "preempt"
    assert before < notice.at < datetime.now(UTC) + timedelta(seconds=30)


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_a_machine_without_a_metadata_server_says_so_once_and_goes_on(cloud):
    with socket.socket() as reserved, capture_logs() as logs:
        reserved.bind(("127.0.0.1", 0))  # nobody listens
        watch, _ = started(cloud, f"http://127.0.0.1:{reserved.getsockname()[1]}")
        watch._thread.join(timeout=0.3)
        assert watch._thread.is_alive()
        watch.stop()
        watch._thread.join(timeout=10)
    assert [log["event"] for log in logs] == ["no notice of an interruption can come"]


def test_by_default_nobody_is_asked():
    watch = watch_of(Cloud())
    watch.start(lambda _: None)
    assert not watch._thread.is_alive()


def test_a_server_that_is_not_of_the_cloud_is_not_believed():
    with metadata_server("aws") as aws, metadata_server("gcp") as google:
        aws.tokens.append("")
        with pytest.raises(Unanswered, match=r"not Google's|answers 401"):
            GoogleMetadata(aws.url).get(PREEMPTED)
        with pytest.raises(Unanswered, match="gives no token"):
            AwsMetadata(google.url).get(ACTION)


def _after_more_questions(server, more: int = 4) -> None:
    """Wait until the watch has come round again."""
    wanted, deadline = len(server.asked) + more, time.monotonic() + 10
    while len(server.asked) < wanted:
        assert time.monotonic() < deadline, "the watch asks no more"
        time.sleep(0.005)
