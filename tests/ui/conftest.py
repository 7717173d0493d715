"""The real page without a browser: Streamlit's AppTest runs `ui/app.py` as `streamlit run` would."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from calango import bundled, local
from calango.cli.seed import seed
from calango.errors import CalangoError
from calango.local import LocalServer
from calango.questions import Questions, Range
from calango.tracing import close_all
from tests.support.ollama import OllamaServer
from tests.support.servers import settings_for

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


ZONE = "America/Sao_Paulo"
ABOUT = Range("30d", None, ZONE)
ALERTS = """
[targets]
equipe = "json://127.0.0.1:9/x?secret=hush"
[[rules]]
name = "muitos turnos"
metric = "turns"
above = 10
window = "30d"
"""


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A home whose server holds 300 made-up turns and watches them; the tests of one xdist group share it."""
    home = tmp_path_factory.mktemp("pages") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CALANGO_HOME", str(home))
        patch.setenv("CALANGO_PORT", "0")
        local.prepare_home(home)
        (home / "alerts.toml").write_text(ALERTS)
        local.ensure(settings_for(home, alerts_every_s=0))
        seed(turns=300, days=20, until=None, number=1, anyway=False)
    yield home
    local.stop(home)


@pytest.fixture
def filled(store: Path) -> LocalServer:
    found = local.find(store)
    assert found is not None
    return found


@pytest.fixture
def questions(filled: LocalServer) -> Generator[Questions]:
    with Questions(filled) as asking:
        yield asking


@pytest.fixture
def opens(home: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Opens]:
    """Opens a page: `opens("overview", user="ana")` is `/overview?user=ana`; the period is 30 days."""
    monkeypatch.setenv("CALANGO_HOME", str(store))
    monkeypatch.setenv("CALANGO_MODEL", "offline")
    st.cache_resource.clear()
    st.cache_data.clear()

    def opens(page: str, **query: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=30)
        app._page_hash = calc_hash(page)
        for name, value in ({"since": "30d"} | query).items():
            app.query_params[name] = value
        return app.run()

    yield opens
    bundled.module("ui", "service").chat().close()
    st.cache_resource.clear()
    close_all()


def shown(app: AppTest) -> dict[str, str]:
    """The figures of the page by their labels."""
    assert not app.exception
    return {metric.label: metric.value.replace("\\", "") for metric in app.metric}


def table(app: AppTest, name: str) -> Any:
    """The table of that name, as a frame."""
    return next(found.value for found in app.dataframe if found.key.startswith(f"table-{name}-"))


def links(app: AppTest) -> list[str]:
    """Where the links to other pages lead, as "page?query"."""
    found = [element.proto for element in app.main if element.type == "page_link"]
    return [f"{proto.page}?{proto.query_string}" for proto in found]


def texts(locale: str = "pt_BR") -> Any:
    return bundled.module("ui", "i18n").Texts(locale)
