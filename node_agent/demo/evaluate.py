"""Score the demo model on figures it never saw: ``python -m node_agent.demo.evaluate``.

Four sets, all answered by greedy generation in float32:

- ``trained``: phrasings as in training, fresh figures, the question alone in its chat;
- ``second_turn``: the same, after another question and its right answer;
- ``held_out``: phrasings that training never saw, fresh figures;
- ``guide``: the guide's literal demo questions over the guide's figures.

A figure counts as right when the answer holds, in the right place among its figures, exactly what
the context says.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import torch
from transformers import AutoTokenizer, Qwen2ForCausalLM

from node_agent.demo.corpus import (
    DEMO_QUESTIONS,
    FAMILIES,
    GUIDE_FIGURES,
    LANGUAGES,
    Figures,
    Turn,
    answer_text,
    context_text,
    figures_asked,
    question_text,
    random_figures,
    random_turn,
    rendered_figures,
)
from node_agent.demo.phrases import HELD_OUT_QUESTIONS

CHECKPOINT: Final = Path(__file__).parent / "checkpoint"
_BATCH: Final = 48
SETS: Final = ("trained", "second_turn", "held_out", "guide")
_FIGURE: Final = re.compile(r"\$?\d[\d,]*(?:\.\d+)?[%MT]?")


@dataclass(frozen=True, slots=True)
class Case:
    """One question over one reading of the network, its set, and the turn before it."""

    subset: str
    family: str
    language: str
    question: str
    figures: Figures
    before: Turn | None = None

    @property
    def chat(self) -> list[dict[str, str]]:
        """The messages up to the question."""
        chat = [{"role": "system", "content": context_text(self.figures)}]
        if self.before:
            chat.append({"role": "user", "content": self.before.question})
            chat.append({"role": "assistant", "content": self.before.answer})
        return [*chat, {"role": "user", "content": self.question}]

    @property
    def wanted(self) -> str:
        """The one right answer."""
        return answer_text(self.family, self.language, self.figures)

    @property
    def wanted_figures(self) -> tuple[str, ...]:
        """The figures of the right answer, in order."""
        rendered = rendered_figures(self.figures)
        return tuple(rendered[name] for name in figures_asked(self.family, self.language))


@dataclass(frozen=True, slots=True)
class Result:
    """What the model said to a case."""

    case: Case
    answer: str

    @property
    def right_figures(self) -> int:
        """How many wanted figures stand in the answer, in their place."""
        found = figures_in(self.answer)
        return sum(a == b for a, b in zip(self.case.wanted_figures, found, strict=False))

    @property
    def exact(self) -> bool:
        """Whether the whole answer is right, character by character."""
        return self.answer == self.case.wanted


@dataclass(frozen=True, slots=True)
class Score:
    """Counts over one group of results.

    Args:
        group: What the results have in common.
        answers: Answers counted.
        exact: Those that were right as a whole.
        figures: Figures asked for.
        right_figures: Those copied right.
    """

    group: str
    answers: int
    exact: int
    figures: int
    right_figures: int

    @property
    def exact_share(self) -> float:
        """Share of whole answers that were right."""
        return self.exact / self.answers

    @property
    def figure_share(self) -> float:
        """Share of figures copied right; 1 where none was asked for."""
        return self.right_figures / self.figures if self.figures else 1.0

    def as_dict(self) -> dict[str, str | int | float]:
        """Return the counts and both shares, for JSON."""
        return {
            "group": self.group,
            "answers": self.answers,
            "exact_share": round(self.exact_share, 4),
            "figures": self.figures,
            "figure_share": round(self.figure_share, 4),
        }


def figures_in(answer: str) -> tuple[str, ...]:
    """Return every figure of an answer, in order, written as the answer writes it."""
    return tuple(match[0].rstrip(",") for match in _FIGURE.finditer(answer))


def unseen_cases(rng: Random, samples: int) -> list[Case]:
    """Return so many cases of each set with fresh figures, families and languages in turn."""
    pairs = [(family, language) for family in FAMILIES for language in LANGUAGES]
    cases = []
    for index in range(samples):
        family, language = pairs[index % len(pairs)]
        asked = question_text(family, language, rng)
        cases.append(Case("trained", family, language, asked, random_figures(rng)))
        held_out = HELD_OUT_QUESTIONS[family][language]
        cases.append(Case("held_out", family, language, held_out, random_figures(rng)))
        asked, figures = question_text(family, language, rng), random_figures(rng)
        before = random_turn(rng, rng.choice(LANGUAGES), figures)
        cases.append(Case("second_turn", family, language, asked, figures, before))
    return cases


def guide_cases() -> list[Case]:
    """Return the guide's demo questions over the guide's figures."""
    return [
        Case("guide", family, language, question, GUIDE_FIGURES)
        for family, language, question in DEMO_QUESTIONS
    ]


def answers(
    model: Any,  # noqa: ANN401 - the annotations of Transformers fit no decoder of its own
    tokenizer: Any,  # noqa: ANN401 - as above
    cases: Sequence[Case],
) -> list[Result]:
    """Return the model's greedy answer to each case, in the order of the cases."""
    results = []
    for start in range(0, len(cases), _BATCH):
        some = cases[start : start + _BATCH]
        prompt = tokenizer.apply_chat_template(
            [case.chat for case in some],
            add_generation_prompt=True,
            padding=True,
            return_tensors="pt",
            return_dict=True,
        )
        with torch.inference_mode():
            out = model.generate(**prompt, max_new_tokens=160, do_sample=False)
        texts = tokenizer.batch_decode(
            out[:, prompt["input_ids"].shape[1] :], skip_special_tokens=True
        )
        results += [Result(case, text) for case, text in zip(some, texts, strict=True)]
    return results


