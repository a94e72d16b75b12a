"""The forward pass of a stage: Llama-shaped decoder layers over rows of many sequences.

T rows of a step, H hidden width, Q query heads, K key-value heads, G = Q / K, D head width,
L tokens of a sequence so far. Rows of all sequences lie in one [T, H] tensor, so each product runs
once; only attention looks at one sequence at a time, which keeps a sequence's result independent
of its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere

from node_agent.errors import TaskError

if TYPE_CHECKING:
    from torch import Tensor

    from node_agent.shard.cache import KvCache
    from node_agent.shard.families import Architecture
    from node_agent.shard.weights import StageWeights


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Consecutive rows of one sequence in a step."""

    slot: int
    position: int  # of the first row in its sequence
    rows: int


class StageModel:
    """Layers [first, end) of a model, with the embedding or the LM head where they belong.

    Args:
        architecture: Shapes and options of the whole model.
        weights: The tensors of this stage.
        context_tokens: Longest sequence; positions beyond are refused.
        rope_frequencies: [D / 2] float32 inverse frequencies and the factor their cosines take;
            see `rope_frequencies`.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: StageWeights,
        *,
        context_tokens: int,
        rope_frequencies: tuple[Tensor, float],
    ) -> None:
        self.architecture = architecture
        self.dtype = weights.layers[0].qkv.dtype
        self._weights = weights
        frequencies, factor = rope_frequencies
        angles = torch.outer(torch.arange(context_tokens, dtype=torch.float32), frequencies)
        angles = torch.cat([angles, angles], dim=-1)  # [S, D]
        self._cos = (angles.cos() * factor).to(self.dtype)
        self._sin = (angles.sin() * factor).to(self.dtype)

    @property
    def has_embedding(self) -> bool:
        """Whether this stage turns token ids into rows."""
        return self._weights.embedding is not None

    @property
    def has_head(self) -> bool:
        """Whether this stage turns rows into logits."""
        return self._weights.head is not None

    def embed(self, token_ids: Tensor) -> Tensor:
        """Look tokens up; [T] int64 -> [T, H]."""
        if self._weights.embedding is None:
            raise TaskError("this stage holds no embedding table")
        return F.embedding(token_ids, self._weights.embedding)

    @torch.inference_mode()
    def forward(self, hidden: Tensor, spans: list[Span], cache: KvCache) -> Tensor:
        """Run the stage's layers over one step, extending the cache.

        Args:
            hidden: [T, H], the rows of all spans in order.
            spans: Where each run of rows stands in its sequence.
            cache: Of this stage; holds every earlier position of each span's sequence.

        Returns:
            [T, H], of the same dtype.
        """
        step = self._step(spans)
        for index in range(len(self._weights.layers)):
            hidden = self._attention(index, hidden, step, cache)
            hidden = self._mlp(index, hidden)
        return hidden

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """Apply the final norm and the LM head; [n, H] -> [n, vocab] float32."""
        if self._weights.norm is None or self._weights.head is None:
            raise TaskError("this stage holds no LM head")
        normed = self._norm(hidden, self._weights.norm)
        return F.linear(normed, self._weights.head).float()

    def _step(self, spans: list[Span]) -> _Step:
        positions = torch.tensor(
            [p for s in spans for p in range(s.position, s.position + s.rows)], dtype=torch.int64
        )
        slots = torch.tensor([s.slot for s in spans for _ in range(s.rows)], dtype=torch.int64)
        return _Step(
            spans=spans,
            at=(slots, positions),
            cos=self._cos[positions][:, None],
            sin=self._sin[positions][:, None],
        )

    def _attention(self, index: int, hidden: Tensor, step: _Step, cache: KvCache) -> Tensor:
        a, layer = self.architecture, self._weights.layers[index]
        qkv = F.linear(self._norm(hidden, layer.input_norm), layer.qkv, layer.qkv_bias)
        qkv = qkv.view(-1, a.heads + 2 * a.kv_heads, a.head_dim)  # [T, Q + 2K, D]
        q, k, v = qkv.split((a.heads, a.kv_heads, a.kv_heads), dim=1)
        if layer.q_norm is not None and layer.k_norm is not None:
            q, k = self._norm(q, layer.q_norm), self._norm(k, layer.k_norm)
            q, k = _rotate(q, step), _rotate(k, step)
        else:
            turned = _rotate(qkv[:, : a.heads + a.kv_heads], step)
            q, k = turned.split((a.heads, a.kv_heads), dim=1)
        cache.write(index, step.at, k, v)
        window = a.windows[self._weights.first_layer + index]
        rows = q.split([span.rows for span in step.spans])
        attended = [
            _attend(own, span, index, window, cache)
            for own, span in zip(rows, step.spans, strict=True)
        ]
        joined = attended[0] if len(attended) == 1 else torch.cat(attended)  # [T, Q * D]
        return hidden + F.linear(joined, layer.output, layer.output_bias)

    def _mlp(self, index: int, hidden: Tensor) -> Tensor:
        layer = self._weights.layers[index]
        gate_up = F.linear(self._norm(hidden, layer.mlp_norm), layer.gate_up, layer.gate_up_bias)
        gate, up = gate_up.chunk(2, dim=-1)  # [T, intermediate] each
        return hidden + F.linear(F.silu(gate) * up, layer.down, layer.down_bias)

    def _norm(self, rows: Tensor, weight: Tensor) -> Tensor:
        """Scale to unit root mean square over the last dimension, in float32."""
        wide = rows.float()
        mean_square = wide.square().sum(-1, keepdim=True) / weight.shape[0]
        scale = torch.rsqrt(mean_square + self.architecture.norm_epsilon)
        return weight * (wide * scale).to(rows.dtype)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What every layer of a step needs to know of its rows."""

    spans: list[Span]
    at: tuple[Tensor, Tensor]  # slot and position of each row, [T] each
    cos: Tensor  # [T, 1, D]
    sin: Tensor


