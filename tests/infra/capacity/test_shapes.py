from __future__ import annotations

import math
from typing import Any

import pytest

from infra.capacity.shapes import DEEPSEEK_1_5B, FAMILIES, shape_of_config
from infra.errors import ConfigError

SOURCE = "models/tiny/config.json"

SMALL: dict[str, Any] = {
    "num_hidden_layers": 3,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "vocab_size": 101,
    "max_position_embeddings": 256,
}


def sizes(layers: int, hidden: int, ffn: int, heads: int, kv: int, vocab: int) -> dict[str, Any]:
    return {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "intermediate_size": ffn,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "vocab_size": vocab,
        "max_position_embeddings": 32_768,
        "torch_dtype": "bfloat16",
    }


# Sizes of the published config.json files, and the totals their model cards or indexes give.
PUBLISHED = {
    "DeepSeek-R1-Distill-Qwen-1.5B": (
        {"model_type": "qwen2", **sizes(28, 1536, 8960, 12, 2, 151_936)},
        1_777_088_000,
    ),
    "Qwen2.5-7B": (
        {"model_type": "qwen2", **sizes(28, 3584, 18_944, 28, 4, 152_064)},
        7_615_616_512,
    ),
    "Qwen2.5-0.5B": (
        {
            "model_type": "qwen2",
            **sizes(24, 896, 4864, 14, 2, 151_936),
            "tie_word_embeddings": True,
        },
        494_032_768,
    ),
    "Llama-3.1-8B": (
        {"model_type": "llama", **sizes(32, 4096, 14_336, 32, 8, 128_256)},
        8_030_261_248,
    ),
    "Llama-3.1-70B": (
        {"model_type": "llama", **sizes(80, 8192, 28_672, 64, 8, 128_256)},
        70_553_706_496,
    ),
    "Mistral-7B-v0.1": (
        {"model_type": "mistral", **sizes(32, 4096, 14_336, 32, 8, 32_000)},
        7_241_732_096,
    ),
    "Qwen3-8B": (
        {"model_type": "qwen3", **sizes(36, 4096, 12_288, 32, 8, 151_936), "head_dim": 128},
        8_190_735_360,
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_models_have_their_published_size(name: str) -> None:
    config, parameters = PUBLISHED[name]
    shape = shape_of_config(config, source=f"models/{name}/config.json")
    assert shape.parameters == parameters
    assert shape.checkpoint_bytes == 2 * parameters
    assert (shape.id, shape.path) == (name, f"models/{name}")


def test_the_guides_model_keeps_every_figure() -> None:
    assert DEEPSEEK_1_5B.id == "DeepSeek-R1-Distill-Qwen-1.5B"
    assert DEEPSEEK_1_5B.path == "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"
    assert DEEPSEEK_1_5B.parameters == 1_777_088_000
    assert DEEPSEEK_1_5B.layer_parameters == 46_797_824
    assert DEEPSEEK_1_5B.embedding_parameters == DEEPSEEK_1_5B.head_parameters == 233_373_696
    assert DEEPSEEK_1_5B.context_tokens == 131_072
    assert (DEEPSEEK_1_5B.layers, DEEPSEEK_1_5B.head_dim, DEEPSEEK_1_5B.tied) == (28, 128, False)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tie_word_embeddings": True},
        {"attention_bias": True},
        {"mlp_bias": True},
        {"head_dim": 20},
        {"num_key_value_heads": 6},
    ],
    ids=str,
)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_is_counted_as_transformers_builds_it(
    family: str, options: dict[str, Any]
) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = {**SMALL, **options}
    with torch.device("meta"):
        built = transformers.AutoModelForCausalLM.from_config(
            transformers.AutoConfig.for_model(family, **config)
        )
    shape = shape_of_config({"model_type": family, **config}, source=SOURCE)

    def count(module: Any) -> int:
        return sum(weight.numel() for weight in module.parameters())

    assert {count(layer) for layer in built.model.layers} == {shape.layer_parameters}
    assert count(built.model.embed_tokens) == shape.embedding_parameters
    assert count(built.lm_head) + count(built.model.norm) == shape.lm_head_parameters
    assert count(built) == shape.parameters
    assert built.model.layers[0].self_attn.head_dim == shape.head_dim


