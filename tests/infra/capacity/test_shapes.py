from __future__ import annotations

from typing import Any

import pytest

from infra.capacity.shapes import DEEPSEEK_1_5B, FAMILIES, shape_of_config
from infra.errors import ConfigError

TINY = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 101,
    "max_position_embeddings": 64,
}
# As published; the totals are those on the models' pages.
KNOWN = {
    "Qwen2.5-7B": (
        7_615_616_512,
        ("qwen2", 3584, 18_944, 28, 28, 4, 152_064, None, False),
    ),
    "Llama-3.1-8B": (
        8_030_261_248,
        ("llama", 4096, 14_336, 32, 32, 8, 128_256, None, False),
    ),
    "Llama-3.2-1B": (
        1_235_814_400,
        ("llama", 2048, 8_192, 16, 32, 8, 128_256, 64, True),
    ),
    "Mistral-7B-v0.1": (
        7_241_732_096,
        ("mistral", 4096, 14_336, 32, 32, 8, 32_000, None, False),
    ),
    "Qwen3-8B": (
        8_190_735_360,
        ("qwen3", 4096, 12_288, 36, 32, 8, 151_936, 128, False),
    ),
}


def config(*values: object) -> dict[str, object]:
    names = (
        "model_type", "hidden_size", "intermediate_size", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "vocab_size", "head_dim",
        "tie_word_embeddings",
    )  # fmt: skip
    found = dict(zip(names, values, strict=True)) | {"max_position_embeddings": 4096}
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_model_has_as_many_parameters_as_published(name: str) -> None:
    total, values = KNOWN[name]
    assert shape_of_config(config(*values), source=name).parameters == total


def test_the_guides_model() -> None:
    assert DEEPSEEK_1_5B.parameters == 1_777_088_000
    assert DEEPSEEK_1_5B.dtype == "bfloat16"


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_of_a_family_is_counted(family: str, biased: bool, tied: bool) -> None:
    transformers = pytest.importorskip("transformers", reason="counts against transformers")
    values: dict[str, Any] = {
        **TINY,
        "model_type": family,
        "tie_word_embeddings": tied,
        "attention_bias": biased,
        "mlp_bias": biased,
    }
    kind = type(transformers.AutoConfig.for_model(family))
    model = transformers.AutoModelForCausalLM.from_config(kind(**values))
    shape = shape_of_config(values, source="tiny")
    layer = sum(p.numel() for p in model.model.layers[0].parameters())
    assert shape.layer_parameters == layer
    assert shape.parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_type": "deepseek_v2"}, "model_type 'deepseek_v2' is unknown"),
        ({"model_type": "qwen"}, "did you mean 'qwen"),
        ({"model_type": None}, "model_type 'None' is unknown"),
        ({"hidden_size": None}, "'hidden_size' is missing"),
        ({"hidden_size": "32"}, "hidden_size is '32': must be a whole number from 1 to 1,000,000"),
        ({"hidden_size": -1}, "hidden_size is '-1'"),
        ({"hidden_size": float("inf")}, "hidden_size is 'inf'"),
        ({"vocab_size": True}, "vocab_size is 'True'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is '0'"),
        ({"num_hidden_layers": 10**100}, "num_hidden_layers is '1000"),
        ({"num_key_value_heads": 3}, "num_key_value_heads is 3: must divide the 4 heads"),
        ({"torch_dtype": "int3"}, "dtype 'int3' is unknown"),
    ],
)
def test_what_is_no_model_is_refused_by_name(change: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        shape_of_config({**TINY, "model_type": "llama", **change}, source="config.json")
    assert str(caught.value).startswith("config.json: ")
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 200
