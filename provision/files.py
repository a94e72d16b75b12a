"""Files that are either the old one or the new one, whatever interrupts the writing."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from infra.errors import ConfigError

PRIVATE = 0o600


def data_folder() -> Path:
    """Return where this person's data stays between commands, whatever the deployment."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "qinfra"


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """Return a file that a person named.

    Raises:
        ConfigError: It cannot be read, or is larger than anything of its kind.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > most_bytes:
        raise ConfigError(f"{path}: larger than {most_bytes:,} bytes, the most it may have")
    return content


def write_atomically(path: Path, text: str, *, mode: int = PRIVATE) -> None:
    """Replace `path` by `text`; a crash or a reader at any moment sees the old or the new whole."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def append_line(path: Path, line: str) -> None:
    """Add one line to the end of `path`, made with mode 0600 when it is missing."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE)
    try:
        os.write(descriptor, f"{line}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
