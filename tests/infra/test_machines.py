from __future__ import annotations

import pytest

from infra.errors import ConfigError
from infra.language import Language, Text, language_tagged
from infra.machines import MACHINES, REGIONS, machine_named, region_named
from infra.purchase import Purchase, purchase_named


@pytest.mark.parametrize("name", MACHINES)
def test_every_machine_is_found_and_says_its_source(name: str) -> None:
    machine = machine_named(name)
    assert machine.name == name
    assert machine.source
    assert "assumed" in machine.cpu_source
    assert machine.gpu is None or "datasheet" in machine.gpu.source


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_a_cloud_has_machines_and_regions(cloud) -> None:
    assert [item for item in MACHINES.values() if item.cloud == cloud]
    assert all(region_named(name, cloud) for name, owner in REGIONS.items() if owner == cloud)


@pytest.mark.parametrize(
    ("call", "reason", "hint"),
    [
        (lambda: machine_named("g4dn.xlrge"), "did you mean 'g4dn.xlarge'", "n1-standard-4"),
        (lambda: machine_named("n1-standard-4", "aws"), "rented by gcp", "g4dn.xlarge"),
        (lambda: region_named("us-east1", "aws"), "is one of gcp", "us-east-1"),
        (lambda: region_named("us-esat-1", "aws"), "did you mean 'us-east-1'", "eu-west-1"),
        (lambda: purchase_named("reserved-1y"), "did you mean 'reserved-1y", "spot"),
        (lambda: language_tagged("zh-CN"), "did you mean 'zh-TW'", "en"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(call, reason: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        call()
    assert reason in str(caught.value)
    assert hint in caught.value.hint


def test_a_purchase_says_its_term() -> None:
    assert [option.years for option in Purchase] == [0, 1, 1, 1, 3, 3, 3, 0]
    assert [option for option in Purchase if not option.is_reserved] == [
        Purchase.ON_DEMAND,
        Purchase.SPOT,
    ]


def test_a_text_speaks_both_languages() -> None:
    text = Text(en="node", zh_tw="節點")
    assert [text.in_(language) for language in Language] == ["node", "節點"]
