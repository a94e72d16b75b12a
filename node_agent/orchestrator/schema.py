"""What a chat request may say, after OpenAI's; what would change the answer unseen is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt
from pydantic_core import PydanticCustomError

from node_agent.orchestrator.tasks import Job
from node_agent.proto import agent_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable

    from node_agent.config import Gateway, Model

# The guide's sampling defaults.
DEFAULT_TEMPERATURE = 0.7
DEFAULT_TOP_P = 0.9
DEFAULT_MAX_TOKENS = 256

_UINT32_MAX = 2**32 - 1
_UINT64_MASK = 2**64 - 1


def _only(*neutral: object) -> BeforeValidator:
    """Accept a field this server does not support while it has a value that changes nothing.

    JSON's false equals 0 here.
    """

    def check(value: object) -> object:
        if value in neutral:
            return value
        raise PydanticCustomError("unsupported_parameter", "this server does not support it")

    return BeforeValidator(check)


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PydanticCustomError("not_unicode", "half a surrogate pair is no text") from error
    return text


_Text = Annotated[str, AfterValidator(_encodable)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)


class TextPart(_Body):
    """A piece of a message; other kinds than text are refused."""

    type: Literal["text"]
    text: _Text


def _as_parts(content: object) -> object:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _as_list(stop: object) -> object:
    return [stop] if isinstance(stop, str) else stop


class Message(_Body):
    """One turn of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[
        list[TextPart],
        Field(min_length=1),
        BeforeValidator(_as_parts, json_schema_input_type=str | list[TextPart]),
    ]

    def to_proto(self) -> pb.ChatMessage:
        """Return the message as stages know it; developer is OpenAI's newer word for system."""
        role = "system" if self.role == "developer" else self.role
        return pb.ChatMessage(role=role, content="".join(part.text for part in self.content))


class StreamOptions(_Body):
    """What a stream carries beyond text."""

    include_usage: bool = False


_Stop = Annotated[_Text, Field(min_length=1)]
_TokenLimit = Annotated[StrictInt, Field(ge=1, le=_UINT32_MAX)]


class ChatRequest(_Body):
    """The body of POST /v1/chat/completions; `top_k` is an extension, unknown keys are ignored."""

    model: _Text
    messages: Annotated[list[Message], Field(min_length=1)]
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[StrictInt, Field(ge=0, le=_UINT32_MAX)] | None = None
    max_tokens: _TokenLimit | None = None
    max_completion_tokens: _TokenLimit | None = None
    stop: Annotated[
        list[_Stop] | None,
        Field(max_length=4),
        BeforeValidator(_as_list, json_schema_input_type=str | list[str] | None),
    ] = None
    seed: Annotated[StrictInt, Field(ge=-(2**63), le=_UINT64_MASK)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: _Text | None = None

    n: Annotated[Any, _only(None, 1)] = None
    tools: Annotated[Any, _only(None, [])] = None
    tool_choice: Annotated[Any, _only(None, "none", "auto")] = None
    functions: Annotated[Any, _only(None, [])] = None
    function_call: Annotated[Any, _only(None, "none", "auto")] = None
    logprobs: Annotated[Any, _only(None, 0)] = None
    top_logprobs: Annotated[Any, _only(None, 0)] = None
    logit_bias: Annotated[Any, _only(None, {})] = None
    response_format: Annotated[Any, _only(None, {"type": "text"})] = None
    presence_penalty: Annotated[Any, _only(None, 0)] = None
    frequency_penalty: Annotated[Any, _only(None, 0)] = None
    modalities: Annotated[Any, _only(None, [], ["text"])] = None
    audio: Annotated[Any, _only(None)] = None

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with a chunk of usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    def with_seed(self, draw: Callable[[], int]) -> ChatRequest:
        """Return the request with a seed, drawn when the client gave none."""
        return self if self.seed is not None else self.model_copy(update={"seed": draw()})

    def to_job(self, request_id: str, gateway: Gateway, model: Model) -> Job:
        """Translate for the fleet.

        Args:
            request_id: For logs.
            gateway: Gives the context put in front when no message speaks as the system.
            model: Its context bounds the tokens wanted.
        """
        messages = [message.to_proto() for message in self.messages]
        if gateway.context and all(message.role != "system" for message in messages):
            messages.insert(0, pb.ChatMessage(role="system", content=gateway.context))
        wanted = self.max_completion_tokens or self.max_tokens or DEFAULT_MAX_TOKENS
        return Job(
            request_id=request_id,
            prompt=pb.Prompt(messages=messages),
            sampling=self._sampling(),
            output=pb.OutputRules(
                max_tokens=min(wanted, model.context_tokens), stop=self.stop or ()
            ),
            timeout_seconds=gateway.request_timeout_seconds,
        )

    def _sampling(self) -> pb.Sampling:
        return pb.Sampling(
            temperature=DEFAULT_TEMPERATURE if self.temperature is None else self.temperature,
            top_p=DEFAULT_TOP_P if self.top_p is None else self.top_p,
            top_k=self.top_k or 0,
            seed=(self.seed or 0) & _UINT64_MASK,
        )
