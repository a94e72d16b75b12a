"""The lab's hosts are machines: they log in, supervise, reboot, fail, and are gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.lab.faults import Faults
from tests.lab.hosts import LABS, Host, Lab

pytestmark = pytest.mark.lab

WATCHED = """[Service]
Type=notify
WatchdogSec=1
Restart=on-failure
RestartSec=0
MemoryMax=64M
ExecStart=/usr/bin/python3 /usr/local/bin/watched
"""
WATCHED_PROGRAM = """import os, socket, time
link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
link.connect(os.environ["NOTIFY_SOCKET"])
link.send(b"READY=1\\nSTATUS=watched")
while True:
    link.send(b"WATCHDOG=1")
    time.sleep(0.2)
"""


@pytest.fixture(scope="module")
def hosts(lab: Callable[..., tuple[Host, ...]]) -> tuple[Host, ...]:
    """Three hosts."""
    return lab(3)


@pytest.fixture
def host(hosts: tuple[Host, ...]) -> Host:
    """A host as if never booted before."""
    hosts[0].reset()
    assert hosts[0].wait() == "running"
    return hosts[0]


def ssh(host: Host, folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Log in and run a script, trusting only the host's own keys."""
    (folder / "known_hosts").write_text(host.known_hosts())
    options = (f"UserKnownHostsFile={folder}/known_hosts", "StrictHostKeyChecking=yes")
    extra = ("BatchMode=yes", "IdentitiesOnly=yes", "ConnectTimeout=3")
    argv = [word for option in (*options, *extra) for word in ("-o", option)]
    return subprocess.run(
        ["ssh", "-F", "none", *argv, "-i", host.key, f"{host.user}@{host.address}", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def wait_for(look: Callable[[], bool]) -> None:
    """Wait until something is so, or fail."""
    deadline = time.monotonic() + 30
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_each_host_is_a_machine_with_a_login_that_may_become_root(hosts, tmp_path):
    seen = set()
    for host in hosts:
        done = ssh(host, tmp_path, "sudo id -u; hostname; systemctl is-system-running; id -un")
        assert done.stdout.split() == ["0", host.name, "running", "admin"], done.stderr
        seen.add(ssh(host, tmp_path, "cat /etc/machine-id /etc/ssh/*_ed25519_key.pub").stdout)
    assert len(seen) == 3
    version = "import sys, venv; print(sys.version_info >= (3, 11))"
    assert ssh(hosts[0], tmp_path, f"python3 -c '{version}'").stdout == "True\n"


def test_a_strange_host_key_is_refused(hosts, tmp_path):
    first, second, _ = hosts
    second_keys = second.host_keys
    second.host_keys = first.host_keys
    refused = ssh(second, tmp_path, "true")
    second.host_keys = second_keys
    assert "Host key verification failed" in refused.stderr
    assert not ssh(second, tmp_path, "true").returncode


def test_hosts_log_in_to_each_other_by_name(hosts):
    first, second, _ = hosts
    first.run("umask 077; cat >/root/key", input=first.key.read_text())
    first.run("mkdir -p .ssh; cat >.ssh/known_hosts", input=second.known_hosts())
    login = f"ssh -i key -o BatchMode=yes -o StrictHostKeyChecking=yes admin@{second.name}"
    assert first.run(f"{login} hostname") == f"{second.name}\n"


def test_a_unit_notifies_is_limited_and_is_restarted_by_its_watchdog(host):
    host.run("cat >/etc/systemd/system/watched.service", input=WATCHED)
    host.run("cat >/usr/local/bin/watched", input=WATCHED_PROGRAM)
    host.run("systemctl daemon-reload; systemctl start watched")
    shown = host.run("systemctl show watched -p ActiveState,StatusText,MemoryCurrent")
    assert "ActiveState=active" in shown
    assert "StatusText=watched" in shown
    assert "MemoryCurrent=[not set]" not in shown, "systemd cannot limit memory here"
    host.run("systemctl kill -s STOP watched")
    wait_for(lambda: "NRestarts=1" in host.run("systemctl show watched -p NRestarts"))
    assert "watchdog" in host.run("journalctl -u watched --no-pager").lower()


def test_memory_beyond_a_units_limit_is_killed(host):
    greedy = "python3 -c 'held = b\"x\" * (200 << 20)'"
    limited = "systemd-run --quiet --wait -p MemoryMax=40M -p MemorySwapMax=0"
    assert host.run(f"{limited} {greedy}; echo $?") != "0\n"
    assert host.run(f"systemd-run --quiet --wait {greedy}; echo $?") == "0\n"


@pytest.mark.parametrize("how", ["by itself", "over ssh", "power cut"])
def test_a_host_comes_back_with_its_disk_and_its_faults(host, how, tmp_path):
    host.run("systemctl enable systemd-journald; echo kept >/var/kept; sync")
    boot = host.run("cat /proc/sys/kernel/random/boot_id")
    if how == "by itself":
        assert host.reboot() == "running"
    elif how == "over ssh":
        ssh(host, tmp_path, "sudo systemctl reboot")
        wait_for(
            lambda: (
                ssh(host, tmp_path, "cat /proc/sys/kernel/random/boot_id").stdout not in ("", boot)
            )
        )
    else:
        host.cut_power()
        assert ssh(host, tmp_path, "true").returncode == 255
        host.power_on()
        assert host.wait() == "running"
    assert ssh(host, tmp_path, "cat /var/kept").stdout == "kept\n"
    assert host.run("cat /proc/sys/kernel/random/boot_id") != boot


def test_a_reset_host_has_the_disk_of_a_new_one_and_the_same_keys(host, tmp_path):
    host.run("touch /var/changed; rm /usr/bin/python3 /etc/ssh/ssh_host_*")
    host.impair(Faults(cut=True))
    host.reset()
    assert host.wait() == "running"
    done = ssh(host, tmp_path, "ls /usr/bin/python3 /var/changed")
    assert done.stdout == "/usr/bin/python3\n"
    assert "/var/changed" in done.stderr


def test_a_partition_cuts_a_host_off_and_ends(hosts, tmp_path):
    first, second, third = hosts
    ping = "ping -c1 -W1 {} >/dev/null; echo $?"
    first.impair(Faults(cut_from=(second.address,)))
    assert "1\n" == first.run(ping.format(second.name)) == second.run(ping.format(first.name))
    assert first.run(ping.format(third.name)) == "0\n"
    first.impair(Faults(cut=True))
    assert "1\n" == first.run(ping.format(third.name)) == third.run(ping.format(first.name))
    assert "timed out" in ssh(first, tmp_path, "true").stderr
    first.heal()
    assert first.run(ping.format(second.name)) == "0\n"
    assert ssh(first, tmp_path, "hostname").stdout == "host1\n"


def test_packets_are_delayed_or_lost(host, hosts):
    ping = f"ping -W1 {host.name}"
    host.impair(Faults(delay_seconds=0.1))
    times = hosts[1].run(f"{ping} -c3 -i0.2 | grep -o 'time=[0-9.]*' | cut -d= -f2").split()
    assert len(times) == 3
    assert min(map(float, times)) >= 200
    host.impair(Faults(loss=0.5))
    received = hosts[1].run(f"{ping} -c40 -i0.01 | grep -o '[0-9]* received'", check=False)
    assert 0 < int(received.split()[0]) < 40
    host.heal()


def test_a_full_disk_is_full_and_can_be_freed(host, tmp_path):
    write = "head -c 100000 /dev/zero >more; echo $?"
    host.fill_disk()
    full = ssh(host, tmp_path, write)
    assert full.stdout == "1\n"
    assert "No space left on device" in full.stderr
    host.free_disk()
    assert ssh(host, tmp_path, write).stdout == "0\n"


def test_a_clock_that_is_off_is_off_for_logins_and_units_of_that_host_only(host, hosts, tmp_path):
    host.set_clock_off(86400)
    program = "import time; print(time.time(), time.monotonic())"
    wall, monotonic = map(float, ssh(host, tmp_path, f"python3 -c '{program}'").stdout.split())
    assert abs(wall - time.time() - 86400) < 60
    assert abs(monotonic - time.monotonic()) < 60
    unit = host.run("systemd-run --quiet --wait --pipe -p DynamicUser=yes date -u +%F")
    assert unit.strip() == str((datetime.now(UTC) + timedelta(days=1)).date())
    assert abs(float(hosts[1].run("date +%s")) - time.time()) < 60


def traces(lab: str) -> str:
    """Return all of a lab that this machine still shows."""
    commands = (("mount",), ("ip", "link"), ("losetup", "-a"), ("ps", "-eo", "args"))
    found = [subprocess.run(argv, capture_output=True, text=True, check=True) for argv in commands]
    lines = [line for done in found for line in done.stdout.splitlines() if lab in line]
    groups = subprocess.run(["find", "/sys/fs/cgroup", "-name", f"{lab}-*"], capture_output=True)
    files = [str(LABS / lab)] if (LABS / lab).exists() else []
    return "\n".join([*lines, *groups.stdout.decode().splitlines(), *files])


def test_a_closed_lab_leaves_nothing(lab):
    made = Lab(2)
    name = made.hosts[0].folder.parent.name
    made.hosts[0].impair(Faults(delay_seconds=0.05))
    shown = traces(name)
    assert "nspawn" in shown
    made.close()
    wait_for(lambda: traces(name) == "")


def test_the_hosts_of_tests_that_died_die_and_the_next_lab_removes_what_they_leave(lab):
    program = (
        "from tests.lab.hosts import Lab\n"
        "lab = Lab(1)\n"
        "print(lab.hosts[0].folder.parent.name, flush=True)\n"
        "input()\n"
    )
    died = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    name = died.stdout.readline().strip()
    died.kill()
    died.communicate()
    wait_for(lambda: "nspawn" not in traces(name))
    Lab(1).close()
    wait_for(lambda: traces(name) == "")
