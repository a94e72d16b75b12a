"""`qinfra capacity topology` as a person runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from provision.cli import main

Run = Callable[..., Result]

LLAMA_8B = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "intermediate_size": 14_336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128_256,
    "max_position_embeddings": 131_072,
    "torch_dtype": "bfloat16",
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, ("capacity", "topology", *arguments))

    return invoke


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    folder = tmp_path / "Llama-3.1-8B"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA_8B))
    return folder


def test_the_guides_model_on_every_machine(run: Run) -> None:
    result = run()
    assert result.exit_code == 0
    for text in (
        "DeepSeek-R1-Distill-Qwen-1.5B (qwen2): 1.777 billion parameters, 28 layers",
        "as heavy as 4.99 layers",
        "float16      weights 3.31 GiB, KV cache 28 KiB a token",
        "float32      weights 6.62 GiB, KV cache 56 KiB a token",
        "RECOMMENDED  whole replicas: a node holds the model whole",
        "CHEAPEST     g4dn.xlarge",
        "keeps a pipeline to 1.44 x one node",
        "reaches 1.94 x",
    ):
        assert text in result.output


def test_a_model_that_needs_two_nodes(run: Run, llama: Path) -> None:
    result = run("--model", str(llama), "--machine", "g4dn.xlarge")
    assert "Llama-3.1-8B (llama): 8.030 billion parameters" in result.output
    assert "RECOMMENDED  balanced pipeline of 2 stages (layers: 17+15)" in result.output
    assert "n1-standard-4" not in result.output
    assert "CHEAPEST" not in result.output


def test_a_split_that_is_not_balanced_is_given_to_pin(run: Run, llama: Path) -> None:
    result = run("--model", str(llama / "config.json"), "--machine", "n1-standard-4")
    assert "fitted pipeline of 3 stages (layers: 10+12+10)" in result.output
    assert "--split 10,22, as balanced" in result.output
    pinned = run("--model", str(llama), "--machine", "n1-standard-4", "--split", "10,22")
    assert "PINNED" in pinned.output


def test_cuts_too_many_for_a_line_are_in_the_document(run: Run, llama: Path) -> None:
    (llama / "config.json").write_text(json.dumps({**LLAMA_8B, "num_hidden_layers": 700}))
    arguments = ("--model", str(llama), "--machine", "n1-standard-4")
    assert "the cuts are in --json" in run(*arguments).output
    document = json.loads(run(*arguments, "--json").stdout)
    assert len(document["machines"][0]["recommended"]["cuts"]) > 40


@pytest.mark.parametrize("split", ["guide", "balanced", "8", "5,10,15,20,25"])
def test_a_pin_is_compared_with_the_balanced_split(run: Run, split: str) -> None:
    result = run("--split", split, "--machine", "g4dn.xlarge")
    assert result.exit_code == 0
    assert "PINNED" in result.output


def test_a_context_shorter_than_the_default_is_the_models(run: Run, llama: Path) -> None:
    config = {**LLAMA_8B, "max_position_embeddings": 512}
    (llama / "config.json").write_text(json.dumps(config))
    assert "sequences of 512 tokens" in run("--model", str(llama)).output


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--model", "Llama-3.1-8B", "--split", "guide"),
        ("--sequences", "65536", "--context", "131072", "--dtype", "float32"),
        ("--sequences", "1", "--context", "1", "--dtype", "bfloat16"),
    ],
)
def test_no_line_is_wider_than_a_page(run: Run, llama: Path, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 0
    assert max(len(line) for line in result.output.splitlines()) <= 120


def test_the_document_has_everything(run: Run) -> None:
    document = json.loads(run("--split", "8", "--json").stdout)
    assert document["model"]["parameters"] == 1_777_088_000
    assert document["two_stages"]["guide"]["gain"] == pytest.approx(1.44, abs=0.01)
    assert document["cheapest"] == "g4dn.xlarge"
    gpu = document["machines"][0]
    assert gpu["kv_bytes_per_token"] == 28_672
    assert gpu["recommended"]["kind"] == "replicas"
    assert gpu["pinned"]["cuts"] == [8]
    assert gpu["price"]["usd"] == "0.526"
    assert {layout["nodes"] for layout in gpu["layouts"]} == {1, 2, 3, 4}
    assert all(layout["fits"] for layout in gpu["layouts"])


def test_what_has_no_price_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provision.cli.topology._PRICED", dict.fromkeys(("aws", "gcp"), ("x", "y")))
    assert "unpriced" in run().output
    assert json.loads(run("--json").stdout)["cheapest"] is None


def test_a_model_of_one_layer(run: Run, llama: Path) -> None:
    (llama / "config.json").write_text(json.dumps({**LLAMA_8B, "num_hidden_layers": 1}))
    result = run("--model", str(llama))
    assert result.exit_code == 0
    assert "its one layer cannot be split" in result.output
    assert "30/70" not in result.output


def refused(result: Result) -> str:
    assert result.exit_code == 2, result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert "Traceback" not in result.output
    return line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sequences", "0"), "sequences is 0: must be a number in [1, 65536]"),
        (("--sequences", "many"), "'many' is not a valid integer"),
        (("--context", "0"), "context is 0"),
        (("--context", "131073"), "context is 131073: must be a number in [1, 131072]"),
        (("--split", "30"), "30 is outside 1 to 27"),
        (("--split", "gide"), "did you mean 'guide'"),
        (("--dtype", "fp16"), "dtype 'fp16' is unknown"),
        (("--machine", "g4dn.xlrge"), "did you mean 'g4dn.xlarge'"),
        (("--model", "absent"), "absent: no such file"),
        (("--model", "."), "config.json: no such file"),
        (("--model", "x" * 5_000), "cannot be read: File name too long"),
    ],
)
def test_a_bad_option_is_one_line_and_exit_code_2(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused(run(*arguments))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps(LLAMA_8B)[:-20], "not JSON"),
        ("", "not JSON"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' * 5_000, "not JSON"),
        ("\x00", "not JSON"),
        (json.dumps(LLAMA_8B).replace("4096", '"1536"'), "'hidden_size' is '1536', not a whole"),
        (json.dumps(LLAMA_8B).replace("4096", "-1"), "'hidden_size' is -1, not a whole number"),
        (json.dumps(LLAMA_8B).replace("4096", "1e400"), "'hidden_size' is inf, not a whole number"),
        (json.dumps(LLAMA_8B).replace("4096", "9" * 5_000), "not JSON"),
        (json.dumps(LLAMA_8B).replace("llama", "deepseek_v2"), "'deepseek_v2' is unknown"),
        (json.dumps(LLAMA_8B).replace("{", '{"vocab_size": 1, '), "'vocab_size' stands twice"),
        (" " * 2**20 + "{}", "larger than 1,048,576 bytes"),
    ],
    ids=range(13),
)
def test_a_bad_config_is_one_line_with_its_file(
    run: Run, llama: Path, text: str, message: str
) -> None:
    (llama / "config.json").write_text(text)
    line = refused(run("--model", str(llama)))
    assert message in line
    assert str(llama / "config.json") in line
    assert len(line) < 400
