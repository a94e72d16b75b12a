"""The `lab` fixture, for every folder of tests whose conftest imports it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.lab.hosts import Host, Lab, why_not


@pytest.fixture(scope="module")
def lab() -> Iterator[Callable[..., tuple[Host, ...]]]:
    """Boot hosts that live until the module's end: `first, second = lab(2)`.

    A machine that cannot do it skips the test with the reason; with LAB_REQUIRED=1 it fails.
    """
    reason = why_not()
    if reason:
        (pytest.fail if os.environ.get("LAB_REQUIRED") == "1" else pytest.skip)(f"lab: {reason}")
    labs: list[Lab] = []

    def boot(size: int, *, disk_mib: int = 4096) -> tuple[Host, ...]:
        labs.append(Lab(size, disk_mib=disk_mib))
        return labs[-1].hosts

    yield boot
    for made in labs:
        made.close()
