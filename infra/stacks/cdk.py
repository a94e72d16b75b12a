"""The only module that imports the CDK: it writes stacks as Terraform's JSON.

`cdktf` is what the project names; it is archived since December 2025, and `cdktn` goes on with the
same ids, state and interface. Either will do: the one that QINFRA_CDK names, or that is installed.
"""

from __future__ import annotations

import importlib
import os
import shutil
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from infra.backend import LOCAL_STATES
from infra.errors import ConfigError, PreflightError
from infra.stacks.blocks import REMOTE_STATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from infra.backend import States
    from infra.stacks.blocks import Block, Provider, Stack, Variable

CDKS = ("cdktf", "cdktn")
# MiB. V8 lets the space of new objects grow to 16 before it collects; a synthesis leaves little
# behind, so that is 13 MiB more for nothing.
NODE_OPTIONS = "--max-semi-space-size=1"
JSON_FILE = "cdk.tf.json"
_BACKENDS = {"local": "LocalBackend", "s3": "S3Backend", "gcs": "GcsBackend"}
_ASKED_FOR = ("path", "bucket", "key")  # by the backends' constructors


def synthesise(
    stacks: Sequence[Stack], folder: Path, states: States = LOCAL_STATES
) -> tuple[Path, ...]:
    """Write each stack to `folder/stacks/<name>/cdk.tf.json`; the same stacks, the same bytes.

    Args:
        stacks: One state each.
        folder: Made when missing; states and locks in it are left alone.
        states: Where the states are; each in its stack's folder when not given.

    Returns:
        The files, in the order of the stacks.

    Raises:
        PreflightError: Node.js or the CDK is missing.
        OSError: The folder cannot be made.
        ConfigError: QINFRA_CDK names no CDK.
    """
    core = _core()
    folder.mkdir(parents=True, exist_ok=True)  # the CDK's own error would be Node's
    app = core.App(outdir=str(folder.absolute()))  # Node has a working folder of its own
    for stack in stacks:
        _declare(core, app, stack, states)
    app.synth()
    return tuple(folder / "stacks" / stack.name / JSON_FILE for stack in stacks)


def _core() -> Any:
    node = os.environ.get("JSII_NODE", "node")
    if shutil.which(node) is None:
        raise PreflightError(
            f"writing stacks needs Node.js, and there is no '{node}' on PATH",
            hint="Run `apt-get install nodejs`, or set JSII_NODE to one.",
        )
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20")
    os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")
    wanted = os.environ.get("QINFRA_CDK")
    if wanted is not None and wanted not in CDKS:
        raise ConfigError(f"QINFRA_CDK is '{wanted}': must be one of {', '.join(CDKS)}")
    for name in [wanted] if wanted else CDKS:
        try:
            with _node_options():
                return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    raise PreflightError(
        f"writing stacks needs {wanted or CDKS[0]}, which is not installed",
        hint="Run `pip install 'qinfra[deploy]'`.",
    )


@contextmanager
def _node_options() -> Iterator[None]:
    """Give our options to Node.js, which importing the CDK starts; the user's come last and win."""
    before = os.environ.get("NODE_OPTIONS")
    os.environ["NODE_OPTIONS"] = f"{NODE_OPTIONS} {before}" if before else NODE_OPTIONS
    try:
        yield
    finally:
        if before is None:
            del os.environ["NODE_OPTIONS"]
        else:
            os.environ["NODE_OPTIONS"] = before


def _declare(core: Any, app: Any, stack: Stack, states: States) -> None:
    inside = core.TerraformStack(app, stack.name)
    _backend(core, inside, states.kind, states.block(stack.name))
    for provider in (stack.provider, *stack.others):
        _provider(core, inside, provider)
    for variable in stack.variables:
        _variable(core, inside, variable)
    for block in stack.blocks:
        _block(core, inside, _placed(block, states))
    for output in stack.outputs:
        made = core.TerraformOutput(
            inside,
            f"output.{output.name}",
            value=output.value,
            description=output.description,
            sensitive=output.sensitive or None,
        )
        made.override_logical_id(output.name)


def _provider(core: Any, inside: Any, provider: Provider) -> None:
    made = core.TerraformProvider(
        inside,
        provider.address,
        terraform_resource_type=provider.name,
        terraform_generator_metadata={
            "provider_name": provider.name,
            "provider_version": provider.version,
            "provider_version_constraint": provider.version,
        },
        terraform_provider_source=provider.source,
    )
    if provider.alias:
        made.add_override("alias", provider.alias)
    for name, value in provider.arguments.items():
        made.add_override(name, value)


def _backend(core: Any, inside: Any, kind: str, arguments: Mapping[str, Any]) -> None:
    """Declare where the state is: without a word, the CDK would write this folder's path."""
    asked_for = {name: arguments[name] for name in _ASKED_FOR if name in arguments}
    made = getattr(core, _BACKENDS[kind])(inside, **asked_for)
    for name, value in arguments.items():
        if name not in asked_for:
            made.add_override(name, value)  # cdktf's S3 knows of no `use_lockfile`


def _placed(block: Block, states: States) -> Block:
    """Return a block that says where the state is that it reads."""
    if block.kind != REMOTE_STATE:
        return block
    return replace(block, arguments=states.reading(block.arguments["stack"]))


def _variable(core: Any, inside: Any, variable: Variable) -> None:
    made = core.TerraformVariable(
        inside,
        f"var.{variable.name}",
        type=variable.kind,
        description=variable.description,
        sensitive=variable.sensitive or None,
        nullable=False,
    )
    made.add_override("default", variable.default)
    if variable.condition:
        rule = {"condition": f"${{{variable.condition}}}", "error_message": variable.problem}
        made.add_override("validation", [rule])
    made.override_logical_id(variable.name)


def _block(core: Any, inside: Any, block: Block) -> None:
    kind = core.TerraformResource if block.mode == "resource" else core.TerraformDataSource
    made = kind(
        inside,
        block.address,
        terraform_resource_type=block.kind,
        terraform_generator_metadata={"provider_name": block.kind.split("_")[0]},
    )
    made.override_logical_id(block.name)
    for name, value in {**block.arguments, **block.meta}.items():
        made.add_override(name, _plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if each is not None}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