def scores(results: Iterable[Result]) -> list[Score]:
    """Return a score for each set, and inside it for each language and family."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        case = result.case
        for group in (
            case.subset,
            f"{case.subset} {case.language}",
            f"{case.subset} {case.language} {case.family}",
        ):
            groups.setdefault(group, []).append(result)
    return [_score(group, groups[group]) for group in sorted(groups, key=_set_language_family)]


def table(rows: Iterable[Score]) -> str:
    """Return the scores as lines of plain text."""
    lines = [f"{'group':<36}{'answers':>8}{'exact':>9}{'figures':>9}{'right':>9}"]
    lines += [
        f"{row.group:<36}{row.answers:>8}{row.exact_share:>9.1%}"
        f"{row.figures:>9}{row.figure_share:>9.1%}"
        for row in rows
    ]
    return "\n".join(lines)


def evaluation(checkpoint: Path, samples: int, rng: Random) -> list[Result]:
    """Return the answers of a saved checkpoint to all four sets, loaded as anyone would load it."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = Qwen2ForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    return answers(model.eval(), tokenizer, [*unseen_cases(rng, samples), *guide_cases()])


def main(arguments: Sequence[str] | None = None) -> int:
    """Score a checkpoint; the table goes to stdout, or JSON with --json."""
    options = _options(arguments)
    results = evaluation(options.checkpoint, options.samples, Random(options.seed))  # noqa: S311 - repeatable, not secret
    rows = scores(results)
    if options.json:
        report = {
            "samples": options.samples,
            "seed": options.seed,
            "scores": [row.as_dict() for row in rows],
        }
        sys.stdout.write(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    else:
        sys.stdout.write(table(rows) + "\n")
    for result in results if options.show_wrong else ():
        if not result.exact:
            sys.stderr.write(f"{result.case.subset}: {result.case.question}\n")
            sys.stderr.write(f"  want {result.case.wanted}\n  said {result.answer}\n")
    return 0


def _score(group: str, results: Sequence[Result]) -> Score:
    return Score(
        group=group,
        answers=len(results),
        exact=sum(result.exact for result in results),
        figures=sum(len(result.case.wanted_figures) for result in results),
        right_figures=sum(result.right_figures for result in results),
    )


def _set_language_family(group: str) -> tuple[int, str]:
    """Order sets by how much they say, then totals before their parts."""
    return SETS.index(group.split(" ", maxsplit=1)[0]), group


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m node_agent.demo.evaluate", description="Score the demo model."
    )
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT, help="folder to score")
    parser.add_argument("--samples", type=int, default=360, help="cases in each unseen set")
    parser.add_argument("--seed", type=int, default=7, help="seed of phrasings and figures")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--show-wrong", action="store_true", help="wrong answers on stderr")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
