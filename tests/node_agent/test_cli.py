"""`qinfra-agent` as a process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import modules_after


def agent(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "node_agent.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_inspect_prints_facts_as_json(make_checkpoint):
    folder = make_checkpoint("llama")
    done = agent("inspect", str(folder), "--json")
    assert done.returncode == 0
    facts = json.loads(done.stdout)
    assert (facts["family"], facts["layers"], facts["path"]) == ("llama", 4, str(folder))


def test_inspect_of_a_bad_folder_is_one_line_a_hint_and_exit_code_2(tmp_path):
    done = agent("inspect", str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    error, hint = done.stderr.splitlines()
    assert error.startswith("Error:")
    assert hint.startswith("Hint:")


@pytest.mark.parametrize("arguments", [("--help",), ("inspect", "--help"), ("inspect", "demo")])
def test_light_commands_import_no_tensors(arguments):
    heavy = {"torch", "transformers", "grpc"}
    assert not heavy & modules_after("node_agent.cli", list(arguments))


def test_a_wrong_configuration_ends_the_run_with_exit_code_2(tmp_path):
    done = agent("run", "--config", str(tmp_path / "agent.toml"))
    assert done.returncode == 2
    assert "agent.toml" in done.stderr
