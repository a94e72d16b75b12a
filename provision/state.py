"""The deployment folder `.qinfra/<deployment>/`: what every command knows about a deployment.

Only its owner can enter it (0700). What is secret in it is 0600.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.errors import ConfigError
from provision import inventory
from provision.desired import Deployment
from provision.files import append_line, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from provision.inventory import Inventory

DEFAULT_HOME = Path(".qinfra")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_REMOVED_PREFIX = ".removed-"
_STACKS = ".stacks"


@dataclass(frozen=True, slots=True)
class DeploymentFolder:
    """The files of one deployment under `home`.

    Args:
        home: Folder of all deployments.
        name: The deployment's name: lower-case letters, digits and dashes.

    Raises:
        ConfigError: The name has another form.
    """

    home: Path
    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"deployment name {self.name!r}: only a-z, 0-9 and - after a first letter, "
                "63 characters at most",
                hint="Choose another --name.",
            )

    @property
    def root(self) -> Path:
        """The folder itself, absolute."""
        return self.home.absolute() / self.name

    @property
    def lock_file(self) -> Path:
        """Held by the command that changes the deployment."""
        return self.root / "deploy.lock"

    @property
    def inventory_file(self) -> Path:
        """Which nodes there are."""
        return self.root / "inventory.json"

    @property
    def authority(self) -> Path:
        """The deployment's certificate authority."""
        return self.root / "pki"

    @property
    def operator(self) -> Path:
        """The operator's own identity."""
        return self.root / "pki" / "operator"

    @property
    def key_file(self) -> Path:
        """The API key, for the operator's own commands."""
        return self.root / "api.key"

    @property
    def journal_file(self) -> Path:
        """One JSON object for each step ever taken."""
        return self.root / "journal.jsonl"

    @property
    def fleet_file(self) -> Path:
        """What is on record of machines in a cloud; there is none for processes of this machine."""
        return self.root / "fleet.json"

    @property
    def known_hosts_file(self) -> Path:
        """The host keys of a cloud's machines."""
        return self.root / "known_hosts"

    @property
    def stacks(self) -> Path:
        """Where Terraform keeps the stacks of a cloud; see `create_stacks`."""
        return stacks_under(self.home) / self.name

    @property
    def stacks_lock_file(self) -> Path:
        """Held by the command that plans or applies in the stacks."""
        return self.stacks / "stacks.lock"

    def node(self, name: str) -> Path:
        """The folder of one node."""
        return self.root / "nodes" / name

    def exists(self) -> bool:
        """Whether anything was ever deployed, or half-deployed, here."""
        return self.root.is_dir()

    def create(self) -> None:
        """Make the folder; nothing happens when it is there."""
        _create_home(self.home)
        self.root.mkdir(mode=0o700, exist_ok=True)

    def create_stacks(self) -> Path:
        """Make and return where Terraform keeps the stacks and states of a cloud.

        It is apart from what runs on this machine, so that to remove that loses no state.
        """
        _create_home(self.home)
        self.stacks.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.stacks

    def remove_stacks(self) -> None:
        """Remove the stacks, and states that lie beside them: only when nothing of them is left."""
        shutil.rmtree(self.stacks, ignore_errors=True)
        with contextlib.suppress(OSError):  # other deployments have theirs there
            self.stacks.parent.rmdir()

    def remove(self) -> None:
        """Remove the folder whole: it is gone at once, its content a moment later."""
        if self.exists():
            self.root.rename(self.home / f"{_REMOVED_PREFIX}{self.name}-{secrets.token_hex(4)}")
        for removed in self.home.glob(f"{_REMOVED_PREFIX}*"):
            shutil.rmtree(removed, ignore_errors=True)
        if self.home.is_dir() and not deployments(self.home):
            self._remove_empty_home()

    def deployment(self) -> Deployment | None:
        """What is on record; None before the first deploy got so far.

        Raises:
            ConfigError: The record is damaged.
        """
        try:
            text = self._deployment_file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return Deployment.from_json(text, source=str(self._deployment_file))

    def save_deployment(self, deployment: Deployment) -> None:
        """Put a deployment on record."""
        write_atomically(self._deployment_file, deployment.to_json())

    def inventory(self) -> Inventory | None:
        """The nodes; None before the first deploy got so far.

        Raises:
            ConfigError: The inventory is damaged.
        """
        if not self.inventory_file.exists():
            return None
        return inventory.load(self.inventory_file)

    def agents(self) -> Inventory:
        """The nodes, of a deployment that has any.

        Raises:
            ConfigError: Its deploy was cut short, or made machines without agents, or the
                inventory is damaged.
        """
        nodes = self.inventory()
        if nodes is None and self.fleet_file.exists():
            raise ConfigError(
                f"deployment {self.name} has machines in a cloud, and no agents run on them yet",
                hint=f"See `qinfra status --name {self.name}`.",
            )
        if nodes is None:
            raise ConfigError(
                f"the deploy of {self.name} was cut short", hint="Run `qinfra deploy` again."
            )
        return nodes

    def save_inventory(self, nodes: Inventory) -> None:
        """Put the nodes on record."""
        write_atomically(self.inventory_file, nodes.to_json())

    def keep_nodes(self, names: Iterable[str]) -> None:
        """Remove the folders of nodes that are no longer."""
        kept = set(names)
        for folder in (self.root / "nodes").iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder)

    def api_key(self) -> str:
        """The API key.

        Raises:
            ConfigError: The deployment never got one.
        """
        try:
            return self.key_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(
                f"{self.key_file}: {error.strerror}", hint="Run `qinfra deploy` first."
            ) from error

    def record(self, step: str, now: datetime, **details: object) -> None:
        """Add a step to the journal."""
        entry = {"timestamp": now.isoformat(timespec="milliseconds"), "step": step, **details}
        append_line(self.journal_file, json.dumps(entry, ensure_ascii=False))

    def journal(self) -> Iterator[dict[str, object]]:
        """Yield the steps taken, oldest first; a line cut short by a crash is left out."""
        if not self.journal_file.exists():
            return
        for line in self.journal_file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue

    @property
    def _deployment_file(self) -> Path:
        return self.root / "deployment.json"

    def _remove_empty_home(self) -> None:
        ignore = self.home / ".gitignore"
        if [path.name for path in self.home.iterdir()] == [ignore.name]:
            ignore.unlink()
            self.home.rmdir()


