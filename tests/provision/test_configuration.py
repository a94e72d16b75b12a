"""What the toolkit writes is what the agent reads."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.capacity.placement import ModelShape
from infra.declaration import phase_named
from infra.phases import phase_config
from node_agent import config
from node_agent.demo import corpus
from provision.configuration import Serving, network_context, node_config, write_configurations
from provision.desired import Desired
from provision.plan import Plan, build_inventory, notes, plan_deployment
from templates import render, toml_literal

SHAPE = ModelShape(
    id='a "quoted" \\ 模型',
    path="/models/x",
    revision="r",
    family="qwen2",
    layers=16,
    hidden=64,
    vocab=100,
    tied=True,
    intermediate=128,
    heads=4,
    kv_heads=2,
    head_dim=16,
    context_tokens=32_768,
    dtype="float32",
    parameters=1_000_000,
    checkpoint_bytes=4_000_000,
    layer_parameters=50_000,
    embedding_parameters=6_400,
    head_parameters=0,
    demo=False,
)
SCALARS = (
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.floats(allow_nan=False)
)


DESIRED = Desired(
    phase="demo",
    target="local",
    model="demo",
    split=None,
    stages=None,
    max_processes=None,
    port=None,
    threads=1,
    dtype="float32",
    slots=8,
    context_tokens=None,
    counts="",
    version="1",
)


def desired(**values: Any) -> Desired:
    return replace(DESIRED, **values)


def plan(**values: Any) -> Plan:
    wanted = desired(**values)
    counts = phase_config(phase_named(wanted.phase), GUIDE_NETWORK, Assumptions()).counts
    return plan_deployment(wanted, counts, SHAPE)


def serving(of: Plan) -> Serving:
    return Serving(plan=of, threads=2, api_key="secret", context='say "hi"\n\ttwice \\ 說')


@given(SCALARS | st.lists(SCALARS.filter(lambda x: not isinstance(x, float))))
def test_a_toml_literal_comes_back_unchanged(value: object) -> None:
    assert tomllib.loads(f"x = {toml_literal(value)}") == {"x": value}


@pytest.mark.parametrize("value", [None, {}, object()])
def test_what_toml_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="TOML has no literal"):
        toml_literal(value)


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(ValueError, match="no TOML file can hold"):
        toml_literal("\ud800")


def test_a_template_with_a_value_missing_is_refused() -> None:
    with pytest.raises(UndefinedError):
        render("network_context.txt.j2", epoch=1)


@pytest.mark.parametrize("stages", [1, 2, 3])
@pytest.mark.parametrize("phase", ["demo", "mvp", "enterprise"])
def test_every_role_of_every_phase_reads_back_as_it_was_written(
    tmp_path: Path, phase: str, stages: int
) -> None:
    made = plan(phase=phase, stages=stages)
    nodes = made.fleet.nodes
    inventory = build_inventory(
        "fleet",
        nodes,
        gateway_ports=tuple(range(8400, 8400 + made.gateways)),
        internal_ports=tuple(range(20_000, 20_000 + 2 * len(nodes))),
    )
    write_configurations(tmp_path, inventory, serving(made))
    for node in inventory.nodes:
        folder = tmp_path / node.folder
        written = node_config(node, inventory, serving(made))
        read = config.load(folder / "agent.toml")
        assert read.tls.key == folder / "tls" / "key.pem"
        assert read.model_copy(update={"tls": written.tls}) == written
        assert "secret" not in (folder / "agent.toml").read_text()
        if read.stage:
            assert [peer.name for peer in read.orchestrators] == [
                n.name for n in inventory.of_role("orchestrator")
            ]


def test_the_context_of_figures_is_the_one_the_demo_model_knows() -> None:
    assert network_context() == corpus.context_text(corpus.GUIDE_FIGURES)


def test_a_pinned_split_gives_the_layers_it_says() -> None:
    assert [(n.first_layer, n.end_layer) for n in plan(split="8").fleet.nodes[1:]] == [
        (0, 8),
        (8, 16),
    ]
    assert plan(split="5,10").cuts == (5, 10)


def test_a_long_context_is_limited_and_the_limit_is_said() -> None:
    made = plan()
    assert made.footprint.context_tokens == 4096
    assert any("4096 of the model's 32768" in note for note in notes(made, desired()))
    assert plan(context_tokens=100_000).footprint.context_tokens == 32_768
