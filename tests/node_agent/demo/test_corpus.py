"""The corpus: seeded, bilingual, and true to its figures."""

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_agent.demo.corpus import (
    DEMO_QUESTIONS,
    FAMILIES,
    GUIDE_FIGURES,
    LANGUAGES,
    Figures,
    answer_text,
    context_text,
    figures_asked,
    question_text,
    random_dialogue,
    random_figures,
    rendered_figures,
)
from node_agent.demo.phrases import ANSWERS, HELD_OUT_QUESTIONS, NO_FIGURES, QUESTIONS

GUIDE_CONTEXT = (
    "Qubic: epoch 175; tick 31,536,381; ticks in epoch 36,381; empty ticks 4,069; "
    "quality 88.82%; addresses 592,711; price $2.727 per million QU; cap $424.2M; "
    "supply 155.56T QU; burned 19.44T QU"
)
PAIRS = [(family, language) for family in FAMILIES for language in LANGUAGES]


@st.composite
def any_figures(draw: st.DrawFn) -> Figures:
    ticks = draw(st.integers(0, 999_999))
    return Figures(
        epoch=draw(st.integers(0, 9_999)),
        tick=draw(st.integers(0, 10**9)),
        ticks_in_epoch=ticks,
        empty_ticks=draw(st.integers(0, ticks)),
        active_addresses=draw(st.integers(0, 10**8)),
        price_usd=draw(st.floats(0, 1e-3)),
        market_cap_usd=draw(st.floats(0, 1e11)),
        burned_qu=draw(st.integers(0, 2 * 10**14)),
        circulating_supply_qu=draw(st.integers(0, 2 * 10**14)),
    )


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


def test_the_guides_figures_give_the_documented_line():
    assert context_text(GUIDE_FIGURES) == GUIDE_CONTEXT
    documented = " ".join((context_text.__doc__ or "").split())
    assert GUIDE_CONTEXT in documented


def test_the_guides_tick_quality_is_what_the_guide_says():
    assert rendered_figures(GUIDE_FIGURES)["quality"] == "88.82%"


def test_an_epoch_without_ticks_has_no_quality():
    assert dataclasses.replace(
        GUIDE_FIGURES, ticks_in_epoch=0, empty_ticks=0
    ).tick_quality_percent == pytest.approx(0.0)


def test_the_same_seed_gives_the_same_data():
    once = [random_dialogue(random.Random(3), 4) for _ in range(2)]
    assert once[0] == once[1]
    assert once[0] != random_dialogue(random.Random(4), 4)


@pytest.mark.parametrize("table", [QUESTIONS, HELD_OUT_QUESTIONS, ANSWERS])
def test_every_family_speaks_both_languages(table):
    assert set(table) == set(FAMILIES)
    for family in FAMILIES:
        assert set(table[family]) == set(LANGUAGES)


@pytest.mark.parametrize(("family", "language"), PAIRS)
def test_a_question_is_answered_in_its_language(family, language):
    rng = random.Random(family + language)
    wanted = language == "zh-TW"
    assert is_chinese(answer_text(family, language, GUIDE_FIGURES)) is wanted
    assert is_chinese(HELD_OUT_QUESTIONS[family][language]) is wanted
    for _ in range(20):
        question = question_text(family, language, rng)
        assert question
        assert not set("[]|{}") & set(question)
        if not wanted:
            assert not is_chinese(question)


@given(figures=any_figures(), pair=st.sampled_from(PAIRS))
def test_every_figure_of_an_answer_stands_in_the_context(figures, pair):
    context, rendered = context_text(figures), rendered_figures(figures)
    answer = answer_text(*pair, figures)
    for name in figures_asked(*pair):
        assert rendered[name] in answer
        assert rendered[name] in context


@given(figures=any_figures())
def test_the_context_is_one_line_of_ten_fields(figures):
    context = context_text(figures)
    assert "\n" not in context
    assert context.count("; ") == 9


@pytest.mark.parametrize(("family", "language"), PAIRS)
def test_other_figures_give_another_answer(family, language):
    other = random_figures(random.Random(1))
    changes = answer_text(family, language, other) != answer_text(family, language, GUIDE_FIGURES)
    assert changes is bool(figures_asked(family, language))


@given(seed=st.integers(0, 10_000))
def test_random_figures_could_be_real(seed):
    figures = random_figures(random.Random(seed))
    assert 0 <= figures.empty_ticks <= figures.ticks_in_epoch
    assert 0 <= figures.tick_quality_percent <= 100


@given(seed=st.integers(0, 2_000))
def test_training_never_asks_a_held_out_question(seed):
    rng = random.Random(seed)
    family, language = rng.choice(PAIRS)
    held_out = HELD_OUT_QUESTIONS[family][language]
    assert question_text(family, language, rng).rstrip("?？！!。") != held_out.rstrip("?？！!。")


def test_without_figures_a_dialogue_admits_it():
    dialogues = [random_dialogue(random.Random(seed), 7) for seed in range(200)]
    bare = [dialogue for dialogue in dialogues if not dialogue.context]
    assert 0 < len(bare) < 30
    answers = {turn.answer for dialogue in bare for turn in dialogue.turns}
    assert answers.issuperset(NO_FIGURES.values())
    assert not any(letter.isdigit() for answer in answers for letter in answer)


def test_the_guides_demo_is_asked_in_both_languages():
    asked = {(family, language) for family, language, _ in DEMO_QUESTIONS}
    families = {family for family, _ in asked}
    assert asked == {(family, language) for family in families for language in LANGUAGES}
    assert len(families) == 6
