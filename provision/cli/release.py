"""`qinfra release`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from infra.errors import ConfigError
from infra.roles import NodeRole
from provision.cli.options import json_option, notice, print_json

if TYPE_CHECKING:
    from provision.rollout.release import ModelReference, Release

_FOLDER = click.Path(path_type=Path, file_okay=False)
_SOURCE = Path(__file__).parents[2]


@click.group("release")
def command() -> None:
    """What nodes are given: build it once, or show one and check it."""


@command.command("build")
@click.option("--out", type=_FOLDER, required=True, help="Folder to write; a release is replaced.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([str(role) for role in NodeRole]),
    help="Role it is for; may be repeated. All when not given.",
)
@click.option(
    "--without-wheelhouse",
    is_flag=True,
    help="Leave the wheels out, for nodes with an index of their own.",
)
@click.option("--model", metavar="ID@REVISION", help="Checkpoint that its nodes serve.")
@click.option("--source", type=_FOLDER, default=_SOURCE, help="qinfra's clone; this one.")
@click.option(
    "--constraints",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Versions to keep to; the source's constraints.txt when there is one.",
)
@json_option
def build_command(  # noqa: PLR0913 - one for each flag
    *,
    out: Path,
    roles: tuple[str, ...],
    without_wheelhouse: bool,
    model: str | None,
    source: Path,
    constraints: Path | None,
    as_json: bool,
) -> None:
    """Build a release: equal sources and versions give equal bytes."""
    from provision.rollout.building import ROLES, Wanted, build

    usual = source / "constraints.txt"
    wanted = Wanted(
        source=source,
        roles=tuple(sorted(set(roles or ROLES))),
        wheelhouse=not without_wheelhouse,
        constraints=constraints or (usual if usual.is_file() else None),
        model=_model(model),
    )
    _show(build(wanted, out, notice), as_json=as_json)


@command.command("show")
@click.argument("folder", type=_FOLDER)
@json_option
def show_command(*, folder: Path, as_json: bool) -> None:
    """The release in FOLDER, after every file was compared with its digest."""
    from provision.rollout.building import read

    _show(read(folder), as_json=as_json)


def _show(release: Release, *, as_json: bool) -> None:
    from provision.report.release import release_document, render_release

    if as_json:
        print_json(release_document(release))
    else:
        click.echo(render_release(release))


def _model(text: str | None) -> ModelReference | None:
    from provision.rollout.release import ModelReference

    if text is None:
        return None
    name, _, revision = text.rpartition("@")
    if not name or not revision:
        raise ConfigError(f"--model '{text}' has no revision", hint="Give it as ID@REVISION.")
    return ModelReference(id=name, revision=revision)
