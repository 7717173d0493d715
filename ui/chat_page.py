"""The chat: reads what the person did, starts turns, and draws the conversation from its thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from calango.errors import CalangoError, InputError
from calango.ids import new_session_id
from calango.records import Message

from . import answer, budgets, facts, feedback, live, service, sidebar, watch, welcome
from .exchanges import Exchange, exchanges
from .i18n import Texts
from .place import Place, go_to, language_of, session_of, user_of
from .refusals import told
from .render import safe
from .state import ASK, STOP, page_state
from .turns import RunningTurn


def show() -> None:
    """One run of the page."""
    chat = service.chat()
    texts = Texts(language_of(chat.settings.locale), chat.settings.zone)
    try:
        user_id, session_id = user_of(chat), session_of()
    except InputError as error:
        _refuse_address(texts, error)
        return
    place = Place(chat, service.lookups(), texts, page_state(), user_id, session_id)
    with live.stoppable(place.state):
        _collect(place)
        model = sidebar.show(place)
        place, was_typed = _listen(place, model)
        _conversation(place, model, was_typed)


def _refuse_address(texts: Texts, error: InputError) -> None:
    def leave() -> None:
        for name in ("session", "user"):
            st.query_params.pop(name, None)

    st.error(f"**{texts('This address does not lead to a conversation.')}**", icon=":material/link_off:")
    st.markdown(safe(told(texts, error)))
    st.button(texts("New conversation"), on_click=leave)


def _collect(place: Place) -> None:
    """Take in the turns that have ended, of whatever conversation."""
    for session_id, turn in list(place.state.running.items()):
        progress = turn.progress
        if not progress.is_done:
            continue
        del place.state.running[session_id]
        if progress.failure is not None:
            place.state.refused[session_id] = safe(progress.failure)
        if progress.exceeded is not None:
            place.state.refused[session_id] = budgets.refused(place, progress.exceeded)
            place.state.unsent[session_id] = turn.text
    place.state.shown = place.state.running.get(place.session_id or "")


def _listen(place: Place, model: str | None) -> tuple[Place, bool]:
    """Send what was typed or clicked. Whether it was typed: then the input itself has become the stop button."""
    texts, state = place.texts, place.state
    is_busy = place.session_id in state.running
    if unsent := state.unsent.pop(place.session_id or "", None):
        st.session_state[ASK] = unsent  # to be sent later, or changed
    typed = st.chat_input(
        texts("Answering … you can stop it above.") if is_busy else texts("Write a message"),
        key=ASK,
        submit_mode="stop",
        disabled=is_busy,
        max_chars=place.chat.settings.max_message_chars,
    )
    asked, state.question = typed or state.question, None
    if not asked or is_busy:
        return place, False
    session_id = place.session_id or new_session_id()
    state.refused.pop(place.session_id, None)
    try:
        before = place.chat.history(session_id) if place.session_id else []
        state.shown = state.running[session_id] = RunningTurn.start(
            place.chat,
            asked,
            session_id,
            before,
            place.remember,
            user_id=place.user_id,
            model=model,
            locale=texts.locale,
        )
    except CalangoError as error:
        state.refused[place.session_id] = safe(told(texts, error))
        return place, False
    go_to(session_id)
    here = Place(place.chat, place.lookups, texts, state, place.user_id, session_id)
    return here, bool(typed)


def _conversation(place: Place, model: str | None, was_typed: bool) -> None:
    state, texts = place.state, place.texts
    turn = state.shown
    messages = _messages(place, turn)
    talk = exchanges(messages, place.finished)
    votes = feedback.votes_of(place, talk)
    known = facts.facts_of(place, talk)
    hello = st.empty()  # cleared at once by the first question; anything else would stay until the answer is complete
    if not talk and turn is None:
        with hello.container():
            welcome.show(place, model)
    # The running turn is drawn last, but into the place where its finished exchange will be: nothing jumps at its end.
    conversation, below = st.container(), st.container()
    with conversation:
        for item in talk:
            retry = _retry(place, item) if item is talk[-1] and turn is None else None
            answer.show_exchange(place, item, known.get(item.key), votes.get(item.trace_id or ""), retry)
        if turn is None and talk and not talk[-1].answers:
            _open_end(place, talk[-1])
    with below:
        problem = st.empty()
        if refused := state.refused.get(place.session_id):
            problem.error(f"**{texts('The message was not answered.')}** {refused}", icon=":material/error:")
        watch.show(place, talk, votes, turn)
        if turn is not None and not was_typed:
            st.button(texts("Stop"), key=STOP, icon=":material/stop_circle:", on_click=turn.stop)
    if turn is not None:
        with conversation:
            live.follow(texts, turn)
        st.rerun()


def _messages(place: Place, turn: RunningTurn | None) -> Sequence[Message]:
    if turn is not None:
        return turn.before
    return place.chat.history(place.session_id) if place.session_id else []


def _retry(place: Place, item: Exchange) -> Callable[[], None] | None:
    question = item.question

    def ask_again() -> None:
        place.state.question = question.content if question is not None else None

    return ask_again if question is not None else None


def _open_end(place: Place, item: Exchange) -> None:
    """The last question has no answer: someone is asked, it is being answered elsewhere, or it was broken off."""
    texts, session_id = place.texts, place.session_id or ""

    def stop() -> None:
        place.chat.stop(session_id)

    with st.chat_message("assistant", avatar=answer.AGENT):
        if place.chat.is_running(session_id):
            st.caption(f":material/more_horiz: {texts('This answer is being written, from another window.')}")
            st.button(texts("Stop"), key=STOP, icon=":material/stop_circle:", on_click=stop)
        elif waits := place.chat.waiting_for(session_id):
            for value in waits:
                answer.show_request(value)
            st.caption(f":material/front_hand: {texts('The agent waits for you: your next message is the answer.')}")
        else:
            answer.show_failure(texts, texts("The turn was broken off before it had answered."), _retry(place, item))
