"""Which node holds which layers, and how much memory that takes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from infra.domain import typed
from infra.errors import ConfigError
from infra.units import MIB

if TYPE_CHECKING:
    from collections.abc import Mapping

DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}

# Torch and Python before any weight is loaded, per process; torch 2.13.0 CPU build, assumed until
# the bench measures it.
ASSUMED_RUNTIME_BYTES = 350 * MIB
# The orchestrator loads no torch: gRPC, FastAPI and Python.
ASSUMED_ORCHESTRATOR_BYTES = 150 * MIB

_KINDS: dict[str, type[Any]] = {"int": int, "str": str, "bool": bool}
_RENAMED = {"checkpoint_bytes": "bytes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """A checkpoint as `qinfra-agent inspect --json` describes it.

    Attributes:
        tied: Whether the LM head is the embedding table.
        layer_parameters: Of one layer; all layers are alike.
        embedding_parameters: Of the embedding table.
        head_parameters: Of the LM head's matrix; when tied, the embedding table counts instead.
        checkpoint_bytes: Size of the weights on disk.
    """

    id: str
    path: str
    revision: str
    family: str
    layers: int
    hidden: int
    vocab: int
    tied: bool
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    context_tokens: int
    dtype: str
    parameters: int
    checkpoint_bytes: int
    layer_parameters: int
    embedding_parameters: int
    head_parameters: int
    demo: bool

    def __post_init__(self) -> None:
        for name in ("layers", "hidden", "kv_heads", "head_dim", "layer_parameters"):
            if getattr(self, name) < 1:
                raise ConfigError(f"model '{self.id}': {name} is {getattr(self, name)}, below 1")

    @classmethod
    def from_inspection(cls, inspection: Mapping[str, object]) -> ModelShape:
        """Return the shape from the inspection's JSON object; keys it does not know are left.

        Raises:
            ConfigError: A key is missing, of another type, or a size is below 1.
        """
        values: dict[str, Any] = {}
        for item in fields(cls):
            key = _RENAMED.get(item.name, item.name)
            values[item.name] = typed(
                inspection, key, _KINDS[str(item.type)], source="the model's inspection"
            )
        return cls(**values)

    @property
    def lm_head_parameters(self) -> int:
        """Parameters the last stage reads for each token, after its layers: head and norm."""
        table = self.embedding_parameters if self.tied else self.head_parameters
        return table + self.hidden

    @property
    def lm_head_layers(self) -> float:
        """How many layers weigh as much as head and norm."""
        return self.lm_head_parameters / self.layer_parameters

    @property
    def kv_elements_per_token(self) -> int:
        """Keys and values one layer keeps for one token."""
        return 2 * self.kv_heads * self.head_dim


def balanced_split(shape: ModelShape, stages: int) -> tuple[int, ...]:
    """Return the cuts under which the heaviest stage reads the least weight for each token.

    All layers weigh the same, so for every size of the last stage, which also reads the LM head,
    the best is to share the other layers evenly. Of equally good cuts the most even one is taken,
    then the one with the smaller last stage, because that stage samples as well.

    Args:
        shape: The model.
        stages: Nodes a token passes through; 1 to the number of layers.

    Returns:
        The first layer of each stage but the first, counted from 0; empty for one stage.

    Raises:
        ConfigError: There are fewer layers than stages, or no stage at all.
    """
    if not 1 <= stages <= shape.layers:
        raise ConfigError(
            f"{stages} stages cannot share {shape.layers} layers: 1 to {shape.layers} can"
        )
    if stages == 1:
        return ()
    candidates = (
        _even_cuts(shape.layers - last, stages - 1) for last in range(1, shape.layers - stages + 2)
    )
    return min(candidates, key=lambda cuts: (_unevenness(shape, cuts), -cuts[-1]))


def shared_split(shape: ModelShape, share: float) -> tuple[int, ...]:
    """Return the cut nearest to a first stage with this share of the work.

    Work is what a token reads: the layers, and the LM head counted as layers.

    Args:
        shape: The model, of two layers or more.
        share: Above 0 and below 1; the guide's is 0.3 (§2.4).

    Raises:
        ConfigError: One layer cannot be split.
    """
    if shape.layers < 2:
        raise ConfigError(f"model '{shape.id}' has one layer, which two stages cannot share")
    work = shape.layers + shape.lm_head_layers
    return (min(max(round(work * share), 1), shape.layers - 1),)


def _even_cuts(layers: int, stages: int) -> tuple[int, ...]:
    """Share layers over the stages before the last; the remainder goes to the first ones."""
    each, more = divmod(layers, stages)
    return tuple(each * stage + min(stage, more) for stage in range(1, stages + 1))


def _unevenness(shape: ModelShape, cuts: tuple[int, ...]) -> tuple[int, int]:
    loads = stage_read_parameters(shape, cuts)
    return max(loads), sum(load * load for load in loads)


def parse_split(text: str, layers: int, stages: int | None = None) -> tuple[int, ...]:
    """Return the cuts a person pinned, for example "8" or "5,10".

    Args:
        text: First layer of each stage but the first, ascending, 1 to layers - 1.
        layers: Layers of the model.
        stages: How many stages the cuts must make; any number when None.

    Raises:
        ConfigError: Not a number, outside the layers, not ascending, or not as many as asked.
    """
    hint = (
        f"Give cuts from 1 to {layers - 1} in ascending order, for example --split {layers // 2}."
    )
    cuts = tuple(_cut(part.strip(), text, hint) for part in text.split(","))
    for cut in cuts:
        if not 1 <= cut <= layers - 1:
            raise ConfigError(
                f"split '{text}': {cut} is outside 1 to {layers - 1}, "
                f"the cuts of a model with {layers} layers",
                hint=hint,
            )
    if list(cuts) != sorted(set(cuts)):
        raise ConfigError(f"split '{text}': the cuts do not ascend", hint=hint)
    if stages is not None and len(cuts) != stages - 1:
        raise ConfigError(f"split '{text}' makes {len(cuts) + 1} stages, not {stages}", hint=hint)
    return cuts


def _cut(part: str, text: str, hint: str) -> int:
    if not (part.isascii() and part.isdecimal() and len(part) < 10):
        raise ConfigError(f"split '{text}': '{part}' is not a layer's number", hint=hint)
    return int(part)


def stage_ranges(cuts: tuple[int, ...], layers: int) -> tuple[tuple[int, int], ...]:
    """Return each stage's first layer and the layer after its last, counted from 0."""
    return tuple(zip((0, *cuts), (*cuts, layers), strict=True))


