"""Machines on Google Cloud, with Google's own client against a simulated project."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from infra.errors import PreflightError, RemoteError
from infra.stacks.blocks import Block
from infra.stacks.gcp import gcp_stacks
from provision.clouds.cloud import Cloud, Found, Power
from provision.clouds.gcp_fleet import GcpFleet
from provision.clouds.gcp_session import GcpSession
from provision.machines import Machine
from tests.infra.stacks.gcp_demo import demo
from tests.simulated_gcp.compute import (
    PROJECT,
    UNAUTHENTICATED,
    UNAVAILABLE,
    SimulatedGcp,
    denied,
    refusal,
    simulated_gcp,
)
from tests.simulated_gcp.credentials import no_credentials, sign_in

US = "us-central1"
LABELS = {"managed_by": "qinfra", "qinfra_deployment": "demo"}


@pytest.fixture
def gcp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedGcp]:
    no_credentials(tmp_path, monkeypatch)
    with simulated_gcp() as project:
        sign_in(project, tmp_path, monkeypatch)
        yield project


@pytest.fixture
def fleet(gcp: SimulatedGcp) -> Cloud:
    session = GcpSession(read_seconds=2)
    return GcpFleet(session=session, acceptance_seconds=2, pause_seconds=0.01)


def machine(name: str = "embedding-1", zone: str = "us-central1-b") -> Machine:
    return Machine(
        name=name,
        role=name.partition("-")[0],
        region=US,
        id=f"projects/{PROJECT}/zones/{zone}/instances/{name}",
        private_ip="10.10.0.2",
    )


def public(key: Any) -> tuple[str, str]:
    openssh = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    kind, _, text = key.public_key().public_bytes(*openssh).decode().partition(" ")
    return kind, text


ED25519 = public(ed25519.Ed25519PrivateKey.generate())
ECDSA = public(ec.generate_private_key(ec.SECP256R1()))
RSA = public(rsa.generate_private_key(public_exponent=65_537, key_size=2_048))
BODY = base64.b64decode(ED25519[1])


def test_host_keys_are_those_of_the_guest_agent_and_none_before(
    gcp: SimulatedGcp, fleet: Cloud
) -> None:
    gcp.instance("embedding-1", labels=LABELS)
    assert fleet.host_keys(machine()) == ()
    gcp.host_keys["embedding-1"] = dict((RSA, ECDSA, ED25519))
    assert fleet.host_keys(machine()) == tuple(" ".join(each) for each in (ED25519, ECDSA, RSA))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("ssh-rsa", ED25519[1]),
        ("ssh-ed25519", ECDSA[1]),
        ("ssh-ed25519", ""),
        ("ssh-ed25519", f"{ED25519[1]} a-comment"),
        ("ssh-ed25519", f"{ED25519[1]}\nssh-ed25519 {ED25519[1]}"),
        ("ssh-ed25519", ED25519[1][:-8]),
        ("ssh-ed25519", base64.b64encode(BODY + b"x").decode()),
        ("ssh-dss", ED25519[1]),
        ("ssh-ed25519,ssh-rsa", ED25519[1]),
    ],
)
def test_what_is_no_key_of_its_type_is_left_out(
    gcp: SimulatedGcp, fleet: Cloud, kind: str, value: str
) -> None:
    gcp.instance("embedding-1")
    gcp.host_keys["embedding-1"] = {kind: value, ECDSA[0]: ECDSA[1]}
    assert fleet.host_keys(machine()) == (" ".join(ECDSA),)


def test_a_machine_that_is_not_there_has_no_keys_to_wait_for(fleet: Cloud) -> None:
    with pytest.raises(RemoteError, match="embedding-1' was not found"):
        fleet.host_keys(machine())


@pytest.mark.parametrize(
    ("status", "power"),
    [("RUNNING", "running"), ("STAGING", "starting"), ("PROVISIONING", "starting"),
     ("STOPPING", "stopping"), ("TERMINATED", "stopped"), ("SUSPENDED", "stopped")],
)  # fmt: skip
def test_power_is_what_google_says(
    gcp: SimulatedGcp, fleet: Cloud, status: str, power: str
) -> None:
    gcp.instance("embedding-1", status=status)
    gone = machine("transformer-1")
    assert fleet.power([machine(), gone]) == {machine().id: power, gone.id: "gone"}


def test_a_word_that_nobody_knows_is_no_power(gcp: SimulatedGcp, fleet: Cloud) -> None:
    gcp.instance("embedding-1", status="DREAMING")
    with pytest.raises(RemoteError, match="makes no sense: 'DREAMING'"):
        fleet.power([machine()])


def test_stopped_machines_start_suspended_ones_wake_and_running_ones_are_left_alone(
    gcp: SimulatedGcp, fleet: Cloud
) -> None:
    machines = [machine(name) for name in ("embedding-1", "transformer-1", "orchestrator-1")]
    for each, status in zip(machines, ("TERMINATED", "SUSPENDED", "RUNNING"), strict=True):
        gcp.instance(each.name, status=status)
    fleet.start(machines)
    assert changes(gcp) == ["embedding-1/start", "transformer-1/resume"]
    assert set(fleet.power(machines).values()) == {Power.RUNNING}
    fleet.start(machines)
    assert len(changes(gcp)) == 2


def test_running_machines_stop_and_the_others_are_left_alone(
    gcp: SimulatedGcp, fleet: Cloud
) -> None:
    gcp.instance("embedding-1")
    gcp.instance("transformer-1", status="TERMINATED")
    machines = [machine(), machine("transformer-1"), machine("worker-1")]
    fleet.stop(machines)
    assert changes(gcp) == ["embedding-1/stop"]
    assert fleet.power(machines)[machine().id] is Power.STOPPED


def test_a_long_operation_is_accepted_without_waiting_for_its_end(gcp: SimulatedGcp) -> None:
    gcp.steps = 1_000_000
    gcp.instance("embedding-1", status="TERMINATED")
    hasty = GcpFleet(session=GcpSession(), acceptance_seconds=0.1, pause_seconds=0.01)
    hasty.start([machine()])
    assert hasty.power([machine()]) == {machine().id: Power.STARTING}


def test_an_operation_that_fails_says_so_in_googles_words_and_the_others_go_on(
    gcp: SimulatedGcp, fleet: Cloud
) -> None:
    for name in ("embedding-1", "transformer-1"):
        gcp.instance(name, status="TERMINATED")
    words = "Quota 'CPUS' exceeded.  Limit: 24.0 in region us-central1."
    gcp.broken["embedding-1"] = "QUOTA_EXCEEDED", words
    with pytest.raises(RemoteError) as raised:
        fleet.start([machine(), machine("transformer-1"), machine("worker-1")])
    assert "start embedding-1: QUOTA_EXCEEDED: Quota 'CPUS' exceeded. Limit" in str(raised.value)
    assert "worker-1: compute.instances.start: The resource" in str(raised.value)
    assert "transformer-1" not in str(raised.value)
    assert fleet.power([machine("transformer-1")])[machine("transformer-1").id] is Power.RUNNING


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (denied("compute.instances.start"), RemoteError, "no permission for compute.instances.st"),
        (UNAUTHENTICATED, PreflightError, "invalid authentication"),
        (refusal(403, "Quota 'CPUS' exceeded.", "quotaExceeded"), RemoteError, "Quota 'CPUS' exc"),
        (refusal(429, "slow down", "rateLimitExceeded"), RemoteError, "asked too often"),
    ],
)
def test_a_call_that_is_refused_is_said_in_words(
    gcp: SimulatedGcp, fleet: Cloud, answer: Any, error: type[Exception], words: str
) -> None:
    gcp.instance("embedding-1", status="TERMINATED")
    gcp.failing["/start$"] = answer
    with pytest.raises(error, match=words):
        fleet.start([machine()])


@pytest.mark.parametrize("words", ["no answer in time", "currently unavailable"])
def test_a_change_that_is_not_answered_is_not_made_again(
    gcp: SimulatedGcp, fleet: Cloud, words: str
) -> None:
    gcp.instance("embedding-1", status="TERMINATED")
    if "time" in words:
        gcp.slow_seconds["/start$"] = 4
    else:
        gcp.failing["/start$"] = UNAVAILABLE
    with pytest.raises(RemoteError, match=words):
        fleet.start([machine()])
    assert changes(gcp) == ["embedding-1/start"]


def test_an_id_of_another_kind_asks_nobody(gcp: SimulatedGcp, fleet: Cloud) -> None:
    number = Machine(name="a", role="worker", region=US, id="42", private_ip="")
    with pytest.raises(RemoteError, match="'42' is no id of Compute Engine"):
        fleet.power([number])
    assert gcp.requests == []


@pytest.mark.parametrize("filters", [True, False])
def test_all_that_the_stack_makes_is_found_and_nothing_else(
    gcp: SimulatedGcp, fleet: Cloud, filters: bool
) -> None:
    """The simulated project is filled from the stack's own blocks: what finds them is theirs."""
    gcp.page_size, gcp.filters = 3, filters
    (stack,) = gcp_stacks(demo())
    for deployment in ("demo", "second"):
        for block in stack.blocks:
            deployed(gcp, block, deployment)
    gcp.instance("a-stranger", labels={"managed_by": "terraform"})
    gcp.add("global", "networks", "acme-demo-us-central1", description="of acme")
    found = fleet.tagged([US])
    mine = [each for each in found if each.deployment == "demo"]
    assert len(mine) * 2 == len(found)
    kinds = sorted({each.kind for each in mine})
    words = ("address", "disk", "firewall", "instance", "network", "router", "subnetwork")
    assert kinds == [f"compute:{word}" for word in words]
    instances = stack.of_kind("google_compute_instance")
    blocks = [each for each in stack.blocks if each.kind != "google_compute_router_nat"]
    assert len(mine) == len(blocks) + len(instances)  # with a disk each
    network = f"projects/{PROJECT}/global/networks/demo-demo-{US}"
    assert Found(kind="compute:network", id=network, region="", deployment="demo") in mine
    place = f"projects/{PROJECT}/zones/{US}-b"
    node = f"{place}/instances/demo-demo-{US}-embedding-1"
    assert Found(kind="compute:instance", id=node, region=US, deployment="demo") in mine
    assert fleet.tagged(["europe-west1"]) == ()


