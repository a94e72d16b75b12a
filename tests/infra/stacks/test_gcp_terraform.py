"""Terraform's own command line takes the demo's stack, with a stand-in for Google's provider."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cdktf", reason="the CDK writes stacks")
pytest.importorskip("grpc_tools", reason="the stand-in speaks Terraform's protocol")

from infra.stacks.cdk import synthesise
from infra.stacks.gcp import gcp_stacks
from tests.infra.stacks.gcp_demo import demo, stack, with_more
from tests.infra.stacks.standin.provider import serving

for tool in ("terraform", "node"):
    if shutil.which(tool) is None and os.environ.get("QINFRA_REQUIRE_TERRAFORM") != "1":
        pytest.skip(f"no {tool} on PATH", allow_module_level=True)

PROJECT = {"TF_VAR_project": "a-project"}
NOTHING_TO_DO, FAILED, CHANGES = 0, 1, 2


@dataclass(frozen=True)
class Terraform:
    environment: dict[str, str]
    folder: Path

    def run(self, *words: str, status: int = 0, **variables: str) -> str:
        done = subprocess.run(
            ("terraform", *words),
            cwd=self.folder,
            env=self.environment | {f"TF_VAR_{name}": value for name, value in variables.items()},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def changes(self, **variables: str) -> dict[str, list[str]]:
        self.run("plan", "-input=false", "-out=plan", **variables)
        plan: dict[str, Any] = json.loads(self.run("show", "-json", "plan"))
        return {
            change["address"]: change["change"]["actions"]
            for change in plan["resource_changes"]
            if change["change"]["actions"] != ["no-op"]
        }


@pytest.fixture(scope="module")
def clean() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return kept | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}


@pytest.fixture(scope="module")
def written(clean: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    folder = tmp_path_factory.mktemp("gcp")
    (file,) = synthesise(gcp_stacks(demo()), folder)
    kinds = {block.kind for block in stack().blocks}
    with serving("google", kinds, folder) as leading:
        terraform = Terraform(clean | leading, file.parent)
        terraform.run("init", "-input=false")
        yield terraform


@pytest.fixture(scope="module")
def applied(written: Terraform) -> Terraform:
    ready = Terraform(written.environment | PROJECT, written.folder)
    ready.run("apply", "-input=false", "-auto-approve")
    return ready


def test_terraform_finds_nothing_to_say_about_it(written: Terraform) -> None:
    assert json.loads(written.run("validate", "-json"))["diagnostics"] == []


def flat(text: str) -> str:
    return re.sub(r"[\s│╷╵]+", " ", text)


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"project": ""}, "Set the environment variable TF_VAR_project to the id"),
        ({"operator_cidr": "0.0.0.0/0"}, "Set operator_cidr to an IPv4 range of /16 or smaller"),
        ({"operator_cidr": "::/0"}, "Set operator_cidr to an IPv4 range"),
        ({"operator_cidr": "203.0.113.7"}, "Set operator_cidr to an IPv4 range"),
        ({"zone": "us-east1-b"}, "zone must be one of us-central1"),
        ({"deployment": "Mine"}, "deployment must be at most 24 lower case letters"),
        ({"deployment": "d" * 25}, "deployment must be at most 24 lower case letters"),
    ],
)
def test_a_variable_that_cannot_be_is_refused(
    written: Terraform, variables: dict[str, str], problem: str
) -> None:
    given = {"project": "a-project", **variables}
    said = written.run("plan", "-input=false", "-no-color", status=FAILED, **given)
    assert problem in flat(said)


def test_what_was_applied_needs_nothing_more(applied: Terraform) -> None:
    applied.run("plan", "-input=false", "-detailed-exitcode", status=NOTHING_TO_DO)


def test_the_nodes_are_put_out(applied: Terraform) -> None:
    outputs = json.loads(applied.run("output", "-json"))
    nodes = outputs["nodes"]["value"]
    assert nodes.keys() == {"orchestrator-1", "embedding-1", "transformer-1"}
    assert all(node["private_ip"].startswith("10.10.0.") for node in nodes.values())
    pattern = re.compile(r"projects/[^/]+/zones/us-central1-b/instances/qinfra-demo-us-central1-.+")
    assert all(pattern.fullmatch(node["instance_id"]) for node in nodes.values())
    assert [name for name, node in nodes.items() if node["public_ip"]] == ["orchestrator-1"]


def test_ssh_opens_to_the_operator_alone(applied: Terraform) -> None:
    changed = applied.changes(operator_cidr="203.0.113.7/32")
    assert changed == {"google_compute_firewall.ssh_operator": ["update"]}
    plan = json.loads(applied.run("show", "-json", "plan"))
    (rule,) = [each["change"] for each in plan["resource_changes"]
               if each["address"] in changed]  # fmt: skip
    assert rule["before"]["source_ranges"] == ["35.235.240.0/20"]
    assert rule["after"]["source_ranges"] == ["203.0.113.7/32"]


def test_a_new_image_replaces_no_node(applied: Terraform) -> None:
    assert applied.changes(image="debian-cloud/debian-13") == {}


def test_another_transformer_is_all_that_is_added(applied: Terraform) -> None:
    document = applied.folder / "cdk.tf.json"
    before = document.read_text()
    synthesise(gcp_stacks(with_more(demo(), "transformer", 2)), applied.folder.parents[1])
    try:
        assert applied.changes() == {"google_compute_instance.transformer_2": ["create"]}
    finally:
        document.write_text(before)


def test_a_misspelt_argument_is_terraforms_error_too(written: Terraform) -> None:
    document = written.folder / "cdk.tf.json"
    before = document.read_text()
    document.write_text(before.replace('"machine_type"', '"machine_typ"'))
    try:
        said = json.loads(written.run("validate", "-json", status=FAILED))
    finally:
        document.write_text(before)
    assert {each["summary"] for each in said["diagnostics"]} >= {"Missing required argument"}


def test_all_of_it_goes_again(applied: Terraform) -> None:
    applied.run("destroy", "-input=false", "-auto-approve")
    assert json.loads((applied.folder / "terraform.tfstate").read_text())["resources"] == []
