"""Checks that answer, refuse, break and dawdle, all at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from infra.errors import PreflightError, RemoteError
from infra.preflight import Answer, Finding
from provision.doctor import Check, findings_of


def check(name: str, find: Callable[[], Finding] | None = None) -> Check:
    def fine() -> Finding:
        return Finding(check=name, region="", answer=Answer.OK, detail="fine")

    return Check(name=name, region="", find=find or fine)


def raising(error: Exception) -> Callable[[], Finding]:
    def find() -> Finding:
        raise error

    return find


def test_a_refusal_is_refused_and_a_failure_unknown_each_with_its_hint() -> None:
    checks = [
        check("refuses", raising(PreflightError("no", hint="Do."))),
        check("fails", raising(RemoteError("gone", hint="Wait."))),
        check("passes"),
    ]
    findings = findings_of(checks, 10, lambda _: None)
    assert [(each.answer.value, each.detail, each.remedy) for each in findings] == [
        ("refused", "no", "Do."),
        ("unknown", "gone", "Wait."),
        ("ok", "fine", ""),
    ]


def test_a_late_check_is_unknown_and_the_others_keep_their_answers() -> None:
    released = threading.Event()

    def late() -> Finding:
        released.wait(30)
        raise RemoteError("too late to be heard")

    started = time.monotonic()
    said: list[str] = []
    findings = findings_of([check("slow", late), check("quick")], 0.3, said.append)
    took = time.monotonic() - started
    released.set()
    assert 0.3 <= took < 5
    assert [each.answer.value for each in findings] == ["unknown", "ok"]
    assert findings[0].detail == "no answer within 0.3 s"
    assert said == ["quick: ok"]


def test_checks_run_at_the_same_time() -> None:
    meeting = threading.Barrier(8, timeout=10)

    def meet() -> Finding:
        meeting.wait()
        return Finding(check="x", region="", answer=Answer.OK, detail="")

    findings = findings_of([check(str(at), meet) for at in range(8)], 10, lambda _: None)
    assert {each.answer for each in findings} == {Answer.OK}


def test_a_bug_in_a_check_stays_a_bug() -> None:
    with pytest.raises(ZeroDivisionError):
        findings_of([check("broken", raising(ZeroDivisionError()))], 10, lambda _: None)


def test_no_checks_no_findings() -> None:
    assert findings_of([], 1, lambda _: None) == ()
