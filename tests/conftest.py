"""Checkpoints that the tests make: tiny, random, of every supported family."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node_agent import tls

# One process runs all tests, and whoever imports gRPC first decides its ciphers for all of them.
tls.prepare()
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def modules_after(package: str, arguments: list[str], *, cwd: Path | None = None) -> set[str]:
    """Run a command of `package` in a fresh interpreter; returns all it had imported."""
    program = (
        f"import json, sys; from {package} import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit: pass\n"
        "print('\\n' + json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=cwd,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


CheckpointMaker = Callable[..., Path]


def save_tokenizer(folder: Path) -> int:
    """Write a byte-level tokenizer with a chat template; returns its vocabulary size."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(["a quick brown fox", "敏捷的棕色狐狸"] * 4, trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    return tokenizer.get_vocab_size()


def random_model(family: str, vocab: int, **overrides: Any) -> Any:
    """Build a tiny model whose logits are far from flat, so that greedy choices are firm."""
    import torch
    import transformers

    shape: dict[str, Any] = {
        "vocab_size": vocab,
        "hidden_size": 48,
        "intermediate_size": 80,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "bos_token_id": None,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    name = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3"}[family]
    defaults = {"qwen3": {"head_dim": 16}, "mistral": {"sliding_window": 9}}.get(family, {})
    config = getattr(transformers, f"{name}Config")(**{**shape, **defaults, **overrides})
    torch.manual_seed(7)
    model = getattr(transformers, f"{name}ForCausalLM")(config).float().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.6 if parameter.ndim == 1 else 0.18)
    return model


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> CheckpointMaker:
    """Make (once per arguments) a checkpoint folder of a family."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    made: dict[str, Path] = {}

    def make(family: str = "qwen2", *, max_shard_size: str = "1GB", **overrides: Any) -> Path:
        key = f"{family} {max_shard_size} {sorted(overrides.items())}"
        if key not in made:
            folder = tmp_path_factory.mktemp(family)
            model = random_model(family, save_tokenizer(folder), **overrides)
            model.save_pretrained(folder, max_shard_size=max_shard_size)
            made[key] = folder
        return made[key]

    return make
