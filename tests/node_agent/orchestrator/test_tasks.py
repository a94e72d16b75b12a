from __future__ import annotations

from itertools import islice

import pytest

from node_agent.errors import ContextExceeded, PeerLost, StageFault, TaskError
from node_agent.orchestrator.errors import task_error
from node_agent.orchestrator.stages import backoff_seconds
from node_agent.orchestrator.tasks import Job, Stopwatch, task_numbers
from node_agent.proto import agent_pb2 as pb


def test_task_numbers_of_two_processes_never_meet():
    one = set(islice(task_numbers(1), 1000))
    two = set(islice(task_numbers(2), 1000))
    assert not one & two
    assert max(islice(task_numbers(2**32 - 1), 10)) < 2**64


def test_timings_follow_the_tokens():
    watch = Stopwatch(submitted=10.0, seated=11.0)
    watch.count(1, 12.0)
    watch.count(0, 20.0)
    watch.count(4, 14.0)
    timings = watch.timings()
    assert (timings.queue_seconds, timings.ttft_seconds, timings.tokens) == (1.0, 2.0, 5)
    assert timings.tokens_per_second == 2.0


def test_one_token_is_timed_over_the_whole_run():
    watch = Stopwatch(submitted=10.0, seated=11.0)
    watch.count(1, 13.0)
    assert watch.timings().tokens_per_second == 0.5


def test_no_token_has_no_rate():
    watch = Stopwatch(submitted=10.0, seated=11.0)
    assert watch.timings().tokens_per_second == 0


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (pb.FAILURE_INVALID, TaskError),
        (pb.FAILURE_CONTEXT, ContextExceeded),
        (pb.FAILURE_PEER_LOST, PeerLost),
        (pb.FAILURE_INTERNAL, StageFault),
        (pb.FAILURE_UNSPECIFIED, StageFault),
        (99, StageFault),
    ],
)
def test_a_failure_of_a_stage_is_an_error_here(failure, kind):
    assert type(task_error(failure, "why")) is kind


def test_waits_between_attempts_grow_to_two_seconds():
    waits = [backoff_seconds(attempt, 0.999999) for attempt in (1, 2, 3, 100)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 2.0], rel=1e-3)
    assert backoff_seconds(1, 0.0) == pytest.approx(0.05)


def test_a_job_does_not_show_its_prompt():
    prompt = pb.Prompt(messages=[pb.ChatMessage(role="user", content="my secret")])
    output = pb.OutputRules(stop=["secret"])
    job = Job(
        request_id="r", prompt=prompt, sampling=pb.Sampling(), output=output, timeout_seconds=1
    )
    assert "secret" not in repr(job)
