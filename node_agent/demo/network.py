"""The demo model's shape, and the weights it starts from.

A plain Qwen2 decoder, so everything that loads Qwen2 loads it. What is special is the start:
gradient descent alone had not found how to copy digits after 700 steps (16 % of digits right, 10 %
being chance), so the known circuit of copying is written into the first two layers, and training
refines it.

Shapes: D hidden, C code.
"""

from typing import Any, Final

import torch
from torch import Tensor, nn
from transformers import Qwen2Config, Qwen2ForCausalLM

_CODE: Final = 32  # C: dimensions of a token's code, and of an attention head
_TOKENS_BACK: Final = 3


def new_model(vocabulary: int, depth: int) -> Qwen2ForCausalLM:
    """Return a decoder that copies a little and knows nothing else; depth is at least 2.

    All later layers begin as the identity: what they add to the residual stream is zero.
    """
    config = Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=depth,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        initializer_range=128**-0.5,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=2,
        pad_token_id=0,
        dtype="float32",
    )
    model = Qwen2ForCausalLM(config)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        _start_copying(model)
    return model


def grown_model(model: Qwen2ForCausalLM, depth: int) -> Qwen2ForCausalLM:
    """Return a deeper model that computes the same: old layers spread out, new ones silent.

    Args:
        model: The model to grow.
        depth: A multiple of its layers.
    """
    old = list(model.model.layers)
    stride = depth // len(old)
    deeper = new_model(model.config.vocab_size, depth)
    deeper.model.embed_tokens.load_state_dict(model.model.embed_tokens.state_dict())
    deeper.model.norm.load_state_dict(model.model.norm.state_dict())
    with torch.no_grad():
        for index, layer in enumerate(deeper.model.layers):
            if index % stride == 0:
                layer.load_state_dict(old[index // stride].state_dict())
            else:
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
    return deeper


def _start_copying(model: Qwen2ForCausalLM) -> None:
    """Write the circuit of copying into layers 0 and 1.

    A token's code is its first C dimensions. Layer 0 puts the codes of the three tokens before it
    beside it. Layer 1 finds where the last three tokens stood before, and adds the code of what
    came next; tied embeddings turn that into a guess.

    Source:
        Olsson et al. 2022, "In-context Learning and Induction Heads".
    """
    model.model.embed_tokens.weight[:, :_CODE].normal_(std=1.0)
    model.model.embed_tokens.weight[:, _CODE:].normal_(std=0.2)
    model.model.norm.weight.fill_(0.25)
    _look_back(model.model.layers[0].self_attn, model.model.rotary_emb.inv_freq)
    _look_up(model.model.layers[1].self_attn)


def _look_back(attention: Any, frequencies: Tensor, sharpness: float = 8.0) -> None:  # noqa: ANN401 - the modules of Transformers are untyped
    """Let head h look h + 1 tokens back and write the code it sees at dimension (h + 1) C.

    With rotary positions, a constant key and a constant query turned by d steps score highest where
    the distance is d. Only the quick frequencies tell near distances apart.
    """
    attention.q_proj.weight.mul_(0.2)
    attention.k_proj.weight.mul_(0.2)
    attention.k_proj.bias.view(-1, _CODE)[:, :4] = sharpness
    queries = attention.q_proj.bias.view(-1, _CODE)
    for head in range(_TOKENS_BACK):
        angle = (head + 1) * frequencies[:4]
        queries[head, :4] = sharpness * angle.cos()
        queries[head, _CODE // 2 : _CODE // 2 + 4] = -sharpness * angle.sin()
        to, own = (head + 1) * _CODE, head * _CODE
        attention.o_proj.weight[to : to + _CODE, own : own + _CODE] = 0.55 * torch.eye(_CODE)
    _read_codes(attention)


def _look_up(attention: Any, sharpness: float = 1.4) -> None:  # noqa: ANN401 - as above
    """Let every head match the last three tokens with the three before a key, and copy the key."""
    slow = [*range(_CODE // 4, _CODE // 2), *range(3 * _CODE // 4, _CODE)]  # hardly turned
    attention.q_proj.weight.zero_()
    attention.k_proj.weight.zero_()
    shared = attention.q_proj.weight.shape[0] // attention.k_proj.weight.shape[0]
    for head in range(attention.k_proj.weight.shape[0] // _CODE):
        rows = [head * _CODE + i for i in slow]
        for back in range(_TOKENS_BACK):
            mix = sharpness * nn.init.orthogonal_(torch.empty(len(slow), _CODE))
            attention.k_proj.weight[rows, (back + 1) * _CODE : (back + 2) * _CODE] = mix
            for query in range(head * shared, (head + 1) * shared):
                rows_of_query = [query * _CODE + i for i in slow]
                attention.q_proj.weight[rows_of_query, back * _CODE : (back + 1) * _CODE] = mix
    _read_codes(attention)
    for start in range(0, attention.o_proj.weight.shape[1], _CODE):
        attention.o_proj.weight[:_CODE, start : start + _CODE] = torch.eye(_CODE)


def _read_codes(attention: Any) -> None:  # noqa: ANN401 - as above
    """Let every value be the code of its token."""
    attention.v_proj.weight.zero_()
    for start in range(0, attention.v_proj.weight.shape[0], _CODE):
        attention.v_proj.weight[start : start + _CODE, :_CODE] = torch.eye(_CODE)
