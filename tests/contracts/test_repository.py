"""The repository keeps its promises: names, imports, generated text."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import modules_after
from tests.contracts.conftest import QINFRA

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("package", ["infra", "provision", "node_agent", "templates"])
def test_each_package_is_the_one_of_this_repository(package):
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert Path(spec.origin).parent.parent == REPOSITORY


def test_the_readme_shows_the_help_as_it_is():
    shown = subprocess.run([str(QINFRA), "--help"], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() in (REPOSITORY / "README.md").read_text()


def test_links_of_the_documents_lead_somewhere():
    for document in [REPOSITORY / "README.md", *REPOSITORY.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name}: {target}"


@pytest.mark.parametrize("command", ["--help", "version", "deploy --help", "status"])
def test_light_commands_import_nothing_heavy(command, tmp_path):
    heavy = {"torch", "transformers", "grpc", "cryptography", "httpx", "fastapi"}
    assert not heavy & modules_after("provision.cli", command.split(), cwd=tmp_path)


def test_the_context_the_fleet_gives_is_the_one_the_model_was_trained_on():
    from infra.capacity.network import GUIDE_NETWORK
    from node_agent.demo.corpus import Figures, context_text
    from provision.configuration import network_context

    network = GUIDE_NETWORK
    figures = Figures(
        epoch=network.epoch,
        tick=network.tick,
        ticks_in_epoch=network.ticks_in_epoch,
        empty_ticks=network.empty_ticks_in_epoch,
        active_addresses=network.active_addresses,
        price_usd=float(network.price_usd),
        market_cap_usd=float(network.market_cap_usd),
        burned_qu=network.burned_qu,
        circulating_supply_qu=network.circulating_supply_qu,
    )
    assert network_context(network) == context_text(figures)
