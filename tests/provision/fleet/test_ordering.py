from __future__ import annotations

import subprocess
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from infra.declaration import Phase
from infra.errors import ConfigError
from infra.resizing import Resize
from infra.tenants import Tenant
from provision.costing import Costing
from provision.fleet.order import Order, bill_of, catalogue_of, notes_of, quota_effects
from provision.fleet.ordering import Asked, order_of, order_on_record, order_scaled
from provision.fleet.power import saving_of
from provision.fleet.record import FleetRecord, load_fleet, save_fleet
from provision.inputs import InputFlags, read_inputs
from provision.machines import Machine, machines_of
from provision.prices import load_prices
from provision.state import DeploymentFolder
from provision.targets.target import chosen_target

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtHd1BYyq8VvCtwcFJ6xFAjGuP0gxyjhCgZKo7VzIGY"
MORE = Resize(role="transformer", region="us-east-1", count=5)


@pytest.fixture(scope="module")
def costing() -> Costing:
    inputs = read_inputs(InputFlags(config=None, assume=(), as_guide=False))
    return Costing(inputs=inputs, book=load_prices())


def asked(phase: Phase = Phase.MVP, **given: object) -> Asked:
    return Asked(deployment="mine", phase=phase, **given)  # type: ignore[arg-type]


def recorded(order: Order) -> FleetRecord:
    return FleetRecord(
        deployment="mine",
        status="made",
        config=order.config,
        applied=order.config,
        resizes=order.resizes,
        values=order.values,
        machines=(
            Machine(
                name="transformer-1", role="transformer", region="us-east-1", id="i-1",
                private_ip="10.16.0.5", public_ip="203.0.113.9",
            ),
            Machine(
                name="embedding-1", role="embedding", region="us-east-1", id="i-2",
                private_ip="10.16.0.6",
            ),
        ),
        host_keys={"i-1": (KEY,)},
        created_at="2026-11-24T00:00:00+00:00",
    )  # fmt: skip


def test_what_is_not_said_stays_as_it_is_on_record(costing: Costing) -> None:
    first = order_of(
        asked(purchase="spot", values={"ami_id": "ami-1", "budget_usd": 5}, resizes=(MORE,)),
        costing,
        None,
    )
    again = order_of(asked(), costing, recorded(first))
    assert (again.config, again.values, again.resizes) == (
        first.config, first.values, first.resizes,
    )  # fmt: skip
    assert order_on_record(recorded(first), costing).config == first.config
    changed = order_of(asked(values={"budget_usd": 6}), costing, recorded(first))
    assert changed.values == {"ami_id": "ami-1", "budget_usd": 6}


def test_tenants_stay_until_settings_say_otherwise(costing: Costing) -> None:
    acme = Tenant(name="acme", domain="llm.acme.example", pipelines=1)
    said, unsaid = (
        replace(costing, inputs=replace(costing.inputs, tenants=tenants))
        for tenants in ((acme,), None)
    )
    zones = {"zone_id": "Z1", "zone_id_acme": "Z2"}
    record = recorded(order_of(asked(Phase.ENTERPRISE, values=zones), said, None))
    assert record.config.tenants == (acme,)
    again = order_of(asked(Phase.ENTERPRISE), unsaid, record)
    assert (again.config, again.values) == (record.config, zones)
    none = replace(costing, inputs=replace(costing.inputs, tenants=()))
    without = order_of(asked(Phase.ENTERPRISE), none, record)
    assert (without.config, without.values) == (record.config.shared, {"zone_id": "Z1"})


def test_a_resize_replaces_an_earlier_one_and_is_taken_back(costing: Costing) -> None:
    record = recorded(order_of(asked(resizes=(MORE,)), costing, None))
    fewer = replace(MORE, count=3)
    assert order_of(asked(resizes=(fewer,)), costing, record).resizes == (fewer,)
    back = order_of(asked(unsized=(("transformer", "us-east-1"),)), costing, record)
    assert back.config == order_of(asked(), costing, None).config


def test_a_scale_asks_the_model_of_no_other_role(costing: Costing) -> None:
    grown = order_of(asked(resizes=(replace(MORE, role="embedding", count=9),)), costing, None)
    record = recorded(grown)
    order = order_scaled(asked(resizes=(MORE,)), costing, replace(record, resizes=()))
    assert order.config.counts.by_role() | {"transformer": 0} == (
        grown.config.counts.by_role() | {"transformer": 0}
    )
    assert order.config.counts.transformer == 5
    back = order_scaled(asked(unsized=(("embedding", "us-east-1"),)), costing, record)
    assert back.config == order_of(asked(), costing, None).config
    assert back.resizes == ()


