"""A lab: hosts on a bridge of their own, which reach each other and this machine, nothing else."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.lab import delay, power
from tests.lab.faults import Faults
from tests.lab.rootfs import ADMIN, CACHE, cached_tree

LABS = CACHE / "labs"
PROGRAMS = {
    "ip": "iproute2",
    "iptables-restore": "iptables",
    "losetup": "mount",
    "mke2fs": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
}
ENVIRONMENT = ("HOME=/root", "LANG=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
FILLER = "/var/lib/filler"
SECONDS_TO_BOOT = 60


def why_not() -> str | None:
    """Return why this machine cannot run a lab, or None if it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux"
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    missing = sorted(
        {package for name, package in PROGRAMS.items() if not shutil.which(name, path=path)}
    )
    if missing:
        return f"needs root and apt-get install {' '.join(missing)}"
    if not Path("/dev/loop-control").exists():
        return "needs root and loop devices (/dev/loop-control)"
    made = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--net", "true"], capture_output=True, check=False
    )
    if made.returncode:
        return f"needs root that may make namespaces: {made.stderr.decode().strip()}"
    if not Path("/run/systemd/system").is_dir() and not Path("/sys/fs/cgroup/memory").is_dir():
        return "needs root and either systemd as process 1 or the controllers of cgroup v1"
    return None


def command(*arguments: str | Path, input: str | None = None) -> str:
    """Run a program of this machine; returns what it printed.

    Raises:
        RuntimeError: it failed; the message carries its arguments and its errors.
    """
    argv = [str(argument) for argument in arguments]
    done = subprocess.run(argv, input=input, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)} failed ({done.returncode}): {done.stderr.strip()}")
    return done.stdout


