"""The steps of the agent. Each works in sync and async runs, and both really stream."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast, get_args

from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSequence, ensure_config
from langchain_core.tools import BaseTool
from langgraph.constants import TAG_NOSTREAM
from langgraph.runtime import get_runtime
from pydantic import BaseModel, Field, ValidationError

from .context import Context
from .history import fit
from .language import language_of, spoken
from .models import Models
from .state import IntentName, State

Update = dict[str, Any]

WARNING_EVENT: Final = "calango.warning"  # a custom event {"message": ...}: the step went on, but someone should know
SAFE_INTENT: Final[IntentName] = "question"

PROMPT: Final = """\
You are the assistant of Calango, which runs LangGraph agents and records every turn as a Langfuse trace.
Answer briefly and truthfully, in the language of the person's message.
Use the tools: the calculator for every calculation, the clock for dates and times, the handbook for anything about \
Calango, traces, feedback, costs, sessions, models or privacy. Do not invent what a tool could tell you.
If a tool fails, say so and go on with what you know."""

_CLASSIFY: Final = """\
Classify the person's latest message. The messages before it are only there to understand it.
question: wants to know or have something, also about this assistant. calculation: has numbers to compute. \
time: asks for a date or time. usage: asks about their own tokens, costs or number of turns. \
chat: greeting, thanks, small talk, or about this conversation. other: anything else."""

_HINTS: Final[dict[str, str]] = {
    "calculation": "The person wants something computed: call the calculator.",
    "time": "The person asks for a date or a time: call the clock.",
    "usage": "The person asks about their own usage: call the tool that reads it, if there is one.",
    "chat": "The person makes conversation: answer in one or two friendly sentences, without tools.",
}
_EMPTY: Final = {
    "pt": "O modelo não deu resposta. Tente perguntar de outra forma.",
    "en": "The model gave no answer. Try asking in another way.",
}


class Intent(BaseModel):
    """What the person's latest message is about."""

    intent: IntentName = Field(description="The one kind that fits best.")


class Node(Runnable[State, Update]):
    """A step with a sync and an async half. LangGraph opens the step's span; this adds none."""

    def __init__(
        self,
        name: str,
        run: Callable[[State, RunnableConfig], Update],
        arun: Callable[[State, RunnableConfig], Awaitable[Update]],
    ) -> None:
        self.name = name
        self._run = run
        self._arun = arun

    def invoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Update:  # noqa: A002
        return self._run(input, ensure_config(config))

    async def ainvoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Update:  # noqa: A002
        return await self._arun(input, ensure_config(config))


def classify_intent(models: Models) -> Node:
    """Asks the intent model. What it says that is no intent becomes `SAFE_INTENT` and a warning, never a failure."""

    def prepare(state: State) -> tuple[Runnable[Any, Any], list[BaseMessage], str]:
        spec = models.spec("intent", _intent_model(models))
        return _classifier(models, spec), _classification(state, models), spec

    def run(state: State, config: RunnableConfig) -> Update:
        model, prompt, spec = prepare(state)
        with models.explaining(spec):
            answer = model.invoke(prompt, config)
        intent = read_intent(answer)
        if intent is None:
            dispatch_custom_event(WARNING_EVENT, {"message": _unreadable(spec)}, config=config)
        return {"intent": intent or SAFE_INTENT}

    async def arun(state: State, config: RunnableConfig) -> Update:
        model, prompt, spec = prepare(state)
        with models.explaining(spec):
            answer = await model.ainvoke(prompt, config)
        intent = read_intent(answer)
        if intent is None:
            await adispatch_custom_event(WARNING_EVENT, {"message": _unreadable(spec)}, config=config)
        return {"intent": intent or SAFE_INTENT}

    return Node("classify_intent", run, arun)


