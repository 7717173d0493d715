"""Against what a real ClickHouse answered in the recordings."""

import pytest

from calango.store.clickhouse import cell, histogram


@pytest.mark.parametrize(
    "recorded",
    [
        [("agent",), ("add",)],
        [("Fake",), ("post_process",), ("classify_intent",), ("tools_condition",)],
        [
            ("SPAN", "root"),
            ("GENERATION", "llm-cost"),
            ("AGENT", "agent-step"),
            ("RETRIEVER", "t-retriever"),
            ("SPAN", "failing"),
            ("TOOL", "search"),
            ("EVALUATOR", "t-evaluator"),
            ("CHAIN", "t-chain"),
            ("EMBEDDING", "t-embedding"),
            ("EVENT", "evt"),
            ("GENERATION", "llm"),
            ("GUARDRAIL", "t-guardrail"),
        ],
        [("TOOL", 1795161600), ("GENERATION", 1795161600), ("AGENT", 1795161600), ("CHAIN", 1795161600)],
        [(None, 1795161600), ("my-model", 1795161600), ("gpt-4o", 1795161600)],
    ],
)
def test_equal_groups_stand_as_they_were_recorded(recorded: list[tuple[object, ...]]):
    backwards = recorded[::-1]

    assert sorted(backwards, key=cell) == recorded


@pytest.mark.parametrize("key", ["", "é" * 30, "x" * 24, "x" * 25, "🦎"])
def test_every_text_has_a_place(key: str):
    assert cell([key]) == cell([key])
    assert cell([key, key]) == cell([key, key])


def test_a_histogram_has_the_recorded_bins():
    counts = {0: 11, 1: 7, 2: 5, 4: 1, 7: 1, 11: 1}

    edges = pytest.approx
    assert histogram(counts, 5) == [
        [0, edges(1.1944444), 16.375],
        [edges(1.1944444), 3, 6.125],
        [3, 5.5, 1.5],
        [5.5, 9, 1],
        [9, 11, 1],
    ]


def test_a_histogram_keeps_every_value():
    counts = {float(number): number + 1 for number in range(200)}

    assert sum(weight for _, _, weight in histogram(counts, 7)) == pytest.approx(sum(counts.values()))


@pytest.mark.parametrize(("counts", "bins"), [({}, 0), ({3.0: 5}, 1), ({1.0: 1, 2.0: 1}, 2)])
def test_fewer_values_than_bins_make_a_bin_each(counts: dict[float, int], bins: int):
    assert len(histogram(counts, 10)) == bins
