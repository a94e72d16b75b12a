"""A host while it has power: its disk, its systemd, and again after each reboot.

Run by `hosts.py` as process 1 of a process namespace with mounts of its own. Whatever ends it (an
end of file on its standard input above all, so also the death of the tests) ends every process of
the host and unmounts its disk: the kernel does both, and nothing can be left.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
REBOOT = 133
# systemd-nspawn mounts v1 controllers read-only, and systemd looks once, when it starts, whether
# it may write them: where it may not, it accepts MemoryMax= and the like and enforces nothing.
INIT = (
    'for d in /sys/fs/cgroup/*/; do d=${d%/}; mountpoint -q "$d" && mount -o remount,bind,rw "$d";'
    " done; exec /lib/systemd/systemd"
)


def own_cgroups(name: str) -> Iterator[Path]:
    """Yield a group for the host below this process's own, in every hierarchy."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        root = CGROUPS / (controllers.removeprefix("name=") or "unified")
        if root.is_dir():
            yield root / path.lstrip("/") / name


def enter(group: Path) -> None:
    """Make a group and move this process into it."""
    group.mkdir(parents=True, exist_ok=True)
    for setting in ("cpuset.cpus", "cpuset.mems"):
        for folder in (group.parent, group):
            if (folder / setting).exists() and not (folder / setting).read_text().strip():
                (folder / setting).write_text((folder.parent / setting).read_text())
    (group / "cgroup.procs").write_text("0")


def remove_groups(group: Path) -> None:
    """Remove the groups below one that dead processes have left; a living one's stay."""
    for folder, _, _ in os.walk(group, topdown=False):
        if folder != str(group):
            try:
                Path(folder).rmdir()
            except OSError:
                continue


def mount(*arguments: str) -> None:
    """Mount, or end the host with mount's own message."""
    subprocess.run(["mount", *arguments], check=True)


def insert_disk(folder: Path, tree: Path) -> None:
    """Mount the host's disk, and on it the changes to the common tree.

    A loop device that still holds the disk belongs to a power cut of a moment ago: two would
    write to one file system.
    """
    image = str(folder / "disk.img")
    while subprocess.run(["losetup", "-j", image], capture_output=True, check=True).stdout:
        time.sleep(0.01)
    mount("-o", "loop,noinit_itable", image, str(folder / "disk"))
    layers = f"lowerdir={tree},upperdir={folder}/disk/upper,workdir={folder}/disk/work"
    mount("-t", "overlay", "overlay", "-o", layers, str(folder / "root"))


def nspawn(folder: Path, name: str, *, under_systemd: bool) -> int:
    """Boot systemd and wait for its end; returns nspawn's exit status."""
    return subprocess.run(
        [
            *("systemd-nspawn", "--quiet", "--register=no"),
            *(() if under_systemd else ("--keep-unit",)),
            *(f"--machine={name}", f"--hostname={folder.name}", f"--directory={folder}/root"),
            f"--network-namespace-path={folder}/net",
            "--capability=CAP_NET_ADMIN",
            "--drop-capability=CAP_MKNOD",
            "--system-call-filter=bpf",
            *("--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=pipe"),
            "--kill-signal=SIGRTMIN+3",
            *("/bin/sh", "-c", INIT),
        ],
        stdin=subprocess.DEVNULL,
        check=False,
    ).returncode


def main(folder: Path, name: str, tree: Path) -> None:
    """Run a host until it powers off, or until standard input ends."""
    under_systemd = Path("/run/systemd/system").is_dir()
    groups = [] if under_systemd else list(own_cgroups(name))
    (folder / "cgroups").write_text("".join(f"{group}\n" for group in groups))
    for group in groups:
        enter(group)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()
    insert_disk(folder, tree)
    status = REBOOT
    while status == REBOOT:
        for group in groups:
            remove_groups(group)
        status = nspawn(folder, name, under_systemd=under_systemd)
    os._exit(status)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