def stage_read_parameters(shape: ModelShape, cuts: tuple[int, ...]) -> tuple[int, ...]:
    """Return the parameters each stage reads from memory for one token.

    The embedding table is not among them: a token reads one row of it.
    """
    reads = [
        (end - first) * shape.layer_parameters for first, end in stage_ranges(cuts, shape.layers)
    ]
    reads[-1] += shape.lm_head_parameters
    return tuple(reads)


def pipelined_gain(shape: ModelShape, cuts: tuple[int, ...]) -> float:
    """Return how many times faster the stages are than one such node, when all are kept busy.

    An upper bound from weights read alone; 1 for one stage, at most the number of stages.
    """
    reads = stage_read_parameters(shape, cuts)
    return sum(reads) / max(reads)


def stage_weight_bytes(
    shape: ModelShape, first_layer: int, end_layer: int, *, dtype_bytes: int
) -> int:
    """Return the bytes of a stage's weights.

    The first stage holds the embedding table and the last the LM head and norm; a tied model holds
    its one table on both ends, but only once where both ends are the same node.
    """
    parameters = (end_layer - first_layer) * shape.layer_parameters
    if first_layer == 0:
        parameters += shape.embedding_parameters
    if end_layer == shape.layers:
        shared = shape.tied and first_layer == 0
        parameters += shape.hidden if shared else shape.lm_head_parameters
    return parameters * dtype_bytes


def stage_memory_bytes(
    shape: ModelShape,
    first_layer: int,
    end_layer: int,
    *,
    dtype_bytes: int,
    slots: int,
    context_tokens: int,
) -> int:
    """Return the resident bytes of a stage's process: weights, KV slots and runtime.

    Args:
        shape: The model.
        first_layer: The stage's first layer, from 0.
        end_layer: The layer after its last.
        dtype_bytes: Bytes of one weight and of one cached element.
        slots: Sequences held at once.
        context_tokens: Tokens each slot has room for.
    """
    layers = end_layer - first_layer
    cache = layers * shape.kv_elements_per_token * context_tokens * slots * dtype_bytes
    weights = stage_weight_bytes(shape, first_layer, end_layer, dtype_bytes=dtype_bytes)
    return weights + cache + ASSUMED_RUNTIME_BYTES
