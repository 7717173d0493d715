"""The real page without a browser: Streamlit's AppTest runs `ui/app.py` as `streamlit run` would."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from calango import bundled, local
from calango.errors import CalangoError
from calango.tracing import close_all
from tests.support.ollama import OllamaServer

APP = Path(__file__).parents[2] / "ui" / "app.py"
Opens = Callable[..., AppTest]


@pytest.fixture
def page(home: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Opens]:
    """Opens the page in a new browser session: `page(user="ana")` has `?user=ana` in its address."""
    monkeypatch.setenv("CALANGO_MODEL", "offline")
    st.cache_resource.clear()

    def opens(**query: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=30)
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    yield opens
    with suppress(CalangoError):
        tracing = bundled.module("ui", "service").chat().tracing
        restart()
        if tracing is not None:
            tracing.close(0.1)
    close_all()
    local.stop(home)


def restart() -> None:
    """As if the process of the UI had ended and begun again: it remembers nothing."""
    bundled.module("ui", "service").chat().close()
    st.cache_resource.clear()


@pytest.fixture
def unreachable(page: Opens, monkeypatch: pytest.MonkeyPatch) -> Opens:
    """The page with a remote Langfuse that is down, so that votes wait and nothing is started."""
    for name, value in (("PUBLIC_KEY", "pk-lf-test"), ("SECRET_KEY", "sk-lf-test"), ("BASE_URL", "http://127.0.0.1:9")):
        monkeypatch.setenv(f"LANGFUSE_{name}", value)
    return page


def ollama_answers(monkeypatch: pytest.MonkeyPatch, server: OllamaServer) -> None:
    monkeypatch.setenv("CALANGO_MODEL", f"ollama:{server.models[0]}")
    monkeypatch.setenv("OLLAMA_BASE_URL", server.base_url)


def ask(app: AppTest, text: str) -> AppTest:
    return app.chat_input[0].set_value(text).run()


def said(app: AppTest) -> str:
    """All that can be read on the page."""
    assert not app.exception
    kinds = ("markdown", "caption", "title", "error", "code", "button", "expander", "text_area", "selectbox")
    found: list[str] = []
    for kind in kinds:
        for element in getattr(app, kind):
            found += [str(getattr(element, "label", "") or ""), str(getattr(element, "value", "") or "")]
    return "\n".join(found)


def button(app: AppTest, label: str) -> object:
    return next(found for found in app.button if found.label == label)
