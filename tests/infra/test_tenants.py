"""Tenants from settings to figures: what a customer's own nodes change, and what they leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.response import response_forecast
from infra.config import load_settings
from infra.cost.bill import bill
from infra.cost.estimate import estimate
from infra.cost.standing import standing
from infra.declaration import Phase, PhaseConfig
from infra.errors import ConfigError
from infra.phases import PhaseWishes, phase_config
from infra.preflight import vcpus_needed
from infra.resizing import Resize, resized
from infra.tenants import Tenant
from infra.units import HOURS_PER_MONTH
from provision.prices import load_prices

ACME = Tenant(name="acme", model="acme/m-1", dedicated=True, pipelines=2)
BANK = Tenant(name="big-bank", pipelines=3)
SHOP = Tenant(name="shop", title="Shop", domain="shop.example")
Written = Callable[[str], Path]


def config_of(*tenants: Tenant, phase: Phase = Phase.ENTERPRISE) -> PhaseConfig:
    return phase_config(phase, GUIDE_NETWORK, Assumptions(), PhaseWishes(tenants=tenants))


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(text: str) -> Path:
        path = tmp_path / "qinfra.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_tenants_are_read_from_settings(written: Written) -> None:
    text = (
        '[[tenants]]\nname = "acme"\nmodel = "acme/m-1"\ndedicated = true\npipelines = 2\n'
        '[[tenants]]\nname = "shop"\ntitle = "Shop"\ndomain = "shop.example"\n'
    )
    found = load_settings(written(text)).tenants
    assert tuple(each.tenant for each in found) == (ACME, SHOP)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nme = 'a'", "[tenants.1] key 'nme' is unknown; did you mean 'name'?"),
        ("name = 'Acme'", "tenants.1: tenant 'Acme': a name has at most 15 lower case"),
        ("name = 'a--b'", "tenants.1: tenant 'a--b': a name has"),
        ("name = 'abcdefghijklmnop'", "a name has at most 15"),
        ("name = 'a'\ndomain = 'https://a.example'", "domain 'https://a.example' is no name such"),
        ("name = 'a'\nmodel = '../b'", "model '../b' is neither a hub id nor a path"),
        ("name = 'a'\nmodel = 'b'", "a model of its own needs pipelines of its own"),
        ("name = 'a'\ndedicated = true", "dedicated hardware needs pipelines of its own"),
        ("name = 'a'\npipelines = -1", "tenant a: pipelines is -1: must be a number"),
        ("name = 'a'\npipelines = '2'", "tenants.1.pipelines: Input should be a valid integer"),
        ("name = 'a'\n[[tenants]]\nname = 'a'", "tenants: name 'a' stands twice"),
        (
            "name = 'a'\ndomain = 'x.example'\n[[tenants]]\nname = 'b'\ndomain = 'x.example'",
            "tenants: domain 'x.example' stands twice",
        ),
    ],
)
def test_a_wrong_tenant_is_refused(written: Written, text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(written(f"[[tenants]]\n{text}"))
    assert reason in str(raised.value)


@pytest.mark.parametrize("phase", [Phase.DEMO, Phase.MVP, Phase.PRODUCTION])
def test_only_the_enterprise_has_tenants(phase: Phase) -> None:
    with pytest.raises(ConfigError, match=f"phase {phase} has no tenants, and acme is one"):
        config_of(ACME, phase=phase)


def test_tenants_are_part_of_the_document_and_older_ones_still_read() -> None:
    config = config_of(ACME, SHOP)
    assert PhaseConfig.from_json(config.to_json()) == config
    plain = config_of()
    old = plain.to_json().replace('"tenants": [],', "").replace(',\n      "tenant": ""', "")
    assert "tenant" not in old
    assert PhaseConfig.from_json(old) == plain


def test_a_group_of_nobody_is_refused() -> None:
    config = config_of(ACME)
    with pytest.raises(ConfigError, match="tenant of the embedding nodes 'acme' is unknown"):
        replace(config, tenants=(BANK,))


def test_a_tenants_nodes_answer_nobody_elses_questions() -> None:
    plain, config = config_of(), config_of(ACME, BANK)
    assert config.counts.total == plain.counts.total + 2 * 2 + 2 * 3
    assert config.capacity_queries_per_hour == plain.capacity_queries_per_hour
    assert config.shared == plain
    forecasts = [response_forecast(each, Assumptions()) for each in (plain, config)]
    assert forecasts[0] == forecasts[1]


def test_a_resize_leaves_a_tenants_nodes_alone() -> None:
    config = config_of(ACME)
    changed = resized(config, [Resize(role="embedding", region="us-east-1", count=6)])
    counts = {group.name: group.count for group in changed.groups if group.region == "us-east-1"}
    assert (counts["embedding"], counts["embedding-acme"]) == (6, 1)
    alone = [Resize(role="transformer", region="us-east-1", count=4)]
    assert resized(config, alone).capacity_queries_per_hour == config.capacity_queries_per_hour


def test_a_tenants_machines_count_against_the_quota() -> None:
    plain, config = vcpus_needed(config_of()), vcpus_needed(config_of(ACME, BANK))
    more = {region: config[region] - plain[region] for region in plain}
    assert more == {"us-east-1": 16, "eu-west-1": 16, "ap-southeast-1": 8}


def test_the_bill_has_lines_for_machines_disks_and_hardware_of_ones_own() -> None:
    plain, lines = bill(config_of(), Assumptions()), bill(config_of(ACME, BANK), Assumptions())
    hours = Decimal(HOURS_PER_MONTH)
    more = {
        (line.region, line.item): (line.sku, line.quantity)
        for line in lines
        if line not in plain and line.category in ("compute", "disk")
    }
    here = {item: figures for (region, item), figures in more.items() if region == "us-east-1"}
    assert here == {
        f"{role} {what}": (sku, quantity)
        for role in ("embedding", "transformer")
        for what, sku, quantity in (
            ("nodes of acme, g4dn.xlarge", "ec2:g4dn.xlarge", hours),
            ("disks of acme", "ebs:gp3", Decimal(100)),
            (
                "nodes of acme, on dedicated hardware",
                "ec2:g4dn.xlarge:dedicated-surcharge",
                hours,
            ),
            ("nodes of big-bank, g4dn.xlarge", "ec2:g4dn.xlarge", hours),
            ("disks of big-bank", "ebs:gp3", Decimal(100)),
        )
    } | {"region with dedicated hardware": ("ec2:dedicated-region", hours)}
    regions = {region for region, item in more if item == "region with dedicated hardware"}
    assert regions == {"us-east-1", "eu-west-1"}  # where acme's two pipelines stand


def test_what_nobody_knows_the_price_of_is_unpriced() -> None:
    report = estimate(config_of(ACME), load_prices(), Assumptions())
    unknown = [line for line in report.lines if "dedicated" in line.sku]
    assert len(unknown) == 6
    assert all(line.monthly_usd is None for line in unknown)
    plain = estimate(config_of(), load_prices(), Assumptions())
    assert report.monthly_usd > plain.monthly_usd


def test_what_stands_counts_a_tenants_groups_by_their_own_size() -> None:
    config = config_of(BANK)
    report = estimate(config, load_prices(), Assumptions())
    made = {"us-east-1": ["aws_autoscaling_group.embedding", "aws_instance.embedding_big_bank_1"]}
    sizes = {group.name: group.count for group in config.groups if group.region == "us-east-1"}
    assert standing(config, report, made).machines == sizes["embedding"] + 1
