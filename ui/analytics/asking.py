"""Questions to the local server: a page's questions go out together, and the answers are kept for some seconds."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import streamlit as st

from calango import local
from calango.local import LocalServer
from calango.mirror.copy import mirrored
from calango.questions import Questions, Range

from .view import View

_KEPT_S = 10
_AT_ONCE = 4
_QUESTIONS = ThreadPoolExecutor(2, "calango-question")  # one keeps a core of the server busy


@dataclass(frozen=True, slots=True)
class Ask:
    """One question: the name of a method of `Questions`, and what it is called with."""

    question: str
    about: Range
    options: tuple[tuple[str, Any], ...] = ()


def asked(question: str, about: Range, **options: Any) -> Ask:
    return Ask(question, about, tuple(sorted((name, value) for name, value in options.items() if value is not None)))


def answers(view: View, *asks: Ask) -> list[Any]:
    """The answers in the order of the questions. Raises what `Questions` and `local.ensure` raise."""
    return begun(view, *asks)()


def begun(view: View, *asks: Ask) -> Callable[[], list[Any]]:
    """Ask now and go on: calling what this returns waits for the answers, and raises as `answers` does."""
    server, project = _where(view)
    about = f"{server.base_url} {server.public_key} {project}"
    found = [_QUESTIONS.submit(_answer, f"{about} {ask!r}", server, project, ask) for ask in asks]
    return lambda: [one.result() for one in found]


def fresh(view: View, ask: Ask) -> Any:
    """One answer as it is now."""
    return _one(_questions_of(*_where(view)), ask)


def forget() -> None:
    """After something was changed that answers depend on."""
    _answer.clear()


@st.cache_data(ttl=_KEPT_S, max_entries=500, show_spinner=False)
def _answer(key: str, _server: LocalServer, _project: str | None, _ask: Ask) -> Any:
    del key  # what the cache goes by
    return _one(_questions_of(_server, _project), _ask)


def together(calls: list[Callable[[], Any]]) -> list[Any]:
    """What these return, called at the same time. The first error is raised."""
    with ThreadPoolExecutor(_AT_ONCE, "calango-ask") as pool:
        return [found.result() for found in [pool.submit(call) for call in calls]]


def _one(questions: Questions, ask: Ask) -> Any:
    return getattr(questions, ask.question)(ask.about, **dict(ask.options))


def _where(view: View) -> tuple[LocalServer, str | None]:
    """The local server, and the project that is asked about: the key's own, or the copy of a remote one."""
    settings = view.place.chat.settings
    server = local.ensure(settings)
    return server, mirrored(server, settings) if settings.mode == "remote" else None


def _questions_of(server: LocalServer, project: str | None) -> Questions:
    return _questions(server.base_url, server.public_key, project, server)


@st.cache_resource(max_entries=4, show_spinner=False)
def _questions(base_url: str, public_key: str, project: str | None, _server: LocalServer) -> Questions:
    del base_url, public_key
    return Questions(_server, project)
