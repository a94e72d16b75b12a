from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_ORCHESTRATOR: _ClassVar[Role]
    ROLE_EMBEDDING: _ClassVar[Role]
    ROLE_TRANSFORMER: _ClassVar[Role]
    ROLE_WORKER: _ClassVar[Role]

class Finish(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINISH_UNSPECIFIED: _ClassVar[Finish]
    FINISH_STOP: _ClassVar[Finish]
    FINISH_LENGTH: _ClassVar[Finish]

class Failure(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILURE_UNSPECIFIED: _ClassVar[Failure]
    FAILURE_INVALID: _ClassVar[Failure]
    FAILURE_CONTEXT: _ClassVar[Failure]
    FAILURE_BUSY: _ClassVar[Failure]
    FAILURE_PEER_LOST: _ClassVar[Failure]
    FAILURE_DEADLINE: _ClassVar[Failure]
    FAILURE_FENCED: _ClassVar[Failure]
    FAILURE_INTERNAL: _ClassVar[Failure]

class DType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DTYPE_UNSPECIFIED: _ClassVar[DType]
    DTYPE_FLOAT32: _ClassVar[DType]
    DTYPE_BFLOAT16: _ClassVar[DType]
    DTYPE_FLOAT16: _ClassVar[DType]
ROLE_UNSPECIFIED: Role
ROLE_ORCHESTRATOR: Role
ROLE_EMBEDDING: Role
ROLE_TRANSFORMER: Role
ROLE_WORKER: Role
FINISH_UNSPECIFIED: Finish
FINISH_STOP: Finish
FINISH_LENGTH: Finish
FAILURE_UNSPECIFIED: Failure
FAILURE_INVALID: Failure
FAILURE_CONTEXT: Failure
FAILURE_BUSY: Failure
FAILURE_PEER_LOST: Failure
FAILURE_DEADLINE: Failure
FAILURE_FENCED: Failure
FAILURE_INTERNAL: Failure
DTYPE_UNSPECIFIED: DType
DTYPE_FLOAT32: DType
DTYPE_BFLOAT16: DType
DTYPE_FLOAT16: DType

class NodeDescription(_message.Message):
    __slots__ = ("name", "role", "address", "instance", "model", "revision", "first_layer", "end_layer", "model_layers", "slots", "context_tokens", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FIRST_LAYER_FIELD_NUMBER: _ClassVar[int]
    END_LAYER_FIELD_NUMBER: _ClassVar[int]
    MODEL_LAYERS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    role: Role
    address: str
    instance: str
    model: str
    revision: str
    first_layer: int
    end_layer: int
    model_layers: int
    slots: int
    context_tokens: int
    version: str
    def __init__(self, name: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., address: _Optional[str] = ..., instance: _Optional[str] = ..., model: _Optional[str] = ..., revision: _Optional[str] = ..., first_layer: _Optional[int] = ..., end_layer: _Optional[int] = ..., model_layers: _Optional[int] = ..., slots: _Optional[int] = ..., context_tokens: _Optional[int] = ..., version: _Optional[str] = ...) -> None: ...

class Lease(_message.Message):
    __slots__ = ("generation", "ttl_seconds")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    generation: int
    ttl_seconds: float
    def __init__(self, generation: _Optional[int] = ..., ttl_seconds: _Optional[float] = ...) -> None: ...

class HealthCheck(_message.Message):
    __slots__ = ("name", "instance", "active_sequences", "resident_bytes", "cpu_seconds", "tokens_computed", "last_token_age_seconds")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    CPU_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_COMPUTED_FIELD_NUMBER: _ClassVar[int]
    LAST_TOKEN_AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    instance: str
    active_sequences: int
    resident_bytes: int
    cpu_seconds: float
    tokens_computed: int
    last_token_age_seconds: float
    def __init__(self, name: _Optional[str] = ..., instance: _Optional[str] = ..., active_sequences: _Optional[int] = ..., resident_bytes: _Optional[int] = ..., cpu_seconds: _Optional[float] = ..., tokens_computed: _Optional[int] = ..., last_token_age_seconds: _Optional[float] = ...) -> None: ...

class LeaveRequest(_message.Message):
    __slots__ = ("name", "instance", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    instance: str
    reason: str
    def __init__(self, name: _Optional[str] = ..., instance: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class LeaveReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OrchestratorMessage(_message.Message):
    __slots__ = ("assignment", "cancel")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    assignment: TaskAssignment
    cancel: CancelTask
    def __init__(self, assignment: _Optional[_Union[TaskAssignment, _Mapping]] = ..., cancel: _Optional[_Union[CancelTask, _Mapping]] = ...) -> None: ...

class TaskAssignment(_message.Message):
    __slots__ = ("task", "epoch", "pipeline", "request_id", "next", "prompt", "sampling", "output", "deadline_seconds")
    TASK_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    task: int
    epoch: int
    pipeline: str
    request_id: str
    next: Peer
    prompt: Prompt
    sampling: Sampling
    output: OutputRules
    deadline_seconds: float
    def __init__(self, task: _Optional[int] = ..., epoch: _Optional[int] = ..., pipeline: _Optional[str] = ..., request_id: _Optional[str] = ..., next: _Optional[_Union[Peer, _Mapping]] = ..., prompt: _Optional[_Union[Prompt, _Mapping]] = ..., sampling: _Optional[_Union[Sampling, _Mapping]] = ..., output: _Optional[_Union[OutputRules, _Mapping]] = ..., deadline_seconds: _Optional[float] = ...) -> None: ...

class Peer(_message.Message):
    __slots__ = ("name", "address")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    address: str
    def __init__(self, name: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class Prompt(_message.Message):
    __slots__ = ("messages", "token_ids")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    TOKEN_IDS_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[ChatMessage]
    token_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, messages: _Optional[_Iterable[_Union[ChatMessage, _Mapping]]] = ..., token_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class ChatMessage(_message.Message):
    __slots__ = ("role", "content")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    role: str
    content: str
    def __init__(self, role: _Optional[str] = ..., content: _Optional[str] = ...) -> None: ...

class Sampling(_message.Message):
    __slots__ = ("temperature", "top_p", "top_k", "seed")
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    temperature: float
    top_p: float
    top_k: int
    seed: int
    def __init__(self, temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., top_k: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...

class OutputRules(_message.Message):
    __slots__ = ("max_tokens", "stop", "ignore_eos")
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    IGNORE_EOS_FIELD_NUMBER: _ClassVar[int]
    max_tokens: int
    stop: _containers.RepeatedScalarFieldContainer[str]
    ignore_eos: bool
    def __init__(self, max_tokens: _Optional[int] = ..., stop: _Optional[_Iterable[str]] = ..., ignore_eos: _Optional[bool] = ...) -> None: ...

class CancelTask(_message.Message):
    __slots__ = ("task", "epoch")
    TASK_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    task: int
    epoch: int
    def __init__(self, task: _Optional[int] = ..., epoch: _Optional[int] = ...) -> None: ...

class StageMessage(_message.Message):
    __slots__ = ("accepted", "result", "failed")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    accepted: TaskAccepted
    result: FinalResult
    failed: TaskFailed
    def __init__(self, accepted: _Optional[_Union[TaskAccepted, _Mapping]] = ..., result: _Optional[_Union[FinalResult, _Mapping]] = ..., failed: _Optional[_Union[TaskFailed, _Mapping]] = ...) -> None: ...

class TaskAccepted(_message.Message):
    __slots__ = ("task", "epoch", "prompt_tokens")
    TASK_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    task: int
    epoch: int
    prompt_tokens: int
    def __init__(self, task: _Optional[int] = ..., epoch: _Optional[int] = ..., prompt_tokens: _Optional[int] = ...) -> None: ...

class FinalResult(_message.Message):
    __slots__ = ("task", "epoch", "index", "token_ids", "text", "finish")
    TASK_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TOKEN_IDS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    task: int
    epoch: int
    index: int
    token_ids: _containers.RepeatedScalarFieldContainer[int]
    text: str
    finish: Finish
    def __init__(self, task: _Optional[int] = ..., epoch: _Optional[int] = ..., index: _Optional[int] = ..., token_ids: _Optional[_Iterable[int]] = ..., text: _Optional[str] = ..., finish: _Optional[_Union[Finish, str]] = ...) -> None: ...

class TaskFailed(_message.Message):
    __slots__ = ("task", "epoch", "failure", "detail")
    TASK_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    task: int
    epoch: int
    failure: Failure
    detail: str
    def __init__(self, task: _Optional[int] = ..., epoch: _Optional[int] = ..., failure: _Optional[_Union[Failure, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class LinkDown(_message.Message):
    __slots__ = ("hello", "partial")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    hello: LinkHello
    partial: PartialResult
    def __init__(self, hello: _Optional[_Union[LinkHello, _Mapping]] = ..., partial: _Optional[_Union[PartialResult, _Mapping]] = ...) -> None: ...

class LinkHello(_message.Message):
    __slots__ = ("revision", "end_layer", "hidden", "dtype")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    END_LAYER_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    revision: str
    end_layer: int
    hidden: int
    dtype: DType
    def __init__(self, revision: _Optional[str] = ..., end_layer: _Optional[int] = ..., hidden: _Optional[int] = ..., dtype: _Optional[_Union[DType, str]] = ...) -> None: ...

class PartialResult(_message.Message):
    __slots__ = ("segments", "payload")
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    segments: _containers.RepeatedCompositeFieldContainer[Segment]
    payload: bytes
    def __init__(self, segments: _Optional[_Iterable[_Union[Segment, _Mapping]]] = ..., payload: _Optional[bytes] = ...) -> None: ...

class Segment(_message.Message):
    __slots__ = ("task", "epoch", "position", "rows", "sample")
    TASK_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    task: int
    epoch: int
    position: int
    rows: int
    sample: bool
    def __init__(self, task: _Optional[int] = ..., epoch: _Optional[int] = ..., position: _Optional[int] = ..., rows: _Optional[int] = ..., sample: _Optional[bool] = ...) -> None: ...

class LinkUp(_message.Message):
    __slots__ = ("tokens",)
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedCompositeFieldContainer[SampledToken]
    def __init__(self, tokens: _Optional[_Iterable[_Union[SampledToken, _Mapping]]] = ...) -> None: ...

class SampledToken(_message.Message):
    __slots__ = ("task", "epoch", "position", "token", "finished")
    TASK_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    task: int
    epoch: int
    position: int
    token: int
    finished: bool
    def __init__(self, task: _Optional[int] = ..., epoch: _Optional[int] = ..., position: _Optional[int] = ..., token: _Optional[int] = ..., finished: _Optional[bool] = ...) -> None: ...

class ConsensusVote(_message.Message):
    __slots__ = ("task", "node", "answer_sha256", "confidence")
    TASK_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_SHA256_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    task: int
    node: str
    answer_sha256: bytes
    confidence: float
    def __init__(self, task: _Optional[int] = ..., node: _Optional[str] = ..., answer_sha256: _Optional[bytes] = ..., confidence: _Optional[float] = ...) -> None: ...
