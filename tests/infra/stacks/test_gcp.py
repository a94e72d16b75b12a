from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.cost.bill import bill
from infra.declaration import Phase
from infra.errors import ConfigError, QinfraError
from infra.machines import REGIONS
from infra.phases import phase_config
from infra.purchase import Purchase
from infra.stacks.blocks import Block, Stack, resource
from infra.stacks.gcp import gcp_stacks
from infra.stacks.names import LONGEST_DEPLOYMENT
from infra.units import HOURS_PER_MONTH
from tests.infra.stacks.gcp_demo import demo, stack, with_more


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield str(name)
            yield from texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts(each)
    else:
        yield str(value)


def test_the_demo_is_three_machines_of_which_one_has_an_address() -> None:
    nodes = stack().of_kind("google_compute_instance")
    assert [node.name for node in nodes] == ["orchestrator_1", "embedding_1", "transformer_1"]
    assert {node.arguments["machine_type"] for node in nodes} == {"n1-standard-4"}
    public = [
        node.name for node in nodes if node.arguments["network_interface"][0]["access_config"]
    ]
    assert public == ["orchestrator_1"]
    (address,) = stack().of_kind("google_compute_address")
    assert address.name == "orchestrator_1"


def test_a_disk_is_what_the_group_says() -> None:
    for node in stack().of_kind("google_compute_instance"):
        disk = node.arguments["boot_disk"]["initialize_params"]
        assert (disk["size"], disk["type"], disk["image"]) == (50, "pd-ssd", "${var.image}")


def test_another_transformer_changes_no_other_block() -> None:
    before = {block.address: block for block in stack().blocks}
    after = {block.address: block for block in stack(with_more(demo(), "transformer", 2)).blocks}
    assert after.keys() - before.keys() == {"google_compute_instance.transformer_2"}
    assert {name: after[name] for name in before} == before


def test_every_node_is_put_out_under_the_name_of_its_certificate() -> None:
    outputs = {output.name: output.value for output in stack().outputs}
    assert outputs["region"] == "us-central1"
    assert outputs["nodes"]["orchestrator-1"] == {
        "role": "orchestrator",
        "private_ip": "${google_compute_instance.orchestrator_1.network_interface[0].network_ip}",
        "public_ip": "${google_compute_address.orchestrator_1.address}",
        "instance_id": "${google_compute_instance.orchestrator_1.id}",
    }
    assert outputs["nodes"]["embedding-1"]["public_ip"] == ""
    assert all(re.fullmatch(r"[a-z][a-z0-9-]{0,62}", name) for name in outputs["nodes"])


def test_nodes_are_hardened() -> None:
    for node in stack().of_kind("google_compute_instance"):
        given = node.arguments
        assert given["metadata"] == {
            "block-project-ssh-keys": "TRUE",
            "enable-guest-attributes": "TRUE",
            "enable-oslogin": "TRUE",
            "serial-port-enable": "FALSE",
        }
        assert set(given["shielded_instance_config"].values()) == {True}
        assert "service_account" not in given
        assert given["deletion_protection"] == "${var.deletion_protection}"


def test_no_secret_is_in_a_stack() -> None:
    whole = [*stack().blocks, *stack().outputs, *stack().variables]
    said = [
        text
        for each in whole
        for text in texts(getattr(each, "arguments", None) or getattr(each, "value", ""))
    ]
    suspicious = re.compile(r"password|secret|token|api.?key|private.?key|BEGIN|credential", re.I)
    assert [text for text in said if suspicious.search(text)] == []
    # No long run of letters and digits that only a key would have.
    assert [text for text in said if re.search(r"[A-Za-z0-9+/]{40,}", text)] == []


def test_labels_are_what_the_cloud_takes() -> None:
    labelled = [block for block in stack().blocks if "labels" in block.arguments]
    assert len(labelled) == 4
    for block in labelled:
        labels = block.arguments["labels"]
        assert labels["qinfra_deployment"] == "${var.deployment}"
        assert (labels["qinfra_phase"], labels["managed_by"]) == ("demo", "qinfra")
        for name, value in labels.items():
            assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name)
            assert value.startswith("${") or re.fullmatch(r"[a-z0-9_-]{0,63}", value)


