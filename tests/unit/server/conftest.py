"""One running server for all tests of a module."""

from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from calango.local import LocalServer
from tests.support.servers import client_of, running_server


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalServer]:
    with running_server(Path(tmp_path_factory.mktemp("server")) / "home") as running:
        yield running


@pytest.fixture
def anyone(shared: LocalServer) -> Generator[httpx.Client]:
    """A client without keys."""
    with httpx.Client(base_url=shared.base_url, timeout=30) as client:
        yield client


@pytest.fixture
def api(shared: LocalServer) -> Generator[httpx.Client]:
    """A client with the keys of the home."""
    with client_of(shared) as client:
        yield client
