"""The command line: what it refuses, how it says so, and what it does not import."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from provision.cli import COMMANDS, main
from provision.cli import demo as demo_command
from provision.cli.boundary import LazyGroup
from provision.state import DeploymentFolder
from tests.provision.conftest import Deploy, processes_of

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments)

    return invoke


def at(folder: DeploymentFolder) -> tuple[str, str]:
    return "--home", str(folder.home)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("deploy", "--phase", "dmo"), "Error: phase 'dmo' is unknown; did you mean 'demo'?"),
        (("deploy", "--phase", "demo", "--target", "locl"), "did you mean 'local'?"),
        (("deploy", "--phase", "demo", "--target", "hosts"), "'hosts' is not in this version"),
        (("deploy", "--phase", "demo", "--target", "aws"), "the phase runs on gcp, not on aws"),
        (("deploy", "--phase", "mvp", "--target", "aws"), "rolls no agents out"),
        (("deploy", "--phase", "mvp", "--var", "ami_id=x"), "--var is about machines in a cloud"),
        (("deploy", "--phase", "mvp", "--skip-rollout", "--port", "9"), "--port is about agents"),
        (("deploy",), "Missing option '--phase'"),
        (("deploy", "--phase", "demo", "--port", "0"), "--port"),
        (("deploy", "--phase", "demo", "--stages", "4"), "--stages"),
        (("deploy", "--phase", "demo", "--max-processes", "1"), "--max-processes"),
        (("deploy", "--phase", "demo", "--name", "../x"), "deployment name '../x'"),
        (("deploy", "--phase", "demo", "--config", "missing.toml"), "missing.toml: cannot be read"),
        (("dploy",), "command 'dploy' is unknown; did you mean 'deploy'?"),
        (("status",), "nothing is deployed under .qinfra"),
        (("ask", "hi"), "Hint: Run `qinfra deploy --phase demo --target local`."),
        (("logs", "--name", "x"), "nothing is deployed"),
        (("ask", "hi", "--temperature", "3"), "--temperature"),
    ],
)
def test_bad_input_ends_with_2_and_one_clear_line(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_key_of_the_settings_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "qinfra.toml").write_text("[model]\nspilt = '8'\n")
    result = run("deploy", "--phase", "demo")
    assert result.exit_code == 2
    assert "did you mean 'split'?" in result.stderr
    assert not (tmp_path / ".qinfra").exists()


def test_a_folder_that_is_no_checkpoint_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("deploy", "--phase", "demo", "--model", "empty")
    assert result.exit_code == 2
    assert "no config.json" in result.stderr
    assert "Hint: " in result.stderr
    assert not (tmp_path / ".qinfra").exists()


def test_destroy_without_a_deployment_says_so(run: Run) -> None:
    result = run("destroy", "--yes")
    assert (result.exit_code, result.stdout) == (0, "no deployment: nothing to destroy\n")


def test_destroy_asks_and_cannot_without_a_person(
    run: Run, deploy_fleet: Deploy, folder: DeploymentFolder
) -> None:
    deploy_fleet()
    refused = run("destroy", *at(folder))
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    done = run("destroy", "--yes", *at(folder))
    assert done.stdout == "fleet: stopped and removed\n"
    assert processes_of(folder) == []
    assert not folder.home.exists()
    assert json.loads(run("destroy", "--json", *at(folder)).stdout)["destroyed"] is False


def test_a_deployment_can_be_looked_at_and_asked(
    run: Run, deploy_fleet: Deploy, folder: DeploymentFolder
) -> None:
    deploy_fleet()
    status = run("status", *at(folder))
    assert status.exit_code == 0
    assert status.stdout.count(" ready ") == 3
    assert "transformer-1" in status.stdout
    asked = run("ask", "hello?", *at(folder))
    assert asked.stdout == "你好, world\n"
    assert "3 tokens" in asked.stderr
    assert "embedding-1 -> transformer-1" in asked.stderr
    assert json.loads(run("ask", "hi", "--json", *at(folder)).stdout)["text"] == "你好, world"
    logs = run("logs", *at(folder))
    assert logs.stdout.count(" hello") == 3
    assert "agent started" in logs.stdout
    assert run("logs", "--node", "embedding-1", "-n", "1", *at(folder)).stdout.count("\n") == 1
    assert run("logs", "--node", "nobody", *at(folder)).exit_code == 2


def test_a_chat_keeps_the_conversation_and_ends_with_the_input(
    run: Run, deploy_fleet: Deploy, folder: DeploymentFolder
) -> None:
    deploy_fleet()
    result = CliRunner().invoke(main, ["chat", *at(folder)], input="hello\n/reset\nagain\n/quit\n")
    assert result.exit_code == 0
    assert result.stdout.count("你好, world") == 2


def test_the_state_of_a_stopped_fleet_is_5_and_of_a_half_one_6(
    run: Run, deploy_fleet: Deploy, folder: DeploymentFolder
) -> None:
    import psutil

    from provision.destroy import stop

    deploy_fleet()
    victim = next(p for p in processes_of(folder) if "embedding-1/agent.toml" in p.cmdline()[-1])
    victim.suspend()
    try:
        half = run("status", "--json", *at(folder))
        assert half.exit_code == 6
        states = {node["name"]: node["state"] for node in json.loads(half.stdout)["nodes"]}
        assert states["embedding-1"] == "unreachable"
    finally:
        victim.resume()
    stop(folder, command="test")
    assert not psutil.pid_exists(victim.pid)
    stopped = run("status", *at(folder))
    assert stopped.exit_code == 5
    assert "nothing runs; `qinfra deploy` starts it again" in stopped.stdout
    assert run("ask", "hi", *at(folder)).exit_code == 5


@pytest.mark.parametrize(
    ("ending", "code", "told"),
    [
        (
            "bug",
            1,
            "Error: unexpected ZeroDivisionError: by zero\nHint: Run `qinfra --debug faulty",
        ),
        ("interrupt", 130, "Interrupted."),
        ("some", 6, "Error: 2 of 3 nodes\nHint: Look at `qinfra status`.\n"),
    ],
)
def test_every_ending_has_its_code_and_no_traceback(ending: str, code: int, told: str) -> None:
    group = LazyGroup.of({"faulty": "End badly."}, package="tests.provision")
    result = CliRunner().invoke(group, ["faulty", ending])
    assert result.exit_code == code
    assert told in result.stderr
    assert "Traceback" not in result.output


def test_debug_keeps_the_traceback_of_a_bug() -> None:
    group = LazyGroup.of({"faulty": "End badly."}, package="tests.provision")
    result = CliRunner().invoke(group, ["--debug", "faulty", "bug"])
    assert isinstance(result.exception, ZeroDivisionError)
    assert "Traceback" in CliRunner().invoke(group, ["--debug", "faulty", "some"]).stderr


def test_the_summaries_are_the_commands_own_first_lines() -> None:
    context = click.Context(main)
    for name, summary in COMMANDS.items():
        command = main.get_command(context, name)
        assert command is not None
        assert (command.help or "").splitlines()[0] == summary


def test_the_demo_asks_what_the_model_was_trained_on() -> None:
    from node_agent.demo.phrases import QUESTIONS

    for language, question in demo_command.QUESTIONS.items():
        patterns = [pattern for family in QUESTIONS.values() for pattern in family[language]]
        assert any(asks(pattern, question) for pattern in patterns)


def asks(pattern: str, question: str) -> bool:
    """Whether a pattern, with alternatives in square brackets, can become the question."""
    parts = re.split(r"\[([^\[\]]*)\]", pattern)
    parts[::2] = [re.escape(part) for part in parts[::2]]
    parts[1::2] = [f"(?:{'|'.join(map(re.escape, x.split('|')))})" for x in parts[1::2]]
    return re.fullmatch("".join(parts), question) is not None


@pytest.mark.parametrize(
    "module", ["provision.cli", *(f"provision.cli.{name}" for name in COMMANDS), "provision.plan"]
)
def test_heavy_things_are_not_imported_with_a_command(module: str) -> None:
    script = f"import sys, {module}; print(' '.join(sys.modules))"
    loaded = subprocess.run(
        (sys.executable, "-c", script), capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"torch", "transformers", "grpc", "cryptography", "httpx", "psutil", "rich", "jinja2"}
    heavy |= {"boto3", "google.auth", "google.cloud", "requests"}
    assert heavy.isdisjoint(loaded)


def test_help_and_version_need_no_pydantic() -> None:
    for flag in ("--help", "--version"):
        script = (
            "import sys\nfrom provision.cli import main\n"
            f"try: main(['{flag}'])\nexcept SystemExit as end: assert end.code == 0\n"
            "print('pydantic' in sys.modules)"
        )
        done = subprocess.run(
            (sys.executable, "-c", script), capture_output=True, text=True, check=True
        )
        assert done.stdout.endswith("False\n")


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (
            ("capacity", "--peak", "abc"),
            "'abc' is not a valid float",
            "See `qinfra capacity --help`",
        ),
        (("capacity", "--nope"), "No such option", "See `qinfra capacity --help`"),
        (("ask",), "Missing argument 'TEXT'", "See `qinfra ask --help`"),
    ],
)
def test_wrong_usage_is_told_on_one_line(arguments: tuple[str, ...], error: str, hint: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    first, second = result.stderr.splitlines()
    assert first.startswith("Error: ")
    assert error in first
    assert second.startswith(f"Hint: {hint}")


def test_a_name_from_outside_stays_on_one_line_and_short(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["capacity", "--phase", "a\nb\x1b[31m" + "x" * 10_000])
    assert result.exit_code == 2
    (first, _) = result.stderr.splitlines()
    assert "\x1b" not in first
    assert len(first) < 200


def test_a_full_disk_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [sys.executable, "-c", "from provision.cli import main; main(['roi'])"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr.splitlines() == [
        "Error: what was to be written has no room: the disk is full"
    ]
