"""A stack through the prebuilt provider package's typed classes, as its documentation has it.

`python prebuilt_stack.py DOCUMENT FOLDER` runs in an environment with cdktf and
cdktf-cdktf-provider-aws, and without qinfra: DOCUMENT holds the stacks as JSON.
"""

from __future__ import annotations

import json
import sys
import typing
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import cdktf

PACKAGE = "cdktf_cdktf_provider_aws"


def main(document: Path, folder: Path) -> None:
    """Write every stack of the document under the folder."""
    app = cdktf.App(outdir=str(folder.absolute()))
    for stack in json.loads(document.read_text()):
        _declare(app, stack)
    app.synth()


def _declare(app: Any, stack: dict[str, Any]) -> None:
    inside = cdktf.TerraformStack(app, stack["name"])
    cdktf.LocalBackend(inside, path="terraform.tfstate")
    provider = stack["provider"]
    import_module(f"{PACKAGE}.provider").AwsProvider(
        inside, provider["name"], region=provider["arguments"]["region"]
    ).add_override("default_tags", provider["arguments"]["default_tags"])
    for variable in stack["variables"]:
        _variable(inside, variable)
    for block in stack["blocks"]:
        _block(inside, block)
    for output in stack["outputs"]:
        cdktf.TerraformOutput(
            inside,
            f"output.{output['name']}",
            value=output["value"],
            description=output["description"],
            sensitive=output["sensitive"] or None,
        ).override_logical_id(output["name"])


def _variable(inside: Any, variable: dict[str, Any]) -> None:
    made = cdktf.TerraformVariable(
        inside,
        f"var.{variable['name']}",
        type=variable["kind"],
        description=variable["description"],
        default=variable["default"],
        sensitive=variable["sensitive"] or None,
        nullable=False,
    )
    if variable["condition"]:
        rule = {
            "condition": f"${{{variable['condition']}}}",
            "error_message": variable["problem"],
        }
        made.add_override("validation", [rule])
    made.override_logical_id(variable["name"])


def _block(inside: Any, block: dict[str, Any]) -> None:
    """Build the kind's own class; what is Terraform's own rather than the provider's is added."""
    kind = _class(block["mode"], block["kind"])
    address = f"{block['mode']}.{block['kind']}.{block['name']}"
    made = kind(inside, address, **_arguments(kind, block["arguments"]))
    made.override_logical_id(block["name"])
    for name, value in block["meta"].items():
        made.add_override(name, value)


def _class(mode: str, kind: str) -> Any:
    """Return `Instance` of aws_instance, the one class of its module that is a block."""
    name = f"data_{kind}" if mode == "data" else kind.removeprefix("aws_")
    module = import_module(f"{PACKAGE}.{name}")
    blocks = (cdktf.TerraformResource, cdktf.TerraformDataSource)
    return next(
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, blocks)
    )


def _arguments(kind: Any, given: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind.__init__)
    return {name: _value(hints[name], value) for name, value in given.items() if value is not None}


def _value(hint: Any, value: Any) -> Any:
    """Return blocks as the structures that the hint names, and expressions as tokens.

    Dicts inside lists would silently lose every key of two words.
    """
    options = _options(hint)
    struct = next((each for each in options if _is_struct(each)), None)
    if isinstance(value, dict) and struct:
        return struct(**_arguments(struct, value))
    many = next((each for each in options if typing.get_origin(each) is Sequence), None)
    if many and isinstance(value, list | dict):
        (inner,) = typing.get_args(many)
        return [_value(inner, each) for each in (value if isinstance(value, list) else [value])]
    if struct and isinstance(value, list) and len(value) == 1:
        return _value(hint, value[0])
    if isinstance(value, str) and str not in options:
        return _token(options, many, value)
    return value


def _token(options: tuple[Any, ...], many: Any, value: str) -> Any:
    if bool in options:
        return cdktf.Token.as_any(value)
    if many:
        return cdktf.Token.as_list(value)
    return cdktf.Token.as_number(value)


def _options(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) is typing.Union:
        return tuple(inner for each in typing.get_args(hint) for inner in _options(each))
    return (hint,)


def _is_struct(option: Any) -> bool:
    return isinstance(option, type) and option.__module__.startswith(PACKAGE)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
