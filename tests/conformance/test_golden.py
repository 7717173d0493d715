"""What a real Langfuse answered, replayed against the local server."""

from pathlib import Path

import pytest

from calango.local import LocalServer
from tests.support.replay import Replay
from tests.support.servers import client_of

GOLDEN = Path(__file__).parent / "golden"
# Resources whose answers must match already; the others follow.
SUPPORTED = (
    "POST_otel_v1_traces",
    "POST_scores",
    "DELETE_scores",
    "GET_scores",
    "GET_v2_scores",
    "GET_v3_scores",
    "GET_v2_observations",
    "GET_projects",
    "GET_health",
    "POST_ingestion",
    "DELETE_traces",
)


@pytest.mark.parametrize("name", ["sdk-5.0.4", "sdk-4.14.3", "langgraph-5.0.4"])
def test_a_recording_is_answered_as_langfuse_did(server: LocalServer, name: str):
    with client_of(server) as client:
        compared = Replay(GOLDEN / name, client).run().compared

    mine = {call: problems for call, problems in compared.items() if call.partition("_")[2].startswith(SUPPORTED)}
    assert len(mine) > 20
    assert {call: problems for call, problems in mine.items() if problems} == {}
