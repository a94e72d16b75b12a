"""`qinfra doctor` on loopback: against moto where it knows, plain JSON and XML else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from moto.server import ThreadedMotoServer

from infra.machines import AWS_IMAGE_PARAMETER
from provision.cli import main
from provision.clouds.gcp_session import ENDPOINT_NAME as GCP_ENDPOINT_NAME
from tests.conftest import modules_after
from tests.provision.conftest import unreal_account
from tests.provision.loopback import Handler, Loopback, Reply, answer, loopback, silent
from tests.simulated_gcp.credentials import no_credentials

Doctor = Callable[..., Result]


@pytest.fixture(autouse=True)
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unreal_account(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def quotas(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    with loopback(quota(64.0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", server.url)
        yield server


@pytest.fixture
def images(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """Moto has no parameter of Deep Learning AMIs; this gives one of the images that it has."""
    client = boto3.client("ec2", region_name="us-east-1", endpoint_url=moto)
    image = client.describe_images(MaxResults=5)["Images"][0]["ImageId"]
    with loopback(parameter(image)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", server.url)
        yield server


@pytest.fixture(autouse=True)
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """Moto takes a request without a signature for one to another service; the clock needs it."""
    with loopback(identity()) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        yield server


@pytest.fixture
def doctor(moto: str, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    return lambda *flags: CliRunner().invoke(main, ["doctor", *flags])


def json_answer(document: object, status: int = 200) -> Reply:
    headers = {"content-type": "application/x-amz-json-1.1"}
    return answer(json.dumps(document), status=status, headers=headers)


def refusal(code: str) -> Reply:
    return json_answer({"__type": code, "message": "no"}, 400)


def quota(value: object) -> Reply:
    def reply(handler: Handler) -> None:
        asked = json.loads(handler.body)
        assert handler.headers["x-amz-target"] == "ServiceQuotasV20190624.GetServiceQuota"
        assert asked["ServiceCode"] == "ec2"
        found = {"QuotaCode": asked["QuotaCode"], "Value": value}
        json_answer({"Quota": found})(handler)

    return reply


def parameter(image: str) -> Reply:
    def reply(handler: Handler) -> None:
        assert json.loads(handler.body)["Name"] == AWS_IMAGE_PARAMETER
        json_answer({"Parameter": {"Name": AWS_IMAGE_PARAMETER, "Value": image}})(handler)

    return reply


def identity(ahead: timedelta = timedelta()) -> Reply:
    """Says who asks, at the server's time."""
    arn = "<Arn>arn:aws:iam::1:user/a</Arn><UserId>a</UserId><Account>1</Account>"
    body = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<GetCallerIdentityResult>{arn}</GetCallerIdentityResult></GetCallerIdentityResponse>"
    ).encode()

    def reply(handler: Handler) -> None:
        handler.send_response_only(200)
        handler.send_header("date", format_datetime(datetime.now(UTC) + ahead, usegmt=True))
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def sts_error(code: str) -> Reply:
    text = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    return answer(text, status=403, headers={"content-type": "text/xml"})


def ec2_error(code: str) -> Reply:
    text = f"<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors>"
    return answer(f"{text}</Response>", status=403, headers={"content-type": "text/xml"})


def rows(result: Result) -> dict[str, dict[str, Any]]:
    """Return the checks of one region by name, from --json."""
    assert result.stdout, result.stderr
    return {each["check"]: each for each in json.loads(result.stdout)["checks"]}


def test_an_account_that_can_take_the_fleet_is_told_so(
    doctor: Doctor, quotas: Loopback, images: Loopback
) -> None:
    found = rows(doctor("--phase", "mvp", "--region", "us-east-1", "--json"))
    cloud = ("identity", "clock", "region", "quota L-DB2E81BA", "zones", "image")
    assert {name: found[name]["answer"] for name in cloud} == dict.fromkeys(cloud, "ok"), found
    assert found["identity"]["detail"].startswith("arn:aws:")
    assert "use1-az" in found["zones"]["detail"]
    assert found["quota L-DB2E81BA"]["have"] == 64


def test_a_quota_too_small_ends_with_3_and_the_request_that_raises_it(
    doctor: Doctor, quotas: Loopback, images: Loopback
) -> None:
    quotas.replies = [quota(8.0)]
    result = doctor("--phase", "mvp", "--json")
    row = rows(result)["quota L-DB2E81BA"]
    assert result.exit_code == 3
    assert (row["answer"], row["have"]) == ("refused", 8)
    assert row["short"] == row["need"] - 8
    assert f"--desired-value {row['need']} --region us-east-1" in row["remedy"]
    assert "Error: mvp cannot be deployed: quota L-DB2E81BA us-east-1" in result.stderr


