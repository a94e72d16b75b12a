"""What waits at a real orchestrator is what CloudWatch hears of."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto.server import ThreadedMotoServer

from node_agent import config
from node_agent.orchestrator.serve import Orchestrator
from tests.node_agent.metadata_server import ROLES, metadata_server

pytestmark = pytest.mark.asyncio(loop_scope="session")

REGION = "eu-west-1"


@pytest.fixture
def moto():
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def imds():
    lent = {"AccessKeyId": "A", "SecretAccessKey": "s", "Token": "t"}
    expires = datetime.now(UTC) + timedelta(hours=6)
    with metadata_server("aws") as server:
        server.pages[ROLES] = "node"
        server.pages[f"{ROLES}node"] = json.dumps({**lent, "Expiration": expires.isoformat()})
        yield server


def deepest(url):
    client = boto3.client(
        "cloudwatch",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    now = datetime.now(UTC)
    answer = client.get_metric_statistics(
        Namespace="qinfra",
        MetricName="queue_depth_per_slot",
        Dimensions=[
            {"Name": "deployment", "Value": "lab"},
            {"Name": "region", "Value": REGION},
        ],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=3600,
        Statistics=["Maximum"],
    )
    return max((point["Maximum"] for point in answer["Datapoints"]), default=None)


async def test_requests_in_line_per_slot_are_told(prepare_lab, until, moto, imds):
    lab = prepare_lab()
    cloud = config.Cloud(
        metrics="cloudwatch",
        region=REGION,
        ask_seconds=0.02,
        publish_seconds=0.1,
        metadata_url=imds.url,
        cloudwatch_url=moto,
    )
    lab.config = lab.config.model_copy(update={"cloud": cloud})
    lab.orchestrator = Orchestrator(lab.config)
    await lab.start()
    worker = await lab.stage("worker-1", (0, 16), slots=2)
    worker.gate.clear()
    async with lab.client() as client:
        asked = [
            asyncio.create_task(client.post("/v1/chat/completions", json=lab.question()))
            for _ in range(5)
        ]
        async with asyncio.timeout(10):
            while await asyncio.to_thread(deepest, moto) != 1.5:
                await asyncio.sleep(0.05)
        worker.gate.set()
        answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {200}
