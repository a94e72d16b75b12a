"""Bring a deployment up: observe, decide, change, and prove that it answers."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from infra.errors import PreflightError
from provision.configuration import Serving, network_context, write_configurations
from provision.decision import Action, Current, next_action, reasons
from provision.desired import Deployment, ServedModel, changes, fingerprint
from provision.files import write_atomically
from provision.gate import READY_SECONDS, Gate, ready_seconds
from provision.identities import ensure_identities, identities_last
from provision.interruption import uninterrupted
from provision.lock import locked
from provision.plan import notes
from provision.preparation import Predecessor, Prepared, World, prepare
from provision.probe import ready_all
from provision.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.gateway import Answer
    from provision.inventory import Inventory
    from provision.report.progress import Progress
    from provision.state import DeploymentFolder
    from provision.wishes import Wish

_STOP_SECONDS = 35.0  # an agent's own 30 s to drain, and the rest to end
_UNDO_SECONDS = 3.0
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """How a deploy ended.

    Args:
        action: What was done.
        inventory: The nodes.
        model: The model served.
        notes: Where the fleet differs from its phase.
        answers: To the gate's question; empty when there was nothing to do.
        api_key: The key while no deploy has shown it yet; else None.
    """

    action: Action
    inventory: Inventory
    model: ServedModel
    notes: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    api_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a deploy finds before it decides.

    Args:
        current: What the decision is taken from.
        inventory: The nodes on record.
        pids: Agents that run.
        was_ready: Whether any deploy of this folder ever ended well.
    """

    current: Current
    inventory: Inventory | None
    pids: tuple[int, ...]
    was_ready: bool

    @property
    def serves(self) -> bool:
        """Whether a fleet is up that earlier deploys have proven, and this one may not hurt."""
        record = self.current.record
        return self.current.supervised and record is not None and record.status == "ready"


def deploy(
    folder: DeploymentFolder, wish: Wish, world: World, progress: Progress, *, command: str
) -> Deployed:
    """Bring the deployment to what is wanted, and prove that it answers.

    Args:
        folder: The deployment's files.
        wish: What is wanted.
        world: Agents, memory and time.
        progress: Is told what happens.
        command: What the user typed, for others who find the deployment locked.

    Raises:
        ConfigError: Model, split or settings cannot be used; nothing has been made.
        PreflightError: The lock, a port or memory is not to be had; nothing has been made.
        RemoteError: The fleet did not come up; what was started is stopped again.
    """
    prepared: Prepared | None = None
    if not folder.exists():
        # Refused before anything is made, so that a wrong flag leaves no trace.
        progress.step(f"Inspecting model {wish.desired.model}")
        prepared = prepare(folder.name, wish, world)
        folder.create()
    with locked(folder.lock_file, command=command, now=world.now()):
        return _Deploy(folder, wish, world, progress).run(prepared)


