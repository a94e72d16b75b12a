"""A refresh over several days, with a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

import pytest

from infra.errors import PartialFailure, PreflightError, RemoteError
from infra.pricing.catalogue import Price, PriceBook
from infra.pricing.refresh import Verdict
from provision.clouds.aws_bulk import BulkErrand
from provision.prices import load_prices, refreshed_prices, save_prices
from provision.refresh import Refresh, Visit, judge_run
from tests.provision.loopback import Handler, Loopback, answer, loopback
from tests.provision.offers import offer_file

FIRST, SECOND, THIRD = date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 12)
KEY = ("aws", "us-east-1", "ec2:g4dn.xlarge", "on_demand")


@pytest.fixture
def server(prices: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    del prices  # only its surroundings
    with loopback() as running:
        monkeypatch.setenv("QINFRA_AWS_PRICE_URL", running.url)
        yield running


def visited(today: date, region: str = "us-east-1") -> Visit:
    run = Refresh(today=today, accept=False, dry_run=False, say=lambda _: None)
    return run.visit(BulkErrand.of(region))


def in_force() -> Price:
    return load_prices().prices[KEY]


def test_what_is_confirmed_is_younger_and_what_is_refused_ages(server: Loopback) -> None:
    server.replies = [answer(offer_file(PricePerUnit="0.6"), headers={"etag": '"1"'})]
    visited(FIRST)
    server.replies = [answer("", status=304)]
    assert visited(SECOND).complete
    assert (in_force().usd, in_force().date) == (Decimal("0.6"), "2026-11-02")

    server.replies = [answer(offer_file(PricePerUnit="0.9"))]
    visit = visited(THIRD)
    remarks = {each.key: each.remark for each in visit.outcomes}
    assert remarks[KEY] == "more than 30% from 0.6; kept 0.6 of 2026-11-02, 10 days old"
    assert (in_force().usd, in_force().date) == (Decimal("0.6"), "2026-11-02")


def test_what_another_run_saves_meanwhile_stays(server: Loopback) -> None:
    key = (*KEY[:1], "eu-west-1", *KEY[2:])
    other = load_prices().prices[key]

    def slow(handler: Handler) -> None:
        save_prices(PriceBook({key: other}))
        answer(offer_file())(handler)

    server.replies = [slow]
    visited(FIRST)
    assert len(refreshed_prices().prices) == 11


def failed(error: type[RemoteError | PreflightError]) -> Visit:
    return Visit(source="x", regions=("y",), outcomes=(), error=error("broken", hint="mend it"))


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([PreflightError], PreflightError),
        ([RemoteError], RemoteError),
        ([PreflightError, PreflightError], PreflightError),
        ([PreflightError, RemoteError], RemoteError),
        ([RemoteError, None], PartialFailure),
        ([PreflightError, None], PartialFailure),
    ],
)
def test_the_end_says_how_much_was_read(
    errors: list[type[RemoteError | PreflightError] | None], expected: type[Exception]
) -> None:
    good = Visit(source="x", regions=("y",), outcomes=(), size="1 page")
    with pytest.raises(expected) as caught:
        judge_run([failed(error) if error else good for error in errors])
    assert type(caught.value) is expected
    judge_run([good])


def test_a_visit_with_a_refusal_is_not_complete(server: Loopback) -> None:
    server.replies = [answer(offer_file(PricePerUnit="0"))]
    visit = visited(FIRST)
    assert visit.error is None
    assert [each.verdict for each in visit.outcomes].count(Verdict.REFUSED) == 1
    assert not visit.complete
