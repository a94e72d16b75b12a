"""The guide's model in figures."""

from __future__ import annotations

from infra.capacity.placement import ModelShape

_HIDDEN, _FFN, _HEADS, _KV_HEADS, _HEAD_DIM, _VOCAB, _LAYERS = 1536, 8960, 12, 2, 128, 151_936, 28

# Weights of attention with the biases of its three inputs, of the feed-forward part, two norms.
_LAYER = (
    2 * _HIDDEN * _HEADS * _HEAD_DIM
    + 2 * _HIDDEN * _KV_HEADS * _HEAD_DIM
    + (_HEADS + 2 * _KV_HEADS) * _HEAD_DIM
    + 3 * _HIDDEN * _FFN
    + 2 * _HIDDEN
)
_PARAMETERS = _LAYERS * _LAYER + 2 * _VOCAB * _HIDDEN + _HIDDEN

# From the model's published config.json (deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B, 2025-01).
DEEPSEEK_1_5B = ModelShape(
    id="DeepSeek-R1-Distill-Qwen-1.5B",
    path="deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
    revision="",
    family="qwen2",
    layers=_LAYERS,
    hidden=_HIDDEN,
    vocab=_VOCAB,
    tied=False,
    intermediate=_FFN,
    heads=_HEADS,
    kv_heads=_KV_HEADS,
    head_dim=_HEAD_DIM,
    context_tokens=131_072,
    dtype="bfloat16",
    parameters=_PARAMETERS,
    checkpoint_bytes=2 * _PARAMETERS,
    layer_parameters=_LAYER,
    embedding_parameters=_VOCAB * _HIDDEN,
    head_parameters=_VOCAB * _HIDDEN,
    demo=False,
)
