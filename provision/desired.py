"""What was asked of a deployment, and what is on record about it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from infra.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = 1
Status = Literal["deploying", "ready", "failed"]
_Record = TypeVar("_Record", "Desired", "ServedModel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """Everything that decides what runs; two equal ones give the same fleet.

    Args:
        phase: demo, mvp, production or enterprise.
        target: Where it runs.
        model: As asked for: `demo`, an absolute folder or a hub id.
        split: First layers of the later stages, such as `8` or `5,10`; None to compute them.
        stages: Number of stages; None for the phase's own.
        max_processes: Most agents to run on this machine; None for all.
        port: The gateway's port; None for the first free one.
        threads: Threads of each node that holds layers.
        dtype: Of weights and cache.
        slots: Sequences a node holds at once.
        context_tokens: Prompt and answer together; None to leave it to the plan.
        counts: The phase's nodes, such as `embedding 2, transformer 2`.
        version: Of qinfra.
    """

    phase: str
    target: str
    model: str
    split: str | None
    stages: int | None
    max_processes: int | None
    port: int | None
    threads: int
    dtype: str
    slots: int
    context_tokens: int | None
    counts: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """The checkpoint that is deployed.

    Args:
        id: Under which the gateway offers it.
        path: Its folder.
        revision: Digest of its content.
        fingerprint: Of names, sizes and times of its files: tells cheaply that they changed.
    """

    id: str
    path: str
    revision: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment on record."""

    name: str
    status: Status
    desired: Desired
    model: ServedModel
    created_at: str

    def to_json(self) -> str:
        """Return the record as JSON text."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, source: str = "deployment") -> Deployment:
        """Read what `to_json` wrote.

        Raises:
            ConfigError: Not JSON, another schema, or a field is missing or unknown.
        """
        try:
            document = json.loads(text)
            if document["schema"] != SCHEMA:
                raise ValueError(f"schema {document['schema']!r}; this version reads {SCHEMA}")
            return cls(
                name=str(document["name"]),
                status=document["status"],
                desired=_record(Desired, document["desired"]),
                model=_record(ServedModel, document["model"]),
                created_at=str(document["created_at"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"{source}: not a deployment's record: {error}",
                hint="Run `qinfra destroy` and deploy anew.",
            ) from error


def fingerprint(folder: Path) -> str:
    """Digest names, sizes and times of a folder's files; empty when the folder is gone."""
    if not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        facts = path.stat()
        digest.update(f"{path.name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def changes(old: Desired, new: Desired) -> tuple[str, ...]:
    """Say what differs, one line for each value, in the order of the fields."""
    return tuple(
        f"{field.name}: {_shown(getattr(old, field.name))} -> {_shown(getattr(new, field.name))}"
        for field in fields(Desired)
        if getattr(old, field.name) != getattr(new, field.name)
    )


def _shown(value: object) -> str:
    text = "automatic" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:12]}…"


def _record(kind: type[_Record], values: dict[str, Any]) -> _Record:
    return kind(**values)
