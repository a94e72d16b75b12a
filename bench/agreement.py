"""Where two of Terraform's JSON documents say different things, and where they only spell so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

ABSENT = "(absent)"
_METADATA = "//"
_OFFICIAL = "hashicorp/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where they differ.

    Attributes:
        path: As in `resource.aws_vpc.main.tags`.
        how: `spelling` when Terraform reads the same: a block and the list of that one block, a
            provider of HashiCorp's with and without its name before it.
    """

    path: str
    how: Literal["spelling", "meaning"]
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        return f"{self.how}: {self.path}: {self.ours!r} and {self.theirs!r}"


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[Difference]:
    """Yield what differs, metadata aside, in the order of the paths."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted((ours.keys() | theirs.keys()) - {_METADATA}):
            inner = f"{path}.{name}" if path else name
            yield from differences(ours.get(name, ABSENT), theirs.get(name, ABSENT), inner)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif _one_block(ours, theirs):
        yield Difference(path=path, how="spelling", ours=ours, theirs=theirs)
        yield from differences(_block(ours), _block(theirs), path)
    elif ours != theirs or type(ours) is not type(theirs):
        how: Literal["spelling", "meaning"] = "meaning"
        if path.endswith(".source") and _official(ours) == _official(theirs):
            how = "spelling"
        yield Difference(path=path, how=how, ours=ours, theirs=theirs)


def values(document: Any) -> int:
    """Return how many values a document has, metadata aside."""
    if isinstance(document, dict):
        return sum(values(each) for name, each in document.items() if name != _METADATA)
    return sum(map(values, document)) if isinstance(document, list) else 1


def _one_block(ours: Any, theirs: Any) -> bool:
    kinds = {type(ours), type(theirs)}
    return (
        kinds == {list, dict}
        and isinstance(_block(ours), dict)
        and isinstance(_block(theirs), dict)
    )


def _block(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _official(source: Any) -> str:
    return str(source).removeprefix(_OFFICIAL)
