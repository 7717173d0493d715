"""The API over a real agent, whose model is the offline one, or Ollama's protocol from a script."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from calango.chat import ChatService
from calango.tracing import Tracing
from tests.support.apis import serving_api
from tests.support.servers import settings_for
from tests.support.tracing import Nowhere

Api = Callable[..., httpx.Client]


@pytest.fixture
def api(home: Path) -> Generator[Api]:
    """Starts APIs of one home and gives a client for each; without `tracing` they trace to nobody."""
    with ExitStack() as stack:

        def start(tracing: Tracing | None = None, *, token: str | None = None, graph: Any = None, **values: Any) -> Any:
            settings = settings_for(home, **{"model": "offline", **values})
            if tracing is None:
                tracing = Tracing(settings, Nowhere())
                stack.callback(tracing.close, 0)
            chat = stack.enter_context(ChatService(settings, graph=graph, tracing=tracing))
            served: AbstractContextManager[str] = serving_api(chat, token=token)
            client = httpx.Client(base_url=stack.enter_context(served), timeout=30)
            return stack.enter_context(client)

        yield start
