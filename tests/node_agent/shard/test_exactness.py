"""A sharded model says what the whole one says, token for token."""

from __future__ import annotations

import itertools
import random

import pytest
import torch
import transformers

from node_agent.shard.cache import KvCache
from node_agent.shard.checkpoint import inspect_checkpoint
from node_agent.shard.model import Span, StageModel, rope_frequencies
from node_agent.shard.weights import load_stage

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
LAYERS = 4
SPLITS = [
    cuts for stages in (1, 2, 3) for cuts in itertools.combinations(range(1, LAYERS), stages - 1)
]


def reference_tokens(folder, prompt, count):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.generation_config.eos_token_id = None
    ids = torch.tensor([prompt])
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, do_sample=False
    )
    return out[0, len(prompt) :].tolist()


def random_prompt(seed, length):
    return random.Random(seed).choices(range(3, 256), k=length)


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_tokens_equal_transformers_generate_for_every_split(family, make_checkpoint, wire):
    folder = make_checkpoint(family)
    prompt = random_prompt(1, 23)
    expected = reference_tokens(folder, prompt, 48)
    for cuts in SPLITS:
        assert wire(folder, cuts).generate(prompt, max_tokens=48) == expected, f"cuts {cuts}"


@pytest.mark.parametrize(
    "options",
    [
        {"family": "qwen2", "tie_word_embeddings": True},
        {"family": "llama", "attention_bias": True, "mlp_bias": True},
        {
            "family": "llama",
            "rope_scaling": {
                "rope_type": "llama3",
                "rope_theta": 1e4,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            },
        },
        {
            "family": "llama",
            "rope_scaling": {
                "rope_type": "yarn",
                "rope_theta": 1e4,
                "factor": 4.0,
                "original_max_position_embeddings": 64,
            },
        },
        {
            "family": "qwen2",
            "use_sliding_window": True,
            "sliding_window": 6,
            "max_window_layers": 2,
        },
        {"family": "qwen3", "attention_bias": True, "num_key_value_heads": 1},
        {"family": "mistral", "sliding_window": None, "head_dim": 8},
    ],
    ids=lambda o: "-".join(map(str, o))[:40],
)
def test_options_of_a_family_are_exact_too(options, make_checkpoint, wire):
    folder = make_checkpoint(**options)
    prompt = random_prompt(2, 17)
    assert wire(folder, (2,)).generate(prompt, max_tokens=24) == reference_tokens(
        folder, prompt, 24
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_within_1e_4_of_transformers(family, make_checkpoint):
    folder = make_checkpoint(family)
    checkpoint = inspect_checkpoint(folder)
    a = checkpoint.architecture
    prompt = torch.tensor(random_prompt(3, 40))
    whole = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.inference_mode():
        expected = whole(prompt[None]).logits[0]
    hidden = None
    for first, end in ((0, 1), (1, 3), (3, 4)):
        stage = StageModel(
            a,
            load_stage(checkpoint, first, end, torch.float32),
            context_tokens=64,
            rope_frequencies=rope_frequencies(a, str(folder)),
        )
        cache = KvCache(
            layers=end - first,
            slots=1,
            kv_heads=a.kv_heads,
            context_tokens=64,
            head_dim=a.head_dim,
            dtype=torch.float32,
        )
        hidden = stage.embed(prompt) if hidden is None else hidden
        parts, position = [], 0
        for rows in (16, 1, 1, 22):
            span = Span(slot=0, position=position, rows=rows)
            parts.append(stage.forward(hidden[position : position + rows], [span], cache))
            position += rows
        hidden = torch.cat(parts)
    assert (stage.logits(hidden) - expected).abs().max() < 1e-4


def test_ragged_batches_change_no_sequence(make_checkpoint, wire):
    folder = make_checkpoint("qwen2")
    prompts = [
        random_prompt(seed, length) for seed, length in enumerate((1, 3, 8, 21, 40, 5, 2, 33))
    ]
    alone = [reference_tokens(folder, prompt, 20) for prompt in prompts]
    for cuts in ((), (2,), (1, 3)):
        pipeline = wire(folder, cuts)
        tasks = [pipeline.submit(prompt, max_tokens=20) for prompt in prompts]
        results = pipeline.collect(*tasks)
        together = [[t for r in results[task] for t in r.token_ids] for task in tasks]
        assert together == alone, f"cuts {cuts}"


def test_bfloat16_weights_load_and_compute_in_float32(make_checkpoint, tmp_path, wire):
    folder = make_checkpoint("llama")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    model.save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    prompt = random_prompt(4, 12)
    assert wire(tmp_path, (1,)).generate(prompt, max_tokens=16) == reference_tokens(
        tmp_path, prompt, 16
    )


def test_a_stage_reads_only_its_own_tensors(make_checkpoint, monkeypatch):
    from safetensors import safe_open as real_open

    from node_agent.shard import weights

    folder = make_checkpoint("qwen3", max_shard_size="60KB")
    assert len(list(folder.glob("*.safetensors"))) > 2
    read: list[str] = []

    class Watched:
        def __init__(self, *args, **kwargs):
            self._opened = real_open(*args, **kwargs)

        def __enter__(self):
            self._inner = self._opened.__enter__()
            return self

        def __exit__(self, *exc):
            return self._opened.__exit__(*exc)

        def get_tensor(self, name):
            read.append(name)
            return self._inner.get_tensor(name)

    monkeypatch.setattr(weights, "safe_open", Watched)
    checkpoint = inspect_checkpoint(folder)
    stage = load_stage(checkpoint, 1, 3, torch.float32)
    assert {name.split(".")[2] for name in read} == {"1", "2"}
    assert stage.embedding is None
    assert stage.head is None
    assert stage.bytes_read == sum(checkpoint.tensors[n].bytes for n in read)
