"""Host keys of new machines, from the cloud's own channel: asked for until told, with an end."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from infra.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from provision.clouds.cloud import Cloud
    from provision.machines import Machine

_PAUSE_SECONDS = 5.0
_AT_ONCE = 8


def told_host_keys(
    cloud: Cloud,
    machines: Sequence[Machine],
    timeout_seconds: float,
    say: Callable[[str], object],
) -> Mapping[str, tuple[str, ...]]:
    """Return the host keys of machines by id, as far as they are told in time.

    A machine tells them at the end of its first boot, a minute or more after it began to run.
    A cloud that does not answer is asked again until the time is up: machines that were made are
    not given up for a key that is late.

    Raises:
        PreflightError: Credentials are refused.
    """
    ends_at = time.monotonic() + timeout_seconds
    found: dict[str, tuple[str, ...]] = {}
    left = list(machines)
    while left:
        keys, trouble = _round(cloud, left)
        found |= keys
        for machine in left:
            if machine.id in keys:
                say(f"{machine.name}: host keys told by the cloud")
        left = [machine for machine in left if machine.id not in found]
        remaining = ends_at - time.monotonic()
        if not left or remaining <= 0:
            break
        names = ", ".join(machine.name for machine in left)
        why = f" ({trouble})" if trouble else ""
        say(f"waiting for the host keys of {names}{why}, {remaining:.0f} s at most")
        time.sleep(min(_PAUSE_SECONDS, remaining))
    return found


def _round(cloud: Cloud, machines: Sequence[Machine]) -> tuple[dict[str, tuple[str, ...]], str]:
    """Ask once for each; returns what was told, and why the rest was not, if a reason is known."""
    found: dict[str, tuple[str, ...]] = {}
    trouble = ""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        for machine, answer in zip(
            machines, pool.map(lambda each: _asked(cloud, each), machines), strict=True
        ):
            if isinstance(answer, RemoteError):
                trouble = str(answer)
            elif answer:
                found[machine.id] = answer
    return found, trouble


def _asked(cloud: Cloud, machine: Machine) -> tuple[str, ...] | RemoteError:
    try:
        return cloud.host_keys(machine)
    except RemoteError as error:
        return error
