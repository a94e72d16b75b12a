from __future__ import annotations

import pytest

from infra.errors import QinfraError
from infra.stacks.blocks import Output, Provider, Stack, Variable, data, resource

AWS = Provider(name="aws", version="5.100.0", arguments={"region": "us-east-1"})


def test_a_block_is_referred_to_by_its_address() -> None:
    vpc = resource("aws_vpc", "main", cidr_block="10.0.0.0/16")
    assert vpc.address == "aws_vpc.main"
    assert vpc.ref("id") == "${aws_vpc.main.id}"
    who = data("aws_caller_identity", "me")
    assert who.ref("account_id") == "${data.aws_caller_identity.me.account_id}"


def test_an_argument_that_is_none_is_left_out() -> None:
    vpc = resource("aws_vpc", "main", cidr_block="10.0.0.0/16", instance_tenancy=None)
    assert dict(vpc.arguments) == {"cidr_block": "10.0.0.0/16"}


@pytest.mark.parametrize(
    ("kind", "arguments", "reason"),
    [
        ("aws_vpc", {"cidr": "x"}, "aws_vpc.it: no argument 'cidr'"),
        ("aws_vpc", {"arn": "x"}, "'arn' is the provider's to say"),
        ("aws_subnet", {"cidr_block": "x"}, "'vpc_id' is missing"),
        ("aws_vpc", {"enable_dns_support": "yes"}, "aws_vpc.it.enable_dns_support is 'yes', not a"),
        ("aws_vpc", {"tags": ["x"]}, "aws_vpc.it.tags is ['x'], not a map"),
        ("aws_vpc", {"tags": {"a": 1}}, "aws_vpc.it.tags.a is 1, not a string"),
        ("aws_instance", {"cpu_core_count": True}, "is True, not a number"),
        ("aws_instance", {"root_block_device": {"size": 3}}, "root_block_device: no argument"),
        ("aws_instance", {"root_block_device": "x"}, "is 'x', not a block"),
        ("aws_instance", {"root_block_device": [{}, {}]}, "stands 2 times, at most 1"),
        ("aws_instance", {"security_groups": "x"}, "is 'x', not a set"),
        ("aws_nothing", {}, "nothing is known of the resource aws_nothing"),
    ],
)
def test_what_the_provider_would_refuse_is_refused_at_once(
    kind: str, arguments: dict[str, object], reason: str
) -> None:
    with pytest.raises(QinfraError) as caught:
        resource(kind, "it", **arguments)
    assert reason in str(caught.value)


def test_an_expression_passes_for_any_type() -> None:
    assert resource("aws_vpc", "main", enable_dns_support="${var.dns}", tags="${var.tags}")


@pytest.mark.parametrize("name", ["", "1st", "Main", "a-b", "ä"])
def test_a_name_that_terraform_would_not_keep_is_refused(name: str) -> None:
    with pytest.raises(QinfraError, match="lower case letters"):
        resource("aws_vpc", name)


def test_an_address_stands_once() -> None:
    vpc = resource("aws_vpc", "main", cidr_block="10.0.0.0/16")
    with pytest.raises(QinfraError, match=r"stack s: aws_vpc\.main stands twice"):
        Stack(name="s", provider=AWS, blocks=(vpc, vpc))
    out = Output(name="x", value="1", description="")
    with pytest.raises(QinfraError, match=r"output\.x stands twice"):
        Stack(name="s", provider=AWS, blocks=(), outputs=(out, out))
    variable = Variable(name="x", kind="string", description="", default="")
    stack = Stack(name="s", provider=AWS, blocks=(vpc,), outputs=(out,), variables=(variable,))
    assert stack.of_kind("aws_vpc") == (vpc,)
    assert variable.ref == "${var.x}"
