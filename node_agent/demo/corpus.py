"""The demo model's language: network figures in, questions and answers out.

Pure and seeded: every random choice comes from the ``random.Random`` passed in. No tensors here, so
tests and light code may import it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from string import Formatter
from typing import Final

from node_agent.demo.phrases import ANSWERS, HELD_OUT_QUESTIONS, NO_FIGURES, QUESTIONS

LANGUAGES: Final = ("en", "zh-TW")
FAMILIES: Final = tuple(QUESTIONS)
_SHARE_OF_BARE_DIALOGUES: Final = 0.04
_ALTERNATIVES: Final = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One reading of the network.

    Args:
        epoch: Epoch number.
        tick: Tick number the network stands at.
        ticks_in_epoch: Ticks since the epoch began.
        empty_ticks: Those of them that were empty; at most ticks_in_epoch.
        active_addresses: Addresses counted as active.
        price_usd: Price of one QU in US dollars.
        market_cap_usd: Market capitalisation in US dollars.
        burned_qu: QU burned so far.
        circulating_supply_qu: QU in circulation.
    """

    epoch: int
    tick: int
    ticks_in_epoch: int
    empty_ticks: int
    active_addresses: int
    price_usd: float
    market_cap_usd: float
    burned_qu: int
    circulating_supply_qu: int

    @property
    def tick_quality_percent(self) -> float:
        """Share of ticks that were not empty, 0 to 100; 0 before the first tick."""
        if self.ticks_in_epoch == 0:
            return 0.0
        return 100 * (self.ticks_in_epoch - self.empty_ticks) / self.ticks_in_epoch


# Guide v3.0, section 1.1, read on 2025-08-21 (timestamp 1755765984)
GUIDE_FIGURES: Final = Figures(
    epoch=175,
    tick=31_536_381,
    ticks_in_epoch=36_381,
    empty_ticks=4_069,
    active_addresses=592_711,
    price_usd=0.000002727,
    market_cap_usd=424_222_802,
    burned_qu=19_436_084_829_533,
    circulating_supply_qu=155_563_915_170_467,
)

