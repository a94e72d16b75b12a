from __future__ import annotations

from typing import Any, get_args

import pytest

from infra.backend import Backend, GcsBackend, LocalBackend, S3Backend, States

S3 = S3Backend(bucket="our-states", region="eu-west-1")
GCS = GcsBackend(bucket="our-states")
LOCKS_BY_ITSELF = {"gcs"}


def test_a_state_in_s3_is_locked_and_encrypted() -> None:
    assert S3.block("mine", "mvp-us-east-1") == {
        "bucket": "our-states",
        "key": "qinfra/mine/mvp-us-east-1.tfstate",
        "region": "eu-west-1",
        "use_lockfile": True,
        "encrypt": True,
    }


def test_a_state_in_cloud_storage_has_a_folder_of_its_own() -> None:
    assert GCS.block("mine", "demo-us-central1") == {
        "bucket": "our-states",
        "prefix": "qinfra/mine/demo-us-central1",
    }


def test_no_state_is_shared_without_a_lock() -> None:
    """A backend that is added has to be in one of these sets, or this fails."""
    examples: dict[type[Any], Backend] = {S3Backend: S3, GcsBackend: GCS}
    for kind in set(get_args(Backend)) - {LocalBackend}:
        backend = examples[kind]
        block = backend.block("mine", "one")
        assert block.get("use_lockfile") is True or backend.kind in LOCKS_BY_ITSELF


@pytest.mark.parametrize("backend", [LocalBackend(), S3, GCS])
def test_another_stack_reads_what_was_written(backend: Backend) -> None:
    states = States(backend=backend, deployment="mine")
    reading = states.reading("one")
    assert reading["backend"] == backend.kind
    written = dict(states.block("one"))
    if backend.kind == "local":
        assert reading["config"] == {"path": f"../one/{written['path']}"}
    else:
        assert reading["config"].items() <= written.items()


@pytest.mark.parametrize("backend", [S3, GCS])
def test_each_state_has_a_place_of_its_own(backend: Backend) -> None:
    named = [("a", "b"), ("a", "c"), ("b", "b")]
    assert len({str(backend.block(*each)) for each in named}) == len(named)
