"""What the Alerts page asks and tells the local server."""

from __future__ import annotations

from typing import Any

import httpx
import streamlit as st

from calango import local, local_api
from calango.errors import CalangoError
from calango.local import LocalServer

from ..refusals import told
from ..render import safe
from .view import View

PATH = f"{local_api.ROOT}/alerts"
quoted = local_api.quoted


def ask(view: View, path: str, **params: str) -> Any:
    """Raises what `local.ensure` and `local_api` raise."""
    return local_api.asked(_client_of(view), "GET", f"{PATH}{path}", params=params)


def tell(view: View, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """The answer, as `ask`."""
    return local_api.asked(_client_of(view), method, f"{PATH}{path}", json=body)


def tried(view: View, done: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """The same, of a button: what was done is said, or why it was not; then the answer is None."""
    try:
        answer = tell(view, method, path, body)
    except CalangoError as error:
        st.toast(safe(told(view.texts, error)), icon=":material/error:")
        return None
    if done:
        st.toast(done, icon=":material/check:")
    return answer


def _client_of(view: View) -> httpx.Client:
    server = local.ensure(view.place.chat.settings)
    return _client(server.base_url, server.public_key, server)


@st.cache_resource(max_entries=4, show_spinner=False)
def _client(base_url: str, public_key: str, _server: LocalServer) -> httpx.Client:
    del base_url, public_key
    return local_api.client_of(_server)