def test_an_order_says_what_it_adds(costing: Costing) -> None:
    record = recorded(order_of(asked(), costing, None))
    order = order_of(asked(resizes=(MORE,)), costing, record)
    bill = bill_of(order)
    assert bill.before_usd is not None
    assert bill.monthly_usd > bill.before_usd
    (effect,) = quota_effects(order)
    assert (effect.quota, effect.need - effect.before) == ("L-DB2E81BA", 3 * 4)
    assert any("5 nodes" in note for note in notes_of(order))
    assert catalogue_of(order) != catalogue_of(order_on_record(record, costing))
    opened = order_of(asked(values={"operator_cidr": "203.0.113.7/32"}), costing, record)
    assert catalogue_of(opened) != catalogue_of(order_on_record(record, costing))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"phase": Phase.PRODUCTION}, "deployment mine is phase mvp"),
        ({"regions": ("eu-west-1",)}, "stands in us-east-1 as well"),
        ({"purchase": "sopt"}, "spot"),
    ],
)
def test_what_would_lose_machines_is_refused(
    costing: Costing, given: dict[str, object], message: str
) -> None:
    record = recorded(order_of(asked(), costing, None))
    with pytest.raises(ConfigError, match=message):
        order_of(asked(**given), costing, record)


def test_a_name_that_no_cloud_takes_is_refused_early(costing: Costing) -> None:
    with pytest.raises(ConfigError, match="room for 24"):
        order_of(Asked(deployment="a" * 25, phase=Phase.MVP), costing, None)


def test_a_record_is_read_back(costing: Costing, tmp_path: Path) -> None:
    folder = DeploymentFolder(tmp_path, "mine")
    folder.create()
    assert load_fleet(folder) is None
    record = recorded(order_of(asked(resizes=(MORE,), values={"a": True}), costing, None))
    save_fleet(folder, record)
    assert load_fleet(folder) == record
    assert [each.name for each in record.unpinned] == ["embedding-1"]
    folder.fleet_file.write_text(folder.fleet_file.read_text()[:-40])
    with pytest.raises(ConfigError, match=r"fleet\.json"):
        load_fleet(folder)


def test_ssh_finds_a_host_key_under_name_and_address(costing: Costing, tmp_path: Path) -> None:
    folder = DeploymentFolder(tmp_path, "mine")
    folder.create()
    save_fleet(folder, recorded(order_of(asked(), costing, None)))
    for name in ("transformer-1", "203.0.113.9", "10.16.0.5"):
        done = subprocess.run(
            ["ssh-keygen", "-F", name, "-f", str(folder.known_hosts_file)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert KEY in done.stdout
    missing = ["ssh-keygen", "-F", "10.16.0.6", "-f", str(folder.known_hosts_file)]
    assert subprocess.run(missing, capture_output=True).returncode == 1


def test_stopping_saves_what_runs_by_the_hour(costing: Costing) -> None:
    report = costing.report("mvp", "on-demand")
    saving = saving_of(report)
    machines = sum(line.quantity for line in report.lines if line.category == "compute") / 730
    assert saving.hourly_usd == pytest.approx(machines * Decimal("0.526"))
    assert saving.nights_usd == pytest.approx(saving.hourly_usd * 730 * Decimal(108) / 168)
    assert saving.hourly_usd + saving.goes_on_usd == pytest.approx(report.monthly_usd / 730)
    reserved = saving_of(costing.report("mvp", "reserved-1y-no"))
    assert (reserved.reserved, reserved.hourly_usd, reserved.nights_usd) == (True, 0, 0)


@pytest.mark.parametrize(
    ("target", "stands_on", "machines", "chosen"),
    [
        (None, None, False, "local"),
        (None, None, True, "aws"),
        (None, "aws", False, "aws"),
        (None, "local", False, "local"),
        ("aws", None, False, "aws"),
        ("local", "local", False, "local"),
    ],
)
def test_a_deployment_stays_where_it_stands(
    target: str | None, stands_on: str | None, machines: bool, chosen: str
) -> None:
    assert chosen_target(target, "aws", stands_on=stands_on, machines=machines) == chosen


@pytest.mark.parametrize(
    ("target", "stands_on", "message"),
    [
        ("hosts", None, "not in this version"),
        ("awz", None, "did you mean 'aws'"),
        ("gcp", None, "runs on aws"),
        ("local", "aws", "stands on aws"),
        ("aws", "local", "stands on local"),
    ],
)
def test_a_wrong_target_is_refused(target: str, stands_on: str | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        chosen_target(target, "aws", stands_on=stands_on, machines=False)


def test_a_machine_tells_whose_own_it_is() -> None:
    facts = {"role": "embedding", "private_ip": "10.16.0.7", "public_ip": "", "instance_id": "i-3"}
    outputs = {
        "region": "us-east-1",
        "nodes": {"embedding-1": facts, "embedding-acme-1": {**facts, "tenant": "acme"}},
    }
    assert [machine.tenant for machine in machines_of(outputs)] == ["", "acme"]
