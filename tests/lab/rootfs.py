"""The file system that every host starts from: a bare Debian 12, made once and kept."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

CACHE = Path("/var/cache/qinfra-lab")
ADMIN = "admin"
SUITE = "bookworm"
PACKAGES = (
    "ca-certificates",
    "curl",
    "dbus",
    "iproute2",
    "iputils-ping",
    "libfaketime",
    "libpam-systemd",
    "openssh-server",
    "procps",
    "python3",
    "python3-venv",
    "sudo",
    "systemd",
    "systemd-sysv",
    "systemd-timesyncd",
)
UNREAD = ("man", "doc", "locale")
# Nothing here may wait for a network, a terminal or a package mirror.
MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "console-getty.service",
    "getty.target",
    "systemd-networkd.service",
    "systemd-resolved.service",
)
FILES = {
    "etc/hostname": "",
    "etc/machine-id": "",
    "etc/resolv.conf": "",
    f"etc/sudoers.d/{ADMIN}": f"{ADMIN} ALL=(ALL) NOPASSWD: ALL\n",
    "etc/ssh/sshd_config.d/cloud.conf": "PasswordAuthentication no\nPermitRootLogin no\n",
    "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=persistent\nSystemMaxUse=64M\n",
}


def cached_tree() -> Path:
    """Return the folder of the file system, made now (about a minute) if no run made it yet.

    Raises:
        RuntimeError: mmdebstrap failed; the message ends with its last lines.
    """
    recipe = repr((SUITE, PACKAGES, UNREAD, MASKED, sorted(FILES.items())))
    tree = CACHE / f"{SUITE}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "making").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.is_dir():
            unfinished = CACHE / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            _debootstrap(unfinished)
            _settle(unfinished)
            unfinished.rename(tree)
    return tree


def _debootstrap(tree: Path) -> None:
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in UNREAD]
    made = subprocess.run(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase", "--mode=root"),
            *(f"--include={','.join(PACKAGES)}", *excluded, SUITE, str(tree)),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise RuntimeError(f"mmdebstrap made no Debian {SUITE}: {made.stderr[-2000:]}")


def _settle(tree: Path) -> None:
    for name, text in FILES.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
    (tree / f"etc/sudoers.d/{ADMIN}").chmod(0o440)
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for unit in MASKED:
        link = tree / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    command = ("useradd", "--root", str(tree), "--create-home", "--shell", "/bin/bash", ADMIN)
    subprocess.run(command, check=True, capture_output=True)
