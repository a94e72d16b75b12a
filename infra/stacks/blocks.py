"""Terraform's blocks as values: what a stack is made of before the CDK writes it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from infra.errors import QinfraError
from infra.stacks.schema import checked

if TYPE_CHECKING:
    from collections.abc import Mapping

Mode = Literal["resource", "data"]
REMOTE_STATE = "terraform_remote_state"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The provider of a stack; one region, one account.

    Attributes:
        name: aws or google.
        version: Exactly this one.
        arguments: Of its block; no credentials.
        alias: By which blocks that are not the first provider's name theirs; empty for the first.
    """

    name: str
    version: str
    arguments: Mapping[str, Any]
    alias: str = ""

    @property
    def address(self) -> str:
        """Under which blocks name it, as their `provider`."""
        return f"{self.name}.{self.alias}" if self.alias else self.name

    @property
    def source(self) -> str:
        """Where Terraform finds it."""
        return f"hashicorp/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A resource, or data that is looked up.

    Attributes:
        kind: Terraform's type, as in `aws_vpc`.
        name: Part of its address, so it never changes while the thing lives.
        arguments: Blocks inside are dicts, or lists of them.
        meta: `lifecycle`, `depends_on`, `provider`: Terraform's own arguments.
    """

    mode: Mode
    kind: str
    name: str
    arguments: Mapping[str, Any]
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Under which Terraform knows it."""
        return f"{'data.' if self.mode == 'data' else ''}{self.kind}.{self.name}"

    def ref(self, attribute: str) -> str:
        """Return an expression for one of its attributes, as in `arn` or `subnet_ids[0]`."""
        return f"${{{self.address}.{attribute}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """What an account decides, not a phase: it is asked for when the stack is planned.

    Attributes:
        kind: Terraform's type, as in `string` or `list(string)`.
        default: Taken when nothing is said, so that no plan waits for an answer; empty text or
            list where there is nothing to take, for Terraform's JSON cannot say null.
        condition: An expression that must be true of it, with `problem` when it is not.
        protects: Whether true of it keeps a cloud from deleting what a stack made.
    """

    name: str
    kind: str
    description: str
    default: Any
    condition: str = ""
    problem: str = ""
    sensitive: bool = False
    protects: bool = False

    @property
    def ref(self) -> str:
        """An expression for its value."""
        return f"${{var.{self.name}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What others read from a stack's state.

    Attributes:
        value: An expression, or a structure of them.
        sensitive: Whether Terraform hides it; no secret is put out without.
    """

    name: str
    value: Any
    description: str
    sensitive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What one state holds: one region of a phase, or what stands above its regions.

    Attributes:
        provider: Of all blocks that name no other.
        others: Providers that blocks name, each with an alias.

    Raises:
        QinfraError: Two blocks or outputs have the same address, or a block's provider is not
            declared.
    """

    name: str
    provider: Provider
    blocks: tuple[Block, ...]
    outputs: tuple[Output, ...] = ()
    variables: tuple[Variable, ...] = ()
    others: tuple[Provider, ...] = ()

    def __post_init__(self) -> None:
        names = [block.address for block in self.blocks]
        names += [f"output.{each.name}" for each in self.outputs]
        names += [f"var.{each.name}" for each in self.variables]
        names += [f"provider {each.address}" for each in (self.provider, *self.others)]
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise QinfraError(f"stack {self.name}: {twice[0]} stands twice")
        providers = {None, *(each.address for each in self.others)}
        for block in self.blocks:
            if block.meta.get("provider") not in providers:
                named = block.meta["provider"]
                raise QinfraError(f"stack {self.name}: {block.address}: no provider '{named}'")

    @property
    def protections(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the variables that protect, each with the addresses of what it protects."""
        return {
            each.name: tuple(
                block.address
                for block in self.blocks
                if each.ref in map(str, block.arguments.values())
            )
            for each in self.variables
            if each.protects
        }

    def of_kind(self, kind: str) -> tuple[Block, ...]:
        """Return the blocks of one type, in their order."""
        return tuple(block for block in self.blocks if block.kind == kind)

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the stacks whose outputs it reads: they are applied before it."""
        return tuple(str(block.arguments["stack"]) for block in self.of_kind(REMOTE_STATE))


def resource(
    kind: str, name: str, /, *, meta: Mapping[str, Any] | None = None, **arguments: Any
) -> Block:
    """Return a resource whose arguments are what the provider's schema says.

    Arguments that are None are left out.

    Raises:
        QinfraError: The kind, or an argument of it, is unknown, missing or of another type.
    """
    return _block("resource", kind, name, arguments, meta)


def data(
    kind: str, name: str, /, *, meta: Mapping[str, Any] | None = None, **arguments: Any
) -> Block:
    """Return data to look up; as `resource`."""
    return _block("data", kind, name, arguments, meta)


def state_of(stack: str, name: str) -> Block:
    """Return the outputs of another stack of the deployment, as in `ref("outputs.vpc_id")`.

    Where its state is, synthesis says.

    Args:
        stack: The other one's name.
        name: Part of the block's address.
    """
    return Block(mode="data", kind=REMOTE_STATE, name=name, arguments={"stack": stack})


def _block(
    mode: Mode, kind: str, name: str, arguments: Mapping[str, Any], meta: Mapping[str, Any] | None
) -> Block:
    if not _NAME.fullmatch(name):
        raise QinfraError(f"{kind}: name '{name}' is not lower case letters, digits and _")
    given = {key: value for key, value in arguments.items() if value is not None}
    checked(mode, kind, name, given)
    return Block(mode=mode, kind=kind, name=name, arguments=given, meta=meta or {})