class _Deploy:
    """One deploy under its lock."""

    def __init__(
        self, folder: DeploymentFolder, wish: Wish, world: World, progress: Progress
    ) -> None:
        self._folder = folder
        self._wish = wish
        self._world = world
        self._progress = progress
        self._target = LocalTarget(root=folder.root, agent_command=world.agent_command)

    def run(self, prepared: Prepared | None) -> Deployed:
        found = self._observe()
        record, inventory = found.current.record, found.inventory
        action = next_action(self._wish.desired, found.current)
        if record and inventory and action is Action.NOTHING:
            return Deployed(action=action, inventory=inventory, model=record.model)
        if record and inventory and action is Action.WAIT:
            return self._wait(record, inventory, found)
        if record is not None or prepared is None:
            prepared = self._prepare(found)
        with self._undone_on_failure(found):
            return self._start(prepared, found)

    def _observe(self) -> Found:
        folder, now = self._folder, self._world.now()
        record, inventory = folder.deployment(), folder.inventory()
        observation = self._target.observe()
        ours = inventory is not None and observation.inventory_sha256 == _sha256(inventory)
        supervised = observation.supervised and ours
        ready = False
        if inventory and supervised:
            ready = all(node.ready for node in ready_all(inventory, folder.operator).values())
        current = Current(
            record=record,
            same_model=record is not None and _same_files(record.model),
            supervised=supervised,
            all_ready=ready,
            identities_last=inventory is not None and identities_last(folder, inventory, now),
        )
        return Found(
            current=current,
            inventory=inventory,
            pids=tuple(a.pid for a in observation.agents if a.pid and observation.supervised),
            was_ready=any(entry.get("step") == "ready" for entry in folder.journal()),
        )

    def _prepare(self, found: Found) -> Prepared:
        """Prepare beside a fleet that may run; when refused, that fleet stays as it is."""
        desired = self._wish.desired
        record = found.current.record
        differences = changes(record.desired, desired) if record else ()
        why = reasons(desired, found.current, differences)
        for reason in why:
            self._progress.step(f"Changed: {reason}")
        if found.serves and not self._world.confirm(why):
            raise PreflightError("the running fleet was left as it is")
        self._progress.step(f"Inspecting model {desired.model}")
        predecessor = Predecessor(inventory=found.inventory, pids=found.pids)
        try:
            return prepare(self._folder.name, self._wish, self._world, predecessor)
        except BaseException:
            if not found.was_ready:
                self._undo(found)
            raise

    def _wait(self, record: Deployment, inventory: Inventory, found: Found) -> Deployed:
        self._progress.step("The fleet runs already: waiting until it is ready.")
        if found.serves:
            return self._prove(Action.WAIT, record, inventory, found)
        with self._undone_on_failure(found):
            return self._prove(Action.WAIT, record, inventory, found)

    def _start(self, prepared: Prepared, found: Found) -> Deployed:
        folder, inventory = self._folder, prepared.inventory
        said = notes(prepared.plan, self._wish.desired)
        for note in said:
            self._progress.step(f"Note: {note}")
        if found.pids:
            self._progress.step("Stopping the fleet that runs")
        self._target.down(grace_seconds=_STOP_SECONDS)
        record = self._record(prepared)
        folder.save_deployment(record)
        self._step("deploying", changed=bool(found.pids))
        self._configure(prepared)
        ensure_identities(folder, inventory, self._world.now())
        folder.keep_nodes(node.name for node in inventory.nodes)
        folder.save_inventory(inventory)
        self._step("configured", nodes=[node.name for node in inventory.nodes])
        self._progress.step(f"Starting {len(inventory.nodes)} agents")
        self._target.up()
        self._step("started")
        seconds = ready_seconds(prepared.plan.shape.checkpoint_bytes)
        proven = self._prove(Action.START, record, inventory, found, timeout_seconds=seconds)
        return replace(proven, notes=said)

    def _prove(
        self,
        action: Action,
        record: Deployment,
        inventory: Inventory,
        found: Found,
        *,
        timeout_seconds: float = READY_SECONDS,
    ) -> Deployed:
        """Pass the gate and put it on record."""
        gate = Gate(
            root=self._folder.root,
            operator=self._folder.operator,
            inventory=inventory,
            target=self._target,
            api_key=self._folder.api_key(),
        )
        gate.wait_until_ready(self._progress, timeout_seconds=timeout_seconds)
        self._progress.step("Asking a question through the gateway")
        answers = gate.ask()
        self._folder.save_deployment(replace(record, status="ready"))
        self._step("ready")
        return Deployed(
            action=action,
            inventory=inventory,
            model=record.model,
            answers=answers,
            api_key=None if found.was_ready else self._folder.api_key(),
        )

    def _configure(self, prepared: Prepared) -> None:
        folder, shape = self._folder, prepared.plan.shape
        if not folder.key_file.exists():
            write_atomically(folder.key_file, f"qinfra-{secrets.token_urlsafe(_KEY_BYTES)}\n")
        serving = Serving(
            plan=prepared.plan,
            threads=self._wish.desired.threads,
            api_key=folder.api_key(),
            context=network_context() if shape.demo else "",
        )
        write_configurations(folder.root, prepared.inventory, serving)

    def _record(self, prepared: Prepared) -> Deployment:
        shape = prepared.plan.shape
        return Deployment(
            name=self._folder.name,
            status="deploying",
            desired=self._wish.desired,
            model=ServedModel(
                id=shape.id,
                path=shape.path,
                revision=shape.revision,
                fingerprint=fingerprint(Path(shape.path)),
            ),
            created_at=self._world.now().isoformat(timespec="seconds"),
        )

    @contextmanager
    def _undone_on_failure(self, found: Found) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._undo(found)
            raise

    def _undo(self, found: Found) -> None:
        """Leave no process, and no folder that never held a working deployment."""
        with uninterrupted():
            self._target.down(grace_seconds=_UNDO_SECONDS)
            if not found.was_ready:
                self._folder.remove()
                return
            record = self._folder.deployment()
            if record is not None:
                self._folder.save_deployment(replace(record, status="failed"))
            self._step("failed")

    def _step(self, step: str, **details: object) -> None:
        self._folder.record(step, self._world.now(), **details)


def _same_files(model: ServedModel) -> bool:
    return fingerprint(Path(model.path)) == model.fingerprint


def _sha256(inventory: Inventory) -> str:
    return hashlib.sha256(inventory.to_json().encode()).hexdigest()
