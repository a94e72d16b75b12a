"""The Registry service: checks who calls, and hands what they say to the fleet."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import grpc
import structlog

from node_agent import tls
from node_agent.config import Role
from node_agent.errors import Forbidden
from node_agent.orchestrator.errors import RegistrationRefused
from node_agent.orchestrator.registry import Announcement, Vitals, check
from node_agent.proto import agent_pb2 as pb
from node_agent.proto import agent_pb2_grpc as rpc

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from node_agent.config import Model
    from node_agent.orchestrator.fleet import Fleet

_log = structlog.get_logger(__name__)
_Q = TypeVar("_Q", pb.NodeDescription, pb.HealthCheck, pb.LeaveRequest)
_A = TypeVar("_A", pb.Lease, pb.LeaveReply)

_MOST_REASON = 200  # characters of another node's words in this one's log
_STAGE_ROLES = tuple(role for role in Role if role.holds_layers)
_ROLES = {
    pb.ROLE_EMBEDDING: Role.EMBEDDING,
    pb.ROLE_TRANSFORMER: Role.TRANSFORMER,
    pb.ROLE_WORKER: Role.WORKER,
}


def announcement(description: pb.NodeDescription) -> Announcement:
    """Return a description in our own types.

    Raises:
        RegistrationRefused: Its role holds no layers.
    """
    role = _ROLES.get(description.role)
    if role is None:
        raise RegistrationRefused(f"{description.name}: role {description.role} holds no layers")
    return Announcement(
        name=description.name,
        role=role,
        address=description.address,
        instance=description.instance,
        revision=description.revision,
        first_layer=description.first_layer,
        end_layer=description.end_layer,
        model_layers=description.model_layers,
        slots=description.slots,
        context_tokens=description.context_tokens,
        version=description.version,
    )


def _guarded(
    method: Callable[[Registrar, _Q, tls.Identity, grpc.aio.ServicerContext], Awaitable[_A]],
) -> Callable[[Registrar, _Q, grpc.aio.ServicerContext], Awaitable[_A]]:
    """Let only nodes that hold layers call, and only in their own name."""

    @functools.wraps(method)
    async def guarded(self: Registrar, request: _Q, context: grpc.aio.ServicerContext) -> _A:
        try:
            caller = tls.allow(context, self.deployment, *_STAGE_ROLES)
            if request.name != caller.name:
                raise Forbidden(f"{caller.name} speaks for {request.name}")
        except Forbidden as error:
            _log.warning("call refused", method=method.__name__, reason=str(error))
            await _abort(context, grpc.StatusCode.PERMISSION_DENIED, str(error))
        return await method(self, request, caller, context)

    return guarded


class Registrar(rpc.RegistryServicer):
    """Serves Registry.

    Args:
        fleet: Keeps the leases.
        model: What nodes must serve.
        deployment: Whose certificates may call.
        lease_seconds: What a node is told its lease lasts.
    """

    def __init__(
        self, fleet: Fleet, *, model: Model, deployment: str, lease_seconds: float
    ) -> None:
        self.deployment = deployment
        self._fleet = fleet
        self._model = model
        self._lease_seconds = lease_seconds

    @_guarded
    async def Register(  # noqa: N802 - the protocol's name
        self, request: pb.NodeDescription, caller: tls.Identity, context: grpc.aio.ServicerContext
    ) -> pb.Lease:
        """Announce a node; FAILED_PRECONDITION when it does not fit the deployment."""
        try:
            node = announcement(request)
            check(node, self._model, name=caller.name, role=caller.role)
        except RegistrationRefused as error:
            _log.warning("registration refused", peer=caller.name, reason=str(error))
            await _abort(
                context, grpc.StatusCode.FAILED_PRECONDITION, f"{error} {error.hint}".strip()
            )
        return self._lease(self._fleet.register(node).generation)

    @_guarded
    async def Heartbeat(  # noqa: N802 - the protocol's name
        self, request: pb.HealthCheck, caller: tls.Identity, context: grpc.aio.ServicerContext
    ) -> pb.Lease:
        """Renew a lease; NOT_FOUND when the node must register again."""
        record = self._fleet.heartbeat((caller.name, request.instance), _vitals(request))
        if record is None:
            await _abort(
                context, grpc.StatusCode.NOT_FOUND, f"{caller.name} holds no lease: register again"
            )
        return self._lease(record.generation)

    @_guarded
    async def Leave(  # noqa: N802 - the protocol's name
        self, request: pb.LeaveRequest, caller: tls.Identity, _: grpc.aio.ServicerContext
    ) -> pb.LeaveReply:
        """Withdraw a node; one that is not there has left already."""
        self._fleet.leave((caller.name, request.instance), request.reason[:_MOST_REASON])
        return pb.LeaveReply()

    def _lease(self, generation: int) -> pb.Lease:
        return pb.Lease(generation=generation, ttl_seconds=self._lease_seconds)


def _vitals(check_: pb.HealthCheck) -> Vitals:
    return Vitals(
        active_sequences=check_.active_sequences,
        resident_bytes=check_.resident_bytes,
        cpu_seconds=check_.cpu_seconds,
        tokens_computed=check_.tokens_computed,
        last_token_age_seconds=check_.last_token_age_seconds,
    )


async def _abort(context: Any, code: grpc.StatusCode, detail: str) -> NoReturn:  # noqa: ANN401 - grpc ships no types
    await context.abort(code, detail)
    raise AssertionError("abort raises")
