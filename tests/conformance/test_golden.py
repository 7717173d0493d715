"""What a real Langfuse answered, replayed against the local server."""

from pathlib import Path

import pytest

from calango.local import LocalServer
from tests.support.replay import Replay
from tests.support.servers import client_of

GOLDEN = Path(__file__).parent / "golden"
CALLS = {"sdk-5.0.4": 69, "sdk-4.14.3": 72, "langgraph-5.0.4": 54}


@pytest.mark.parametrize("name", CALLS)
def test_a_recording_is_answered_as_langfuse_did(server: LocalServer, name: str):
    with client_of(server) as client:
        compared = Replay(GOLDEN / name, client).run().compared

    assert len(compared) == CALLS[name]
    assert {call: problems for call, problems in compared.items() if problems} == {}
