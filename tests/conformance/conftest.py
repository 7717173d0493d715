"""One server and one SDK client for the tests of a module; what a test sends has names of its own."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest
from langfuse import Langfuse
from opentelemetry.sdk.trace import TracerProvider

from calango.local import LocalServer
from tests.support.openai_wire import OpenAIServer
from tests.support.servers import client_of, running_server


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalServer]:
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("LANGFUSE_", "CALANGO_", "OTEL_")):
                patch.delenv(name)
        with running_server(Path(tmp_path_factory.mktemp("shared")) / "home") as running:
            yield running


@pytest.fixture(scope="module")
def sdk(shared: LocalServer) -> Generator[Langfuse]:
    client = Langfuse(
        public_key=shared.public_key,
        secret_key=shared.secret_key,
        base_url=shared.base_url,
        tracer_provider=TracerProvider(),
    )
    yield client
    client.shutdown()


@pytest.fixture(scope="module")
def http(shared: LocalServer) -> Generator[httpx.Client]:
    with client_of(shared) as client:
        yield client


@pytest.fixture(scope="module")
def openai_server() -> Generator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server
