"""Deployments that are interrupted, killed, changed, scaled and refused."""

from __future__ import annotations

import json
import signal
import socket
import time

import pytest

from tests.contracts.conftest import until

DEPLOY = ("deploy", "--target", "local", "--phase")


@pytest.fixture
def tiny(make_checkpoint):
    return str(make_checkpoint("qwen2"))


def test_an_mvp_runs_two_pipelines_and_says_what_it_does_not_run(operator, tiny):
    done = operator.run(*DEPLOY, "mvp", "--model", tiny, "--port", str(_free()))
    assert "oracle" in done.stderr
    status = operator.json("status")
    assert len(status["pipelines"]) == 2
    assert operator.run("ask", "hi", "--max-tokens", "4").returncode == 0


def test_a_phase_is_scaled_down_to_the_processes_allowed_and_says_so(operator, tiny):
    done = operator.run(
        *DEPLOY, "enterprise", "--model", tiny, "--max-processes", "2", "--port", str(_free())
    )
    assert "instead of" in done.stderr
    nodes = [n["name"] for n in operator.json("status")["nodes"]]
    assert nodes == ["orchestrator-1", "worker-1"]


def test_three_stages_answer(operator, tiny):
    operator.run(*DEPLOY, "demo", "--model", tiny, "--split", "1,3", "--port", str(_free()))
    layers = [n["layers"] for n in operator.json("status")["nodes"] if n["layers"]]
    assert sorted(layers) == [[0, 1], [1, 3], [3, 4]]
    operator.run("ask", "hi", "--max-tokens", "4")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_deploy_leaves_no_process_and_no_folder(number, operator, tiny):
    deploy = operator.start(*DEPLOY, "demo", "--model", tiny, "--port", str(_free()))
    until(lambda: any("agent.toml" in " ".join(p.cmdline()) for p in operator.processes()))
    deploy.send_signal(number)
    deploy.communicate(timeout=60)
    assert deploy.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    until(lambda: not operator.processes(), 20)
    assert not operator.root("demo").exists()


@pytest.mark.parametrize("after_seconds", [0.5, 1.5, 4.0])
def test_a_deploy_killed_at_any_moment_is_finished_by_the_next_one(after_seconds, operator, tiny):
    port = str(_free())
    deploy = operator.start(*DEPLOY, "demo", "--model", tiny, "--port", port)
    time.sleep(after_seconds)
    deploy.kill()
    deploy.communicate()
    operator.run(*DEPLOY, "demo", "--model", tiny, "--port", port)
    assert len([p for p in operator.processes() if "agent.toml" in " ".join(p.cmdline())]) == 3
    operator.run("ask", "hi", "--max-tokens", "4")


def test_a_killed_supervisor_leaves_no_agent_and_the_next_deploy_brings_the_fleet_back(
    operator, tiny
):
    operator.run(*DEPLOY, "demo", "--model", tiny, "--port", str(_free()))
    (supervisor,) = [
        p for p in operator.processes() if "provision.targets.supervisor" in p.cmdline()
    ]
    supervisor.kill()
    until(lambda: not operator.processes(), 40)
    assert operator.run("status", check=False).returncode == 5
    operator.run(*DEPLOY, "demo", "--model", tiny, "--yes")
    operator.run("ask", "hi", "--max-tokens", "4")


def test_demo_once_asks_in_both_languages_and_leaves_nothing_running(operator):
    done = operator.run("demo", "--once")
    assert "88.82" in done.stdout
    until(lambda: not operator.processes(), 20)


def test_a_taken_port_is_refused_before_anything_is_made(operator, tiny):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = operator.run(*DEPLOY, "demo", "--model", tiny, "--port", str(port), check=False)
    assert done.returncode == 3
    assert str(port) in done.stderr
    assert_one_error(done)
    assert not operator.root("demo").exists()


BAD = {
    "phase": (("deploy", "--phase", "demoo"), 2, "demo"),
    "target": (("deploy", "--phase", "demo", "--target", "lokal"), 2, "local"),
    "later target": (("deploy", "--phase", "mvp", "--target", "hosts"), 2, "not in this version"),
    "split": (("deploy", "--phase", "demo", "--split", "16"), 2, "1 to 15"),
    "split text": (("deploy", "--phase", "demo", "--split", "x"), 2, "not a layer"),
    "model": (("deploy", "--phase", "demo", "--model", "/nowhere"), 2, "/nowhere"),
    "name": (("deploy", "--phase", "demo", "--name", "Bad Name"), 2, "Bad Name"),
    "processes": (("deploy", "--phase", "demo", "--max-processes", "1"), 2, "max-processes"),
    "command": (("deplyo",), 2, "deploy"),
    "nothing deployed": (("ask", "hi"), 2, "deploy"),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_input_is_one_line_with_its_exit_code_and_leaves_nothing(name, operator):
    arguments, code, word = BAD[name]
    done = operator.run(*arguments, check=False)
    assert done.returncode == code, done.stderr
    assert word in done.stderr
    assert not operator.processes()
    assert not (operator.home / "q").exists()


def test_a_misspelt_setting_is_named_with_its_nearest(operator):
    (operator.home / "qinfra.toml").write_text("[local]\nthread = 2\n")
    done = operator.run("deploy", "--phase", "demo", check=False)
    assert done.returncode == 2
    assert "threads" in done.stderr
    assert_one_error(done)


def test_a_model_that_memory_cannot_hold_is_refused_before_loading(
    operator, make_checkpoint, tmp_path
):
    import shutil

    folder = tmp_path / "big"
    shutil.copytree(make_checkpoint("qwen2"), folder)
    config = json.loads((folder / "config.json").read_text())
    config["max_position_embeddings"] = 900_000_000
    (folder / "config.json").write_text(json.dumps(config))
    (operator.home / "qinfra.toml").write_text("[model]\ncontext_tokens = 800000000\n")
    done = operator.run("deploy", "--phase", "demo", "--model", str(folder), check=False)
    assert done.returncode == 3
    assert "GiB" in done.stderr
    assert_one_error(done)


def assert_one_error(done) -> None:
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error:")]
    assert len(errors) == 1
    assert "Traceback" not in done.stderr
    assert "Hint:" in done.stderr


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
