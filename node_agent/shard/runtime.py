"""Loads what a stage computes with: its weights, cache and tokenizer, tried once before use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from node_agent.errors import CheckpointError, ConfigError
from node_agent.proto import agent_pb2 as pb
from node_agent.shard.cache import KvCache
from node_agent.shard.checkpoint import inspect_checkpoint
from node_agent.shard.engine import EngineRules
from node_agent.shard.model import Span, StageModel, rope_frequencies
from node_agent.shard.service import StageFacts
from node_agent.shard.text import Text
from node_agent.shard.weights import load_stage

if TYPE_CHECKING:
    from node_agent.config import NodeConfig, Stage
    from node_agent.shard.checkpoint import Checkpoint

_DTYPES = {
    "float32": (torch.float32, pb.DTYPE_FLOAT32),
    "bfloat16": (torch.bfloat16, pb.DTYPE_BFLOAT16),
    "float16": (torch.float16, pb.DTYPE_FLOAT16),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A loaded stage."""

    facts: StageFacts
    model: StageModel
    cache: KvCache
    text: Text | None  # on a first or last stage
    rules: EngineRules
    weight_bytes_read: int


def load_runtime(config: NodeConfig) -> Runtime:
    """Load the stage a configuration describes.

    Raises:
        CheckpointError: The checkpoint is unusable, another than was deployed, or its values
            overflow.
        ConfigError: The role holds no layers.
    """
    stage = config.stage
    if stage is None:
        raise ConfigError(f"role {config.node.role} holds no layers")
    torch.set_num_threads(stage.threads)
    checkpoint = _deployed_checkpoint(config)
    facts = _facts(config, stage, checkpoint)
    text = Text(checkpoint.path) if facts.is_first or facts.is_last else None
    model, weight_bytes_read = _model(stage, checkpoint, facts.context_tokens)
    runtime = Runtime(
        facts=facts,
        model=model,
        cache=_cache(stage, checkpoint, facts.context_tokens, model.dtype),
        text=text,
        rules=EngineRules(
            context_tokens=facts.context_tokens,
            chunk_tokens=stage.chunk_tokens,
            micro_batches=stage.micro_batches,
            tokenizer=text.backend if text and facts.is_last else None,
            eos_token_ids=checkpoint.eos_token_ids,
        ),
        weight_bytes_read=weight_bytes_read,
    )
    _try_once(runtime, str(checkpoint.path))
    return runtime


def _deployed_checkpoint(config: NodeConfig) -> Checkpoint:
    checkpoint = inspect_checkpoint(config.model.path)
    if checkpoint.revision != config.model.revision:
        raise CheckpointError(
            f"{config.model.path}: revision {checkpoint.revision} where {config.model.revision} "
            "was deployed",
            hint="Deploy again, so that every node serves the same checkpoint.",
        )
    return checkpoint


def _facts(config: NodeConfig, stage: Stage, checkpoint: Checkpoint) -> StageFacts:
    dtype, wire_dtype = _DTYPES[stage.dtype]
    architecture = checkpoint.architecture
    return StageFacts(
        deployment=config.node.deployment,
        revision=checkpoint.revision,
        first_layer=stage.first_layer,
        end_layer=stage.end_layer,
        layers=architecture.layers,
        hidden=architecture.hidden,
        vocab=architecture.vocab,
        dtype=wire_dtype,
        itemsize=dtype.itemsize,
        context_tokens=config.model.context_tokens,
    )


def _model(stage: Stage, checkpoint: Checkpoint, context_tokens: int) -> tuple[StageModel, int]:
    dtype, _ = _DTYPES[stage.dtype]
    weights = load_stage(checkpoint, stage.first_layer, stage.end_layer, dtype)
    model = StageModel(
        checkpoint.architecture,
        weights,
        context_tokens=context_tokens,
        rope_frequencies=rope_frequencies(checkpoint.architecture, str(checkpoint.path)),
    )
    return model, weights.bytes_read


def _cache(
    stage: Stage, checkpoint: Checkpoint, context_tokens: int, dtype: torch.dtype
) -> KvCache:
    return KvCache(
        layers=stage.end_layer - stage.first_layer,
        slots=stage.slots,
        kv_heads=checkpoint.architecture.kv_heads,
        context_tokens=context_tokens,
        head_dim=checkpoint.architecture.head_dim,
        dtype=dtype,
    )


def _try_once(runtime: Runtime, where: str) -> None:
    """Run one row through: pages the weights in, and finds those that are not numbers."""
    model, cache = runtime.model, runtime.cache
    slot = cache.acquire()
    hidden = (
        model.embed(torch.zeros(1, dtype=torch.int64))
        if model.has_embedding
        else torch.ones((1, model.architecture.hidden), dtype=model.dtype)
    )
    hidden = model.forward(hidden, [Span(slot=slot, position=0, rows=1)], cache)
    out = model.logits(hidden) if model.has_head else hidden
    cache.release(slot)
    if not bool(out.isfinite().all()):
        raise CheckpointError(
            f"{where}: layers {runtime.facts.first_layer} to {runtime.facts.end_layer} compute "
            "values that are not finite",
            hint="The weights are damaged, or overflow in this dtype: try float32.",
        )
