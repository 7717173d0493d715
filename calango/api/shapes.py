"""What goes in and out, as the OpenAPI document describes it. Money is text of decimal digits, times are ms or ns."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Status = Literal["ok", "error", "cancelled", "interrupted"]


class Given(BaseModel):
    """What a client sends: a field that does not exist is refused, so that a slip is not silent."""

    model_config = ConfigDict(extra="forbid")


class Turn(Given):
    user_id: str | None = Field(None, description="CALANGO_USER when left out.")
    tags: list[str] = Field(default_factory=list[str], max_length=50)
    model: str | None = Field(None, description="As provider:name; the agent's own when left out.")
    locale: Literal["pt_BR", "en"] | None = None
    metadata: dict[str, Any] = Field(default_factory=dict[str, Any])
    stream: bool = Field(False, description="Answer with server-sent events; so does `Accept: text/event-stream`.")


class Message(Turn):
    """One message. The session is in the path; a conversation that does not exist begins with it."""

    text: str
    message_id: str | None = Field(None, description="The trace id follows from session and message id.")


class NewMessage(Message):
    session_id: str | None = Field(None, description="A new conversation when left out.")


class Resume(Turn):
    answer: JsonValue = Field(description="What the graph asked for with `interrupt`.")


class Vote(Given):
    """Exactly one of thumbs and stars. Given again, it replaces the user's vote."""

    thumbs: bool | None = None
    stars: int | None = Field(None, ge=1, le=5)
    comment: str | None = None
    user_id: str | None = None


class Usage(BaseModel):
    input: int
    output: int
    cache_read: int
    cache_write: int
    estimated: bool
    total: int


class Result(BaseModel):
    """How a turn ended: `TurnResult`. A turn that failed is an answer, too: `status` is then `error`."""

    content: str
    trace_id: str | None
    session_id: str
    user_id: str | None
    message_id: str
    model: str | None
    usage: Usage | None
    cost_usd: str | None
    latency_ms: float
    time_to_first_token_ms: float | None
    status: Status
    error: str | None
    trace_url: str | None
    cost_estimated: bool
    budgets: list[dict[str, Any]]


class Shown(BaseModel):
    """One message of a conversation. `trace_id` is that of the turn that wrote it: what a vote names."""

    model_config = ConfigDict(from_attributes=True)

    role: Literal["user", "assistant", "tool"]
    content: str
    message_id: str
    trace_id: str | None
    tool_name: str | None
    is_error: bool
    model: str | None
    status: Status
    error: str | None


class Conversation(BaseModel):
    """`waiting_for`: what an interrupted turn asks a person; answer it with `resume`."""

    session_id: str
    is_running: bool
    waiting_for: list[Any]
    messages: list[Shown]


class Session(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    session_id: str
    user_id: str | None
    title: str
    turns: int
    updated_ns: int


class Sessions(BaseModel):
    sessions: list[Session]


class Stopped(BaseModel):
    stopped: bool = Field(description="False when no turn of the session runs here.")


class VoteState(BaseModel):
    """`sent` or `withdrawn` once the backend has it; `reason`: why it refused. `value` is None of one taken back."""

    model_config = ConfigDict(from_attributes=True)

    score_id: str
    trace_id: str
    name: str
    value: float | None
    comment: str | None
    state: Literal["pending", "sent", "refused", "withdrawn"]
    reason: str | None


class Votes(BaseModel):
    votes: list[VoteState]


class Health(BaseModel):
    status: Literal["ok"]
    version: str


class Problem(BaseModel):
    """`type` is the class in `calango.errors`; `hint` says what to do, and may be empty."""

    type: str
    message: str
    hint: str = ""


class Refusal(BaseModel):
    error: Problem
