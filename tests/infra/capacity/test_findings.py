from __future__ import annotations

from decimal import Decimal

import pytest

from infra.capacity.findings import Finding, FindingPrices, guide_findings
from infra.capacity.shapes import DEEPSEEK_1_5B
from infra.language import Language, Text

PRICES = FindingPrices(
    g4dn_on_demand=Decimal("0.526"),
    g4dn_reserved_1y_no=Decimal("0.331"),
    n1_on_demand=Decimal("0.19"),
)
FOUND = {finding.code: finding for finding in guide_findings(PRICES)}


def test_there_are_ten() -> None:
    assert list(FOUND) == [f"G{number:02}" for number in range(1, 11)]


@pytest.mark.parametrize(
    ("code", "figures"),
    [
        ("G01", ["6,683,603", "451"]),
        ("G02", ["5 / 8 / 14 / 26"]),
        ("G03", ["49,959", "100.1%"]),
        ("G04", ["6 to 9 s"]),
        ("G05", ["13-15", "27-35"]),
        ("G06", ["2,303.88", "241.63", "138.70"]),
        ("G07", ["1.44 x", "10/18", "1.94 x"]),
        ("G08", ["28 layers", "3.55 GB"]),
    ],
)
def test_a_finding_names_its_figures(code: str, figures: list[str]) -> None:
    text = f"{FOUND[code].guide.en} {FOUND[code].computed.en}"
    assert [figure for figure in figures if figure not in text] == []


@pytest.mark.parametrize("code", FOUND)
def test_every_finding_speaks_both_languages(code: str) -> None:
    finding: Finding = FOUND[code]
    for text in (finding.title, finding.guide, finding.computed, finding.action):
        assert isinstance(text, Text)
        english, chinese = (text.in_(language) for language in Language)
        assert english
        assert not any("\u4e00" <= letter <= "\u9fff" for letter in english)
        assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)


def test_a_missing_price_is_said() -> None:
    none = FindingPrices(g4dn_on_demand=None, g4dn_reserved_1y_no=None, n1_on_demand=None)
    assert "unpriced" in guide_findings(none)[5].computed.en


def test_the_guides_model_has_its_published_size() -> None:
    assert DEEPSEEK_1_5B.parameters == 1_777_088_000
