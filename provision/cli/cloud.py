"""What the commands of a cloud's fleet share: their options, and what these amount to."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from infra.errors import ConfigError
from provision.cli.inputs import model_inputs, model_options, regions_named
from provision.cli.options import home_of, notice
from provision.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.declaration import Phase
    from provision.costing import Costing
    from provision.fleet.ordering import Asked
    from provision.fleet.planning import Tools
    from provision.fleet.record import FleetRecord, Value
    from provision.state import DeploymentFolder
    from provision.terraform.events import Event
    from provision.terraform.plan import PlanSummary

Command = TypeVar("Command", bound="Callable[..., Any]")

# What another command is to repeat, as it is not on record: where to look, and what to suppose.
FOUND = ("home", "config", "terraform")
SUPPOSED = ("assume", "as_guide", "network", "rpc_url")
ORDERED = ("purchase", "region", "variables", *SUPPOSED)
_OPTIONS = {"variables": "var"}


def order_options(command: Command) -> Command:
    """Add what a phase in a cloud may differ by; `asked_of` takes it out."""
    for option in (
        click.option("--terraform", help="The program; terraform or tofu on PATH when not given."),
        click.option(
            "--var", "variables", multiple=True, metavar="KEY=VALUE", help="Of the stacks."
        ),
        click.option(
            "--region", help="Region, or several with commas; the phase's own when not given."
        ),
        click.option("--purchase", help="on-demand, reserved-1y|3y-no|partial|all or spot."),
    ):
        command = option(command)
    return command


def home_option(command: Command) -> Command:
    """Add --home."""
    return click.option(
        "--home",
        type=click.Path(path_type=Path),
        envvar="QINFRA_HOME",
        help="Folder of all deployments; .qinfra or the settings' own.",
    )(command)


def fleet_options(command: Command) -> Command:
    """Add what finds a deployment in a cloud, its Terraform, and the model's options."""
    for option in (
        model_options,
        home_option,
        click.option("--terraform", help="The program; terraform or tofu on PATH when not given."),
        click.option(
            "--name", envvar="QINFRA_NAME", help="Deployment; the only one when not given."
        ),
    ):
        command = option(command)
    return command


def fleet_selected(flags: dict[str, Any]) -> tuple[DeploymentFolder, FleetRecord]:
    """Return the deployment that the options of `fleet_options` are about.

    Raises:
        ConfigError: There is none, there are several, or it is not in a cloud.
    """
    from provision.fleet.record import load_fleet
    from provision.state import select

    folder = select(home_of(flags["home"], flags["config"]), flags["name"])
    record = load_fleet(folder)
    if record is None:
        raise ConfigError(
            f"deployment {folder.name} runs on this machine, not in a cloud",
            hint="See `qinfra status`.",
        )
    return folder, record


def asked_of(flags: dict[str, Any], deployment: str, phase: Phase) -> Asked:
    """Return what the options of `order_options` ask for.

    Raises:
        ConfigError: A variable is not KEY=VALUE.
    """
    from infra.phases import cloud_of
    from provision.fleet.ordering import Asked
    from provision.fleet.planning import parse_values

    values = parse_values(flags["variables"])
    if cloud_of(phase) == "gcp" and "project" not in values:
        values |= _project_named()
    return Asked(
        deployment=deployment,
        phase=phase,
        purchase=flags["purchase"],
        regions=regions_named(flags["region"]),
        values=values,
    )


def _project_named() -> dict[str, Value]:
    """Return the project of environment or credentials, so that the way back needs neither."""
    from infra.errors import PreflightError
    from provision.clouds.gcp_session import GcpSession

    try:
        return {"project": GcpSession().project}
    except PreflightError:  # preflight and the stack say so in their own words
        return {}


def costing_of(flags: dict[str, Any]) -> Costing:
    """Return the costing of the options of `model_options`."""
    from provision.costing import Costing
    from provision.prices import load_prices

    return Costing(inputs=model_inputs(dict(flags)), book=load_prices())


def tools_of(flags: dict[str, Any]) -> Tools:
    """Return the Terraform of this machine, which says on stderr what it does.

    Args:
        flags: `terraform`, and `config`, whose settings say where the states are.

    Raises:
        ConfigError: The settings cannot be used.
        PreflightError: There is no Terraform.
    """
    from provision.fleet.planning import Tools
    from provision.terraform.binary import find_binary

    return Tools(
        binary=find_binary(flags["terraform"], os.environ),
        environ=os.environ,
        on_event=lambda _: None,
        say=notice,
        backend=settings_of(flags["config"]).state.place,
    )


def folder_of(name: str, home: Path | None, config: Path | None) -> DeploymentFolder:
    """Return the deployment called `name`, whether it is there or not."""
    from provision.state import DeploymentFolder

    return DeploymentFolder(home_of(home, config), name)


def apply_lines(summary: PlanSummary) -> Callable[[Event], object]:
    """Return what prints the progress of an apply on stderr."""
    from provision.terraform.progress import ApplyLines

    return ApplyLines(summary, lambda text: click.echo(text, err=True, nl=False), time.monotonic)


def confirmed(question: str, *, yes: bool) -> bool:
    """Return whether a person agrees to what costs or destroys.

    Args:
        question: Ends with a question mark.
        yes: Whether --yes was given.

    Raises:
        ConfigError: Nobody is there to ask.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise ConfigError(
            f"nobody is here to answer: {question[0].lower()}{question[1:]}",
            hint=f"Run `{typed()} --yes`.",
        )
    return click.confirm(question, err=True)


def typed() -> str:
    """Return the command line as a shell takes it."""
    return f"qinfra {shlex.join(sys.argv[1:])}"


def repeated(flags: Mapping[str, Any], *names: str) -> str:
    """Return options that were given, as a shell takes them; each after a space.

    Args:
        flags: Of a command.
        names: Which of them, as in `FOUND`; those that the command has not are left out.
    """
    words: list[str] = []
    for name in names:
        given, option = flags.get(name), f"--{_OPTIONS.get(name, name).replace('_', '-')}"
        if given is True:
            words.append(option)
        elif given:
            each_given = given if isinstance(given, tuple) else (given,)
            words += [word for each in each_given for word in (option, str(each))]
    return "".join(f" {shlex.quote(word)}" for word in words)
