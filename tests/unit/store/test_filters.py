from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from calango.store import ObservationRow, Store, query
from calango.store.filters import OBSERVATION_COLUMNS, FilterError, where_of

ROWS = [
    ObservationRow(
        "p",
        "t",
        "a",
        1_000_000_000,
        name="agent-step",
        tags=["x", "y"],
        end_ns=3_500_000_000,
        total_tokens=7,
        metadata_json='{"node":"agent","a/b":"1"}',
    ),
    ObservationRow("p", "t", "b", 2_000_000_000, name="Tool", is_root=True, session_id="s", tags=["z"]),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Generator[Store]:
    opened = Store.open(Path(tmp_path_factory.mktemp("filters")) / "calango.duckdb")
    opened.insert(ROWS).result(10)
    yield opened
    opened.close()


def matching(store: Store, **condition: Any) -> list[str]:
    where = where_of([condition], OBSERVATION_COLUMNS, int)
    with store.read() as db:
        return [row.id for row in query.observations(db, where, order="id")]


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ({"type": "string", "column": "name", "operator": "=", "value": "Tool"}, ["b"]),
        ({"type": "string", "column": "name", "operator": "contains", "value": "gent"}, ["a"]),
        ({"type": "string", "column": "sessionId", "operator": "does not contain", "value": "s"}, ["a"]),
        ({"type": "string", "column": "name", "operator": "starts with", "value": "To"}, ["b"]),
        ({"type": "string", "column": "name", "operator": "ends with", "value": "step"}, ["a"]),
        ({"type": "stringOptions", "column": "name", "operator": "any of", "value": ["Tool", "x"]}, ["b"]),
        ({"type": "stringOptions", "column": "name", "operator": "none of", "value": ["Tool"]}, ["a"]),
        ({"type": "arrayOptions", "column": "tags", "operator": "any of", "value": ["y", "z"]}, ["a", "b"]),
        ({"type": "arrayOptions", "column": "tags", "operator": "all of", "value": ["x", "y"]}, ["a"]),
        ({"type": "arrayOptions", "column": "tags", "operator": "none of", "value": ["x"]}, ["b"]),
        ({"type": "number", "column": "latency", "operator": ">=", "value": 2.5}, ["a"]),
        ({"type": "number", "column": "totalTokens", "operator": "<", "value": 7}, ["b"]),
        ({"type": "datetime", "column": "startTime", "operator": ">", "value": "1500000000"}, ["b"]),
        ({"type": "boolean", "column": "isRootObservation", "operator": "=", "value": True}, ["b"]),
        ({"type": "boolean", "column": "isRootObservation", "operator": "<>", "value": True}, ["a"]),
        ({"type": "null", "column": "sessionId", "operator": "is null", "value": ""}, ["a"]),
        ({"type": "null", "column": "sessionId", "operator": "is not null", "value": ""}, ["b"]),
        ({"type": "stringObject", "column": "metadata", "key": "node", "operator": "=", "value": "agent"}, ["a"]),
        ({"type": "stringObject", "column": "metadata", "key": "node", "operator": "is not set"}, ["b"]),
        ({"type": "numberObject", "column": "metadata", "key": "a/b", "operator": "<", "value": 2}, ["a"]),
        ({"type": "string", "column": "name", "operator": "=", "value": "x' OR true --"}, []),
    ],
)
def test_a_condition_selects(store: Store, condition: dict[str, Any], ids: list[str]):
    assert matching(store, **condition) == ids


@pytest.mark.parametrize(
    "condition",
    [
        {"type": "string", "column": "id; DROP TABLE observations", "operator": "=", "value": "x"},
        {"type": "string", "column": "name", "operator": "LIKE", "value": "x"},
        {"type": "number", "column": "latency", "operator": "=", "value": "nan"},
        {"type": "nonsense", "column": "name", "operator": "=", "value": "x"},
        {"type": "stringObject", "column": "name", "key": "k", "operator": "=", "value": "x"},
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(condition: dict[str, Any]):
    with pytest.raises(FilterError):
        where_of([condition], OBSERVATION_COLUMNS, int)
