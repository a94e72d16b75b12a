"""Train the demo model: ``python -m node_agent.demo.train``.

Four layers learn first, where a step is cheap: from long dialogues, which hold the most answers for
their length, then from short ones, where nothing but the context is there to copy from. They are
then spread over sixteen, each followed by three new layers that begin as the identity, and all
sixteen are trained to the end.

Shapes: B batch, S sequence, D hidden, V vocabulary, N tokens to be learned.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from node_agent.demo.corpus import Dialogue, random_dialogue
from node_agent.demo.evaluate import CHECKPOINT
from node_agent.demo.muon import Muon
from node_agent.demo.network import grown_model, new_model
from node_agent.demo.publish import publish
from node_agent.demo.tokenizer import new_tokenizer

_IGNORED: Final = -100
_POOL: Final = 96  # dialogues sorted by length at a time
_WARM_UP_STEPS: Final = 40

Report = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of training, begun with fresh optimizers and a warm-up.

    Args:
        until: Share of all steps at which it ends; 1 for the last.
        layers: Depth of the model; a multiple of the stage before.
        most_turns: Turns of a dialogue, at most; all counts are equally frequent.
        first_rate: Share of the peak learning rates it begins with, once warm.
        last_rate: Share it ends with, falling evenly.
    """

    until: float
    layers: int
    most_turns: int
    first_rate: float = 1.0
    last_rate: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What the committed model was trained with; a test shortens it.

    Args:
        steps: Optimizer steps in all.
        minutes: Wall-clock limit; where it ends training before the steps do, runs differ.
        seed: Seed of the data, the weights and the tokenizer.
        stages: In order.
        batch_tokens: Tokens in a batch, padding included, at most.
        matrix_rate: Peak learning rate of the layers' matrices, under Muon.
        other_rate: Peak learning rate of all else, under AdamW.
    """

    steps: int = 2000
    minutes: float = float("inf")
    seed: int = 20250821
    stages: tuple[Stage, ...] = (
        Stage(0.4, 4, 7),
        Stage(0.6, 4, 2),
        Stage(0.8, 16, 2, last_rate=0.0),
        Stage(1.0, 16, 3, first_rate=0.5, last_rate=0.0),
    )
    batch_tokens: int = 4096
    matrix_rate: float = 0.01
    other_rate: float = 3e-3


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids and labels, both [B, S] int64; a label is -100 where nothing is learned."""

    ids: Tensor
    labels: Tensor


