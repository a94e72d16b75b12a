"""`qinfra-agent`: run one node, or look at a checkpoint."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from node_agent.errors import AgentError
from node_agent.version import agent_version


class _Boundary(click.Group):
    """Turn an AgentError into one line, a hint and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except AgentError as error:
            click.echo(f"Error: {error}", err=True)
            if error.hint:
                click.echo(f"Hint: {error.hint}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Boundary)
@click.version_option(agent_version(), prog_name="qinfra-agent")
def main() -> None:
    """Serve a part of a language model, or schedule those who do."""


@main.command()
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    required=True,
    help="The node's agent.toml.",
)
def run(config_path: Path) -> None:
    """Run this node until SIGTERM; then drain and end."""
    from node_agent import config, tls
    from node_agent.telemetry import logs

    loaded = config.load(config_path)
    logs.configure(loaded.node.name)
    tls.prepare()
    if loaded.node.role is config.Role.ORCHESTRATOR:
        from node_agent.orchestrator.serve import run as serve
    else:
        from node_agent.shard.serve import run as serve
    serve(loaded)


@main.command()
@click.argument("model", default="demo")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def inspect(model: str, *, as_json: bool) -> None:
    """Check MODEL (a folder, a hub id, or `demo`) without loading it."""
    from node_agent.shard.checkpoint import inspect_checkpoint, locate

    facts = inspect_checkpoint(locate(model)).facts(model)
    if as_json:
        json.dump(facts, sys.stdout, ensure_ascii=False)
        click.echo()
        return
    for key, value in facts.items():
        click.echo(f"{key:22} {value}")


if __name__ == "__main__":
    main()
