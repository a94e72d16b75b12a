"""What is on record of a deployment in a cloud: the file `fleet.json` of its folder."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - read at run time, to check a record
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from infra.declaration import PhaseConfig  # noqa: TC001
from infra.documents import from_json, to_json
from infra.errors import ConfigError
from infra.resizing import Resize  # noqa: TC001
from provision.files import write_atomically
from provision.machines import Machine  # noqa: TC001

if TYPE_CHECKING:
    from provision.state import DeploymentFolder

SCHEMA_VERSION = 1
Status = Literal["applying", "made", "stopped", "destroying"]
Value = bool | int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRecord:
    """A deployment in a cloud.

    Attributes:
        status: `applying` and `destroying` until that has ended well.
        config: What the last apply was to make.
        applied: What the last apply that ended well has made; None before the first.
        resizes: Numbers of nodes that a person asked for.
        values: Of the stacks' variables, as given; none is a secret.
        machines: Those the last look has seen.
        host_keys: By machine's id, as the cloud itself told them.
        created_at: In UTC, as in ISO 8601.
    """

    deployment: str
    status: Status
    config: PhaseConfig
    applied: PhaseConfig | None
    resizes: tuple[Resize, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)
    machines: tuple[Machine, ...] = ()
    host_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    created_at: str
    schema_version: int = SCHEMA_VERSION

    @property
    def unpinned(self) -> tuple[Machine, ...]:
        """Machines whose host keys nobody has told yet."""
        return tuple(machine for machine in self.machines if not self.host_keys.get(machine.id))


def load_fleet(folder: DeploymentFolder) -> FleetRecord | None:
    """Return what is on record; None where nothing in a cloud is.

    Raises:
        ConfigError: The record is damaged, or another version's.
    """
    file = folder.fleet_file
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    try:
        record = from_json(FleetRecord, text, source=str(file))
    except ConfigError as error:
        error.hint = error.hint or (
            f"Put a copy of it back; what stands is in the states under {folder.stacks}."
        )
        raise
    if record.schema_version != SCHEMA_VERSION:
        raise ConfigError(
            f"{file}: schema version {record.schema_version} is not {SCHEMA_VERSION}",
            hint="Use the qinfra that wrote it.",
        )
    return record


def save_fleet(folder: DeploymentFolder, record: FleetRecord) -> None:
    """Put a deployment on record, and its host keys where `ssh` finds them."""
    write_atomically(folder.fleet_file, f"{to_json(record)}\n")
    write_atomically(folder.known_hosts_file, known_hosts(record))


def known_hosts(record: FleetRecord) -> str:
    """Return the host keys as `ssh -o UserKnownHostsFile=…` reads them; one line for each key.

    A machine goes by its name and by every address that it has.
    """
    lines = []
    for machine in record.machines:
        names = ",".join(
            each for each in (machine.name, machine.public_ip, machine.private_ip) if each
        )
        lines += [f"{names} {key}\n" for key in record.host_keys.get(machine.id, ())]
    return "".join(lines)
