from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.stacks.aws_certificate import naming
from infra.stacks.blocks import Provider, Stack
from infra.stacks.cdk import synthesise
from tests.infra.stacks.terraforming import Terraform, terraform

CERTIFICATE = "certificate_arn=arn:aws:acm:us-east-1:123456789012:certificate/0a1b-2c"
DOMAIN = "domain=llm.example.org"
ZONE = "zone_id=Z123"


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Terraform, dict[bool, Path]]:
    """Folders of the variables alone: without a provider a plan is a matter of milliseconds."""
    folder = tmp_path_factory.mktemp("naming")
    stacks = [
        Stack(
            name=f"records-{records}".lower(),
            provider=Provider(name="aws", version="5.100.0", arguments={"region": "us-east-1"}),
            blocks=(),
            variables=naming("us-east-1", records=records),
        )
        for records in (False, True)
    ]
    files = synthesise(stacks, folder)
    for file in files:
        variables = json.loads(file.read_text())["variable"]
        file.write_text(json.dumps({"variable": variables}))
    return terraform(folder, "aws"), {records: files[records].parent for records in (False, True)}


def plan(planned: tuple[Terraform, dict[bool, Path]], records: bool, given: list[str]) -> None:
    binary, folders = planned
    said = [word for each in given for word in ("-var", each)]
    binary.run(folders[records], "plan", "-input=false", "-no-color", *said)


@pytest.mark.parametrize(
    ("records", "given"),
    [
        (False, [CERTIFICATE]),
        (False, [DOMAIN, ZONE]),
        (False, [CERTIFICATE, DOMAIN]),
        (True, [DOMAIN, ZONE]),
        (True, [CERTIFICATE, DOMAIN, ZONE]),
    ],
)
def test_a_certificate_or_the_way_to_one_will_do(
    planned: tuple[Terraform, dict[bool, Path]], records: bool, given: list[str]
) -> None:
    plan(planned, records, given)


@pytest.mark.parametrize(
    ("records", "given", "problem"),
    [
        (False, [], "speaks HTTPS only"),
        (False, [DOMAIN], "give zone_id"),
        (False, ["domain=https://llm.example.org", ZONE], "speaks HTTPS only"),
        (False, [CERTIFICATE.replace("us-east-1", "eu-west-1")], "in us-east-1"),
        (False, ["certificate_arn=mine", DOMAIN, ZONE], "in us-east-1"),
        (True, [CERTIFICATE], "speaks HTTPS only"),
        (True, [CERTIFICATE, DOMAIN], "give zone_id"),
    ],
)
def test_without_them_the_plan_is_refused(
    planned: tuple[Terraform, dict[bool, Path]], records: bool, given: list[str], problem: str
) -> None:
    with pytest.raises(pytest.fail.Exception, match=problem):
        plan(planned, records, given)
