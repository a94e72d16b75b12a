"""What systemd hears, on a real socket of its kind."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from node_agent.notify import Notifier


def listening(address: str) -> socket.socket:
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(f"\0{address[1:]}" if address.startswith("@") else address)
    heard.settimeout(0)
    return heard


def words(heard: socket.socket) -> list[str]:
    said = []
    while True:
        try:
            said.append(heard.recv(4096).decode())
        except BlockingIOError:
            return said


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_systemd_hears_of_the_start_the_life_and_the_end(kind, tmp_path: Path):
    address = f"@qinfra-{os.getpid()}" if kind == "abstract" else str(tmp_path / "notify")
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000"})
    with listening(address) as heard:
        notifier.ready()
        notifier.alive()
        notifier.stopping()
        assert words(heard) == ["READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_signs_of_life_come_four_times_in_a_timeout_however_often_the_loop_turns(tmp_path: Path):
    now = [100.0]
    address = str(tmp_path / "notify")
    notifier = Notifier(address, watchdog_seconds=20, clock=lambda: now[0])
    with listening(address) as heard:
        for _ in range(200):
            notifier.alive()
            now[0] += 0.1
        assert words(heard) == ["WATCHDOG=1"] * 4


@pytest.mark.parametrize(
    "extra", [{}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}]
)
def test_who_is_not_watched_gives_no_sign(extra, tmp_path: Path):
    address = str(tmp_path / "notify")
    with listening(address) as heard:
        Notifier.from_environment({"NOTIFY_SOCKET": address, **extra}).alive()
        assert words(heard) == []


@pytest.mark.parametrize("address", ["", "/nowhere/notify"])
def test_an_agent_works_on_where_nobody_listens(address):
    notifier = Notifier(address, watchdog_seconds=1)
    notifier.ready()
    notifier.alive()


def test_a_stage_gives_signs_of_life_from_the_loop_that_computes():
    from node_agent.shard.engine import Engine

    turns = []

    def alive() -> None:
        turns.append(threading.current_thread().name)
        if len(turns) == 3:
            engine.stop()

    idle = SimpleNamespace(has_embedding=False)
    engine = Engine(idle, None, None, lambda _: None, alive)
    thread = threading.Thread(target=engine.run, name="engine")
    thread.start()
    thread.join(timeout=20)
    assert turns == ["engine"] * 3
