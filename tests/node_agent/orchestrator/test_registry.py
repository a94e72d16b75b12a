from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node_agent.config import Model, Role
from node_agent.orchestrator.errors import RegistrationRefused
from node_agent.orchestrator.registry import Announcement, LeaseTable, Vitals, check

NODE = Announcement(
    name="embedding-1",
    role=Role.EMBEDDING,
    address="127.0.0.1:1",
    instance="a",
    revision="r",
    first_layer=0,
    end_layer=8,
    model_layers=16,
    slots=4,
    context_tokens=256,
)
MODEL = Model(id="demo", path=Path("x"), revision="r", layers=16, context_tokens=256)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def table(clock):
    return LeaseTable(lease_seconds=10, clock=clock)


def test_a_second_registration_replaces_the_ghost_and_raises_the_generation(table):
    assert table.register(NODE).generation == 1
    assert table.register(replace(NODE, instance="b")).generation == 2
    [record] = table.records()
    assert record.node.instance == "b"
    assert table.heartbeat(("embedding-1", "a"), Vitals()) is None


def test_the_generation_outlives_the_lease(table, clock):
    table.register(NODE)
    clock.now += 11
    table.expire()
    assert table.register(NODE).generation == 2


def test_a_heartbeat_renews_the_lease_and_keeps_the_vitals(table, clock):
    table.register(NODE)
    clock.now += 9
    table.heartbeat(NODE.key, Vitals(resident_bytes=5))
    clock.now += 9
    [record] = table.records()
    assert table.expire() == ()
    assert record.vitals.resident_bytes == 5
    assert table.seconds_left(record) == 1


def test_a_heartbeat_after_the_lease_ran_out_must_register_again(table, clock):
    table.register(NODE)
    clock.now += 10
    assert table.heartbeat(NODE.key, Vitals()) is None


def test_an_unknown_node_must_register(table):
    assert table.heartbeat(NODE.key, Vitals()) is None
    assert table.leave(NODE.key) is None


def test_an_expired_node_is_named_once(table, clock):
    table.register(NODE)
    clock.now += 10
    assert table.records() == ()
    assert [record.node.name for record in table.expire()] == ["embedding-1"]
    assert table.expire() == ()


def test_only_the_instance_itself_can_leave(table):
    table.register(NODE)
    assert table.leave(("embedding-1", "ghost")) is None
    assert table.leave(NODE.key) is not None
    assert table.records() == ()


@pytest.mark.parametrize(
    ("changes", "name", "role", "words"),
    [
        ({}, "embedding-2", "embedding", "certificate of embedding embedding-2"),
        ({}, "embedding-1", "transformer", "certificate of transformer embedding-1"),
        ({"revision": "old"}, "embedding-1", "embedding", "revision old"),
        ({"model_layers": 28}, "embedding-1", "embedding", "28 layers"),
        ({"end_layer": 17}, "embedding-1", "embedding", r"\[0, 17\)"),
        ({"first_layer": 8}, "embedding-1", "embedding", r"\[8, 8\)"),
        ({"instance": ""}, "embedding-1", "embedding", "no instance"),
        ({"address": ""}, "embedding-1", "embedding", "no address"),
        ({"slots": 0}, "embedding-1", "embedding", "no slot"),
    ],
)
def test_a_node_that_does_not_fit_is_refused_by_name(changes, name, role, words):
    with pytest.raises(RegistrationRefused, match=words):
        check(replace(NODE, **changes), MODEL, name=name, role=role)


def test_a_node_that_fits_is_welcome():
    check(NODE, MODEL, name="embedding-1", role="embedding")
