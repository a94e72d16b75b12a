"""What is wrong with a host's network, as rules of the kernel's packet filter."""

from __future__ import annotations

from dataclasses import dataclass

QUEUE = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What a host's network does to its packets.

    Attributes:
        cut: drop all packets, both ways.
        cut_from: addresses whose packets are dropped, both ways.
        loss: share of packets dropped at random, 0 to 1, each way.
        delay_seconds: how long packets wait, each way.
    """

    cut: bool = False
    cut_from: tuple[str, ...] = ()
    loss: float = 0.0
    delay_seconds: float = 0.0

    def rules(self) -> str:
        """Return the whole filter table, as `iptables-restore` reads it."""
        lines = ["*filter", ":INPUT ACCEPT", ":FORWARD ACCEPT", ":OUTPUT ACCEPT"]
        for chain, device, peer in (("INPUT", "-i", "-s"), ("OUTPUT", "-o", "-d")):
            on_wire = f"-A {chain} {device} host0"
            if self.cut:
                lines.append(f"{on_wire} -j DROP")
            lines += [f"{on_wire} {peer} {address} -j DROP" for address in self.cut_from]
            if self.loss:
                chance = f"-m statistic --mode random --probability {self.loss}"
                lines.append(f"{on_wire} {chance} -j DROP")
            if self.delay_seconds:
                lines.append(f"{on_wire} -j NFQUEUE --queue-num {QUEUE} --queue-bypass")
        return "\n".join([*lines, "COMMIT", ""])
