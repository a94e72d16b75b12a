"""Whole deploys of stand-in agents."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from infra.errors import ConfigError, PreflightError, RemoteError
from provision import pki
from provision.configuration import key_digest
from provision.decision import Action
from provision.destroy import destroy, stop
from provision.preparation import World
from provision.state import DeploymentFolder
from provision.targets.local import LocalTarget
from provision.targets.processes import wait_for
from tests.provision import deploying
from tests.provision.conftest import Deploy, processes_of
from tests.provision.deploying import STANDIN


def spawn(
    folder: DeploymentFolder, model: Path, *step: str, phase: str = "demo"
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (sys.executable, deploying.__file__, str(folder.home), str(model), phase, *step),
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(Path.cwd()), *sys.path))},
        stderr=subprocess.PIPE,
        text=True,
    )


def pids(folder: DeploymentFolder) -> set[int | None]:
    return {a.pid for a in LocalTarget(root=folder.root, agent_command=STANDIN).observe().agents}


def test_a_first_deploy_answers_and_gives_its_key(
    deploy_fleet: Deploy, folder: DeploymentFolder
) -> None:
    deployed = deploy_fleet()
    assert deployed.action is Action.START
    assert [node.name for node in deployed.inventory.nodes] == [
        "orchestrator-1",
        "embedding-1",
        "transformer-1",
    ]
    assert deployed.answers[0].text == "你好, world"
    assert deployed.api_key == folder.api_key()
    assert [entry["step"] for entry in folder.journal()] == [
        "deploying",
        "configured",
        "started",
        "ready",
    ]


def test_a_second_deploy_has_nothing_to_do(deploy_fleet: Deploy, folder: DeploymentFolder) -> None:
    deploy_fleet()
    before = pids(folder)
    again = deploy_fleet()
    assert (again.action, again.api_key) == (Action.NOTHING, None)
    assert pids(folder) == before


def test_secrets_are_for_their_owner_only_and_orchestrators_get_a_digest(
    deploy_fleet: Deploy, folder: DeploymentFolder
) -> None:
    key = deploy_fleet().api_key or ""
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700
    for path in folder.root.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir():
            assert mode == 0o700, path
        elif path.suffix == ".key" or path.name in ("key.pem", "agent.toml"):
            assert mode == 0o600, path
        if path.is_file() and path != folder.key_file:
            assert key not in path.read_text(errors="replace"), path
    config = (folder.node("orchestrator-1") / "agent.toml").read_text()
    assert key_digest(key) in config
    assert not any(key in " ".join(p.cmdline()) for p in processes_of(folder))


def test_a_changed_wish_starts_anew_with_the_same_key_and_authority(
    deploy_fleet: Deploy, folder: DeploymentFolder
) -> None:
    first = deploy_fleet()
    authority = (folder.authority / "ca.pem").read_bytes()
    key = folder.api_key()
    second = deploy_fleet(stages=1)
    assert second.action is Action.START
    assert [node.name for node in second.inventory.nodes] == ["orchestrator-1", "worker-1"]
    assert (folder.authority / "ca.pem").read_bytes() == authority
    assert (folder.api_key(), second.api_key) == (key, None)
    assert second.inventory.gateways == first.inventory.gateways
    assert sorted(p.name for p in (folder.root / "nodes").iterdir()) == [
        "orchestrator-1",
        "worker-1",
    ]
    assert len(processes_of(folder)) == 3


def test_changed_files_of_the_model_are_noticed(deploy_fleet: Deploy, model: Path) -> None:
    deploy_fleet()
    (model / "new.json").write_text("{}")
    assert deploy_fleet().action is Action.START


def test_a_stopped_fleet_is_started_again(deploy_fleet: Deploy, folder: DeploymentFolder) -> None:
    deploy_fleet()
    stop(folder, command="test")
    assert processes_of(folder) == []
    assert deploy_fleet().action is Action.START


def test_a_certificate_that_is_soon_over_is_renewed(
    deploy_fleet: Deploy, folder: DeploymentFolder
) -> None:
    deploy_fleet()
    where = folder.node("embedding-1") / "tls"
    authority = pki.load_authority(folder.authority, folder.name)
    authority.issue(where, name="embedding-1", role="embedding", valid=timedelta(seconds=20))
    before = (where / "cert.pem").read_bytes()
    later = World(
        agent_command=STANDIN, now=lambda: World(agent_command=()).now() + timedelta(seconds=60)
    )
    assert deploy_fleet(world=later).action is Action.START
    assert (where / "cert.pem").read_bytes() != before


@pytest.mark.parametrize(
    ("behaviours", "message"),
    [
        ({"transformer_1": "dies"}, "transformer-1 died (exit code 7): no more bananas"),
        ({"orchestrator_1": "mute"}, "answers with nothing"),
    ],
)
def test_a_first_deploy_that_fails_leaves_nothing(
    deploy_fleet: Deploy,
    folder: DeploymentFolder,
    behave: Callable[..., None],
    behaviours: dict[str, str],
    message: str,
) -> None:
    behave(**behaviours)
    with pytest.raises(RemoteError) as caught:
        deploy_fleet()
    assert message in str(caught.value)
    assert processes_of(folder) == []
    assert not folder.home.exists()


def test_a_later_deploy_that_fails_keeps_the_folder_and_stops_the_fleet(
    deploy_fleet: Deploy, folder: DeploymentFolder, behave: Callable[..., None]
) -> None:
    deploy_fleet()
    behave(embedding_1="dies")
    with pytest.raises(RemoteError, match="embedding-1 died"):
        deploy_fleet()
    assert processes_of(folder) == []
    record = folder.deployment()
    assert record is not None
    assert record.status == "failed"
    behave()
    assert deploy_fleet().action is Action.START


def test_a_refused_change_leaves_the_running_fleet_alone(
    deploy_fleet: Deploy, folder: DeploymentFolder
) -> None:
    deploy_fleet()
    before = pids(folder)
    with pytest.raises(ConfigError, match="outside 1 to 3"):
        deploy_fleet(split="9")
    poor = World(agent_command=STANDIN, available_bytes=lambda _: 2**20)
    with pytest.raises(PreflightError, match="need about"):
        deploy_fleet(world=poor, stages=1)
    with pytest.raises(PreflightError, match="left as it is"):
        deploy_fleet(world=World(agent_command=STANDIN, confirm=lambda _: False), stages=1)
    assert pids(folder) == before
    assert deploy_fleet().action is Action.NOTHING


@pytest.mark.parametrize(
    ("flags", "world", "message"),
    [
        ({"split": "0"}, None, "outside 1 to 3"),
        ({"model": "/nonexistent"}, None, "no config.json"),
        (
            {"phase": "enterprise"},
            World(agent_command=STANDIN, available_bytes=lambda _: 2 * 2**30),
            "2.0 GiB is available",
        ),
    ],
)
def test_a_deploy_that_is_refused_makes_no_folder(
    deploy_fleet: Deploy,
    folder: DeploymentFolder,
    flags: dict[str, str],
    world: World | None,
    message: str,
) -> None:
    with pytest.raises((ConfigError, PreflightError)) as caught:
        deploy_fleet(world=world, **flags)
    assert message in str(caught.value)
    assert not folder.home.exists()


def test_memory_for_a_big_phase_hints_at_a_smaller_fleet(deploy_fleet: Deploy) -> None:
    with pytest.raises(PreflightError) as caught:
        deploy_fleet(
            phase="enterprise",
            world=World(agent_command=STANDIN, available_bytes=lambda _: 2 * 2**30),
        )
    assert "--max-processes 3" in caught.value.hint


@pytest.mark.parametrize("step", ["created", "deploying", "configured", "started"])
def test_a_killed_deploy_is_finished_by_the_next(
    deploy_fleet: Deploy, folder: DeploymentFolder, model: Path, step: str
) -> None:
    with spawn(folder, model, step) as killed:
        assert killed.wait(timeout=30) == -signal.SIGKILL
    running = pids(folder)
    deployed = deploy_fleet()
    assert deployed.action is (Action.WAIT if step == "started" else Action.START)
    assert deployed.api_key
    if step == "started":
        assert pids(folder) == running
    assert len(processes_of(folder)) == 4
    destroy(folder, command="test")
    assert processes_of(folder) == []
    assert not folder.home.exists()


def test_a_killed_deploy_can_be_destroyed(folder: DeploymentFolder, model: Path) -> None:
    with spawn(folder, model, "started") as killed:
        killed.wait(timeout=30)
    destroy(folder, command="test")
    assert processes_of(folder) == []
    assert not folder.home.exists()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
def test_an_interrupted_deploy_leaves_nothing(
    folder: DeploymentFolder, model: Path, behave: Callable[..., None], number: int, code: int
) -> None:
    behave(transformer_1="never_ready")
    with spawn(folder, model) as interrupted:
        assert interrupted.stderr
        lines = iter(interrupted.stderr.readline, "")
        assert any("never will be" in line for line in lines)
        interrupted.send_signal(number)
        assert interrupted.wait(timeout=30) == code
    assert processes_of(folder) == []
    assert not folder.home.exists()


def test_two_deploys_at_once_do_not_meet(
    deploy_fleet: Deploy, folder: DeploymentFolder, model: Path, behave: Callable[..., None]
) -> None:
    behave(transformer_1="never_ready")
    with spawn(folder, model) as first:
        assert wait_for(lambda: len(processes_of(folder)) == 4, timeout_seconds=20)
        with pytest.raises(PreflightError, match=rf"in use by `test` \(pid {first.pid}, since"):
            deploy_fleet()
        first.terminate()
        first.communicate(timeout=30)
    assert processes_of(folder) == []


def test_a_bigger_phase_runs_scaled_down_and_says_so(deploy_fleet: Deploy) -> None:
    deployed = deploy_fleet(phase="mvp", max_processes=3)
    assert len(deployed.inventory.nodes) == 3
    assert "embedding: 1 instead of 2 nodes (--max-processes 3)" in deployed.notes
    assert any("oracle" in note and "not run by this version" in note for note in deployed.notes)


def test_a_taken_port_is_named_with_its_holder_and_a_free_one(
    deploy_fleet: Deploy, folder: DeploymentFolder
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(
            PreflightError, match=f"port {port} .* is taken by .*pid {os.getpid()}"
        ) as e:
            deploy_fleet(port=port)
        assert "--port" in e.value.hint
    assert not folder.home.exists()


def test_the_inventory_on_disk_is_what_was_deployed(
    deploy_fleet: Deploy, folder: DeploymentFolder
) -> None:
    deployed = deploy_fleet()
    assert folder.inventory() == deployed.inventory
    assert json.loads(folder.inventory_file.read_text())["schema"] == 1
