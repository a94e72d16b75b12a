"""An AWS offer file, read as it comes: hundreds of megabytes in the memory of one piece."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

from infra.errors import RemoteError
from provision.clouds.aws_offers import INSTANCES, USAGES, Offer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LONGEST_LINE = 2**20
_LONGEST_METADATA = 2**16
# The header follows a few lines about the file.
_HEADER = re.compile(rb'^"?SKU"?,.*\n', re.MULTILINE)
# A line without one of these is no offer of ours; most are dropped before they cost anything.
_NEEDLES = tuple(text.encode() for text in (*INSTANCES, *USAGES))
# The columns that an `Offer` is made of.
_COLUMNS = {
    "term_type": "TermType",
    "lease": "LeaseContractLength",
    "option": "PurchaseOption",
    "offering_class": "OfferingClass",
    "unit": "Unit",
    "starts_at": "StartingRange",
    "usd": "PricePerUnit",
    "currency": "Currency",
    "location_type": "Location Type",
    "instance": "Instance Type",
    "tenancy": "Tenancy",
    "system": "Operating System",
    "status": "CapacityStatus",
    "software": "Pre Installed S/W",
    "usage": "usageType",
}


class OfferFile:
    """The file; read it once.

    Attributes:
        url: Its address, for errors.
        bytes_read: So far.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.bytes_read = 0
        self._opening = b""
        self._positions: dict[str, int] = {}
        self._width = 0

    def offers(self, chunks: Iterable[bytes]) -> Iterator[Offer]:
        """Yield every offer that may matter.

        Raises:
            RemoteError: It is no offer file, or is cut short.
        """
        rest = b""
        for chunk in chunks:
            self.bytes_read += len(chunk)
            rest += chunk
            end = rest.rfind(b"\n") + 1
            if end:
                yield from self._in_lines(rest[:end])
                rest = rest[end:]
            elif len(rest) > _LONGEST_LINE:
                raise RemoteError(f"{self.url}: no offer file: a line has more than 1 MiB")
        if not self._positions:
            raise self._no_offer_file(self._opening + rest)
        if rest:
            self._values(rest)  # a line that was cut off, whether it matters or not
            yield from self._in_lines(rest)

    def _in_lines(self, block: bytes) -> Iterator[Offer]:
        if not self._positions:
            block = self._after_header(block)
        for line in _with_needle(block):
            values = self._values(line)
            yield Offer(**{name: values[at] for name, at in self._positions.items()})

    def _after_header(self, block: bytes) -> bytes:
        self._opening += block
        match = _HEADER.search(self._opening)
        if match is None:
            if len(self._opening) > _LONGEST_METADATA:
                raise self._no_offer_file(self._opening)
            return b""
        names = self._row(match.group())
        missing = [column for column in _COLUMNS.values() if column not in names]
        if missing:
            raise RemoteError(f"{self.url}: no offer file: column '{missing[0]}' is missing")
        self._width = len(names)
        self._positions = {name: names.index(column) for name, column in _COLUMNS.items()}
        return self._opening[match.end() :]

    def _values(self, line: bytes) -> list[str]:
        values = self._row(line)
        if len(values) != self._width:
            raise RemoteError(
                f"{self.url}: cut short or spoilt: a line has {len(values)} of {self._width} values"
            )
        return values

    def _row(self, line: bytes) -> list[str]:
        try:
            (row,) = csv.reader([line.decode()], strict=True)
        except (csv.Error, ValueError) as error:
            raise RemoteError(f"{self.url}: cut short or spoilt: {error}") from error
        return row

    def _no_offer_file(self, opening: bytes) -> RemoteError:
        shown = opening[:40].decode(errors="replace")
        return RemoteError(f"{self.url}: no offer file, it begins with {shown!r}")


def _with_needle(block: bytes) -> Iterator[bytes]:
    """Yield the lines that hold a needle, each once."""
    lines: dict[int, int] = {}
    for needle in _NEEDLES:
        at = block.find(needle)
        while at >= 0:
            start = block.rfind(b"\n", 0, at) + 1
            end = block.find(b"\n", at) + 1 or len(block)
            lines[start] = end
            at = block.find(needle, end)
    for start in sorted(lines):
        yield block[start : lines[start]]