def encoded(dialogue: Dialogue, tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """Return token ids and labels of a dialogue; only answers and their ends are learned."""
    ids: list[int] = []
    labels: list[int] = []

    def add(text: str, *, learned: bool) -> None:
        tokens = tokenizer.encode(text, add_special_tokens=False)
        ids.extend(tokens)
        labels.extend(tokens if learned else [_IGNORED] * len(tokens))

    if dialogue.context:
        add(f"<|im_start|>system\n{dialogue.context}<|im_end|>\n", learned=False)
    for turn in dialogue.turns:
        add(f"<|im_start|>user\n{turn.question}<|im_end|>\n<|im_start|>assistant\n", learned=False)
        add(f"{turn.answer}<|im_end|>", learned=True)
        add("\n", learned=False)
    return ids, labels


def batches(
    rng: Random, tokenizer: PreTrainedTokenizerFast, batch_tokens: int, most_turns: int
) -> Iterator[Batch]:
    """Yield fresh batches without end, each of dialogues of like length."""
    while True:
        pool = [
            encoded(random_dialogue(rng, rng.randint(1, most_turns)), tokenizer)
            for _ in range(_POOL)
        ]
        pool.sort(key=lambda pair: len(pair[0]))
        cut: list[list[tuple[list[int], list[int]]]] = [[]]
        for pair in pool:
            if cut[-1] and len(pair[0]) * (len(cut[-1]) + 1) > batch_tokens:
                cut.append([])
            cut[-1].append(pair)
        rng.shuffle(cut)
        yield from map(padded, cut)


def padded(pairs: Sequence[tuple[list[int], list[int]]]) -> Batch:
    """Return one batch, padded on the right; causal attention then needs no mask."""
    longest = max(len(ids) for ids, _ in pairs)
    ids = torch.zeros(len(pairs), longest, dtype=torch.int64)
    labels = torch.full_like(ids, _IGNORED)
    for row, (some_ids, some_labels) in enumerate(pairs):
        ids[row, : len(some_ids)] = torch.tensor(some_ids)
        labels[row, : len(some_labels)] = torch.tensor(some_labels)
    return Batch(ids, labels)


def answer_loss(model: Qwen2ForCausalLM, batch: Batch) -> tuple[Tensor, float]:
    """Return the mean loss over answer tokens, and the share of them guessed right."""
    hidden = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state  # [B, S, D]
    targets = batch.labels[:, 1:]
    learned = targets != _IGNORED
    logits = model.lm_head(hidden[:, :-1][learned])  # [N, V]
    right = (logits.argmax(-1) == targets[learned]).float().mean().item()
    return functional.cross_entropy(logits, targets[learned]), right


def optimizers(model: Qwen2ForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Return Muon for the layers' matrices and AdamW for embeddings, norms and biases."""
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    adamw = torch.optim.AdamW(rest, lr=recipe.other_rate, betas=(0.9, 0.95), weight_decay=0.0)
    made: list[torch.optim.Optimizer] = [Muon(matrices, recipe.matrix_rate), adamw]
    for optimizer in made:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return made


def train(recipe: Recipe, tokenizer: PreTrainedTokenizerFast, report: Report) -> Qwen2ForCausalLM:
    """Return a trained model as deep as the last stage; a line of progress every 20 steps."""
    torch.manual_seed(recipe.seed)
    model = new_model(len(tokenizer), recipe.stages[0].layers)
    started, step, begun_at = time.monotonic(), 0, 0.0
    for index, stage in enumerate(recipe.stages):
        model = deep_enough(model, stage.layers)
        rng = Random(recipe.seed + index)  # noqa: S311 - repeatable, not secret
        stream = batches(rng, tokenizer, recipe.batch_tokens, stage.most_turns)
        moving = optimizers(model, recipe)
        first, tokens, begun = step, 0, time.monotonic()
        while (done := _share_done(step, recipe, started)) < stage.until:
            batch = next(stream)
            loss, right = answer_loss(model, batch)
            warmth = min(1.0, (step - first + 1) / _WARM_UP_STEPS)
            _move(model, moving, loss, warmth * _rate(stage, begun_at, done))
            tokens += batch.ids.numel()
            if step % 20 == 0:
                left = (time.monotonic() - started) / 60 * (1 - done) / max(done, 1e-9)
                report(
                    f"step {step} loss {loss.item():.4f} tokens right {right:.2%} "
                    f"{tokens / (time.monotonic() - begun):.0f} tokens/s eta {left:.1f} min"
                )
            step += 1
        begun_at = stage.until
    return model


def deep_enough(model: Qwen2ForCausalLM, layers: int) -> Qwen2ForCausalLM:
    """Return the model itself if it has so many layers, else a grown one."""
    return model if len(model.model.layers) == layers else grown_model(model, layers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, score and publish a checkpoint; talk goes to stderr."""
    options = _options(arguments)
    if options.out.exists() and not options.force:
        _say(f"Error: {options.out} exists.\nHint: Pass --force to replace it, or another --out.")
        return 2
    recipe = Recipe(steps=options.steps, minutes=options.minutes, seed=options.seed)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(mode=True)
    started = time.monotonic()
    tokenizer = new_tokenizer(recipe.seed)
    model = train(recipe, tokenizer, _say)
    minutes = (time.monotonic() - started) / 60
    _say(f"trained in {minutes:.1f} min; scoring {options.samples} cases a set")
    facts = {**asdict(recipe), "minutes": round(minutes, 1), "threads": options.threads}
    publish(model, tokenizer, facts, options.samples, options.out)
    _say(f"wrote {options.out}")
    return 0


def _move(
    model: Qwen2ForCausalLM, moving: Sequence[torch.optim.Optimizer], loss: Tensor, rate: float
) -> None:
    """Take one step downhill, at a share of every optimizer's peak rate."""
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in moving:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        optimizer.step()
        optimizer.zero_grad()


def _rate(stage: Stage, begun_at: float, done: float) -> float:
    """Return the share of the peak learning rates, when so much of all steps is done."""
    passed = (done - begun_at) / (stage.until - begun_at)
    return stage.first_rate + (stage.last_rate - stage.first_rate) * passed


def _share_done(step: int, recipe: Recipe, started: float) -> float:
    minutes = (time.monotonic() - started) / 60
    return max(step / recipe.steps, minutes / recipe.minutes)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    usual = Recipe()
    parser = argparse.ArgumentParser(
        prog="python -m node_agent.demo.train", description="Train the demo model."
    )
    parser.add_argument("--out", type=Path, default=CHECKPOINT, help="folder to write")
    parser.add_argument("--steps", type=int, default=usual.steps, help="optimizer steps")
    parser.add_argument("--minutes", type=float, default=usual.minutes, help="wall-clock limit")
    parser.add_argument("--seed", type=int, default=usual.seed, help="seed of data and weights")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--samples", type=int, default=360, help="scored cases in each set")
    parser.add_argument("--force", action="store_true", help="replace an existing folder")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
