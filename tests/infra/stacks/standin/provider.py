"""A provider without a cloud: Terraform's own command line plans, applies and destroys with it.

It knows the kinds of infra/stacks/schemas, keeps what it is given, and makes up what a cloud would
say. It proves the way through Terraform and the names and types of arguments; whether a cloud would
take their values it cannot know.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

from infra.stacks.schema import schema_of
from tests.infra.stacks.standin.msgpack import UNKNOWN, pack, unpack

HERE = Path(__file__).parent
PROTO = "tfplugin6.proto"
REPLACING = ("name", "zone", "boot_disk", "ip_cidr_range")
# What a cloud says where nobody asked for a value.
GIVEN = {"id", "network_ip", "address"}
_LIST = 2
_GUESSES: dict[str, Any] = {"number": 1, "bool": False}


@contextmanager
def serving(provider: str, kinds: set[str], folder: Path) -> Iterator[dict[str, str]]:
    """Serve; yields the environment that leads Terraform here instead of to its registry.

    Args:
        provider: As in `google`.
        kinds: Of resources.
        folder: For the compiled protocol.
    """
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((_handlers(_Provider(kinds), folder),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    attach = {
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": os.getpid(),
        "Test": True,  # whoever serves ends itself
        "Addr": {"Network": "tcp", "String": f"127.0.0.1:{port}"},
    }
    source = f"registry.terraform.io/hashicorp/{provider}"
    try:
        yield {"TF_REATTACH_PROVIDERS": json.dumps({source: attach})}
    finally:
        server.stop(grace=None).wait()


def _handlers(provider: _Provider, folder: Path) -> grpc.GenericRpcHandler:
    compiled = folder / "tfplugin6.bin"
    words = ["protoc", f"-I{HERE}", f"--descriptor_set_out={compiled}", PROTO]
    assert protoc.main(words) == 0
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes()).file:
        pool.Add(file)
    service = pool.FindServiceByName("tfplugin6.Provider")
    return grpc.method_handlers_generic_handler(
        service.full_name, {each.name: _handler(provider, each) for each in service.methods}
    )


def _handler(provider: _Provider, method: Any) -> grpc.RpcMethodHandler:
    asked = message_factory.GetMessageClass(method.input_type)
    answered = message_factory.GetMessageClass(method.output_type)
    act = getattr(provider, method.name, None)

    def answer(request: Any, _: grpc.ServicerContext) -> Any:
        response = answered()
        if act is not None:
            act(request, response)
        return response

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=asked.FromString,
        response_serializer=answered.SerializeToString,
    )


class _Provider:
    def __init__(self, kinds: set[str]) -> None:
        self._schemas = {kind: schema_of("resource", kind) for kind in kinds}

    def GetProviderSchema(self, _: Any, response: Any) -> None:  # noqa: N802 - Terraform's names
        for name in ("project", "region", "zone"):
            response.provider.block.attributes.add(name=name, type=b'"string"', optional=True)
        for kind, schema in self._schemas.items():
            _declare(schema, response.resource_schemas[kind].block)

    def UpgradeResourceState(self, request: Any, response: Any) -> None:  # noqa: N802
        response.upgraded_state.json = request.raw_state.json

    def ReadResource(self, request: Any, response: Any) -> None:  # noqa: N802
        response.new_state.CopyFrom(request.current_state)

    def PlanResourceChange(self, request: Any, response: Any) -> None:  # noqa: N802
        prior, planned = (
            unpack(each.msgpack) for each in (request.prior_state, request.proposed_new_state)
        )
        if prior is None:
            _ask(self._schemas[request.type_name], planned)
        elif planned is not None:
            for name in REPLACING:
                if prior.get(name) != planned.get(name):
                    response.requires_replace.add().steps.add(attribute_name=name)
        response.planned_state.msgpack = pack(planned)
        response.legacy_type_system = True

    def ApplyResourceChange(self, request: Any, response: Any) -> None:  # noqa: N802
        new = unpack(request.planned_state.msgpack)
        if new is not None:
            seed = f"{request.type_name}.{new['name']}"
            if request.type_name == "google_compute_instance" and new["id"] is UNKNOWN:
                new["id"] = f"projects/a-project/zones/{new['zone']}/instances/{new['name']}"
            new = _answered(self._schemas[request.type_name], new, seed)
        response.new_state.msgpack = pack(new)
        response.legacy_type_system = True


def _declare(schema: Any, block: Any) -> None:
    for name, attribute in schema["attributes"].items():
        required = attribute.get("required", False)
        block.attributes.add(
            name=name,
            type=json.dumps(attribute["type"]).encode(),
            required=required,
            optional=not required and not attribute.get("computed_only", False),
            computed=not required,
        )
    for name, inner in schema["blocks"].items():
        nested = block.block_types.add(
            type_name=name,
            nesting=_LIST,
            min_items=inner.get("min", 0),
            max_items=inner.get("max", 0),
        )
        _declare(inner["block"], nested.block)


def _ask(schema: Any, planned: dict[str, Any]) -> None:
    """Leave to the apply what the cloud says."""
    for name, attribute in schema["attributes"].items():
        asked = attribute.get("computed_only") or name in GIVEN
        if asked and planned.get(name) is None and attribute["type"] != "dynamic":
            planned[name] = UNKNOWN
    for name, inner in schema["blocks"].items():
        for each in planned.get(name) or []:
            _ask(inner["block"], each)


def _answered(schema: Any, planned: dict[str, Any], seed: str) -> dict[str, Any]:
    new = dict(planned)
    for name, attribute in schema["attributes"].items():
        if new[name] is UNKNOWN:
            new[name] = _made_up(attribute["type"], name, f"{seed}.{name}")
    for name, inner in schema["blocks"].items():
        new[name] = [
            _answered(inner["block"], each, f"{seed}.{name}.{number}")
            for number, each in enumerate(new[name] or [])
        ]
    return new


def _made_up(kind: Any, name: str, seed: str) -> Any:
    if isinstance(kind, list):
        return {} if kind[0] == "map" else []
    digest = hashlib.sha256(seed.encode()).digest()
    if name == "network_ip":
        return f"10.10.0.{digest[0] % 250 + 2}"
    if name == "address":
        return f"203.0.113.{digest[0] % 250 + 2}"
    return _GUESSES.get(kind, digest.hex()[:12])
