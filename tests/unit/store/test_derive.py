from decimal import Decimal

from calango.store import ObservationRow, TraceRow
from calango.store.derive import trace_of

MS = 1_000_000


def row(id_: str, start_ms: int, end_ms: int | None = None, **values: object) -> ObservationRow:
    end_ns = None if end_ms is None else end_ms * MS
    whole = {"project_id": "p", "trace_id": "t", "id": id_, "start_ns": start_ms * MS, "end_ns": end_ns}
    return ObservationRow(**{**whole, **values})  # type: ignore[arg-type]


def test_a_trace_takes_name_input_and_output_from_its_root():
    trace = trace_of("t", [row("b", 2, parent_id="a", input="no"), row("a", 1, is_root=True, name="root", input="yes")])

    assert trace is not None
    assert (trace.name, trace.input) == ("root", "yes")


def test_what_was_set_for_the_trace_wins_over_its_root():
    trace = trace_of("t", [row("a", 1, is_root=True, input="root", trace_input="trace", trace_name="turn")])

    assert trace is not None
    assert (trace.name, trace.input) == ("turn", "trace")


def test_an_orphan_is_the_root_while_none_has_come():
    trace = trace_of("t", [row("c", 2, parent_id="b"), row("b", 1, parent_id="gone", name="orphan")])

    assert trace is not None
    assert trace.name == "orphan"


def test_its_duration_spans_the_first_start_and_the_last_end():
    trace = trace_of("t", [row("a", 10, 20, is_root=True), row("b", 15, 45, parent_id="a")])

    assert trace is not None
    assert (trace.timestamp_ns, trace.duration_ns, trace.duration_ms) == (10 * MS, 35 * MS, 35)


def test_its_cost_is_the_exact_sum():
    costs = [row(str(number), number, total_cost=Decimal("0.1")) for number in range(3)]

    assert trace_of("t", costs).total_cost == Decimal("0.3")  # type: ignore[union-attr]


def test_what_was_said_of_the_trace_by_itself_comes_first():
    said = TraceRow("p", "t", 5 * MS, name="legacy", tags=["x"])
    trace = trace_of("t", [row("a", 1, is_root=True, name="root", tags=["y"])], said)

    assert trace is not None
    assert (trace.name, trace.timestamp_ns, trace.tags) == ("legacy", 5 * MS, ("x", "y"))


def test_nothing_said_and_nothing_seen_is_no_trace():
    assert trace_of("t", []) is None
