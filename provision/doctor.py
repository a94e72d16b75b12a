"""Checks before a deployment: asked all at once, each with an answer when the time is up."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.errors import PreflightError, RemoteError
from infra.preflight import Answer, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to find out.

    Attributes:
        name: Names the row when there is no finding.
        region: Empty where the check is about this machine or the whole account.
        find: Finds it out, in a thread of its own. A PreflightError is a refusal, a RemoteError
            means that nobody knows.
    """

    name: str
    region: str
    find: Callable[[], Finding]


def findings_of(
    checks: Sequence[Check], timeout_seconds: float, say: Callable[[str], None]
) -> tuple[Finding, ...]:
    """Return a finding for each check, in their order; what is late is unknown.

    The time is for all of them together; `say` is told of every finding as it comes. A late check
    is left behind in a daemon thread, which changes nothing and ends with the command.
    """
    ends_at = time.monotonic() + timeout_seconds
    asked = {_asked(check): check for check in checks}
    found: dict[Check, Finding] = {}
    for future in _answered(asked, max(0.0, ends_at - time.monotonic())):
        check = asked[future]
        found[check] = _finding(check, future)
        say(f"{check.name} {check.region}".rstrip() + f": {found[check].answer}")
    return tuple(found.get(check) or _late(check, timeout_seconds) for check in checks)


def _asked(check: Check) -> Future[Finding]:
    """Start a thread; those of an executor would keep the command from ending."""
    future: Future[Finding] = Future()

    def work() -> None:
        try:
            future.set_result(check.find())
        except BaseException as error:  # noqa: BLE001 - raised again where the future is read
            future.set_exception(error)

    threading.Thread(target=work, name=f"check {check.name} {check.region}", daemon=True).start()
    return future


def _answered(asked: dict[Future[Finding], Check], seconds: float) -> Iterator[Future[Finding]]:
    try:
        yield from as_completed(asked, timeout=seconds)
    except TimeoutError:
        return


def _finding(check: Check, future: Future[Finding]) -> Finding:
    try:
        return future.result()
    except PreflightError as error:
        return _unfound(check, Answer.REFUSED, str(error), error.hint)
    except RemoteError as error:
        return _unfound(check, Answer.UNKNOWN, str(error), error.hint)


def _late(check: Check, timeout_seconds: float) -> Finding:
    return _unfound(
        check,
        Answer.UNKNOWN,
        f"no answer within {timeout_seconds:g} s",
        "Run it again, with a longer --timeout.",
    )


def _unfound(check: Check, answer: Answer, detail: str, remedy: str) -> Finding:
    return Finding(
        check=check.name, region=check.region, answer=answer, detail=detail, remedy=remedy
    )