class Host:
    """A machine that one can log in to, break and put back.

    Attributes:
        name: its host name, which all hosts of its lab resolve.
        address: its IPv4 address.
        user: an account that may become root without a password.
        key: the private key of that account, a file.
        host_keys: its public host keys, each as type and base64.
    """

    def __init__(self, *, lab: str, number: int, folder: Path, key: Path, disk_mib: int) -> None:
        self.name = f"host{number}"
        self.address = f"{subnet(lab)}.{10 + number}"
        self.user = ADMIN
        self.key = key
        self.folder = folder / self.name
        self._lab = lab
        self._device = f"{lab}v{number}"
        self._disk_mib = disk_mib
        self._process: subprocess.Popen[bytes] | None = None
        self._delay: subprocess.Popen[str] | None = None
        for mountpoint in ("disk", "root"):
            (self.folder / mountpoint).mkdir(parents=True)
        self.host_keys = tuple(self._host_key(kind) for kind in ("ed25519", "ecdsa"))

    def _host_key(self, kind: str) -> str:
        path = self.folder / f"seed/upper/etc/ssh/ssh_host_{kind}_key"
        path.parent.mkdir(parents=True, exist_ok=True)
        command("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", self.name, "-f", path)
        return " ".join(path.with_suffix(".pub").read_text().split()[:2])

    def known_hosts(self) -> str:
        """Return the lines of a `known_hosts` file that trust this host by name and address."""
        return "".join(f"{self.name},{self.address} {key}\n" for key in self.host_keys)

    def plug_in(self) -> None:
        """Give the host its network: a namespace that outlives its reboots, and a cable."""
        network = self.folder / "net"
        network.touch()
        command("unshare", f"--net={network}", "true")
        inside = ("nsenter", f"--net={network}")
        cable = ("type", "veth", "peer", "name", self._device, "netns", str(os.getpid()))
        command(*inside, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
        command(*inside, "ip", "link", "add", "host0", *cable)
        command("ip", "link", "set", self._device, "master", self._lab, "up")
        command(*inside, "ip", "address", "add", f"{self.address}/24", "dev", "host0")
        for device in ("lo", "host0"):
            command(*inside, "ip", "link", "set", device, "up")

    def install(self, hosts: str) -> None:
        """Write the disk of a machine never booted; `hosts` is its /etc/hosts."""
        seed = self.folder / "seed"
        login = seed / "upper/home" / ADMIN / ".ssh"
        login.mkdir(parents=True)
        (seed / "work").mkdir()
        (login / "authorized_keys").write_text(self.key.with_suffix(".pub").read_text())
        for path in (login.parent, login, login / "authorized_keys"):
            os.chown(path, 1000, 1000)
            path.chmod(0o600 if path.is_file() else 0o700)
        (seed / "upper/etc/hostname").write_text(f"{self.name}\n")
        (seed / "upper/etc/hosts").write_text(hosts)
        image, size = self.folder / "fresh.img", f"{self._disk_mib}M"
        options = ("-q", "-t", "ext4", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1")
        command("mke2fs", *options, "-d", seed, image, size)
        self._wipe()

    def _wipe(self) -> None:
        command("cp", "--sparse=always", self.folder / "fresh.img", self.folder / "disk.img")

    def power_on(self) -> None:
        """Start the host; `wait` says when it is up."""
        namespaces = ("--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc")
        with (self.folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                [
                    *("unshare", *namespaces, "--kill-child", sys.executable, "-I", power.__file__),
                    *(str(self.folder), f"{self._lab}-{self.name}", str(cached_tree())),
                ],
                stdin=subprocess.PIPE,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )

    def wait(self, *, not_process: int | None = None) -> str:
        """Wait until the host has booted; returns systemd's word: `running` or `degraded`.

        Args:
            not_process: the process of a systemd that is about to end, which does not count.

        Raises:
            RuntimeError: it ended, or took too long; the message ends with its console.
        """
        deadline = time.monotonic() + SECONDS_TO_BOOT
        while time.monotonic() < deadline and self._process and self._process.poll() is None:
            systemd = self._systemd()
            if systemd not in (None, not_process):
                state = self.run("systemctl is-system-running --wait", check=False).strip()
                if state in ("running", "degraded"):
                    return state
            time.sleep(0.02)
        console = (self.folder / "console.log").read_text(errors="replace")
        raise RuntimeError(f"{self.name} did not boot; its console ends: {console[-2000:]}")

    def _systemd(self) -> int | None:
        """Return the host's process 1, as this machine numbers it, or None while there is none."""
        with suppress(OSError, IndexError, AttributeError):
            process = self._process.pid
            for _ in ("supervisor", "nspawn", "systemd"):
                process = children(process)[0]
            if Path(f"/proc/{process}/comm").read_text() == "systemd\n":
                return process
        return None

    def run(self, script: str, *, check: bool = True, input: str | None = None) -> str:
        """Run a shell script as the host's root, past SSH; returns what it printed.

        Raises:
            RuntimeError: the host is down, or the script failed while `check` is set.
        """
        systemd = self._systemd()
        if systemd is None:
            raise RuntimeError(f"{self.name} is down")
        done = subprocess.run(
            [
                *("nsenter", f"--target={systemd}", "--mount", "--uts", "--ipc", "--net", "--pid"),
                *("--cgroup", "env", "-i", *ENVIRONMENT, "setpriv"),
                *("--bounding-set", beyond_its_root(systemd), "sh", "-c", f"cd; {script}"),
            ],
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            timeout=SECONDS_TO_BOOT,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {script}: {done.stderr.strip()} ({done.returncode})")
        return done.stdout

    def cut_power(self) -> None:
        """End every process of the host at once, with nothing written that was not written."""
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process = None

    def reboot(self) -> str:
        """Reboot in good order and wait; returns systemd's word."""
        before = self._systemd()
        self.run("systemctl reboot")
        return self.wait(not_process=before)

    def reset(self) -> None:
        """Start again from the disk of a machine never booted, without faults; does not wait."""
        self.cut_power()
        self.heal()
        self._wipe()
        self.power_on()

    def impair(self, faults: Faults) -> None:
        """Put faults in the host's network in the place of those there are."""
        inside = ("nsenter", f"--net={self.folder}/net")
        if self._delay is not None:
            self._delay.kill()
            self._delay.communicate()
            self._delay = None
        if faults.delay_seconds:
            argv = [*inside, sys.executable, "-I", delay.__file__, str(faults.delay_seconds)]
            self._delay = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
            if self._delay.stdout.readline() != "ready\n":
                raise RuntimeError(f"{self.name}: nothing delays its packets")
        command(*inside, "iptables-restore", input=faults.rules())

    def heal(self) -> None:
        """Make the network whole."""
        self.impair(Faults())

    def fill_disk(self) -> None:
        """Leave not one block free."""
        self.run(
            f"fallocate -l $(($(df --output=avail -B1 / | tail -n1) - 1048576)) {FILLER};"
            f" dd if=/dev/zero of={FILLER}.rest bs=4k 2>/dev/null; test -s {FILLER}.rest"
        )

    def free_disk(self) -> None:
        """Take back what `fill_disk` wrote."""
        self.run(f"rm {FILLER} {FILLER}.rest")

    def set_clock_off(self, seconds: int) -> None:
        """Set the wall clock off for logins over SSH and for units, from their next start on.

        The kernel has one wall clock for all hosts, so this is a library (faketime) loaded before
        a program's own. The monotonic clock stays right; systemd, sshd (whose sandbox forbids the
        library), the journal and what `sudo` runs (it drops the preload) keep the true time.
        """
        self.run(
            "preload=$(ls /usr/lib/*/faketime/libfaketime.so.1);"
            f" echo '{seconds:+d}' >/etc/faketimerc;"
            " printf 'LD_PRELOAD=%s\nFAKETIME_DONT_FAKE_MONOTONIC=1\n' $preload >/etc/environment;"
            " mkdir -p /etc/systemd/system.conf.d /etc/systemd/system/ssh.service.d;"
            " printf '[Service]\nUnsetEnvironment=LD_PRELOAD\n'"
            " >/etc/systemd/system/ssh.service.d/clock.conf;"
            " printf '[Manager]\nDefaultEnvironment=%s %s\n'"
            " LD_PRELOAD=$preload FAKETIME_DONT_FAKE_MONOTONIC=1"
            " >/etc/systemd/system.conf.d/clock.conf; systemctl daemon-reload"
        )

    def unplug(self) -> None:
        """Take the host apart; its folder stays."""
        self.cut_power()
        if self._delay is not None:
            self._delay.kill()
            self._delay.communicate()


class Lab:
    """Some hosts, an administrator's key for all of them, and a bridge between them.

    Attributes:
        hosts: the hosts, booted.
    """

    def __init__(self, size: int, *, disk_mib: int = 4096) -> None:
        self._name, self._lock = claim()
        self._folder = LABS / self._name
        self.hosts: tuple[Host, ...] = ()
        try:
            self._make(size, disk_mib)
        except BaseException:
            self.close()
            raise

    def _make(self, size: int, disk_mib: int) -> None:
        key = self._folder / "key"
        command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", key)
        command("ip", "address", "add", f"{subnet(self._name)}.1/24", "dev", self._name)
        command("ip", "link", "set", self._name, "up")
        for number in range(1, size + 1):
            where = {"lab": self._name, "folder": self._folder}
            self.hosts += (Host(**where, number=number, key=key, disk_mib=disk_mib),)
        names = "".join(f"{host.address} {host.name}\n" for host in self.hosts)
        for host in self.hosts:
            host.plug_in()
            host.install(f"127.0.0.1 localhost\n{names}")
            host.power_on()
        for host in self.hosts:
            host.wait()

    def close(self) -> None:
        """End all hosts and remove all that the lab has made."""
        for host in self.hosts:
            host.unplug()
        demolish(self._folder)
        self._lock.close()


def subnet(lab: str) -> str:
    """Return the first three numbers of a lab's addresses."""
    return f"10.213.{lab.removeprefix('qlab')}"


def children(process: int) -> list[int]:
    """Return the children of a process, the oldest first."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def beyond_its_root(systemd: int) -> str:
    """Return the capabilities of this machine's root that the host's lacks, for `setpriv` to drop.

    With them a script run past SSH could set this machine's clock or write to its disk.
    """
    status = Path(f"/proc/{systemd}/status").read_text()
    bounds = int(status.split("CapBnd:")[1].split()[0], 16)
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    return ",".join(f"-cap_{number}" for number in range(last + 1) if not bounds >> number & 1)


def claim() -> tuple[str, IO[str]]:
    """Take a free name with its bridge, and remove labs whose tests died.

    Returns:
        The name, and the lock that says the lab is in use.
    """
    LABS.mkdir(parents=True, exist_ok=True)
    with (CACHE / "claiming").open("w") as claiming:
        fcntl.flock(claiming, fcntl.LOCK_EX)
        used = set()
        for folder in LABS.iterdir():
            with (folder / "lock").open("a") as lock, suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                demolish(folder)
                continue
            used.add(folder.name)
        name = next(name for number in range(256) if (name := f"qlab{number}") not in used)
        (LABS / name).mkdir()
        lock = (LABS / name / "lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        command("ip", "link", "add", name, "type", "bridge")
        return name, lock


def demolish(folder: Path) -> None:
    """Remove a lab without power: its network, its groups of processes and its files."""
    for host in folder.glob("host*"):
        subprocess.run(["umount", host / "net"], capture_output=True, check=False)
        device = f"{folder.name}v{host.name.removeprefix('host')}"
        subprocess.run(["ip", "link", "delete", device], capture_output=True, check=False)
        groups = host / "cgroups"
        for group in map(Path, groups.read_text().splitlines() if groups.exists() else ()):
            power.remove_groups(group)
            with suppress(OSError):
                group.rmdir()
    subprocess.run(["ip", "link", "delete", folder.name], capture_output=True, check=False)
    shutil.rmtree(folder)