def _attend(q: Tensor, span: Span, layer: int, window: int | None, cache: KvCache) -> Tensor:
    """Attend one sequence's rows to all it has seen; [rows, Q, D] -> [rows, Q * D]."""
    start = 0 if window is None else max(0, span.position - window + 1)
    end = span.position + span.rows
    keys, values = cache.read(layer, span.slot, start, end)  # [1, K, L, D]
    if span.rows == 1:
        # The G query heads of one key head stand as rows: no copy of keys per query head.
        grouped = q.view(1, keys.shape[1], -1, q.shape[-1])  # [1, K, G, D]
        return F.scaled_dot_product_attention(grouped, keys, values).reshape(1, -1)
    mask = None if end == span.rows and window is None else _mask(span, start, window)
    out = F.scaled_dot_product_attention(
        q.transpose(0, 1)[None],
        keys,
        values,
        attn_mask=mask,
        is_causal=mask is None,
        enable_gqa=True,
    )  # [1, Q, rows, D]
    return out[0].transpose(0, 1).reshape(span.rows, -1)


def _mask(span: Span, start: int, window: int | None) -> Tensor:
    """Which keys from `start` on each row may see; [rows, L] bool."""
    query = torch.arange(span.position, span.position + span.rows)[:, None]
    key = torch.arange(start, span.position + span.rows)[None, :]
    seen = key <= query
    return seen if window is None else seen & (key > query - window)


def _rotate(heads: Tensor, step: _Step) -> Tensor:
    """Turn each head by its position (Su et al. 2021, eq. 34); [T, heads, D]."""
    first, second = heads.chunk(2, dim=-1)
    return heads * step.cos + torch.cat((-second, first), dim=-1) * step.sin


def rope_frequencies(architecture: Architecture, config_folder: str) -> tuple[Tensor, float]:
    """Return the inverse frequencies [D / 2] in float32 and the factor of cosine and sine.

    Scaled types are computed by transformers from the checkpoint's own config.
    """
    if architecture.rope["rope_type"] == "default":
        exponents = torch.arange(0, architecture.head_dim, 2, dtype=torch.float32)
        return float(architecture.rope["rope_theta"]) ** -(exponents / architecture.head_dim), 1.0
    from transformers import AutoConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = AutoConfig.from_pretrained(config_folder, trust_remote_code=False)
    initialise = ROPE_INIT_FUNCTIONS[architecture.rope["rope_type"]]
    frequencies, factor = initialise(config, torch.device("cpu"))
    return frequencies.float(), float(factor)
