"""`qinfra backend`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from infra.errors import ConfigError
from provision.cli.options import json_option, notice, print_json
from provision.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.backend import Backend
    from provision.clouds.bucket import Bucket, Survey

    Command = TypeVar("Command", bound="Callable[..., object]")


def _bucket_options(command: Command) -> Command:
    for option in (
        click.option("--project", help="Of Google, in which a bucket is made."),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            envvar="QINFRA_CONFIG",
            help="Settings file; ./qinfra.toml when there is one.",
        ),
    ):
        command = option(command)
    return command


@click.group("backend")
def command() -> None:
    """Where Terraform's states are: show it, or make the bucket for them."""


@command.command("show")
@_bucket_options
@json_option
def show(*, config: Path | None, project: str | None, as_json: bool) -> None:
    """Where the states are, and what their bucket lacks; changes nothing."""
    from provision.clouds.bucket import survey
    from provision.report.backend import backend_document, render_backend

    backend = settings_of(config).state.place
    bucket = _bucket(backend, project)
    found = survey(bucket) if bucket else None
    if as_json:
        print_json(backend_document(backend, found))
    else:
        click.echo(render_backend(backend, found))
    if found and not found.is_complete:
        notice("Next: qinfra backend bootstrap")


@command.command("bootstrap")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@_bucket_options
@json_option
def bootstrap(*, yes: bool, config: Path | None, project: str | None, as_json: bool) -> None:
    """Make the bucket of the settings, or set what it lacks; safe to repeat.

    What else is set on a bucket that is there already stays as it is.
    """
    from provision.clouds import bucket as buckets
    from provision.report.backend import backend_document

    backend = settings_of(config).state.place
    bucket = _bucket(backend, project)
    if bucket is None:
        raise ConfigError(
            "the states are kept on this machine, so there is no bucket to make",
            hint='Set backend = "s3" or "gcs" and a bucket in [state] of qinfra.toml.',
        )
    found = buckets.survey(bucket)
    steps = _steps(bucket, found)
    if steps and not yes and not _confirmed(bucket, steps):
        notice("Nothing was made.")
        return
    if steps:
        buckets.bootstrap(bucket, found, notice)
    if as_json:
        print_json(backend_document(backend, buckets.survey(bucket), made=steps))
    else:
        click.echo(f"{bucket.url}: {'in order' if steps else 'nothing to do'}")


def _bucket(backend: Backend, project: str | None) -> Bucket | None:
    from infra.backend import GcsBackend, S3Backend

    if isinstance(backend, S3Backend):
        from provision.clouds.s3_bucket import S3Bucket

        return S3Bucket.of(backend)
    if isinstance(backend, GcsBackend):
        from provision.clouds.gcs_bucket import GcsBucket

        return GcsBucket.of(backend, project)
    return None


def _steps(bucket: Bucket, found: Survey) -> tuple[str, ...]:
    made = () if found.exists else (f"bucket {bucket.url}",)
    return (*made, *found.missing)


def _confirmed(bucket: Bucket, steps: tuple[str, ...]) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError(
            f"{bucket.url}: {len(steps)} things are to be made, but nobody is here to confirm it",
            hint="Run `qinfra backend bootstrap --yes`.",
        )
    for step in steps:
        notice(f"  make  {step}")
    return click.confirm("Make all of it?", err=True)
