from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.backend import Backend, GcsBackend, S3Backend, States
from infra.errors import ConfigError, PreflightError
from infra.stacks.blocks import Output, Provider, Stack, Variable, data, resource, state_of
from infra.stacks.cdk import synthesise

pytest.importorskip("cdktf", reason="the CDK writes stacks")
if shutil.which("node") is None and os.environ.get("QINFRA_REQUIRE_TERRAFORM") != "1":
    pytest.skip("no Node.js, which the CDK runs on", allow_module_level=True)


def stack(name: str = "mvp-us-east-1") -> Stack:
    vpc = resource(
        "aws_vpc",
        "main",
        cidr_block="10.0.0.0/16",
        tags={"Name": "it"},
        meta={"lifecycle": {"ignore_changes": ["tags"]}},
    )
    subnet = resource("aws_subnet", "main", vpc_id=vpc.ref("id"), cidr_block="10.0.1.0/24")
    return Stack(
        name=name,
        provider=Provider(name="aws", version="5.100.0", arguments={"region": "us-east-1"}),
        blocks=(vpc, subnet, data("aws_caller_identity", "me")),
        outputs=(
            Output(name="subnets", value=[subnet.ref("id")], description="Where", sensitive=True),
        ),
        variables=(
            Variable(
                name="cidr",
                kind="string",
                description="Who",
                default="",
                condition='var.cidr != "0.0.0.0/0"',
                problem="Not the world.",
            ),
        ),
    )


def test_a_stack_becomes_terraforms_json(tmp_path: Path) -> None:
    (file,) = synthesise([stack()], tmp_path)
    assert file == tmp_path / "stacks" / "mvp-us-east-1" / "cdk.tf.json"
    document = json.loads(file.read_text())
    for name in ("main",):
        del document["resource"]["aws_vpc"][name]["//"]
        del document["resource"]["aws_subnet"][name]["//"]
    del document["data"]["aws_caller_identity"]["me"]["//"], document["//"]
    assert document == {
        "data": {"aws_caller_identity": {"me": {}}},
        "output": {
            "subnets": {
                "description": "Where",
                "sensitive": True,
                "value": ["${aws_subnet.main.id}"],
            }
        },
        "provider": {"aws": [{"region": "us-east-1"}]},
        "resource": {
            "aws_subnet": {"main": {"cidr_block": "10.0.1.0/24", "vpc_id": "${aws_vpc.main.id}"}},
            "aws_vpc": {
                "main": {
                    "cidr_block": "10.0.0.0/16",
                    "lifecycle": {"ignore_changes": ["tags"]},
                    "tags": {"Name": "it"},
                }
            },
        },
        "terraform": {
            "backend": {"local": {"path": "terraform.tfstate"}},
            "required_providers": {"aws": {"source": "hashicorp/aws", "version": "5.100.0"}},
        },
        "variable": {
            "cidr": {
                "default": "",
                "description": "Who",
                "nullable": False,
                "type": "string",
                "validation": [
                    {
                        "condition": '${var.cidr != "0.0.0.0/0"}',
                        "error_message": "Not the world.",
                    }
                ],
            }
        },
    }


@pytest.mark.parametrize(
    ("backend", "block", "config"),
    [
        (
            S3Backend(bucket="our-states", region="eu-west-1", prefix="p"),
            {
                "bucket": "our-states",
                "key": "p/mine/above.tfstate",
                "region": "eu-west-1",
                "use_lockfile": True,
                "encrypt": True,
            },
            {"bucket": "our-states", "key": "p/mine/below.tfstate", "region": "eu-west-1"},
        ),
        (
            GcsBackend(bucket="our-states"),
            {"bucket": "our-states", "prefix": "qinfra/mine/above"},
            {"bucket": "our-states", "prefix": "qinfra/mine/below"},
        ),
    ],
)
def test_states_are_written_and_read_where_they_are_told_to_be(
    tmp_path: Path, backend: Backend, block: dict[str, object], config: dict[str, object]
) -> None:
    above = Stack(
        name="above",
        provider=Provider(name="aws", version="5.100.0", arguments={"region": "us-east-1"}),
        blocks=(state_of("below", "it"),),
    )
    (file,) = synthesise([above], tmp_path, States(backend=backend, deployment="mine"))
    document = json.loads(file.read_text())
    assert document["terraform"]["backend"] == {backend.kind: block}
    reading = document["data"]["terraform_remote_state"]["it"]
    del reading["//"]
    assert reading == {"backend": backend.kind, "config": config}


def test_the_same_stacks_are_the_same_bytes_and_states_are_left_alone(tmp_path: Path) -> None:
    stacks = [stack("one"), stack("two")]
    first = [file.read_bytes() for file in synthesise(stacks, tmp_path)]
    state = tmp_path / "stacks" / "one" / "terraform.tfstate"
    state.write_text("{}")
    assert [file.read_bytes() for file in synthesise(stacks, tmp_path)] == first
    assert state.read_text() == "{}"


def test_without_node_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JSII_NODE", "absent-node")
    with pytest.raises(PreflightError, match="there is no 'absent-node' on PATH"):
        synthesise([stack()], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_node_starts_with_little_room_and_the_users_own_options(tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text(f'#!/bin/sh\nprintf %s "$NODE_OPTIONS" > {tmp_path}/seen\nexec node "$@"\n')
    node.chmod(0o755)
    code = (
        "import os\nfrom pathlib import Path\nfrom infra.stacks.cdk import synthesise\n"
        f"synthesise([], Path('{tmp_path}/out'))\nprint(os.environ['NODE_OPTIONS'])"
    )
    own = "--max-semi-space-size=2 --no-warnings"
    environ = {**os.environ, "JSII_NODE": str(node), "NODE_OPTIONS": own}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == own
    assert (tmp_path / "seen").read_text() == f"--max-semi-space-size=1 {own}"


def test_another_cdk_is_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QINFRA_CDK", "cdkx")
    with pytest.raises(ConfigError, match="must be one of cdktf, cdktn"):
        synthesise([stack()], tmp_path)
    monkeypatch.setenv("QINFRA_CDK", "cdktn")
    with pytest.raises(PreflightError, match="needs cdktn, which is not installed"):
        synthesise([stack()], tmp_path)


def test_a_stack_is_made_without_loading_the_cdk() -> None:
    code = (
        "import sys\nfrom infra.stacks.cdk import synthesise\n"
        "from infra.stacks.blocks import resource\n"
        "resource('aws_vpc', 'main', cidr_block='10.0.0.0/16')\n"
        "print([name for name in ('cdktf', 'jsii', 'cdktn', 'pydantic') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