def agent(models: Models, tools: Sequence[BaseTool], prompt: str | None) -> Node:
    """Asks the response model, with the tools bound, about as much of the history as fits."""

    def prepare(state: State) -> tuple[Runnable[Any, AIMessage], list[BaseMessage], str, bool]:
        context = _context()
        spec = models.spec("response", context.model)
        model = models.get("response", spec)
        messages, shortened = fit(
            _system(prompt or PROMPT, state, context), state["messages"], tools, models.context_tokens
        )
        return model.bind_tools(tools) if tools else model, messages, spec, shortened

    def run(state: State, config: RunnableConfig) -> Update:
        model, messages, spec, shortened = prepare(state)
        if shortened:
            dispatch_custom_event(WARNING_EVENT, {"message": _SHORTENED}, config=config)
        with models.explaining(spec):
            return {"messages": [model.invoke(messages, config)]}

    async def arun(state: State, config: RunnableConfig) -> Update:
        model, messages, spec, shortened = prepare(state)
        if shortened:
            await adispatch_custom_event(WARNING_EVENT, {"message": _SHORTENED}, config=config)
        with models.explaining(spec):
            return {"messages": [await model.ainvoke(messages, config)]}

    return Node("agent", run, arun)


def post_process() -> Node:
    """Strips the answer; an empty one becomes a sentence that says so. The message keeps its id."""

    def run(state: State, _: RunnableConfig) -> Update:
        answer = state["messages"][-1]
        if not isinstance(answer, AIMessage) or not isinstance(answer.content, str):
            return {"messages": []}
        text = answer.content.strip() or _EMPTY[spoken(state["messages"], _context().locale)]
        if text == answer.content:
            return {"messages": []}
        return {"messages": [answer.model_copy(update={"content": text})]}

    async def arun(state: State, config: RunnableConfig) -> Update:
        return run(state, config)

    return Node("post_process", run, arun)


def read_intent(answer: object) -> IntentName | None:
    """The intent in a model's reply: a tool call, a JSON object, or the bare word; None when it is none of these."""
    if isinstance(answer, Intent):
        return answer.intent
    if not isinstance(answer, AIMessage):
        return None
    if answer.tool_calls:
        return _valid(answer.tool_calls[0]["args"])
    text = answer.text.strip()
    bare = text.strip(" \"'`.*").lower()
    if bare in get_args(IntentName):
        return cast("IntentName", bare)
    found = re.search(r"\{.*\}", text, re.DOTALL)
    try:
        return _valid(json.loads(found[0])) if found else None
    except ValueError:
        return None


def _valid(value: object) -> IntentName | None:
    try:
        return Intent.model_validate(value).intent
    except ValidationError:
        return None


def _classifier(models: Models, spec: str) -> Runnable[Any, Any]:
    structured = models.get("intent", spec).with_structured_output(Intent)
    # The sequence's parser would record an unreadable answer as an error; `read_intent` takes its place.
    model = cast("Runnable[Any, Any]", structured.first if isinstance(structured, RunnableSequence) else structured)
    return model.with_config(tags=[TAG_NOSTREAM], run_name="intent_model")


def _classification(state: State, models: Models) -> list[BaseMessage]:
    said = [m for m in state["messages"] if isinstance(m, HumanMessage | AIMessage) and m.text and not _calls(m)]
    system = SystemMessage(f"{_CLASSIFY}\nLocale: {_context().locale}")
    return fit(system, said[-4:], (), models.context_tokens)[0]


def _calls(message: BaseMessage) -> bool:
    return isinstance(message, AIMessage) and bool(message.tool_calls)


def _system(prompt: str, state: State, context: Context) -> SystemMessage:
    language = "Brazilian Portuguese" if language_of(context.locale) == "pt" else "English"
    parts = [prompt, _HINTS.get(state.get("intent", ""), "")]
    facts = [
        f"When the message does not show a language, answer in {language}.",
        f"Locale: {context.locale}",
        f"Time zone: {context.time_zone}",
    ]
    return SystemMessage("\n".join([*filter(None, parts), *facts]))


def _context() -> Context:
    # A graph that is run without a context, as Studio may do, gives None here.
    return cast("Context | None", get_runtime(Context).context) or Context()


def _intent_model(models: Models) -> str | None:
    """The caller's intent model, else the one set, else the model that the caller chose to answer."""
    context = _context()
    return context.intent_model or models.intent or context.model


def _unreadable(spec: str) -> str:
    return f"The intent model {spec} gave no readable intent; went on with '{SAFE_INTENT}'."


_SHORTENED: Final = "The message is longer than the model's context; its middle was left out."
