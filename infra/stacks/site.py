"""What the parts of an AWS region hand to each other while its stack is put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.stacks.blocks import Block, Output, Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some of a stack's blocks, with the outputs and variables that belong to them."""

    blocks: tuple[Block, ...]
    outputs: tuple[Output, ...] = ()
    variables: tuple[Variable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A region's ground: what nodes and services stand on.

    Attributes:
        label: Prefix of every name in the cloud, as in `qinfra-mvp-us-east-1` for a deployment
            called mvp; at most 46 characters.
        short: The same without the region, where a service has its own names in each and no room
            for more; at most 31 characters.
        vpc: aws_vpc.
        public: aws_subnet of each zone, for balancers, gateways and orchestrators.
        private: aws_subnet of each zone, for all else.
        groups: aws_security_group by who wears it: a role's name, `balancer`, `database`, `cache`.
        key: aws_kms_key that encrypts disks, bucket, database, cache and logs.
        bucket: aws_s3_bucket of artifacts.
    """

    label: str
    short: str
    vpc: Block
    public: tuple[Block, ...]
    private: tuple[Block, ...]
    groups: Mapping[str, Block]
    key: Block
    bucket: Block
