"""Reads from a checkpoint exactly the tensors of one stage, and no others."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open

from node_agent.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from node_agent.shard.checkpoint import Checkpoint
    from node_agent.shard.families import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerWeights:
    """One decoder layer; q, k, v and gate, up are stacked so that each is one product."""

    input_norm: Tensor  # [hidden]
    qkv: Tensor  # [(heads + 2 kv_heads) * head_dim, hidden]
    qkv_bias: Tensor | None
    q_norm: Tensor | None  # [head_dim]
    k_norm: Tensor | None
    output: Tensor  # [hidden, heads * head_dim]
    output_bias: Tensor | None
    mlp_norm: Tensor  # [hidden]
    gate_up: Tensor  # [2 * intermediate, hidden]
    gate_up_bias: Tensor | None
    down: Tensor  # [hidden, intermediate]
    down_bias: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageWeights:
    """The tensors of layers [first, end), and what the ends of the model add."""

    first_layer: int
    layers: tuple[LayerWeights, ...]
    embedding: Tensor | None  # [vocab, hidden], first stage
    norm: Tensor | None  # [hidden], last stage
    head: Tensor | None  # [vocab, hidden], last stage
    bytes_read: int


def stage_tensors(architecture: Architecture, first: int, end: int) -> list[str]:
    """Name the tensors of layers [first, end), with the embedding or head where they belong."""
    names: dict[str, tuple[int, ...]] = {}
    if first == 0:
        names |= architecture.embedding_tensors()
    for layer in range(first, end):
        names |= architecture.layer_tensors(layer)
    if end == architecture.layers:
        names |= architecture.head_tensors()
    return list(names)


def load_stage(checkpoint: Checkpoint, first: int, end: int, dtype: torch.dtype) -> StageWeights:
    """Read the tensors of layers [first, end).

    Args:
        checkpoint: A checked checkpoint.
        first: First layer of the stage.
        end: Layer after its last.
        dtype: What the weights become in memory.

    Raises:
        CheckpointError: A file changed since it was checked.
    """
    architecture = checkpoint.architecture
    names = stage_tensors(architecture, first, end)
    tensors = _read(checkpoint, names, dtype)
    last = end == architecture.layers
    head_name = "model.embed_tokens.weight" if architecture.tied else "lm_head.weight"
    return StageWeights(
        first_layer=first,
        embedding=tensors["model.embed_tokens.weight"] if first == 0 else None,
        norm=tensors["model.norm.weight"] if last else None,
        head=tensors[head_name] if last else None,
        layers=tuple(_layer(tensors, layer) for layer in range(first, end)),
        bytes_read=sum(checkpoint.tensors[name].bytes for name in names),
    )


def _read(checkpoint: Checkpoint, names: list[str], dtype: torch.dtype) -> dict[str, Tensor]:
    by_file: dict[Path, list[str]] = defaultdict(list)
    for name in names:
        by_file[checkpoint.tensors[name].file].append(name)
    tensors: dict[str, Tensor] = {}
    for file, wanted in by_file.items():
        try:
            with safe_open(file, framework="pt") as opened:
                for name in wanted:
                    tensors[name] = opened.get_tensor(name).to(dtype)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(
                f"{file}: cannot be read: {error}", hint="Download the checkpoint again."
            ) from error
    return tensors


def _layer(tensors: dict[str, Tensor], layer: int) -> LayerWeights:
    prefix = f"model.layers.{layer}."

    def take(name: str) -> Tensor | None:
        return tensors.pop(prefix + name, None)

    def stack(kind: str, parts: tuple[str, ...]) -> Tensor | None:
        taken = [tensors.pop(f"{prefix}{part}.{kind}", None) for part in parts]
        present = [part for part in taken if part is not None]
        return torch.cat(present) if present else None

    def need(tensor: Tensor | None) -> Tensor:
        if tensor is None:
            raise KeyError(f"{prefix}*")  # the checkpoint was checked before: a bug
        return tensor

    attention = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
    mlp = ("mlp.gate_proj", "mlp.up_proj")
    return LayerWeights(
        input_norm=need(take("input_layernorm.weight")),
        qkv=need(stack("weight", attention)),
        qkv_bias=stack("bias", attention),
        q_norm=take("self_attn.q_norm.weight"),
        k_norm=take("self_attn.k_norm.weight"),
        output=need(take("self_attn.o_proj.weight")),
        output_bias=take("self_attn.o_proj.bias"),
        mlp_norm=need(take("post_attention_layernorm.weight")),
        gate_up=need(stack("weight", mlp)),
        gate_up_bias=stack("bias", mlp),
        down=need(take("mlp.down_proj.weight")),
        down_bias=take("mlp.down_proj.bias"),
    )
