"""One command at a time on a deployment: a lock that the kernel drops when its holder ends."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from infra.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


@contextmanager
def locked(path: Path, *, command: str, now: datetime) -> Iterator[None]:
    """Hold the lock file `path`, whose folder must exist, while the body runs.

    Raises:
        PreflightError: Another process holds it; who, since when and with which command is said.
        FileNotFoundError: The folder is not there.
    """
    descriptor = _acquire(path)
    try:
        owner = {"pid": os.getpid(), "command": command, "since": now.isoformat(timespec="seconds")}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(owner).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock file at this moment."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def try_hold(path: Path) -> int | None:
    """Take the lock file for the rest of this process's life.

    Returns:
        The open descriptor, or None when another process holds the lock.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if _try_lock(descriptor, fcntl.LOCK_EX):
        return descriptor
    os.close(descriptor)
    return None


def _acquire(path: Path) -> int:
    while True:
        descriptor = try_hold(path)
        if descriptor is None:
            raise _held_by_another(path)
        if _is_same_file(descriptor, path):
            return descriptor
        os.close(descriptor)  # destroyed and made anew between open and lock


def _try_lock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _held_by_another(path: Path) -> PreflightError:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        who = f"`{owner['command']}` (pid {owner['pid']}, since {owner['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        who = "another command"
    return PreflightError(
        f"{path.parent} is in use by {who}",
        hint="Wait for it to end, or stop it with Ctrl-C, and try again.",
    )
