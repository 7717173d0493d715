"""What is counted of rows, and how few series a client can make."""

from __future__ import annotations

from decimal import Decimal

import pytest

from calango.server.counting import ServerMetrics, counted, outcome_of
from calango.store import ObservationRow
from calango.web.prometheus import MOST, OTHER, Names

S = 10**9


def row(**fields: object) -> ObservationRow:
    return ObservationRow(**{"project_id": "p", "trace_id": "t", "id": "o", "start_ns": S, **fields})  # pyright: ignore


def value(metrics: ServerMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_requests_rows_are_counted_as_turns_calls_and_tools():
    metrics = ServerMetrics("1")
    call = {"type": "GENERATION", "model": "m", "end_ns": 3 * S}
    rows = [
        row(is_root=True, end_ns=6 * S),
        row(
            **call, completion_start_ns=2 * S, input_tokens=10, output_tokens=5, total_tokens=15, total_cost=Decimal(2)
        ),
        row(**call, input_tokens=1, total_tokens=1),
        row(type="TOOL", name="calculator", level="ERROR"),
        row(type="SPAN", name="step", end_ns=3 * S),
    ]
    for _ in range(2):
        metrics.add(counted(rows), rejected=1)

    assert value(metrics, "calango_spans_total") == 10
    assert value(metrics, "calango_spans_rejected_total") == 2
    assert value(metrics, "calango_turns_total", outcome="ok") == 2
    assert value(metrics, "calango_turn_duration_seconds_sum") == 10
    assert value(metrics, "calango_first_token_seconds_bucket", le="1.0") == 2
    assert value(metrics, "calango_tokens_total", direction="input", model="m") == 22
    assert value(metrics, "calango_cost_usd_total", model="m") == 4
    assert value(metrics, "calango_unpriced_calls_total", model="m") == 2
    assert value(metrics, "calango_tool_calls_total", tool="calculator", outcome="error") == 2


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, "ok"),
        ({"level": "ERROR"}, "error"),
        ({"status_message": "cancelled", "level": "WARNING"}, "cancelled"),
        ({"metadata_json": '{"status":"interrupted","x":"y"}'}, "interrupted"),
        ({"metadata_json": '{"status":"\\"cancelled\\""}', "level": "ERROR"}, "cancelled"),
        ({"metadata_json": '{"status":"shipped"}'}, "ok"),
        ({"metadata_json": '{"order":"{\\"status\\":\\"error\\"}"}'}, "ok"),
    ],
)
def test_the_outcome_of_a_turn_is_what_its_engine_notes_else_what_its_level_tells(fields, outcome):
    assert outcome_of(row(is_root=True, end_ns=2 * S, **fields)) == outcome


def test_what_makes_no_sense_is_no_negative_count():
    metrics = ServerMetrics("1")
    metrics.add(counted([row(type="GENERATION", input_tokens=-5, total_cost=Decimal(-1)), row(is_root=True, end_ns=0)]))

    assert value(metrics, "calango_cost_usd_total", model="none") == 0
    assert value(metrics, "calango_turn_duration_seconds_sum") == 0


def test_names_from_outside_are_bounded_in_number_and_length_and_can_be_written():
    names = Names()
    found = {names(f"{number}-{'x' * 200}") for number in range(MOST)}

    assert max(map(len, found)) == 100
    assert names("one more") == OTHER
    assert names(f"3-{'x' * 200}") in found
    assert Names()("\ud800").encode() == b"?"
