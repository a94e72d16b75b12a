"""Models in figures, read from their config.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.capacity.placement import DTYPE_BYTES, ModelShape
from infra.domain import unknown
from infra.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")

# Far above every model, far below what takes long to compute with.
_HIGHEST = {
    "num_hidden_layers": 1_000,
    "hidden_size": 1_000_000,
    "intermediate_size": 10_000_000,
    "num_attention_heads": 10_000,
    "num_key_value_heads": 10_000,
    "head_dim": 10_000,
    "vocab_size": 100_000_000,
    "max_position_embeddings": 1_000_000_000,
}


def shape_of_config(config: Mapping[str, object], *, source: str, name: str = "") -> ModelShape:
    """Return the sizes of a model, every parameter counted.

    Args:
        config: A Hugging Face config.json of a family in `FAMILIES`; a DeepSeek-R1-Distill model
            is of the family it was distilled on.
        source: The file, for errors.
        name: What to call the model; the config's own name when empty.

    Raises:
        ConfigError: The family is another, a key is missing or out of range, or sizes do not fit
            each other.

    Source:
        The layers of transformers' LlamaModel, MistralModel, Qwen2Model and Qwen3Model.
    """
    family = str(config.get("model_type"))
    if family not in FAMILIES:
        raise unknown(f"{source}: model_type", family, FAMILIES)
    sizes = _sizes(config, source)
    layer = _layer_parameters(sizes, family, config)
    tied = config.get("tie_word_embeddings", False) is True
    table = sizes.vocab * sizes.hidden
    parameters = sizes.layers * layer + (1 if tied else 2) * table + sizes.hidden
    dtype = _dtype(config, source)
    return ModelShape(
        id=name or str(config.get("_name_or_path") or family),
        path=source,
        revision="",
        family=family,
        layers=sizes.layers,
        hidden=sizes.hidden,
        vocab=sizes.vocab,
        tied=tied,
        intermediate=sizes.intermediate,
        heads=sizes.heads,
        kv_heads=sizes.kv_heads,
        head_dim=sizes.head_dim,
        context_tokens=_count(config, "max_position_embeddings", source),
        dtype=dtype,
        parameters=parameters,
        checkpoint_bytes=DTYPE_BYTES[dtype] * parameters,
        layer_parameters=layer,
        embedding_parameters=table,
        head_parameters=table,
        demo=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int


def _sizes(config: Mapping[str, object], source: str) -> _Sizes:
    hidden = _count(config, "hidden_size", source)
    heads = _count(config, "num_attention_heads", source)
    kv_heads = _count(config, "num_key_value_heads", source, otherwise=heads)
    if heads % kv_heads:
        raise ConfigError(
            f"{source}: num_key_value_heads is {kv_heads}: must divide the {heads} heads"
        )
    return _Sizes(
        layers=_count(config, "num_hidden_layers", source),
        hidden=hidden,
        intermediate=_count(config, "intermediate_size", source),
        heads=heads,
        kv_heads=kv_heads,
        head_dim=_count(config, "head_dim", source, otherwise=max(1, hidden // heads)),
        vocab=_count(config, "vocab_size", source),
    )


def _layer_parameters(sizes: _Sizes, family: str, config: Mapping[str, object]) -> int:
    """Return attention, feed-forward and two norms, with the biases and norms of the family."""
    query, key = sizes.heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim
    biased = config.get("attention_bias", False) is True
    count = 2 * sizes.hidden * (query + key) + 3 * sizes.hidden * sizes.intermediate
    count += 2 * sizes.hidden
    if family == "qwen2" or (biased and family in ("llama", "qwen3")):
        count += query + 2 * key
    if biased and family in ("llama", "qwen3"):
        count += sizes.hidden
    if family == "llama" and config.get("mlp_bias", False) is True:
        count += 2 * sizes.intermediate + sizes.hidden
    if family == "qwen3":
        count += 2 * sizes.head_dim
    return count


def _count(
    config: Mapping[str, object], key: str, source: str, *, otherwise: int | None = None
) -> int:
    value = config.get(key)
    if value is None and otherwise is not None:
        return otherwise
    if value is None:
        raise ConfigError(f"{source}: '{key}' is missing")
    highest = _HIGHEST[key]
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= highest:
        raise ConfigError(
            f"{source}: {key} is {str(value)[:40]!r}: must be a whole number from 1 to {highest:,}"
        )
    return value


def _dtype(config: Mapping[str, object], source: str) -> str:
    dtype = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    if dtype not in DTYPE_BYTES:
        raise unknown(f"{source}: dtype", dtype, DTYPE_BYTES)
    return dtype


# The model's published config.json, 2025-01.
DEEPSEEK_1_5B = shape_of_config(
    {
        "model_type": "qwen2",
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "vocab_size": 151_936,
        "max_position_embeddings": 131_072,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    },
    source="deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
    name="DeepSeek-R1-Distill-Qwen-1.5B",
)
