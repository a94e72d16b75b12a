"""A model folder that cannot be served is refused by name, before anything is loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from node_agent.errors import CheckpointError
from node_agent.shard.checkpoint import inspect_checkpoint, locate


@pytest.fixture
def folder(make_checkpoint, tmp_path) -> Path:
    """A copy of a good checkpoint, for a test to break."""
    copy = tmp_path / "model"
    shutil.copytree(make_checkpoint("qwen2"), copy)
    return copy


def edit(file: Path, **changes) -> None:
    content = json.loads(file.read_text())
    content.update(changes)
    file.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def cut_tail(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def pickle_only(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def rewrite_header(folder: Path, change) -> None:
    """Change the header of the weights, keeping the data and the header's length in step."""
    file = folder / "model.safetensors"
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])


def first_entry(**changes):
    def change(header):
        name = min(n for n in header if n != "__metadata__")
        header[name].update(changes)

    return lambda folder: rewrite_header(folder, change)


def overlap(folder: Path) -> None:
    def change(header):
        names = sorted(n for n in header if n != "__metadata__")
        header[names[1]]["data_offsets"] = header[names[0]]["data_offsets"]

    rewrite_header(folder, change)


def index(folder: Path, weight_map) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


BREAKS = {
    "negative offset": (first_entry(data_offsets=[-8, 8]), "cannot be parsed"),
    "text offset": (first_entry(data_offsets=["0", "x"]), "cannot be parsed"),
    "no offsets": (first_entry(data_offsets=None), "cannot be parsed"),
    "negative shape": (first_entry(shape=[-1]), "cannot be parsed"),
    "overlap": (overlap, "not where its header says"),
    "deep header": (
        lambda f: (f / "model.safetensors").write_bytes(
            (200_000).to_bytes(8, "little") + b"[" * 200_000
        ),
        "cannot be parsed",
    ),
    "index a list": (lambda f: index(f, []), "every weight file"),
    "index escapes": (lambda f: index(f, {"a": "../../etc/hostname"}), "not the name of a file"),
    "index absolute": (lambda f: index(f, {"a": "/etc/hostname"}), "not the name of a file"),
    "no heads": (lambda f: edit(f / "config.json", num_attention_heads=0), "heads is 0"),
    "odd heads": (lambda f: edit(f / "config.json", num_key_value_heads=3), "do not fit"),
    "no layers": (lambda f: edit(f / "config.json", num_hidden_layers=0), "layers is 0"),
    "a billion layers": (lambda f: edit(f / "config.json", num_hidden_layers=10**9), "layers is"),
    "rope a word": (lambda f: edit(f / "config.json", rope_parameters="x"), "config.json"),
    "eos a word": (lambda f: edit(f / "generation_config.json", eos_token_id="x"), "eos_token_id"),
    "no config": (lambda f: (f / "config.json").unlink(), "no config.json"),
    "config not json": (lambda f: (f / "config.json").write_text("{"), "cannot be read as JSON"),
    "config a list": (lambda f: (f / "config.json").write_text("[]"), "not a JSON object"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer.json"),
    "truncated": (cut_tail, "header promises"),
    "empty file": (lambda f: (f / "model.safetensors").write_bytes(b""), "header is not one"),
    "not safetensors": (
        lambda f: (f / "model.safetensors").write_bytes(b"\x80\x04" * 99),
        "header",
    ),
    "pickle": (pickle_only, "is a pickle"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no model.safetensors"),
    "other family": (lambda f: edit(f / "config.json", model_type="gpt2"), "family gpt2"),
    "quantised": (lambda f: edit(f / "config.json", quantization_config={}), "quantised"),
    "rope": (
        lambda f: edit(f / "config.json", rope_parameters={"rope_type": "longrope"}),
        "longrope",
    ),
    "activation": (lambda f: edit(f / "config.json", hidden_act="gelu"), "gelu"),
    "key missing": (lambda f: edit(f / "config.json", hidden_size=None), "hidden_size"),
    "more layers": (lambda f: edit(f / "config.json", num_hidden_layers=5), "layers.4"),
    "wider": (lambda f: edit(f / "config.json", intermediate_size=96), "config.json says"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_folder_is_refused_with_its_reason(name, folder):
    break_it, reason = BREAKS[name]
    break_it(folder)
    with pytest.raises(CheckpointError, match=reason) as refused:
        inspect_checkpoint(folder)
    assert "\n" not in str(refused.value)


def test_an_index_that_names_a_missing_file_is_refused(make_checkpoint, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(make_checkpoint("llama", max_shard_size="60KB"), copy)
    sorted(copy.glob("*.safetensors"))[-1].unlink()
    with pytest.raises(CheckpointError, match="named by the index"):
        inspect_checkpoint(copy)


def test_facts_count_every_parameter_once(make_checkpoint):
    import transformers

    for options in ({}, {"tie_word_embeddings": True}):
        path = make_checkpoint("qwen2", **options)
        facts = inspect_checkpoint(path).facts(str(path))
        model = transformers.AutoModelForCausalLM.from_pretrained(path)
        assert facts["parameters"] == sum(p.numel() for p in model.parameters())
        assert facts["bytes"] == 4 * facts["parameters"]
        assert facts["chat_template"] is True
        assert facts["demo"] is False


@pytest.mark.parametrize("part", ["generation_config.json", "tokenizer_config.json"])
def test_the_revision_changes_with_every_json_part(part, make_checkpoint, folder):
    edit(folder / part, note="changed")
    assert inspect_checkpoint(folder).revision != inspect_checkpoint(make_checkpoint()).revision


def test_the_revision_changes_with_the_weights(make_checkpoint, folder):
    before = inspect_checkpoint(folder).revision
    assert before == inspect_checkpoint(make_checkpoint("qwen2")).revision
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    assert inspect_checkpoint(folder).revision != before


def test_a_model_that_is_nowhere_is_refused(tmp_path):
    for name in (str(tmp_path / "none"), "./none", "none"):
        with pytest.raises(CheckpointError, match="no such folder"):
            locate(name)


def test_a_hub_that_cannot_be_reached_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match="the hub did not supply it"):
        locate("nobody/no-such-model")


def test_the_file_name_demo_means_the_embedded_model():
    assert locate("demo").name == "checkpoint"