@pytest.mark.parametrize("region", [name for name, cloud in REGIONS.items() if cloud == "gcp"])
def test_names_are_unique_and_short_enough_for_the_longest_deployment(region: str) -> None:
    config = with_more(demo(regions=(region,)), "transformer", 100)
    names: dict[str, list[str]] = {}
    for block in stack(config).blocks:
        said = block.arguments["name"].replace("${var.deployment}", "d" * LONGEST_DEPLOYMENT)
        assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", said), said
        names.setdefault(block.kind, []).append(said)
    assert all(len(set(each)) == len(each) for each in names.values())


def test_every_variable_has_a_default_and_a_reason() -> None:
    for variable in stack().variables:
        assert variable.default is not None
        assert variable.description
        assert bool(variable.condition) == bool(variable.problem)
    (project,) = [each for each in stack().variables if each.name == "project"]
    assert project.default == ""
    assert "TF_VAR_project" in project.problem


def test_two_regions_are_two_stacks_that_share_no_name() -> None:
    config = demo(regions=("us-central1", "europe-west1"))
    first, second = gcp_stacks(config)
    assert (first.name, second.name) == ("demo-us-central1", "demo-europe-west1")

    def names(of: Stack) -> set[str]:
        return {block.arguments["name"] for block in of.blocks}

    assert not names(first) & names(second)


def test_spot_is_bought_as_such_and_committed_use_is_not_the_machines_affair() -> None:
    def models(purchase: Purchase) -> set[str]:
        nodes = stack(demo(purchase=purchase)).of_kind("google_compute_instance")
        return {node.arguments["scheduling"]["provisioning_model"] for node in nodes}

    assert models(Purchase.SPOT) == {"SPOT"}
    assert models(Purchase.ON_DEMAND) == models(Purchase.RESERVED_1Y_NO) == {"STANDARD"}


def test_another_clouds_phase_is_refused() -> None:
    config = phase_config(Phase.MVP, GUIDE_NETWORK, Assumptions())
    with pytest.raises(ConfigError, match="mvp runs on aws, not on gcp"):
        gcp_stacks(config)


FREE = {
    "google_compute_network",
    "google_compute_subnetwork",
    "google_compute_firewall",
    "google_compute_router",  # its NAT is paid for
}


def test_all_that_costs_is_on_the_bill() -> None:
    paid = {usage.sku: usage.quantity for usage in bill(demo(), Assumptions())}
    count = {
        block.kind: len(stack().of_kind(block.kind))
        for block in stack().blocks
        if block.kind not in FREE
    }
    assert count.keys() == {
        "google_compute_instance", "google_compute_address", "google_compute_router_nat"
    }  # fmt: skip
    machines = [usage for usage in bill(demo(), Assumptions()) if usage.category == "compute"]
    assert sum(usage.instances for usage in machines) == count["google_compute_instance"]
    addresses = count["google_compute_address"] + count["google_compute_router_nat"]
    assert paid["address:external-ipv4:in-use"] == addresses * HOURS_PER_MONTH
    assert paid["nat:vm-hour"] == 2 * HOURS_PER_MONTH


def instance(**changes: Any) -> Block:
    (node, *_) = stack().of_kind("google_compute_instance")
    return resource("google_compute_instance", "it", **{**node.arguments, **changes})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"machine_typ": "x"}, "google_compute_instance.it: no argument 'machine_typ'"),
        ({"machine_type": None}, "'machine_type' is missing"),
        ({"deletion_protection": "no"}, "deletion_protection is 'no', not a bool"),
        ({"metadata": {"a": 1}}, "metadata.a is 1, not a string"),
        ({"boot_disk": {"initialize_params": {"sizes": 1}}}, "no argument 'sizes'"),
        ({"boot_disk": {"initialize_params": {"size": "50"}}}, "size is '50', not a number"),
        ({"network_interface": []}, "network_interface is missing"),
        ({"boot_disk": [{}, {}]}, "boot_disk stands 2 times, at most 1"),
        ({"self_link": "x"}, "'self_link' is the provider's to say"),
    ],
)
def test_what_google_would_not_know_is_refused_at_once(
    changes: dict[str, Any], reason: str
) -> None:
    assert instance()
    with pytest.raises(QinfraError) as caught:
        instance(**changes)
    assert reason in str(caught.value)