def _create_home(home: Path) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = home / ".gitignore"
    if not ignore.exists():
        write_atomically(ignore, "*\n", mode=0o644)


def stacks_under(home: Path) -> Path:
    """The folder of the stacks of all deployments."""
    return home.absolute() / _STACKS


def deployments(home: Path) -> tuple[str, ...]:
    """Names of the deployments under `home`, sorted."""
    if not home.is_dir():
        return ()
    return tuple(sorted(p.name for p in home.iterdir() if p.is_dir() and _NAME.fullmatch(p.name)))


def kept_stacks(home: Path) -> tuple[str, ...]:
    """Names of the deployments whose stacks are under `home`, on record or not, sorted."""
    stacks = stacks_under(home)
    if not stacks.is_dir():
        return ()
    return tuple(sorted(p.name for p in stacks.iterdir() if p.is_dir() and _NAME.fullmatch(p.name)))


def select(home: Path, name: str | None) -> DeploymentFolder:
    """Return the deployment called `name`, or the only one there is.

    Raises:
        ConfigError: It does not exist, there is none, or there are several to choose from.
    """
    existing = deployments(home)
    if name is None and len(existing) == 1:
        return DeploymentFolder(home, existing[0])
    if name is not None and DeploymentFolder(home, name).exists():
        return DeploymentFolder(home, name)
    if not existing:
        raise ConfigError(
            f"nothing is deployed under {home}",
            hint="Run `qinfra deploy --phase demo --target local`.",
        )
    if name is None:
        raise ConfigError(
            f"there are {len(existing)} deployments: {', '.join(existing)}",
            hint="Say which one with --name.",
        )
    raise ConfigError(
        f"no deployment {name!r} under {home}", hint=f"There is {', '.join(existing)}."
    )