def test_what_a_family_leaves_out_has_transformers_default() -> None:
    without = {key: SMALL[key] for key in SMALL if key != "num_key_value_heads"}
    assert shape_of_config({"model_type": "llama", **without}, source=SOURCE).kv_heads == 6
    null = {"model_type": "mistral", **SMALL, "num_key_value_heads": None, "head_dim": None}
    assert shape_of_config(null, source=SOURCE).kv_heads == 6
    assert shape_of_config({"model_type": "qwen3", **SMALL}, source=SOURCE).head_dim == 128
    assert shape_of_config({"model_type": "qwen2", **SMALL}, source=SOURCE).dtype == "float32"
    both = {"model_type": "qwen2", **SMALL, "dtype": "float16", "torch_dtype": "bfloat16"}
    assert shape_of_config(both, source=SOURCE).dtype == "float16"


def test_a_config_without_folder_names_itself() -> None:
    shape = shape_of_config({"model_type": "llama", **SMALL}, source="config.json")
    assert shape.id == shape.path == "config.json"


@pytest.mark.parametrize("key", [key for key in SMALL if key != "num_key_value_heads"])
@pytest.mark.parametrize(
    "value", ["1536", -1, 0, 1.5, math.inf, math.nan, True, None, [1], 10**12, 10**30], ids=repr
)
def test_a_size_that_is_none_is_refused_with_its_range(key: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        shape_of_config({"model_type": "llama", **SMALL, key: value}, source=SOURCE)
    message = str(caught.value)
    assert message.startswith(f"{SOURCE}: '{key}' is ")
    assert "not a whole number from 1 to" in message
    assert len(message) < 200


@pytest.mark.parametrize("key", ["model_type", *SMALL])
def test_a_missing_key_is_named(key: str) -> None:
    config = {"model_type": "qwen2", **SMALL}
    del config[key]
    with pytest.raises(ConfigError, match=f"{SOURCE}: '{key}' is missing"):
        shape_of_config(config, source=SOURCE)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"num_key_value_heads": 4}, "'num_attention_heads' is 6, not a multiple of the 4"),
        ({"num_key_value_heads": 12}, "not a multiple of the 12 of 'num_key_value_heads'"),
        ({"hidden_size": 50}, "'hidden_size' is 50, not a multiple of the 6"),
        ({"head_dim": 0}, "'head_dim' is 0, not a whole number from 1 to 10,000"),
        ({"tie_word_embeddings": 1}, "'tie_word_embeddings' is 1, neither true nor false"),
        ({"attention_bias": "no"}, "'attention_bias' is 'no', neither"),
        ({"torch_dtype": "float8"}, "torch_dtype 'float8' is unknown"),
        ({"dtype": 16}, "dtype '16' is unknown"),
        ({"quantization_config": {"bits": 4}}, "'quantization_config': quantised"),
        ({"model_type": "deepseek_v2"}, "model_type 'deepseek_v2' is unknown"),
        ({"model_type": "qwen2_moe"}, "model_type 'qwen2_moe' is unknown; did you mean 'qwen2'"),
        ({"model_type": ["llama"]}, "'model_type' is ['llama'], not a name"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        shape_of_config({"model_type": "llama", **SMALL, **changes}, source=SOURCE)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_refused_family_is_answered_with_all() -> None:
    with pytest.raises(ConfigError) as caught:
        shape_of_config({**SMALL, "model_type": "deepseek_v2"}, source=SOURCE)
    assert "llama, mistral, qwen2, qwen3" in caught.value.hint
