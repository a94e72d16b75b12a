"""A model in figures, from its config.json."""

from __future__ import annotations

from dataclasses import dataclass
from reprlib import repr as shortened
from typing import TYPE_CHECKING

from infra.capacity.placement import DTYPE_BYTES, ModelShape
from infra.domain import unknown
from infra.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
CONFIG_FILE = "config.json"

# What a config may count to: far above every model, far below what is absurd.
_HIGHEST: Mapping[str, int] = {
    "num_hidden_layers": 1_000,
    "hidden_size": 1_000_000,
    "intermediate_size": 10_000_000,
    "num_attention_heads": 10_000,
    "num_key_value_heads": 10_000,
    "head_dim": 10_000,
    "vocab_size": 100_000_000,
    "max_position_embeddings": 1_000_000_000,
}
_QWEN3_HEAD_DIM = 128  # transformers' default; the other families divide hidden size by heads


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """What a layer's parameters follow from."""

    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    qkv_bias: bool
    output_bias: bool
    mlp_bias: bool
    qk_norm: bool

    @property
    def parameters(self) -> int:
        """Attention, the feed-forward part and two norms, with the biases the family has."""
        q, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return (
            2 * self.hidden * (q + kv)
            + 3 * self.hidden * self.intermediate
            + 2 * self.hidden
            + self.qkv_bias * (q + 2 * kv)
            + self.output_bias * self.hidden
            + self.mlp_bias * (2 * self.intermediate + self.hidden)
            + self.qk_norm * 2 * self.head_dim
        )


def shape_of_config(config: Mapping[str, object], *, source: str) -> ModelShape:
    """Return the shape a Hugging Face config.json describes, every parameter counted.

    Args:
        config: The parsed file. Keys that decide neither size nor shape are left.
        source: The file's path, for errors; its folder names the model.

    Raises:
        ConfigError: The family is not supported, the weights are quantised, or a key is missing,
            of another type, outside its range or does not fit the others.

    Source:
        transformers 5.23, `modeling_*.py` and `configuration_*.py` of the four families.
    """
    family = _family(config, source)
    return _shape(config, family, _layer(config, family, source), source)


def _shape(config: Mapping[str, object], family: str, layer: _Layer, source: str) -> ModelShape:
    layers = _count(config, "num_hidden_layers", source)
    vocab = _count(config, "vocab_size", source)
    tied = _flag(config, "tie_word_embeddings", source)
    dtype = _dtype(config, source)
    table = vocab * layer.hidden
    parameters = layers * layer.parameters + (1 if tied else 2) * table + layer.hidden
    folder = source.removesuffix(CONFIG_FILE).rstrip("/") or source
    return ModelShape(
        id=folder.rsplit("/", 1)[-1],
        path=folder,
        revision="",
        family=family,
        layers=layers,
        hidden=layer.hidden,
        vocab=vocab,
        tied=tied,
        intermediate=layer.intermediate,
        heads=layer.heads,
        kv_heads=layer.kv_heads,
        head_dim=layer.head_dim,
        context_tokens=_count(config, "max_position_embeddings", source),
        dtype=dtype,
        parameters=parameters,
        checkpoint_bytes=parameters * DTYPE_BYTES[dtype],
        layer_parameters=layer.parameters,
        embedding_parameters=table,
        head_parameters=table,
        demo=False,
    )


def _family(config: Mapping[str, object], source: str) -> str:
    if "model_type" not in config:
        raise ConfigError(f"{source}: 'model_type' is missing")
    family = config["model_type"]
    if not isinstance(family, str):
        raise ConfigError(f"{source}: 'model_type' is {shortened(family)}, not a name")
    if family not in FAMILIES:
        raise unknown(f"{source}: model_type", family[:60], FAMILIES)
    if config.get("quantization_config") is not None:
        raise ConfigError(
            f"{source}: 'quantization_config': quantised weights are not supported",
            hint="Use the config of the original model in float32, bfloat16 or float16.",
        )
    return family


def _layer(config: Mapping[str, object], family: str, source: str) -> _Layer:
    hidden = _count(config, "hidden_size", source)
    heads = _count(config, "num_attention_heads", source)
    kv_heads = _kv_heads(config, family, heads, source)
    attention_bias = _flag(config, "attention_bias", source) and family in ("llama", "qwen3")
    return _Layer(
        hidden=hidden,
        intermediate=_count(config, "intermediate_size", source),
        heads=heads,
        kv_heads=kv_heads,
        head_dim=_head_dim(config, family, source),
        qkv_bias=attention_bias or family == "qwen2",
        output_bias=attention_bias,
        mlp_bias=_flag(config, "mlp_bias", source) and family == "llama",
        qk_norm=family == "qwen3",
    )


def _kv_heads(config: Mapping[str, object], family: str, heads: int, source: str) -> int:
    """Return the key-value heads; left out, only Llama's are certain to be the query heads."""
    key = "num_key_value_heads"
    absent = config.get(key) is None and (key in config or family == "llama")
    kv_heads = heads if absent else _count(config, key, source)
    if heads % kv_heads:
        raise ConfigError(
            f"{source}: 'num_attention_heads' is {heads}, not a multiple of the {kv_heads} of "
            f"'{key}'"
        )
    return kv_heads


def _head_dim(config: Mapping[str, object], family: str, source: str) -> int:
    if config.get("head_dim") is not None:
        return _count(config, "head_dim", source)
    if family == "qwen3" and "head_dim" not in config:
        return _QWEN3_HEAD_DIM
    hidden, heads = (_count(config, key, source) for key in ("hidden_size", "num_attention_heads"))
    if hidden % heads:
        raise ConfigError(
            f"{source}: 'hidden_size' is {hidden}, not a multiple of the {heads} of "
            "'num_attention_heads', and there is no 'head_dim'"
        )
    return hidden // heads


def _count(config: Mapping[str, object], key: str, source: str) -> int:
    if key not in config:
        raise ConfigError(f"{source}: '{key}' is missing")
    value, highest = config[key], _HIGHEST[key]
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= highest:
        raise ConfigError(
            f"{source}: '{key}' is {shortened(value)}, not a whole number from 1 to {highest:,}"
        )
    return value


def _flag(config: Mapping[str, object], key: str, source: str) -> bool:
    """Return an option that every family has off unless it is given."""
    value = config.get(key)
    if value is not None and not isinstance(value, bool):
        raise ConfigError(f"{source}: '{key}' is {shortened(value)}, neither true nor false")
    return bool(value)


def _dtype(config: Mapping[str, object], source: str) -> str:
    """Return the weights' format: `dtype`, in older files `torch_dtype`, else PyTorch's own."""
    key = "torch_dtype" if config.get("dtype") is None else "dtype"
    value = config.get(key)
    if value is None:
        return "float32"
    if not isinstance(value, str) or value not in DTYPE_BYTES:
        raise unknown(f"{source}: {key}", str(value)[:60], DTYPE_BYTES)
    return value


# The sizes of its published config.json (deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B, 2025-01).
DEEPSEEK_1_5B = shape_of_config(
    {
        "model_type": "qwen2",
        "num_hidden_layers": 28,
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "vocab_size": 151_936,
        "max_position_embeddings": 131_072,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    },
    source="deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B/config.json",
)
