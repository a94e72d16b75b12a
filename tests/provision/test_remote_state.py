"""States in a bucket: real Terraform, with the clouds as servers of ours."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.backend import LOCAL, Backend, GcsBackend, S3Backend, States
from provision.fleet.planning import Tools, is_applied
from provision.terraform.binary import find_binary
from provision.terraform.errors import InitFailed, StalePlan, StateLocked
from tests.infra.stacks.simulated_aws import simulated_aws
from tests.provision.buckets import cloud_storage
from tests.provision.terraforming import (
    Stacked,
    applying_elsewhere,
    needs_terraform,
    once,
    stack,
    three_in_a_row,
)

pytestmark = needs_terraform
BACKEND = S3Backend(bucket="our-states", region="eu-west-1")
KEY = "qinfra/mine/one.tfstate"
S3 = Any
Make = Callable[..., Stacked]


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    with simulated_aws() as environment:
        yield environment


@pytest.fixture
def s3(aws: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """Return a client beside a new, versioned bucket."""
    boto3 = pytest.importorskip("boto3")
    for name, value in aws.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name=BACKEND.region)
    client.create_bucket(
        Bucket=BACKEND.bucket,
        CreateBucketConfiguration={"LocationConstraint": BACKEND.region},
    )
    client.put_bucket_versioning(
        Bucket=BACKEND.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    yield client
    listed = client.list_object_versions(Bucket=BACKEND.bucket)
    for each in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
        client.delete_object(Bucket=BACKEND.bucket, Key=each["Key"], VersionId=each["VersionId"])
    client.delete_bucket(Bucket=BACKEND.bucket)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return what writes a stack, in a folder for each machine, and takes it up there."""

    def made(content: dict[str, Any], machine: str = "ours", backend: Backend = BACKEND) -> Stacked:
        stacked = Stacked(tmp_path / machine, kept_in(backend, content))
        stacked.terraform.init()
        return stacked

    return made


def kept_in(backend: Backend, content: dict[str, Any]) -> dict[str, Any]:
    states = States(backend=backend, deployment="mine")
    return {**content, "terraform": {"backend": {states.kind: dict(states.block("one"))}}}


def objects(s3: S3) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=BACKEND.bucket).get("Contents", ())]


def names_in(s3: S3) -> list[str]:
    body = s3.get_object(Bucket=BACKEND.bucket, Key=KEY)["Body"].read()
    return sorted(each["name"] for each in json.loads(body)["resources"])


def test_a_state_lands_in_the_bucket_and_its_versions_are_kept(s3: S3, make: Make) -> None:
    made = make(stack(a={}))
    made.plan()
    made.apply()
    made.write(kept_in(BACKEND, stack(a={}, b={})))
    assert made.plan().adds == ("terraform_data.b",)
    made.apply()
    assert names_in(s3) == ["a", "b"]
    assert objects(s3) == [KEY]
    assert s3.head_object(Bucket=BACKEND.bucket, Key=KEY)["ServerSideEncryption"] == "AES256"
    versions = s3.list_object_versions(Bucket=BACKEND.bucket, Prefix=KEY)["Versions"]
    assert len([each for each in versions if each["Key"] == KEY]) == 2
    assert not (made.folder / "terraform.tfstate").exists()


def test_a_second_writer_is_told_who_holds_the_state_and_since_when(s3: S3, make: Make) -> None:
    made, theirs = make(three_in_a_row()), make(three_in_a_row(), "theirs")
    made.plan()
    with applying_elsewhere(made):
        assert f"{KEY}.tflock" in objects(s3)
        with pytest.raises(StateLocked, match=r"locked by .+@.+ for apply since 20") as locked:
            theirs.plan()
    assert f"force-unlock {locked.value.lock.id}" in locked.value.hint


def test_an_interrupted_apply_frees_the_lock_and_the_next_plan_goes_on(s3: S3, make: Make) -> None:
    made = make(three_in_a_row())
    made.plan()
    with once(made.started, signal.SIGINT), pytest.raises(KeyboardInterrupt):
        made.apply()
    assert objects(s3) == [KEY]
    assert names_in(s3) == ["first", "second"]
    assert make(three_in_a_row(), "theirs").plan().adds == ("terraform_data.third",)


def test_a_plan_is_refused_once_another_has_applied(s3: S3, make: Make) -> None:
    made, theirs = make(stack(a={})), make(stack(a={}), "theirs")
    made.plan()
    theirs.plan()
    theirs.apply()
    with pytest.raises(StalePlan, match="state has changed since"):
        made.apply()


def test_another_stack_reads_what_a_state_gives_out(s3: S3, make: Make, tmp_path: Path) -> None:
    made = make({**stack(a={}), "output": {"it": {"value": 7}}})
    made.plan()
    made.apply()
    states = States(backend=BACKEND, deployment="mine")
    above = Stacked(
        tmp_path / "above",
        {
            "data": {"terraform_remote_state": {"one": states.reading("one")}},
            "output": {"it": {"value": "${data.terraform_remote_state.one.outputs.it}"}},
            "terraform": {"backend": {states.kind: dict(states.block("above"))}},
        },
    )
    above.terraform.init()
    above.plan()
    above.apply()
    assert above.terraform.output()["it"].value == 7
    assert objects(s3) == ["qinfra/mine/above.tfstate", KEY]


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_state_is_not_left_behind_when_the_settings_move_it(
    s3: S3, make: Make, forgotten: bool
) -> None:
    """Whether or not the folder remembers its backend."""
    made = make(stack(a={}), backend=LOCAL)
    made.plan()
    made.apply()
    if forgotten:
        (made.folder / ".terraform" / "terraform.tfstate").unlink(missing_ok=True)
    made.write(kept_in(BACKEND, stack(a={})))
    with pytest.raises(InitFailed) as refused:
        made.terraform.init()
    assert f"-chdir={made.folder} init -migrate-state" in refused.value.hint
    assert objects(s3) == []


def test_a_bucket_that_is_not_there_is_to_be_made(s3: S3, make: Make) -> None:
    with pytest.raises(InitFailed) as refused:
        make(stack(a={}), backend=S3Backend(bucket="absent-states", region="eu-west-1"))
    assert "qinfra backend bootstrap" in refused.value.hint


@pytest.mark.parametrize("backend", [LOCAL, BACKEND])
def test_a_stack_is_applied_once_others_can_read_it(s3: S3, make: Make, backend: Backend) -> None:
    tools = Tools(
        binary=find_binary(None, os.environ),
        environ=os.environ,
        on_event=lambda _: None,
        say=lambda _: None,
        backend=backend,
    )
    made = make({**stack(a={}), "output": {"it": {"value": 1}}}, backend=backend)
    assert not is_applied(made.folder, tools)
    made.plan()
    assert not is_applied(made.folder, tools)
    made.apply()
    assert is_applied(made.folder, tools)


def test_cloud_storage_keeps_and_locks_a_state_too(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = GcsBackend(bucket="our-states")
    held = "our-states/qinfra/mine/one/default"
    with cloud_storage() as storage:
        monkeypatch.setenv("GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT", f"{storage.url}/storage/v1/")
        monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "fake")
        made = make(three_in_a_row(), backend=backend)
        theirs = make(three_in_a_row(), "theirs", backend)
        made.plan()
        with applying_elsewhere(made):
            assert f"{held}.tflock" in storage.objects
            with pytest.raises(StateLocked, match=r"locked by .+@.+ for apply since 20"):
                theirs.plan()
        assert list(storage.objects) == [f"{held}.tfstate"]
        assert theirs.plan().adds == ("terraform_data.third",)
