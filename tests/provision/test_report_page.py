from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import fields
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infra.capacity.assumptions import Assumptions
from infra.capacity.network import GUIDE_NETWORK
from infra.cost.bill import bill
from infra.cost.guide import guide_costs
from infra.declaration import Phase
from infra.language import Language
from infra.phases import phase_config
from infra.pricing.catalogue import packaged_prices
from infra.purchase import Purchase
from infra.ranges import VARIED
from provision.cli import main
from provision.costing import Costing
from provision.inputs import InputFlags, read_inputs
from provision.report.page import render_page
from provision.report.words import (
    category_name,
    cost_item,
    guide_name,
    input_name,
    role_name,
    words,
)
from provision.reporting import Focus, report_on

pytest.importorskip("matplotlib", reason="draws the report's charts")

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_VOID = {"meta", "link", "br", "img", "hr", "input"}
_CJK = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


class Page(HTMLParser):
    """What a browser would find in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: Counter[str] = Counter()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "xlink:href", "data", "action"):
                self.links.append(value or "")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data


def page(phase: Phase, language: Language, **focus: object) -> str:
    inputs = read_inputs(InputFlags(config=None, assume=(), as_guide=False))
    costing = Costing(inputs=inputs, book=packaged_prices())
    report = report_on(
        Focus(phase=phase, **focus),  # type: ignore[arg-type]
        costing,
        {},
        made_at=NOW,
        version="1.2.3",
    )
    return render_page(report, language)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("phase", Phase)
def test_a_page_is_whole_and_asks_for_nothing(phase: Phase, language: Language) -> None:
    text = page(phase, language)
    found = Page(text)
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert all(link.startswith("#") for link in found.links)
    assert {link[1:] for link in found.links} <= set(found.ids)
    assert found.tags["script"] == 0
    assert found.tags["svg"] == 7
    assert "default-src 'none'" in text
    assert not re.search(r"url\((?!#)|@import", text)
    assert not re.search(r"#0[1-9a]0[1-9a]0[1-9a]\b", text)


def test_it_says_what_the_commands_say(elsewhere: Path) -> None:
    text = Page(page(Phase.MVP, Language.EN)).text
    for figure in (
        "592,711",  # addresses
        "7,409",  # in the busiest hour
        "1,540.67",  # a month
        "mvp keeps p95 < 8 s up to 6,212 queries an hour.",
        "production cannot keep p95 < 5 s: the work alone takes 6.14 s",
        "2 of 15 lines have no price",
        "6,683,603",  # revenue as printed
        "1,449.78, +111.78 (+8.4 %)",  # beside the guide
        "G10",
        "2025-11-30",
        "guide v3.0 §1.1, measured 2025-08-21",
        "made 2026-11-24 12:00 UTC · by qinfra 1.2.3",
    ):
        assert figure in text


def test_the_same_report_is_the_same_bytes() -> None:
    assert page(Phase.PRODUCTION, Language.ZH_TW) == page(Phase.PRODUCTION, Language.ZH_TW)


def test_upfront_cash_is_a_card_and_a_note() -> None:
    text = Page(page(Phase.MVP, Language.EN, purchase="reserved-3y-all")).text
    assert "31,188" in text
    assert "31,188.00 USD to pay at once, then 90.89 a month" in text


def test_a_changed_assumption_is_shown_beside_what_it_was(elsewhere: Path) -> None:
    (elsewhere / "qinfra.toml").write_text("[assumptions]\nadoption = 0.05\n")
    assert "instead of 0.025" in Page(page(Phase.MVP, Language.EN)).text


def test_words_from_outside_are_text(elsewhere: Path) -> None:
    name = "<b onclick=x>.json"
    (elsewhere / name).write_text('{"active_addresses": 700000}')
    inputs = read_inputs(InputFlags(config=None, assume=(), as_guide=False, network=name))
    costing = Costing(inputs=inputs, book=packaged_prices())
    report = report_on(Focus(phase=Phase.MVP), costing, {}, made_at=NOW, version="1")
    text = render_page(report, Language.EN)
    assert name in Page(text).text
    assert "<b onclick" not in text


def test_every_word_is_in_both_languages() -> None:
    english, chinese = words(Language.EN), words(Language.ZH_TW)
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert re.findall(r"\{[^}]*\}", text) == re.findall(r"\{[^}]*\}", chinese[key]) or sorted(
            re.findall(r"\{(\d)", text)
        ) == sorted(re.findall(r"\{(\d)", chinese[key]))


@pytest.mark.parametrize("phase", Phase)
def test_every_line_of_a_bill_has_a_chinese_name(phase: Phase) -> None:
    config = phase_config(phase, GUIDE_NETWORK, Assumptions())
    for usage in bill(config, Assumptions()):
        name = cost_item(usage.item, Language.ZH_TW)
        assert _CJK.search(name) or name == "Cloud NAT"
        assert cost_item(usage.item, Language.EN) == usage.item
        assert _CJK.search(category_name(usage.category, Language.ZH_TW))
    for group in config.groups:
        assert _CJK.search(role_name(group.role, Language.ZH_TW))
    for purchase in Purchase:
        for cost in guide_costs(phase, purchase):
            assert guide_name(cost.what, Language.ZH_TW)


def test_every_input_has_a_name() -> None:
    for key in (*(item.name for item in fields(Assumptions)), *VARIED):
        assert input_name(key, Language.EN)
        assert _CJK.search(input_name(key, Language.ZH_TW))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_report_writes_a_file_and_names_it(elsewhere: Path) -> None:
    result = run("report", "--phase", "production", "--lang", "zh-TW", "--output", "r.html")
    assert result.exit_code == 0
    assert result.stderr == "saved to r.html\n"
    assert result.stdout == ""
    assert 'lang="zh-TW"' in (elsewhere / "r.html").read_text(encoding="utf-8")


def test_cost_prints_the_same_page() -> None:
    result = run("cost", "--phase", "mvp", "--purchase", "spot", "--format", "html")
    assert result.exit_code == 0
    assert Page(result.stdout).tags["svg"] == 7


def test_prices_of_another_region_are_marked(elsewhere: Path) -> None:
    run("report", "--phase", "enterprise", "--fill-from", "us-east-1", "--output", "r.html")
    assert "lines are priced as in us-east-1" in (elsewhere / "r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--lang", "zh"), "language 'zh' is unknown"),
        (("--phase", "prod"), "did you mean 'production'"),
        (("--purchase", "sopt"), "did you mean 'spot'"),
        (("--region", "us-esat-1"), "did you mean 'us-east-1'"),
        (("--output", "no/such/folder.html"), "cannot be written"),
    ],
)
def test_a_report_that_cannot_be_leaves_nothing(
    elsewhere: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run("report", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert list(elsewhere.iterdir()) == []


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("report")
    assert result.exit_code == 2
    assert "pip install 'qinfra[analysis]'" in result.output


def test_return_and_ranges_are_of_the_fleet_that_is_shown() -> None:
    inputs = read_inputs(InputFlags(config=None, assume=(), as_guide=False))
    costing = Costing(inputs=inputs, book=packaged_prices(), fill_from="us-east-1")
    focus = Focus(phase=Phase.MVP, purchase="spot", regions=("us-east-1", "eu-west-1"))
    report = report_on(focus, costing, {}, made_at=NOW, version="1")
    shown = report.focused.cost
    assert report.returns[0].cost_usd == float(shown.monthly_usd)
    (study,) = report.studies
    assert study.tornado is not None
    assert study.tornado.in_force.nodes == shown.nodes
    text = Page(render_page(report, Language.EN)).text
    assert f"The fleet of mvp with its {shown.nodes} nodes, as it is" in text