def test_spot_has_its_own_quota_and_nothing_by_default(
    doctor: Doctor, quotas: Loopback, images: Loopback
) -> None:
    quotas.replies = [quota(0.0)]
    row = rows(doctor("--phase", "mvp", "--purchase", "spot", "--json"))["quota L-3819A6DF"]
    assert (row["answer"], row["have"], row["short"]) == ("refused", 0, row["need"])


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_clock_six_minutes_wrong_is_refused(
    doctor: Doctor, quotas: Loopback, images: Loopback, sts: Loopback, minutes: int
) -> None:
    sts.replies = [identity(timedelta(minutes=minutes))]
    result = doctor("--phase", "mvp", "--json")
    assert rows(result)["clock"]["answer"] == "refused"
    assert result.exit_code == 3


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId"])
def test_bad_credentials_are_refused_and_the_clock_is_read_all_the_same(
    doctor: Doctor, quotas: Loopback, images: Loopback, sts: Loopback, code: str
) -> None:
    sts.replies = [sts_error(code)]
    found = rows(doctor("--phase", "mvp", "--json"))
    assert (found["identity"]["answer"], found["clock"]["answer"]) == ("refused", "ok")
    assert code in found["identity"]["detail"]
    assert "aws sso login" in found["identity"]["remedy"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (refusal("AccessDeniedException"), "no permission for servicequotas:GetServiceQuota"),
        (refusal("NoSuchResourceException"), "NoSuchResource"),
        (quota(-1.0), "makes no sense"),
        (quota("many"), "makes no sense"),
        (json_answer({}), "makes no sense"),
    ],
)
def test_no_answer_is_not_ok_but_stops_only_the_strict(
    doctor: Doctor, quotas: Loopback, images: Loopback, bad: Reply, reason: str
) -> None:
    quotas.replies = [bad]
    result = doctor("--phase", "mvp", "--json")
    row = rows(result)["quota L-DB2E81BA"]
    assert (row["answer"], result.exit_code) == ("unknown", 0), row
    assert reason in row["detail"]
    assert "--strict refuses that" in result.stderr
    assert doctor("--phase", "mvp", "--strict").exit_code == 3


def test_ec2_without_permission_names_each_action(
    doctor: Doctor, quotas: Loopback, images: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loopback(ec2_error("UnauthorizedOperation")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", server.url)
        found = rows(doctor("--phase", "mvp", "--json"))
    for name, action in {
        "region": "ec2:DescribeRegions",
        "quota L-DB2E81BA": "ec2:DescribeInstances",
        "zones": "ec2:DescribeInstanceTypeOfferings",
        "image": "ec2:DescribeImages",
    }.items():
        assert found[name]["answer"] == "unknown"
        assert found[name]["detail"] == f"no permission for {action}"


def test_an_absent_image_is_refused(doctor: Doctor, quotas: Loopback, images: Loopback) -> None:
    images.replies = [refusal("ParameterNotFound")]
    assert rows(doctor("--phase", "mvp", "--json"))["image"]["answer"] == "refused"
    images.replies = [parameter("ami-00000000")]
    assert rows(doctor("--phase", "mvp", "--json"))["image"]["answer"] == "refused"


def test_a_service_that_says_nothing_does_not_hold_up_the_others(
    doctor: Doctor, quotas: Loopback, images: Loopback
) -> None:
    quotas.replies = [silent(4)]
    started = time.monotonic()
    found = rows(doctor("--phase", "mvp", "--timeout", "3", "--json"))
    assert time.monotonic() - started < 12
    assert found["quota L-DB2E81BA"]["answer"] == "unknown"
    assert found["zones"]["answer"] == "ok"


def test_running_machines_of_the_family_are_in_use(
    doctor: Doctor, quotas: Loopback, images: Loopback, moto: str
) -> None:
    client = boto3.client("ec2", region_name="us-west-2", endpoint_url=moto)
    image = client.describe_images(MaxResults=5)["Images"][0]["ImageId"]
    for machine, count, owner in (
        ("g4dn.xlarge", 2, "mine"),
        ("g4dn.2xlarge", 1, "another"),
        ("m5.large", 3, "another"),
    ):
        tags = [{"Key": "qinfra_deployment", "Value": owner}]
        client.run_instances(
            ImageId=image, InstanceType=machine, MinCount=count, MaxCount=count,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )  # fmt: skip
    asked = ("--phase", "mvp", "--region", "us-west-2", "--json")
    assert rows(doctor(*asked))["quota L-DB2E81BA"]["have"] == 64 - 2 * 4 - 8
    # A deployment's own machines leave room for what takes their place.
    assert rows(doctor(*asked, "--name", "mine"))["quota L-DB2E81BA"]["have"] == 64 - 8


def test_a_month_above_the_budget_is_refused(
    doctor: Doctor, quotas: Loopback, images: Loopback
) -> None:
    result = doctor("--phase", "mvp", "--budget", "1")
    assert result.exit_code == 3
    assert "Error: mvp cannot be deployed: budget" in result.stderr


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--phase", "mpv"),
        ("--phase", "mvp", "--region", "us-central1"),
        ("--phase", "mvp", "--purchase", "stolen"),
        ("--phase", "mvp", "--budget", "-1"),
        ("--phase", "mvp", "--timeout", "nan"),
    ],
)
def test_bad_input_asks_nobody(doctor: Doctor, sts: Loopback, flags: tuple[str, ...]) -> None:
    assert doctor(*flags).exit_code == 2
    assert not sts.requests


@pytest.mark.parametrize(
    ("flags", "unwanted"),
    [
        ([], {"boto3", "botocore", "google.cloud", "google.auth", "google.api_core", "grpc"}),
        (["doctor", "--help"], {"boto3", "botocore", "google.cloud", "google.auth", "grpc"}),
        (["doctor", "--phase", "mvp", "--timeout", "1"], {"google.cloud", "google.auth", "grpc"}),
        (["doctor", "--phase", "demo", "--timeout", "1"], {"boto3", "botocore"}),
    ],
)
def test_only_the_cloud_that_is_asked_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], unwanted: set[str]
) -> None:
    nobody = "http://127.0.0.1:9"
    no_credentials(tmp_path, monkeypatch)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", GCP_ENDPOINT_NAME):
        monkeypatch.setenv(name, nobody)
    assert not unwanted & modules_after("provision.cli", flags or ["--help"])
