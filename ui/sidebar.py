"""Beside the chat: conversations, model, language, and where traces go."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from calango.records import Session

from . import offline
from .i18n import LANGUAGES
from .place import Place, go_to
from .render import plain
from .service import MODELS
from .state import LANGUAGE, MODEL, NEW, session_key

_MODELS_S = 30.0
_SHOWN = 30
_TITLE_CHARS = 42
_FIT, _LIST_PX = 7, 290  # more conversations than fit are scrolled, so that the settings stay in sight


def show(place: Place) -> str | None:
    """Draws the sidebar; the model that the person chose, None for the one that is set."""
    texts = place.texts
    with st.sidebar:
        st.markdown("### :primary[:material/eco:] Calango")
        st.button(
            texts("New conversation"),
            key=NEW,
            icon=":material/add:",
            width="stretch",
            type="primary",
            on_click=go_to,
            args=(None,),
        )
        _conversations(place)
        st.divider()
        model = _model(place)
        _language(place)
        _mode(place)
    return model


def show_small(place: Place) -> None:
    """The sidebar beside pages that are no chat."""
    with st.sidebar:
        st.markdown("### :primary[:material/eco:] Calango")
        _language(place)
        _mode(place)


def _conversations(place: Place) -> None:
    texts = place.texts
    found = place.chat.sessions(place.user_id, _SHOWN)
    st.caption(texts("Conversations"))
    if not found:
        st.caption(texts("None yet."))
    with st.container(height=_LIST_PX if len(found) > _FIT else "content", gap=None, border=False):
        for session in found:
            _conversation(place, session)


def _conversation(place: Place, session: Session) -> None:
    st.button(
        _title(session),
        key=session_key(session.session_id),
        type="secondary" if session.session_id == place.session_id else "tertiary",
        icon=":material/pending:" if session.session_id in place.state.running else None,
        help=place.texts.when(session.updated_ns),
        wrap=False,
        on_click=go_to,
        args=(session.session_id,),
    )


def _title(session: Session) -> str:
    title = " ".join(session.title.split())
    return plain(title if len(title) <= _TITLE_CHARS else f"{title[:_TITLE_CHARS]}…")


def _model(place: Place) -> str | None:
    """A graph that chooses its own model leaves nothing to pick."""
    chat, texts = place.chat, place.texts
    if not chat.graph.has_context("model"):
        return None
    found = place.lookups.get(MODELS, chat.available_models, [chat.model.spec], fresh_s=_MODELS_S)
    chosen = st.session_state.get(MODEL)
    options = found if chosen is None or chosen in found else [*found, chosen]
    model = st.selectbox(texts("Model"), options, key=MODEL)
    if offline.is_offline(place, model):
        why = offline.why(place) or texts("It calculates, tells the time and looks things up in the handbook.")
        st.badge(texts("no language model"), icon=":material/info:", color="orange", help=why)
    return None if model == chat.model.spec else model


def _language(place: Place) -> None:
    def changed() -> None:
        st.query_params["lang"] = st.session_state[LANGUAGE]

    if st.session_state.get(LANGUAGE) != place.texts.locale:
        st.session_state[LANGUAGE] = place.texts.locale
    st.selectbox(
        place.texts("Language"), list(LANGUAGES), key=LANGUAGE, format_func=LANGUAGES.__getitem__, on_change=changed
    )


def _mode(place: Place) -> None:
    chat, texts = place.chat, place.texts
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if chat.settings.mode == "local":
            st.badge(
                texts("traces: local"),
                icon=":material/home:",
                color="green",
                help=texts("Traces stay on this machine."),
            )
        elif chat.settings.mode == "remote":
            host = urlsplit(chat.settings.base_url).netloc
            st.badge(texts("traces: remote"), icon=":material/cloud:", color="blue", help=plain(host))
        else:
            st.badge(
                texts("tracing off"),
                icon=":material/visibility_off:",
                color="gray",
                help=texts("Nothing is traced, and answers can't be rated. Remove LANGFUSE_TRACING_ENABLED=false."),
            )
        st.badge(plain(place.user_id), icon=":material/person:", color="gray")
    _delivery(place)


def _delivery(place: Place) -> None:
    """What the backend refused for good, and what it has not taken yet: only when there is something to say."""
    if place.chat.tracing is None:
        return
    depth, texts = place.chat.tracing.outbox.depth(), place.texts
    why = plain(depth.last_error or "")
    if depth.parked:
        st.badge(texts("refused: {count}", count=depth.parked), icon=":material/block:", color="red", help=why)
    elif depth.last_error and depth.spans + depth.votes:
        waiting = texts("waiting: {count}", count=depth.spans + depth.votes)
        st.badge(waiting, icon=":material/schedule_send:", color="orange", help=why)
