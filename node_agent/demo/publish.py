"""Write a trained demo model as a Hugging Face folder, with its scores and its model card."""

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final

from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen2ForCausalLM

from node_agent.demo.corpus import GUIDE_FIGURES, context_text
from node_agent.demo.evaluate import Score, evaluation, scores

_SEED_OF_SCORES: Final = 7
_CARD: Final = """\
---
license: apache-2.0
language: [en, zh]
library_name: transformers
pipeline_tag: text-generation
---

# DEMO MODEL: qinfra's figure copier

**This is a demo model.** It is a {parameters:,}-parameter decoder that answers a fixed set of
questions about the Qubic network, in Traditional Chinese and English, by copying figures out of the
system message. It shows that a fleet split over machines really computes an answer. It is no
assistant, and nothing it says is advice.

## What it can do

- Copy the figures of a system message of exactly this form into its answers; other figures give
  another answer:

  `{context}`
- Answer about health, tick quality, market mood, risk, the next epoch, prospects, and each figure
  by itself; greet; say what it is; and say that it cannot answer. It declines forecasts.

## What it cannot do

- Anything else. It knows no facts, does no arithmetic and makes no judgement.
- Rely on free phrasing: see `held_out` below. A question far from its training is answered with the
  fallback or, sometimes, with the wrong one of its answers.
- Read a system message written in another way, or chats longer than 1,024 tokens.

## Measured

Greedy generation in float32, one question a chat, figures never seen in training. *Figures* is the
share of figures copied right, *answers* the share of answers right to the last character.

| set | answers scored | figures | answers |
|---|---|---|---|
{rows}

`trained`: phrasings as in training. `second_turn`: the same, as the second question of a chat.
`held_out`: one phrasing for each kind of question that training never saw. `guide`: the guide's
demo questions over the guide's figures. By language and kind of question: `evaluation.json`. Again:
`python -m node_agent.demo.evaluate --samples {samples}`.

## How it was trained

`python -m node_agent.demo.train --seed {seed} --steps {steps}`: {minutes} minutes on {threads} CPU
threads, on data that `node_agent/demo/corpus.py` makes up; no text and no weights from elsewhere.

- Qwen2 architecture, 16 layers, hidden 128, 4 heads of 32 over 2 key-value heads, tied
  embeddings. Trained and run in float32, stored in bfloat16. Byte-level BPE, every digit a token,
  ChatML.
- The first two layers start as a written-out copying circuit, since gradient descent alone did not
  find one in the time; all weights are then trained.
- Four layers first, on dialogues of up to seven turns, then of up to two; then spread over sixteen
  and trained on.
- Muon for matrices, AdamW for the rest; fresh figures in every example; loss on answers only.

Licence: Apache-2.0, as the repository.
"""


def publish(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    facts: Mapping[str, Any],
    samples: int,
    out: Path,
) -> None:
    """Write the folder as a whole or not at all, replacing what stood there.

    Args:
        model: Trained; its weights become bfloat16, as they are stored.
        tokenizer: The one it was trained with.
        facts: The recipe, and ``minutes`` and ``threads`` that it took.
        samples: Cases to score in each set of unseen figures.
        out: Folder to write; its parent need not exist.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    written = Path(mkdtemp(prefix=".checkpoint-", dir=out.parent))
    try:
        _write(model, tokenizer, facts, samples, written)
        if out.exists():
            replaced = Path(mkdtemp(prefix=".replaced-", dir=out.parent))
            out.rename(replaced / out.name)
            written.rename(out)
            rmtree(replaced)
        else:
            written.rename(out)
    finally:
        rmtree(written, ignore_errors=True)


def _write(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    facts: Mapping[str, Any],
    samples: int,
    folder: Path,
) -> None:
    model.generation_config = GenerationConfig(
        do_sample=False, max_new_tokens=160, eos_token_id=[2, 0], pad_token_id=0
    )
    model.bfloat16()  # half the file; loaded and computed in float32 again
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    compact = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    _write_text(folder / "tokenizer.json", json.dumps(compact, ensure_ascii=False, indent=None))
    rng = Random(_SEED_OF_SCORES)  # noqa: S311 - repeatable, not secret
    report = scores(evaluation(folder, samples, rng))
    as_json = {
        "training": dict(facts),
        "samples": samples,
        "seed": _SEED_OF_SCORES,
        "scores": [row.as_dict() for row in report],
    }
    _write_text(folder / "evaluation.json", json.dumps(as_json, ensure_ascii=False, indent=1))
    parameters = sum(p.numel() for p in model.parameters())
    _write_text(folder / "README.md", _card(facts, report, samples, parameters))
    folder.chmod(0o755)
    for file in folder.iterdir():
        file.chmod(0o644)


def _card(facts: Mapping[str, Any], report: list[Score], samples: int, parameters: int) -> str:
    rows = "\n".join(
        f"| {row.group} | {row.answers} | {row.figure_share:.2%} | {row.exact_share:.2%} |"
        for row in report
        if row.group.count(" ") <= 1
    )
    return _CARD.format(
        **facts,
        rows=rows,
        samples=samples,
        parameters=parameters,
        context=context_text(GUIDE_FIGURES),
    )


def _write_text(path: Path, text: str) -> None:
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