def test_what_may_not_be_listed_is_not_nothing(gcp: SimulatedGcp, fleet: Cloud) -> None:
    gcp.failing["/aggregated/routers"] = denied("compute.routers.list")
    with pytest.raises(RemoteError, match="no permission for compute"):
        fleet.tagged([US])


def test_no_machine_comes_from_a_group(gcp: SimulatedGcp, fleet: Cloud) -> None:
    assert fleet.members({"worker": "a-group"}, US) == ()


def changes(gcp: SimulatedGcp) -> list[str]:
    posts = [path for method, path in gcp.requests if method == "POST" and path != "/token"]
    return [path.partition("/instances/")[2] for path in posts]


def deployed(gcp: SimulatedGcp, block: Block, deployment: str) -> None:
    """Put there what Terraform would make of a block, so far as it is found by it."""

    def said(text: Any) -> str:
        return str(text).replace("${var.deployment}", deployment).replace("${var.zone}", f"{US}-b")

    given = block.arguments
    name = said(given["name"])
    labels = {key: said(value) for key, value in given.get("labels", {}).items()}
    if block.kind == "google_compute_instance":
        gcp.instance(name, said(given["zone"]), labels=labels)
    elif block.kind == "google_compute_address":
        gcp.add(f"regions/{US}", "addresses", name, labels=labels, status="IN_USE")
    elif block.kind != "google_compute_router_nat":
        kind = block.kind.removeprefix("google_compute_")
        scope = f"regions/{US}" if "region" in given else "global"
        gcp.add(scope, f"{kind}s", name, description=said(given["description"]))
