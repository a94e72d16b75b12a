"""Files that a person asks a command to write."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from infra.errors import ConfigError
from provision.cli.options import save_text


def test_a_file_is_replaced_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    save_text(path, "new")
    assert path.read_text() == "new"
    assert capsys.readouterr().err == f"saved to {path}\n"


def test_a_link_stays_one(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    save_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path("/dev/null"), Path()):
        with pytest.raises(ConfigError, match="is no file that could be replaced"):
            save_text(path, "new")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
