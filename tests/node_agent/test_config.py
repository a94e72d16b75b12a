"""agent.toml: what is wrong is named by its key; relative paths start at the file."""

from __future__ import annotations

import pytest

from node_agent.config import NodeConfig, Role, load
from node_agent.errors import ConfigError

STAGE = """
[node]
name = "embedding-1"
role = "embedding"
deployment = "demo"
[listen]
grpc_port = 9001
status_port = 9002
[tls]
ca = "tls/ca.pem"
certificate = "tls/cert.pem"
key = "tls/key.pem"
[model]
id = "m"
path = "../model"
revision = "r"
layers = 4
context_tokens = 64
[[orchestrators]]
name = "orchestrator-1"
address = "127.0.0.1:9000"
[stage]
first_layer = 0
end_layer = 2
"""


def read(tmp_path, text: str) -> NodeConfig:
    file = tmp_path / "agent.toml"
    file.write_text(text)
    return load(file)


def test_paths_are_relative_to_the_file(tmp_path):
    config = read(tmp_path, STAGE)
    assert config.tls.key == tmp_path / "tls" / "key.pem"
    assert config.model.path.resolve() == tmp_path.parent / "model"
    assert config.node.role is Role.EMBEDDING


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("grpc_port = 9001", "grpc_prt = 9001", "listen.grpc_p"),
        ("grpc_port = 9001", "grpc_port = 0", "listen.grpc_port"),
        ('role = "embedding"', 'role = "wizard"', "node.role"),
        ('role = "embedding"', 'role = "orchestrator"', "[stage] belongs"),
        ('name = "embedding-1"', 'name = "Embedding 1"', "node.name"),
        ("end_layer = 2", "end_layer = 5", "beyond the model's 4 layers"),
        ("end_layer = 2", "end_layer = 0", "end_layer"),
        ("first_layer = 0", "first_layer = 3", "not below"),
        ("layers = 4", "layers = 0", "model.layers"),
        ("[node]", "[node", "not TOML"),
        ("[[orchestrators]]", "[[peers]]", "peers"),
        ("[node]", '[cloud]\nnotices = "azure"\n[node]', "cloud.notices"),
        ("[node]", '[cloud]\nmetadata_url = "file:///x"\n[node]', "cloud.metadata_url"),
        ("[node]", '[cloud]\nmetrics = "cloudwatch"\n[node]', "need a region"),
        ("[node]", '[cloud]\nmetrics = "cloudwatch"\nregion = "r"\n[node]', "orchestrators"),
    ],
)
def test_the_first_wrong_key_is_named_in_one_line(before, after, named, tmp_path):
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, STAGE.replace(before, after, 1))
    assert named in str(refused.value)
    assert "agent.toml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_an_error_with_its_name(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load(tmp_path / "none.toml")


def test_a_stage_without_orchestrator_is_refused(tmp_path):
    start, end = STAGE.index("[[orchestrators]]"), STAGE.index("[stage]")
    with pytest.raises(ConfigError, match="nowhere to register"):
        read(tmp_path, STAGE[:start] + STAGE[end:])
