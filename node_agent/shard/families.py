"""The decoder families this runtime serves, described by what their layers differ in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node_agent.errors import CheckpointError

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
# Frequencies of these depend on the position alone, not on the length of the text so far.
ROPE_TYPES = ("default", "linear", "llama3", "yarn")
# What a config may count to: far above every model, far below what fills memory while checking.
_COUNTS = {
    "layers": 1_000,
    "hidden": 1_000_000,
    "intermediate": 10_000_000,
    "heads": 10_000,
    "kv_heads": 10_000,
    "head_dim": 10_000,
    "vocab": 100_000_000,
    "context_tokens": 1_000_000_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Everything of a config.json that decides shapes and arithmetic."""

    family: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    context_tokens: int
    norm_epsilon: float
    rope: dict[str, Any]
    qkv_bias: bool
    output_bias: bool
    mlp_bias: bool
    qk_norm: bool
    tied: bool
    windows: tuple[int | None, ...]  # attention span of each layer; None is the whole context
    dtype: str

    def layer_tensors(self, layer: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of each tensor of one layer."""
        q, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        parts: dict[str, tuple[int, ...]] = {
            "input_layernorm.weight": (self.hidden,),
            "self_attn.q_proj.weight": (q, self.hidden),
            "self_attn.k_proj.weight": (kv, self.hidden),
            "self_attn.v_proj.weight": (kv, self.hidden),
            "self_attn.o_proj.weight": (self.hidden, q),
            "post_attention_layernorm.weight": (self.hidden,),
            "mlp.gate_proj.weight": (self.intermediate, self.hidden),
            "mlp.up_proj.weight": (self.intermediate, self.hidden),
            "mlp.down_proj.weight": (self.hidden, self.intermediate),
        }
        if self.qk_norm:
            parts["self_attn.q_norm.weight"] = (self.head_dim,)
            parts["self_attn.k_norm.weight"] = (self.head_dim,)
        if self.qkv_bias:
            parts |= {
                f"self_attn.{p}_proj.bias": (n,) for p, n in zip("qkv", (q, kv, kv), strict=True)
            }
        if self.output_bias:
            parts["self_attn.o_proj.bias"] = (self.hidden,)
        if self.mlp_bias:
            parts["mlp.gate_proj.bias"] = parts["mlp.up_proj.bias"] = (self.intermediate,)
            parts["mlp.down_proj.bias"] = (self.hidden,)
        return {f"model.layers.{layer}.{name}": shape for name, shape in parts.items()}

    def embedding_tensors(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of the embedding table."""
        return {"model.embed_tokens.weight": (self.vocab, self.hidden)}

    def head_tensors(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of the final norm and the LM head; a tied head is the embedding table."""
        name = "model.embed_tokens.weight" if self.tied else "lm_head.weight"
        return {"model.norm.weight": (self.hidden,), name: (self.vocab, self.hidden)}

    def all_tensors(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor of the model."""
        tensors = self.embedding_tensors() | self.head_tensors()
        for layer in range(self.layers):
            tensors |= self.layer_tensors(layer)
        return tensors


def parse_architecture(config: dict[str, Any], *, where: str) -> Architecture:
    """Read a config.json.

    Args:
        config: The parsed file.
        where: The folder, for messages.

    Raises:
        CheckpointError: The family or one of its options is not supported, or a key is wrong.
    """
    family = str(config.get("model_type"))
    _refuse_unsupported(config, family, where)
    try:
        architecture = _architecture(config, family)
    except KeyError as error:
        raise CheckpointError(f"{where}: config.json: {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{where}: config.json: {error}") from error
    _check_ranges(architecture, where)
    return architecture


def _check_ranges(a: Architecture, where: str) -> None:
    if a.rope["rope_type"] not in ROPE_TYPES:
        raise CheckpointError(
            f"{where}: rope type {a.rope['rope_type']} is not supported",
            hint=f"Supported: {', '.join(ROPE_TYPES)}.",
        )
    if a.heads % a.kv_heads or a.head_dim % 2 or len(a.windows) != a.layers:
        raise CheckpointError(
            f"{where}: config.json: {a.heads} heads over {a.kv_heads} key-value heads of "
            f"{a.head_dim}, {len(a.windows)} kinds of {a.layers} layers do not fit each other"
        )


def _refuse_unsupported(config: dict[str, Any], family: str, where: str) -> None:
    if family not in FAMILIES:
        raise CheckpointError(
            f"{where}: model family {family} is not supported",
            hint=f"Supported families: {', '.join(FAMILIES)}.",
        )
    if "quantization_config" in config:
        raise CheckpointError(
            f"{where}: the checkpoint is quantised",
            hint="Use the original checkpoint in float32, bfloat16 or float16.",
        )
    if config.get("hidden_act", "silu") != "silu":
        raise CheckpointError(f"{where}: activation {config['hidden_act']} is not supported")


def _architecture(config: dict[str, Any], family: str) -> Architecture:
    layers = _count("layers", config["num_hidden_layers"])
    hidden = _count("hidden", config["hidden_size"])
    heads = _count("heads", config["num_attention_heads"])
    attention_bias = bool(config.get("attention_bias", False))
    return Architecture(
        family=family,
        layers=layers,
        hidden=hidden,
        intermediate=_count("intermediate", config["intermediate_size"]),
        heads=heads,
        kv_heads=_count("kv_heads", config.get("num_key_value_heads") or heads),
        head_dim=_count("head_dim", config.get("head_dim") or hidden // heads),
        vocab=_count("vocab", config["vocab_size"]),
        context_tokens=_count("context_tokens", config["max_position_embeddings"]),
        norm_epsilon=float(config.get("rms_norm_eps", 1e-6)),
        rope=_rope(config),
        qkv_bias=family == "qwen2" or (attention_bias and family != "mistral"),
        output_bias=attention_bias and family in {"llama", "qwen3"},
        mlp_bias=bool(config.get("mlp_bias", False)) and family == "llama",
        qk_norm=family == "qwen3",
        tied=bool(config.get("tie_word_embeddings", False)),
        windows=_windows(config, family, layers),
        dtype=str(config.get("dtype") or config.get("torch_dtype") or "float32"),
    )


def _count(name: str, value: object) -> int:
    if not isinstance(value, int) or not 1 <= value <= _COUNTS[name]:
        raise ValueError(f"{name} is {value!r}, not a number from 1 to {_COUNTS[name]}")
    return value


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """Return rope parameters in one form: older files keep theta and scaling apart."""
    rope = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    rope.setdefault("rope_theta", config.get("rope_theta", 10_000.0))
    rope["rope_type"] = rope.get("rope_type") or rope.pop("type", None) or "default"
    return rope


def _windows(config: dict[str, Any], family: str, layers: int) -> tuple[int | None, ...]:
    window = config.get("sliding_window")
    if family == "llama" or not window:
        return (None,) * layers
    if family == "mistral":
        return (int(window),) * layers
    if not config.get("use_sliding_window", False):
        return (None,) * layers
    kinds = config.get("layer_types") or [
        "sliding_attention" if i >= int(config.get("max_window_layers", 28)) else "full_attention"
        for i in range(layers)
    ]
    return tuple(int(window) if kind == "sliding_attention" else None for kind in kinds)