# Guide v3.0, sections 4.2 and 4.3, literally where the guide has that language: family, language
DEMO_QUESTIONS: Final = (
    ("health", "zh-TW", "Qubic 網路的當前健康狀況如何？"),
    ("health", "en", "What is Qubic network's current health status?"),
    ("quality_meaning", "zh-TW", "目前的 Tick 品質是多少？代表什麼意思？"),
    ("quality_meaning", "en", "What is the current tick quality and what does it mean?"),
    ("sentiment", "zh-TW", "分析今日市場情緒和價格趨勢"),
    ("sentiment", "en", "Analyze today's market sentiment and price trends"),
    ("risk", "zh-TW", "評估網路風險因子"),
    ("risk", "en", "Assess the network risk factors"),
    ("prediction", "zh-TW", "預測下一個 Epoch 的表現"),
    ("prediction", "en", "Predict the next epoch performance"),
    ("risk", "zh-TW", "評估當前網路風險因子"),
    ("risk", "en", "Assess current network risk factors"),
    ("prospects", "zh-TW", "分析 Qubic 的市場前景"),
    ("prospects", "en", "Analyze Qubic's market prospects"),
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and the answer the model should give."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A system message, empty for none, and the turns after it."""

    context: str
    turns: tuple[Turn, ...]


def rendered_figures(figures: Figures) -> dict[str, str]:
    """Return each figure as it is written in the context, and so in every answer."""
    return {
        "epoch": f"{figures.epoch}",
        "tick": f"{figures.tick:,}",
        "ticks_in_epoch": f"{figures.ticks_in_epoch:,}",
        "empty_ticks": f"{figures.empty_ticks:,}",
        "quality": f"{figures.tick_quality_percent:.2f}%",
        "addresses": f"{figures.active_addresses:,}",
        "price": f"${figures.price_usd * 1e6:.3f}",
        "market_cap": f"${figures.market_cap_usd / 1e6:,.1f}M",
        "supply": f"{figures.circulating_supply_qu / 1e12:.2f}T",
        "burned": f"{figures.burned_qu / 1e12:.2f}T",
    }


def context_text(figures: Figures) -> str:
    """Return the system message the model was trained on: one line, the same in both languages.

    Counts have thousands separators, the price is in US dollars per million QU with three decimals,
    the market cap in millions of US dollars with one, supply and burned in 10^12 QU with two, and
    tick quality in percent with two. For the guide's figures the line is::

        Qubic: epoch 175; tick 31,536,381; ticks in epoch 36,381; empty ticks 4,069; quality 88.82%;
        addresses 592,711; price $2.727 per million QU; cap $424.2M; supply 155.56T QU;
        burned 19.44T QU

    with single spaces where it is broken here, and no full stop at the end.
    """
    text = rendered_figures(figures)
    return (
        f"Qubic: epoch {text['epoch']}; tick {text['tick']}; "
        f"ticks in epoch {text['ticks_in_epoch']}; empty ticks {text['empty_ticks']}; "
        f"quality {text['quality']}; addresses {text['addresses']}; "
        f"price {text['price']} per million QU; cap {text['market_cap']}; "
        f"supply {text['supply']} QU; burned {text['burned']} QU"
    )


def answer_text(family: str, language: str, figures: Figures) -> str:
    """Return the one right answer of a family, figures copied as the context writes them."""
    return ANSWERS[family][language].format(**rendered_figures(figures))


def figures_asked(family: str, language: str) -> tuple[str, ...]:
    """Return the names of the figures that a family's answer holds, in order."""
    fields = Formatter().parse(ANSWERS[family][language])
    return tuple(name for _, name, _, _ in fields if name)


def question_text(family: str, language: str, rng: Random) -> str:
    """Return one phrasing of a family's question out of its patterns, never a held-out one."""
    held_out = _plain(HELD_OUT_QUESTIONS[family][language])
    while True:
        pattern = rng.choice(QUESTIONS[family][language])
        question = _ALTERNATIVES.sub(lambda match: rng.choice(match[1].split("|")), pattern).strip()
        question = _as_typed(question, rng)
        if _plain(question) != held_out:
            return question


def random_figures(rng: Random) -> Figures:
    """Return figures far wider spread than any real reading, so that only copying can answer."""
    ticks = _of_any_length(rng, 2, 6)
    return Figures(
        epoch=_of_any_length(rng, 2, 3),
        tick=_of_any_length(rng, 7, 9),
        ticks_in_epoch=ticks,
        empty_ticks=min(_of_any_length(rng, 1, 6), rng.randint(0, ticks)),
        active_addresses=_of_any_length(rng, 4, 7),
        price_usd=_of_any_length(rng, 3, 5) / 1e9,
        market_cap_usd=_of_any_length(rng, 2, 5) * 1e5,
        burned_qu=_of_any_length(rng, 3, 5) * 10**10,
        circulating_supply_qu=rng.randint(10_000, 19_999) * 10**10,
    )


def random_dialogue(rng: Random, turns: int) -> Dialogue:
    """Return fresh figures and so many questions about them, each in its own language."""
    language = rng.choice(LANGUAGES)
    figures = None if rng.random() < _SHARE_OF_BARE_DIALOGUES else random_figures(rng)
    made = []
    for _ in range(turns):
        if rng.random() < 0.3:
            language = rng.choice(LANGUAGES)
        made.append(random_turn(rng, language, figures))
    return Dialogue(context_text(figures) if figures else "", tuple(made))


def random_turn(rng: Random, language: str, figures: Figures | None) -> Turn:
    """Return a question of any family; None for figures when the prompt has none."""
    family = rng.choice(FAMILIES)
    question = question_text(family, language, rng)
    if figures is None and figures_asked(family, language):
        return Turn(question, NO_FIGURES[language])
    return Turn(question, answer_text(family, language, figures or GUIDE_FIGURES))


def tokenizer_texts(rng: Random, dialogues: int) -> Iterator[str]:
    """Yield the texts the tokenizer is trained on."""
    for _ in range(dialogues):
        dialogue = random_dialogue(rng, 4)
        yield dialogue.context
        for turn in dialogue.turns:
            yield turn.question
            yield turn.answer


def _of_any_length(rng: Random, shortest: int, longest: int) -> int:
    """Return a number whose count of digits, not its value, is evenly spread."""
    digits = rng.randint(shortest, longest)
    return rng.randint(10 ** (digits - 1), 10**digits - 1)


def _as_typed(question: str, rng: Random) -> str:
    """Vary case, end mark and the space between scripts, as people do."""
    if rng.random() < 0.15:
        question = question.lower()
    if rng.random() < 0.25:
        question = question.rstrip("?？.。!！")
    elif rng.random() < 0.15:
        question = question.replace("？", "?")
    if rng.random() < 0.2 and not question.isascii():
        question = question.replace(" ", "")
    return question


def _plain(question: str) -> str:
    """Return a question without what ``_as_typed`` varies."""
    return re.sub(r"[\s?？.。!！]", "", question).lower()
