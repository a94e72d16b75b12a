"""What a checkpoint folder holds, told from its JSON parts and tensor headers alone.

Nothing here reads a weight or imports torch, and no code from a checkpoint ever runs.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from node_agent.errors import CheckpointError
from node_agent.shard.families import Architecture, parse_architecture

DEMO = "demo"
_DEMO_FOLDER = Path(__file__).parent.parent / "demo" / "checkpoint"
_HUB_FILES = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.txt", "*.model"]
_MAX_HEADER_BYTES = 100 * 1024 * 1024
_PARTS = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
_FINGERPRINT_BYTES = 64 * 1024  # of each tensor
_DTYPE_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorEntry:
    """Where one tensor lies."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int  # of its first byte in the file

    @property
    def bytes(self) -> int:
        """Size on disk; 0 for a dtype that is not supported."""
        return prod(self.shape) * _DTYPE_BYTES.get(self.dtype, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checked folder: every tensor its architecture needs is there, whole and of right shape."""

    path: Path
    architecture: Architecture
    tensors: dict[str, TensorEntry] = field(repr=False)
    revision: str
    eos_token_ids: tuple[int, ...]
    chat_template: bool

    def facts(self, model: str) -> dict[str, object]:
        """Return what a planner needs to know, as JSON-ready values."""
        a = self.architecture
        counted = {name: prod(entry.shape) for name, entry in self.tensors.items()}
        layer = sum(counted[name] for name in a.layer_tensors(0))
        return {
            "id": self.path.name if model != DEMO else "qinfra-demo",
            "path": str(self.path),
            "revision": self.revision,
            "family": a.family,
            "layers": a.layers,
            "hidden": a.hidden,
            "vocab": a.vocab,
            "tied": a.tied,
            "intermediate": a.intermediate,
            "heads": a.heads,
            "kv_heads": a.kv_heads,
            "head_dim": a.head_dim,
            "context_tokens": a.context_tokens,
            "dtype": a.dtype,
            "parameters": sum(counted[name] for name in a.all_tensors()),
            "bytes": sum(self.tensors[name].bytes for name in a.all_tensors()),
            "layer_parameters": layer,
            "embedding_parameters": a.vocab * a.hidden,
            "head_parameters": a.vocab * a.hidden,
            "chat_template": self.chat_template,
            "demo": self.path == _DEMO_FOLDER,
        }


def locate(model: str) -> Path:
    """Return the folder of a model given as `demo`, a path or a hub id; a hub id is downloaded.

    Raises:
        CheckpointError: No such folder, and the hub cannot supply it.
    """
    if model == DEMO:
        return _DEMO_FOLDER
    path = Path(model).expanduser()
    if path.is_dir():
        return path.resolve()
    if path.is_file() or path.is_absolute() or model.startswith(".") or model.count("/") != 1:
        raise CheckpointError(
            f"model {model}: no such folder",
            hint="Give a checkpoint folder, a hub id such as `owner/name`, or `demo`.",
        )
    return _download(model)


def _download(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=_HUB_FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise CheckpointError(
            f"model {hub_id}: the hub did not supply it: {reason}",
            hint="Check the id and the network, or pass a downloaded folder to --model.",
        ) from error


def inspect_checkpoint(path: Path) -> Checkpoint:
    """Check a Hugging Face folder and describe it.

    Raises:
        CheckpointError: A part is missing, damaged, unsupported, or contradicts the config.
    """
    config = _json(path / "config.json")
    architecture = parse_architecture(config, where=str(path))
    tokenizer_config = _tokenizer_config(path)
    tensors = _tensors(path)
    _check_shapes(path, architecture, tensors)
    generation = path / "generation_config.json"
    eos = (_json(generation) if generation.is_file() else {}).get("eos_token_id")
    return Checkpoint(
        path=path,
        architecture=architecture,
        tensors=tensors,
        revision=_fingerprint(path, tensors),
        eos_token_ids=_ids(path, config.get("eos_token_id") if eos is None else eos),
        chat_template=bool(tokenizer_config.get("chat_template"))
        or (path / "chat_template.jinja").is_file(),
    )


def _tokenizer_config(path: Path) -> dict[str, Any]:
    if not (path / "tokenizer.json").is_file():
        raise CheckpointError(
            f"{path}: no tokenizer.json",
            hint="Add the tokenizer's files beside the weights; a fast tokenizer is needed.",
        )
    file = path / "tokenizer_config.json"
    return _json(file) if file.is_file() else {}


def _tensors(path: Path) -> dict[str, TensorEntry]:
    files = _weight_files(path)
    entries: dict[str, TensorEntry] = {}
    for file in files:
        entries.update(_header(file))
    return entries


def _weight_files(path: Path) -> list[Path]:
    index = path / "model.safetensors.index.json"
    single = path / "model.safetensors"
    if index.is_file():
        names = _index_names(index)
        missing = [name for name in names if not (path / name).is_file()]
        if missing or not names:
            raise CheckpointError(
                f"{path}: {missing[0] if missing else 'every weight file'} is named by the index "
                "but not there",
                hint="Download the checkpoint again.",
            )
        return [path / name for name in names]
    if single.is_file():
        return [single]
    pickles = sorted(p.name for p in path.iterdir() if p.suffix in {".bin", ".pt", ".pth"})
    if pickles:
        raise CheckpointError(
            f"{path}: {pickles[0]} is a pickle, which can run code when it is read",
            hint="Convert the checkpoint to safetensors, or take a revision that has them.",
        )
    raise CheckpointError(
        f"{path}: no model.safetensors", hint="Give a folder with safetensors weights."
    )


def _index_names(index: Path) -> list[str]:
    weight_map = _json(index).get("weight_map")
    names = list(weight_map.values()) if isinstance(weight_map, dict) else []
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise CheckpointError(f"{index}: {name!r} is not the name of a file beside it")
    return sorted(set(names))


def _header(file: Path) -> dict[str, TensorEntry]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or not 2 <= length <= min(size - 8, _MAX_HEADER_BYTES):
            raise _damaged(file, "its header is not one of safetensors")
        text = stream.read(length)
    try:
        header = json.loads(text)
        header.pop("__metadata__", None)
        extents = {name: _Extent.model_validate(entry) for name, entry in header.items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise _damaged(file, "its header cannot be parsed") from error
    return _entries(file, size, 8 + length, extents)


class _Extent(BaseModel):
    """One tensor in a safetensors header; offsets count from the header's end."""

    model_config = ConfigDict(strict=True)

    dtype: str
    shape: list[NonNegativeInt]
    data_offsets: tuple[NonNegativeInt, NonNegativeInt] = Field(strict=False)


def _entries(
    file: Path, size: int, start: int, extents: dict[str, _Extent]
) -> dict[str, TensorEntry]:
    """Place each tensor, checking that together they fill the file without gap or overlap."""
    entries: dict[str, TensorEntry] = {}
    end = start
    for name, extent in sorted(extents.items(), key=lambda item: item[1].data_offsets):
        entry = TensorEntry(file=file, dtype=extent.dtype, shape=tuple(extent.shape), offset=end)
        first, last = (start + offset for offset in extent.data_offsets)
        if first != end or (entry.bytes and last - first != entry.bytes):
            raise _damaged(file, f"tensor {name} is not where its header says")
        entries[name] = entry
        end = last
    if size != end:
        raise _damaged(file, f"it has {size} bytes where its header promises {end}")
    return entries


def _damaged(file: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"{file}: {why}", hint="The file is truncated or damaged: download it again."
    )


def _check_shapes(path: Path, architecture: Architecture, tensors: dict[str, TensorEntry]) -> None:
    for name, shape in architecture.all_tensors().items():
        entry = tensors.get(name)
        if entry is None:
            raise CheckpointError(
                f"{path}: tensor {name} is missing",
                hint="config.json and the weights belong to different models.",
            )
        if entry.shape != shape:
            raise CheckpointError(
                f"{path}: tensor {name} is {list(entry.shape)}, config.json says {list(shape)}",
                hint="config.json and the weights belong to different models.",
            )
        if entry.dtype not in _DTYPE_BYTES:
            raise CheckpointError(
                f"{path}: tensor {name} has dtype {entry.dtype}",
                hint=f"Use a checkpoint in one of {', '.join(_DTYPE_BYTES)}.",
            )


def _fingerprint(path: Path, tensors: dict[str, TensorEntry]) -> str:
    """Digest configs, tokenizer, template, and of each tensor its name, shape and beginning.

    Tells a model from its fine-tunes at the price of a few megabytes read; it is no proof against
    tampering.
    """
    digest = hashlib.sha256()
    for name in _PARTS:
        part = path / name
        digest.update(name.encode() + (part.read_bytes() if part.is_file() else b""))
    by_file: dict[Path, list[tuple[str, TensorEntry]]] = {}
    for name, entry in sorted(tensors.items()):
        by_file.setdefault(entry.file, []).append((name, entry))
    for file, entries in by_file.items():
        with file.open("rb") as stream:
            for name, entry in entries:
                stream.seek(entry.offset)
                digest.update(f"{name}:{entry.dtype}:{entry.shape}".encode())
                digest.update(stream.read(min(entry.bytes, _FINGERPRINT_BYTES)))
    return digest.hexdigest()[:16]


def _ids(path: Path, value: object) -> tuple[int, ...]:
    given = value if isinstance(value, list) else [] if value is None else [value]
    ids = tuple(i for i in given if isinstance(i, int))
    if len(ids) < len(given):
        raise CheckpointError(f"{path}: eos_token_id {value!r} is not a token id")
    return ids


def _json(file: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{file.parent}: no {file.name}", hint="Give a Hugging Face checkpoint folder."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{file}: cannot be read as JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{file}: not a JSON object")
    return loaded
