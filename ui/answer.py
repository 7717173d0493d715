"""How one exchange looks: question, tools, answer, and below it feedback, caption and the way to the trace."""

from __future__ import annotations

import json
from collections.abc import Callable

import streamlit as st

from calango.currency import second, told
from calango.tracing import Vote

from . import budgets, feedback
from .exchanges import Exchange
from .facts import Facts
from .i18n import Texts
from .links import trace_url
from .place import Place
from .render import Code, Prose, plain, safe, segments
from .state import RETRY
from .turns import ToolUse

PERSON, AGENT = ":material/person:", ":material/eco:"
_LABEL_CHARS = 80
_SHOWN_CHARS = 10_000  # of a tool's result; the rest is in the trace


def show_question(text: str) -> None:
    with st.chat_message("user", avatar=PERSON):
        show_text(text)


def show_text(text: str) -> None:
    for segment in segments(text):
        show_segment(segment)


def show_segment(segment: Prose | Code) -> None:
    if isinstance(segment, Prose):
        st.markdown(segment.markdown)
    else:
        st.code(segment.text, language=segment.language, wrap_lines=True)


def show_tool(texts: Texts, tool: ToolUse) -> None:
    """A closed box with the call as its title and the result inside."""
    given = ", ".join(f"{name}={value!r}" for name, value in tool.arguments.items())
    call = f"{tool.name}({given})" if given else tool.name
    label = f"**{plain(tool.name)}** {plain(shortened(given))}".strip()
    if tool.content is None:
        st.expander(f"{label} …", icon=":material/progress_activity:").caption(texts("The tool is working."))
        return
    icon = ":material/error:" if tool.is_error else ":material/build:"
    with st.expander(label, icon=icon):
        if given:
            st.code(call, language="python", wrap_lines=True)
        st.code(tool.content[:_SHOWN_CHARS], language=None, wrap_lines=True)


def show_request(value: object) -> None:
    """What a graph asks a person: a text, or whatever it passed to `interrupt`."""
    if isinstance(value, str):
        show_text(value)
    else:
        st.code(json.dumps(value, ensure_ascii=False, indent=2, default=str), language="json", wrap_lines=True)


def shortened(text: str) -> str:
    return text if len(text) <= _LABEL_CHARS else f"{text[:_LABEL_CHARS]}…"


def show_exchange(
    place: Place, item: Exchange, facts: Facts | None, vote: Vote | None, retry: Callable[[], None] | None
) -> None:
    """`retry` asks the question again; it is offered where the turn failed."""
    if item.question is not None:
        show_question(item.question.content)
    if not item.tools and not item.answers:
        return
    with st.chat_message("assistant", avatar=AGENT):
        for tool in item.tools:
            show_tool(place.texts, tool)
        for message in item.answers:
            show_text(message.content)
        if item.last is not None:
            _show_end(place, item, retry)
            budgets.show(place, item)
            with st.container(gap="xxsmall"):
                with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                    feedback.show(place, item, vote)
                st.caption(caption(place, item, facts or Facts()))


def caption(place: Place, item: Exchange, facts: Facts) -> str:
    """Model, tokens, cost, time, and the link to the trace, as far as they are known."""
    texts = place.texts
    parts = [plain(facts.model)] if facts.model else []
    if facts.input is not None and facts.output is not None:
        about = "≈ " if facts.is_estimate else ""
        parts.append(
            about
            + texts("{input} + {output} tokens", input=texts.number(facts.input), output=texts.number(facts.output))
        )
        parts.append(_cost(place, facts))
    if facts.latency_ms is not None:
        parts.append(plain(texts.duration(facts.latency_ms)))
    if (url := trace_url(place, item.trace_id)) is not None:
        parts.append(f"[{texts('Trace')}]({url})")
    return " · ".join(parts)


def _cost(place: Place, facts: Facts) -> str:
    if facts.cost_usd is None:
        return place.texts("no known cost")
    beside = second(place.chat.settings)
    return plain(told(facts.cost_usd, beside, estimated=facts.cost_estimated, write=place.texts.money))


def _show_end(place: Place, item: Exchange, retry: Callable[[], None] | None) -> None:
    """Say how the turn ended when it did not end well."""
    last, texts = item.last, place.texts
    if last is None or last.status in {"ok", "interrupted"}:
        return
    if last.status == "cancelled":
        st.caption(f":material/stop_circle: {texts('Stopped. What had been said is kept.')}")
        return
    show_failure(texts, last.error or "?", retry)


def show_failure(texts: Texts, problem: str, retry: Callable[[], None] | None) -> None:
    """What happened, in the words of who knows it, and what can be done."""
    with st.container(border=True):
        st.markdown(f":red[:material/error:] **{texts('This answer failed.')}**")
        st.markdown(safe(problem))
        st.caption(texts("`calango doctor` checks model, server and keys, and names the broken part."))
        again = st.empty()
        if retry is not None:
            again.button(texts("Try again"), key=RETRY, icon=":material/refresh:", on_click=retry)
