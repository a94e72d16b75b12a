"""The queue told to CloudWatch: moto's server keeps it, and AWS's own client reads it back."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from structlog.testing import capture_logs

from infra.stacks.aws_rights import METRICS
from infra.stacks.aws_scaling import QUEUE_METRIC, queue_dimensions
from node_agent.cloud import cloudwatch
from node_agent.cloud.cloudwatch import InstanceRole, loan_of, publisher_of
from node_agent.cloud.metadata import AwsMetadata, Unanswered
from node_agent.config import Cloud
from tests.node_agent.metadata_server import ROLES, metadata_server

REGION = "eu-central-1"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LENT = {
    "Code": "Success",
    "AccessKeyId": "ASIAEXAMPLE",
    "SecretAccessKey": "hush",
    "Token": "hush-token",
    "Expiration": "2026-03-01T18:00:00Z",
}


@pytest.fixture
def moto():
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def imds():
    with metadata_server("aws") as server:
        lend(server, datetime.now(UTC) + timedelta(hours=6))
        yield server


def lend(server, expires: datetime, key_id: str = "ASIAEXAMPLE") -> None:
    server.pages[ROLES] = "qinfra-lab-orchestrator\n"
    server.pages[f"{ROLES}qinfra-lab-orchestrator"] = json.dumps(
        {**LENT, "AccessKeyId": key_id, "Expiration": f"{expires:%Y-%m-%dT%H:%M:%SZ}"}
    )


def wait_for(condition) -> Any:
    deadline = time.monotonic() + 10
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return result


def kept(url: str, deployment: str) -> list[dict[str, Any]]:
    """Read back as the groups' policies name it."""
    client = boto3.client(
        "cloudwatch",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    names = list(queue_dimensions(REGION))
    now = datetime.now(UTC)
    answer = client.get_metric_statistics(
        Namespace=METRICS,
        MetricName=QUEUE_METRIC,
        Dimensions=[
            {"Name": name, "Value": value}
            for name, value in zip(names, (deployment, REGION), strict=True)
        ],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=3600,
        Statistics=["Average", "Maximum", "SampleCount"],
    )
    return answer["Datapoints"]


def test_the_average_of_what_was_sampled_reaches_the_metric_that_groups_follow(moto, imds):
    depths = iter([0.0, None, 3.0, None])
    done = threading.Event()

    def sample() -> float | None:
        depth = next(depths, "over")
        if depth == "over":
            done.set()
            return None
        return depth

    settings = Cloud(
        metrics="cloudwatch",
        region=REGION,
        ask_seconds=0.02,
        publish_seconds=0.3,
        metadata_url=imds.url,
        cloudwatch_url=moto,
    )
    publisher = publisher_of(settings, "lab", sample)
    with capture_logs() as logs:
        publisher.start()
        wait_for(done.is_set)
        wait_for(lambda: sum(point["SampleCount"] for point in kept(moto, "lab")) == 2)
        wait_for(lambda: publisher.state == "publishing")
        publisher.stop()
    [datapoint] = kept(moto, "lab")
    assert (datapoint["Average"], datapoint["Maximum"]) == (1.5, 3)
    assert [log["event"] for log in logs] == ["the queue is told to CloudWatch"]


def test_failures_are_logged_once_and_their_end_too(moto, imds):
    credentials = imds.pages.pop(f"{ROLES}qinfra-lab-orchestrator")
    settings = Cloud(
        metrics="cloudwatch",
        region=REGION,
        ask_seconds=0.01,
        publish_seconds=0.02,
        metadata_url=imds.url,
        cloudwatch_url=moto,
    )
    publisher = publisher_of(settings, "recovered", lambda: 1.0)
    with capture_logs() as logs:
        publisher.start()
        wait_for(lambda: imds.asked.count(ROLES) >= 3)
        assert publisher.state == "failing"
        imds.pages[f"{ROLES}qinfra-lab-orchestrator"] = credentials
        wait_for(lambda: publisher.state == "publishing")
        publisher.stop()
    assert [log["event"] for log in logs] == [
        "the queue cannot be told to CloudWatch",
        "the queue is told to CloudWatch",
    ]
    assert "hush" not in str(logs)


def test_a_refusal_says_the_code_of_aws_and_no_more(moto, imds):
    told = cloudwatch.CloudWatch(region=REGION, role=InstanceRole(AwsMetadata(imds.url)), url=moto)
    form = cloudwatch.metric_form({"deployment": "lab"}, [float("nan")])
    with pytest.raises(Unanswered, match=r"answers 400 \w+$"):
        told.put(form)


def test_credentials_are_asked_for_again_before_they_expire(imds):
    lend(imds, NOW + timedelta(hours=6), "ASIAFIRST")
    role = InstanceRole(AwsMetadata(imds.url))
    assert role.credentials(NOW).key_id == "ASIAFIRST"
    lend(imds, NOW + timedelta(hours=12), "ASIASECOND")
    assert role.credentials(NOW + timedelta(hours=5)).key_id == "ASIAFIRST"
    assert role.credentials(NOW + timedelta(hours=5, minutes=56)).key_id == "ASIASECOND"


def test_a_machine_without_a_role_is_told_so(imds):
    for page in (None, "", "<html>a page</html>", "../../other"):
        imds.pages[ROLES] = page
        with pytest.raises(Unanswered, match="no role"):
            InstanceRole(AwsMetadata(imds.url)).credentials(NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"Code": "Failed"}',
        *(
            json.dumps({**LENT, **odd})
            for odd in (
                {"SecretAccessKey": 7},
                {"Token": "t\r\nx: y"},
                {"Expiration": "soon"},
                {"Expiration": 5},
            )
        ),
    ],
)
def test_credentials_that_are_none_are_refused_without_a_word_of_them(text):
    with pytest.raises(Unanswered, match=r"no credentials that can be read$"):
        loan_of(text)


def test_nodes_and_stacks_name_the_metric_alike():
    assert (cloudwatch.NAMESPACE, cloudwatch.QUEUE_METRIC) == (METRICS, QUEUE_METRIC)
    publisher = publisher_of(Cloud(metrics="cloudwatch", region=REGION), "lab", lambda: None)
    assert set(publisher.dimensions) == set(queue_dimensions(REGION))
