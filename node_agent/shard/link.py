"""Mailboxes, which turn sends into a gRPC stream, and the link to a next stage."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

import grpc
import structlog

from node_agent import tls
from node_agent.proto import agent_pb2 as pb
from node_agent.proto.agent_pb2_grpc import StageStub
from node_agent.shard.events import Gone, Sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from node_agent.config import Tls
    from node_agent.shard.events import Event

Message = TypeVar("Message")
log = structlog.get_logger()


class Mailbox(Generic[Message]):
    """Messages on their way out of this process; iterating waits for them until `close`."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._closed = False

    def send(self, message: Message) -> None:
        """Queue a message; dropped once closed."""
        if not self._closed:
            self._queue.put(message)

    def close(self) -> None:
        """End the iteration after what was already sent."""
        self._closed = True
        self._queue.put(None)

    def __iter__(self) -> Iterator[Message]:
        while (message := self._queue.get()) is not None:
            yield message


class Link(Mailbox[pb.LinkDown]):
    """The stream to a next stage: what is sent goes down, tokens that come up reach the engine.

    Args:
        peer: The next stage; its certificate must carry its name.
        credentials: Of this node.
        hello: What this stage computes, for the peer to check.
        post: Takes `Sampled` for each message, and `Gone` once when the stream ends.
    """

    def __init__(
        self,
        peer: pb.Peer,
        credentials: grpc.ChannelCredentials,
        hello: pb.LinkHello,
        post: Callable[[Event], None],
    ) -> None:
        super().__init__()
        self.peer = peer
        self.alive = True
        self._post = post
        self._channel = grpc.secure_channel(
            peer.address, credentials, options=tls.channel_options(peer.name)
        )
        self.send(pb.LinkDown(hello=hello))
        threading.Thread(target=self._receive, name=f"link-{peer.name}", daemon=True).start()

    def _receive(self) -> None:
        reason = ""
        try:
            for tokens in StageStub(self._channel).Link(iter(self)):
                self._post(Sampled(tokens=tokens, link=self))
        except grpc.RpcError as error:
            reason = error.details() or error.code().name
            log.warning("link lost", peer=self.peer.name, reason=reason)
        finally:
            self.alive = False
            self._post(Gone(peer=self, reason=reason))
            self.close()
            self._channel.close()


class Links:
    """The links of this stage, one per next stage, opened when first needed."""

    def __init__(self, identity: Tls, hello: pb.LinkHello) -> None:
        self._credentials = tls.channel_credentials(identity)
        self._hello = hello
        self._links: dict[str, Link] = {}

    def open(self, peer: pb.Peer, post: Callable[[Event], None]) -> Link:
        """Return the live link to `peer`; one that broke or led elsewhere is replaced."""
        link = self._links.get(peer.name)
        if link is None or not link.alive or link.peer.address != peer.address:
            if link is not None:
                link.close()
            link = self._links[peer.name] = Link(peer, self._credentials, self._hello, post)
        return link

    def close(self) -> None:
        """End every link."""
        for link in self._links.values():
            link.close()
