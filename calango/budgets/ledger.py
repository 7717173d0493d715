"""Asks the local server what is spent. It holds the traces of local mode, and the copy of a remote Langfuse."""

from __future__ import annotations

import contextlib
from typing import Any, Protocol

import httpx

from calango import local, local_api
from calango.budgets.wire import QUESTION, TOLD, Question, Told
from calango.errors import BackendError
from calango.mirror.copy import is_begun, mirrored
from calango.settings import Settings

PATH = f"{local_api.ROOT}/spent"
_ANSWER_S = 10.0


class Ledger(Protocol):
    """Whatever can tell what is spent. Both may be called from any thread, one at a time."""

    def ask(self, question: Question) -> Told:
        """Raises CalangoError."""
        ...

    def close(self) -> None: ...


def spent(client: httpx.Client, question: Question, project: str | None = None) -> Told:
    """Over a connection of `local_api.client_of`. Raises BackendUnreachable or BackendRefused."""
    params = {} if project is None else {"project": project}
    headers = {"content-type": "application/json"}
    body = QUESTION.dump_json(question)
    answer: Any = local_api.asked(client, "POST", PATH, content=body, headers=headers, params=params)
    return TOLD.validate_python(answer)


class LocalLedger:
    """The local server of a home, found or started at the first question."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: httpx.Client | None = None
        self._project: str | None = None

    def ask(self, question: Question) -> Told:
        client = self._client or self._connected()
        try:
            return spent(client, question, self._project)
        except BackendError:
            self.close()  # it may answer elsewhere when it comes back
            raise

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()

    def _connected(self) -> httpx.Client:
        server = local.ensure(self._settings)
        self._project = mirrored(server, self._settings) if self._settings.mode == "remote" else None
        self._client = local_api.client_of(server, _ANSWER_S)
        return self._client


def ledger_of(settings: Settings, *, is_traced: bool) -> LocalLedger | str:
    """What knows the turns of these settings; or why nothing does, for people."""
    if settings.mode == "off" or not is_traced:
        return "tracing is off, so only the turns of this process count"
    if settings.mode == "remote" and not is_begun(settings):
        return "nothing was copied from the remote Langfuse (`calango sync`), so only the turns of this process count"
    return LocalLedger(settings)
