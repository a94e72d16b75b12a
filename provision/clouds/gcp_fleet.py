"""The machines of a deployment on Google Cloud: their host keys, their power, and what is left."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.errors import RemoteError
from provision.clouds.cloud import Found, Power
from provision.clouds.gcp_lists import (
    DEPLOYMENT_LABEL,
    aggregated,
    is_labelled,
    marked,
    ours,
    worldwide,
)
from provision.clouds.gcp_words import line, told
from provision.clouds.reading import installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provision.clouds.gcp_session import GcpSession
    from provision.machines import Machine

HOST_KEYS = "hostkeys/"  # where Google's guest agent puts them, in the guest attributes
KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
_UNTOLD = "of type 'Guest Attribute' was not found"  # Google's words, as gcloud reads them too
_ID = re.compile(r"projects/([^/]+)/zones/([^/]+)/instances/([^/]+)")
_SUSPENDED = "SUSPENDED"  # wakes by another call than what was stopped
_POWER = {
    "PENDING": Power.STARTING,
    "PROVISIONING": Power.STARTING,
    "STAGING": Power.STARTING,
    "REPAIRING": Power.STARTING,
    "RUNNING": Power.RUNNING,
    "PENDING_STOP": Power.STOPPING,
    "STOPPING": Power.STOPPING,
    "SUSPENDING": Power.STOPPING,
    "DEPROVISIONING": Power.STOPPING,
    _SUSPENDED: Power.STOPPED,
    "STOPPED": Power.STOPPED,
    "TERMINATED": Power.STOPPED,
}
_LABELLED = {
    "Instances": "compute:instance",
    "Disks": "compute:disk",
    "Addresses": "compute:address",
}
_MARKED_REGIONAL = {"Routers": "compute:router", "Subnetworks": "compute:subnetwork"}
_MARKED_GLOBAL = {"Firewalls": "compute:firewall", "Networks": "compute:network"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpFleet:
    """A project of Google Cloud, as `provision.clouds.cloud.Cloud`.

    Attributes:
        session: Who asks.
        acceptance_seconds: How long a start or stop is watched for a refusal: that the call was
            taken does not say that there is a machine to be had.
        pause_seconds: Between two looks at it.
    """

    session: GcpSession
    acceptance_seconds: float = 20.0
    pause_seconds: float = 1.0

    def members(self, groups: Mapping[str, str], region: str) -> tuple[Machine, ...]:
        """Return none: no machine of ours on Google Cloud is of a scaling group."""
        del groups, region
        return ()

    def host_keys(self, machine: Machine) -> tuple[str, ...]:
        """Return a machine's public host keys, as its guest agent tells Google of them.

        What is no key, or is one of another type than it says, is left out.
        """
        place = _Place.of(machine)
        with told("compute.instances.getGuestAttributes", project=place.project):
            from google.api_core.exceptions import NotFound

            client = self.session.client("Instances")
            asked = {**place.request, "query_path": HOST_KEYS}
            try:
                found = client.get_guest_attributes(asked, **self.session.reading())
            except NotFound as error:
                if _UNTOLD in error.message:
                    return ()
                raise  # it is the machine that is not there
            told_by = {
                item.key: item.value
                for item in found.query_value.items
                if item.namespace == HOST_KEYS.rstrip("/")
            }
        keys = [f"{kind} {told_by[kind]}" for kind in KEY_TYPES if kind in told_by]
        return tuple(key for key in keys if _is_key(key))

    def power(self, machines: Sequence[Machine]) -> Mapping[str, Power]:
        """Return what each machine does, by its id."""
        statuses = {machine.id: self._status(machine) for machine in machines}
        with told("compute.instances.get"):
            return {
                name: Power.GONE if status is None else _POWER[status]
                for name, status in statuses.items()
            }

    def start(self, machines: Sequence[Machine]) -> None:
        """Ask that machines run; returns before they do. Running ones are left alone.

        Raises:
            RemoteError: One is gone, or Google refused; the others were asked all the same.
        """
        asked = []
        for machine in machines:
            status = self._status(machine)
            if status == _SUSPENDED:
                asked.append((machine, "resume"))
            elif status is None or _POWER.get(status) not in (Power.RUNNING, Power.STARTING):
                asked.append((machine, "start"))
        self._change(asked)

    def stop(self, machines: Sequence[Machine]) -> None:
        """Ask that machines stop, disks kept. Those that are stopped or gone are left alone.

        Raises:
            RemoteError: Google refused; the others were asked all the same.
        """
        idle = (Power.STOPPED, Power.STOPPING, Power.GONE)
        found = self.power(machines)
        self._change([(each, "stop") for each in machines if found[each.id] not in idle])

    def settle(self, machines: Sequence[Machine], timeout_seconds: float) -> None:
        """Return at once: no groups look after machines here."""

    def tagged(self, regions: Sequence[str]) -> tuple[Found, ...]:
        """Return all that is labelled or described as ours, in these regions or for them."""
        found = *self._labelled(), *self._marked()
        return tuple(each for each, region in found if region in regions)

    def _status(self, machine: Machine) -> str | None:
        """Return Google's word for what a machine does; None when it is not there."""
        place = _Place.of(machine)
        with told("compute.instances.get", project=place.project):
            from google.api_core.exceptions import NotFound

            client = self.session.client("Instances")
            try:
                return str(client.get(place.request, **self.session.reading()).status)
            except NotFound:
                return None

    def _change(self, asked: Iterable[tuple[Machine, str]]) -> None:
        """Ask for changes, one after another, then watch them together."""
        running: dict[str, tuple[_Place, Any]] = {}
        refused: list[str] = []
        for machine, verb in asked:
            place = _Place.of(machine)
            try:
                running[f"{verb} {machine.name}"] = place, self._begin(place, verb)
            except RemoteError as error:
                refused.append(f"{verb} {machine.name}: {error}")
        refused += self._refusals(running)
        if refused:
            raise RemoteError(
                f"Google refused to {'; '.join(refused)}",
                hint="Look at them with `gcloud compute operations list`, and run it again.",
            )

    def _begin(self, place: _Place, verb: str) -> Any:  # noqa: ANN401 - google-cloud-compute's own
        with told(f"compute.instances.{verb}", project=place.project):
            call = getattr(self.session.client("Instances"), f"{verb}_unary")
            return call(place.request, **self.session.changing())

    def _refusals(self, running: dict[str, tuple[_Place, Any]]) -> Iterator[str]:
        """Yield why operations failed, until all are done or have run for long enough."""
        ends_at = time.monotonic() + self.acceptance_seconds
        while running:
            for name, (place, operation) in list(running.items()):
                if operation.status.name == "DONE":
                    del running[name]
                    if reason := _reason(operation):
                        yield f"{name}: {reason}"
                else:
                    running[name] = place, self._seen(place, operation)
            if time.monotonic() > ends_at:
                return
            if running:
                time.sleep(self.pause_seconds)

    def _seen(self, place: _Place, operation: Any) -> Any:  # noqa: ANN401
        with told("compute.zoneOperations.get", project=place.project):
            client = self.session.client("ZoneOperations")
            asked = {"project": place.project, "zone": place.zone, "operation": operation.name}
            return client.get(asked, **self.session.reading())

    def _labelled(self) -> Iterator[tuple[Found, str]]:
        """Yield what is ours, each with the region that it is in."""
        wanted = ours()
        for kind, word in _LABELLED.items():
            for scope, each in aggregated(self.session, kind, labels=wanted):
                if is_labelled(each, wanted):
                    region = _region(scope)
                    yield _found(word, each, region, each.labels.get(DEPLOYMENT_LABEL, "")), region

    def _marked(self) -> Iterator[tuple[Found, str]]:
        """Yield what can carry no labels and is ours, each with the region that it is for."""
        for kind, word in _MARKED_REGIONAL.items():
            for scope, each in aggregated(self.session, kind):
                if mark := marked(each):
                    yield _found(word, each, _region(scope), mark[0]), _region(scope)
        for kind, word in _MARKED_GLOBAL.items():
            for each in worldwide(self.session, kind):
                if mark := marked(each):
                    yield _found(word, each, "", mark[0]), mark[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    project: str
    zone: str
    name: str

    @classmethod
    def of(cls, machine: Machine) -> _Place:
        found = _ID.fullmatch(machine.id)
        if found is None:
            raise RemoteError(f"{machine.name}: '{machine.id}' is no id of Compute Engine")
        return cls(project=found.group(1), zone=found.group(2), name=found.group(3))

    @property
    def request(self) -> dict[str, str]:
        return {"project": self.project, "zone": self.zone, "instance": self.name}


def _is_key(text: str) -> bool:
    """Return whether text is a public key, whole, of the type it says, and nothing beside."""
    with installed("reading host keys"):
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
    try:
        key = serialization.load_ssh_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        return False
    openssh = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return key.public_bytes(*openssh) == text.encode()


def _reason(operation: Any) -> str:  # noqa: ANN401
    """Return why an operation failed, in Google's words; empty when it did not."""
    errors = [f"{each.code}: {line(each.message)}" for each in operation.error.errors]
    if not errors and operation.http_error_status_code:
        return line(operation.http_error_message or operation.http_error_status_code)
    return ", ".join(errors)


def _region(scope: str) -> str:
    """Return the region of a scope: us-central1 of both its own and of its zones'."""
    kind, _, name = scope.partition("/")
    return {"zones": name.rpartition("-")[0], "regions": name}.get(kind, "")


def _found(kind: str, thing: Any, region: str, deployment: str) -> Found:  # noqa: ANN401
    whole = thing.self_link
    return Found(
        kind=kind,
        id=whole[whole.index("projects/") :],
        region=region,
        deployment=deployment,
    )
