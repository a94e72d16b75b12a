"""`qinfra backend` as a person runs it; the clouds are servers of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infra.backend import S3Backend
from infra.errors import PreflightError
from provision.cli import main
from provision.clouds.s3_bucket import S3Bucket
from tests.infra.stacks.simulated_aws import simulated_aws
from tests.provision.buckets import CloudStorage, cloud_storage
from tests.provision.loopback import answer, loopback

Run = Callable[..., Result]
BOOTSTRAP = ("bootstrap", "--yes")
IDENTITY = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/me</Arn><UserId>me</UserId>"
    "<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    with simulated_aws() as environment:
        yield environment


@pytest.fixture
def s3(aws: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    boto3 = pytest.importorskip("boto3")
    for name, value in aws.items():
        monkeypatch.setenv(name, value)
    return boto3.client("s3", region_name="eu-west-1")


@pytest.fixture
def gcs(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudStorage]:
    pytest.importorskip("google.auth")
    with cloud_storage() as storage:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "mine")
        yield storage


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def invoke(backend: str, bucket: str, *arguments: str, region: str = "eu-west-1") -> Result:
        settings = f'backend = "{backend}"\nbucket = "{bucket}"\nregion = "{region}"'
        (tmp_path / "qinfra.toml").write_text(f"[state]\n{settings}\n")
        return CliRunner().invoke(main, ["backend", *arguments])

    return invoke


def test_a_bucket_of_s3_is_made_once(run: Run, s3: Any) -> None:
    first = run("s3", "made-once", *BOOTSTRAP, "--json")
    assert first.exit_code == 0, first.stderr
    document = json.loads(first.stdout)
    assert document["made"][0] == "bucket s3://made-once"
    assert document["nothing_to_do"]
    assert document["states"] == "s3://made-once/qinfra/DEPLOYMENT/STACK.tfstate"
    assert all(document["safeguards"].values())
    second = run("s3", "made-once", "bootstrap")  # without --yes: there is nothing to confirm
    assert (second.exit_code, second.stdout) == (0, "s3://made-once: nothing to do\n")
    shown = run("s3", "made-once", "show").stdout
    assert "missing" not in shown
    assert "a lock file beside each state" in shown


def test_what_s3_is_told_is_what_states_need(run: Run, s3: Any) -> None:
    assert run("s3", "told-all", *BOOTSTRAP).exit_code == 0
    named = {"Bucket": "told-all"}
    assert s3.get_bucket_location(**named)["LocationConstraint"] == "eu-west-1"
    assert s3.get_bucket_versioning(**named)["Status"] == "Enabled"
    blocked = s3.get_public_access_block(**named)["PublicAccessBlockConfiguration"]
    assert len(blocked) == 4
    assert all(blocked.values())
    (statement,) = json.loads(s3.get_bucket_policy(**named)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Resource"] == ["arn:aws:s3:::told-all", "arn:aws:s3:::told-all/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    (rule,) = s3.get_bucket_lifecycle_configuration(**named)["Rules"]
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90
    assert rule["Filter"] == {"Prefix": "qinfra/"}
    assert s3.get_bucket_tagging(**named)["TagSet"] == [{"Key": "managed_by", "Value": "qinfra"}]
    encrypted = s3.get_bucket_encryption(**named)["ServerSideEncryptionConfiguration"]
    assert encrypted["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_what_others_have_set_on_a_bucket_stays(run: Run, s3: Any) -> None:
    named = {"Bucket": "ours-before"}
    s3.create_bucket(**named, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    theirs = {
        "Sid": "theirs",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteBucket",
        "Resource": "arn:aws:s3:::ours-before",
    }
    policy = {"Version": "2012-10-17", "Statement": theirs}
    s3.put_bucket_policy(**named, Policy=json.dumps(policy))
    s3.put_bucket_tagging(**named, Tagging={"TagSet": [{"Key": "team", "Value": "a"}]})
    kept = {
        "ID": "kept",
        "Status": "Enabled",
        "Filter": {"Prefix": "x/"},
        "Expiration": {"Days": 9},
    }
    s3.put_bucket_lifecycle_configuration(**named, LifecycleConfiguration={"Rules": [kept]})
    assert run("s3", "ours-before", *BOOTSTRAP).exit_code == 0
    statements = json.loads(s3.get_bucket_policy(**named)["Policy"])["Statement"]
    assert [each["Sid"] for each in statements] == ["theirs", "qinfraTlsOnly"]
    tags = s3.get_bucket_tagging(**named)["TagSet"]
    assert {each["Key"] for each in tags} == {"team", "managed_by"}
    rules = s3.get_bucket_lifecycle_configuration(**named)["Rules"]
    assert [each["ID"] for each in rules] == ["kept", "qinfra-old-versions"]


def test_nothing_is_made_unless_somebody_says_so(run: Run, s3: Any) -> None:
    result = run("s3", "not-asked", "bootstrap")
    assert result.exit_code == 2
    assert "qinfra backend bootstrap --yes" in result.stderr
    assert "not-asked" not in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    shown = run("s3", "not-asked", "show", "--json")
    assert json.loads(shown.stdout)["bucket_exists"] is False
    assert "Next: qinfra backend bootstrap" in shown.stderr


def test_a_bucket_in_another_region_is_refused(run: Run, s3: Any) -> None:
    assert run("s3", "elsewhere", *BOOTSTRAP).exit_code == 0
    result = run("s3", "elsewhere", *BOOTSTRAP, region="us-east-2")
    assert result.exit_code == 3
    assert "lies in eu-west-1, not in us-east-2" in result.stderr


def test_another_accounts_bucket_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, s3: Any
) -> None:
    with loopback(answer(b"", status=403)) as server:
        server.routed["/"] = answer(IDENTITY)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        for arguments in (BOOTSTRAP, ("show",)):
            result = run("s3", "their-states", *arguments)
            assert result.exit_code == 3, result.output
            assert "is another account's" in result.stderr
        asked = {each.headers["x-amz-expected-bucket-owner"] for each in server.requests[1::2]}
        assert asked == {"123456789012"}


def test_a_name_that_another_takes_meanwhile_is_refused(s3: Any) -> None:
    boto3 = pytest.importorskip("boto3")
    role = {"RoleArn": "arn:aws:iam::999999999999:role/their", "RoleSessionName": "their"}
    theirs = boto3.client("sts", region_name="eu-west-1").assume_role(**role)["Credentials"]
    other = boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id=theirs["AccessKeyId"],
        aws_secret_access_key=theirs["SecretAccessKey"],
        aws_session_token=theirs["SessionToken"],
    )
    other.create_bucket(Bucket="just-taken")
    bucket = S3Bucket.of(S3Backend(bucket="just-taken", region="eu-west-1"))
    with pytest.raises(PreflightError, match="is another account's"):
        bucket.create()


def test_a_bucket_of_google_is_made_once(run: Run, gcs: CloudStorage) -> None:
    first = run("gcs", "made-once", *BOOTSTRAP)
    assert first.exit_code == 0, first.output
    made = gcs.buckets["made-once"]
    assert made["location"] == "eu-west-1"
    assert made["iamConfiguration"] == {
        "uniformBucketLevelAccess": {"enabled": True},
        "publicAccessPrevention": "enforced",
    }
    assert made["versioning"] == {"enabled": True}
    assert made["labels"] == {"managed_by": "qinfra"}
    second = run("gcs", "made-once", "bootstrap")
    assert (second.exit_code, second.stdout) == (0, "gs://made-once: nothing to do\n")
    assert gcs.written == ["POST"]


def test_a_bucket_of_google_gets_what_it_lacks_and_keeps_the_rest(
    run: Run, gcs: CloudStorage
) -> None:
    theirs = {"action": {"type": "Delete"}, "condition": {"age": 9, "matchesPrefix": ["x/"]}}
    gcs.buckets["ours-before"] = {
        "name": "ours-before",
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
        "labels": {"team": "a"},
        "lifecycle": {"rule": [theirs]},
    }
    shown = json.loads(run("gcs", "ours-before", "show", "--json").stdout)
    assert [name for name, held in shown["safeguards"].items() if held] == ["uniform access"]
    assert run("gcs", "ours-before", *BOOTSTRAP).exit_code == 0
    now = gcs.buckets["ours-before"]
    assert now["labels"] == {"team": "a", "managed_by": "qinfra"}
    assert now["lifecycle"]["rule"][0] == theirs
    assert now["lifecycle"]["rule"][1]["condition"]["matchesPrefix"] == ["qinfra/"]
    assert gcs.written == ["PATCH"] * 4


@pytest.mark.parametrize("arguments", [BOOTSTRAP, ("show",)])
def test_anothers_bucket_of_google_is_refused(
    run: Run, gcs: CloudStorage, arguments: tuple[str, ...]
) -> None:
    gcs.foreign.add("their-states")
    result = run("gcs", "their-states", *arguments)
    assert result.exit_code == 3
    assert "is another's" in result.stderr
    assert gcs.written == []


def test_google_has_to_be_told_the_project(
    run: Run, gcs: CloudStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    result = run("gcs", "no-project", *BOOTSTRAP)
    assert result.exit_code == 3
    assert "--project" in result.stderr
    assert run("gcs", "no-project", *BOOTSTRAP, "--project", "mine").exit_code == 0


def test_states_on_this_machine_have_no_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(main, ["backend", "show"])
    assert shown.exit_code == 0
    assert "on this machine" in shown.stdout
    result = CliRunner().invoke(main, ["backend", *BOOTSTRAP])
    assert result.exit_code == 2
    assert "no bucket to make" in result.stderr
