import pytest

from calango.server import wire_scores, wire_v2
from calango.server.errors import ApiError
from calango.server.times import iso_ms, parse_iso
from calango.store import ObservationRow


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("2026-11-20T08:41:48.316660Z", 1795164108316660000),
        ("2026-11-20T05:41:48.123456789-03:00", 1795164108123456789),
        ("2026-11-20", 1795132800000000000),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
    ],
)
def test_times_are_read_to_the_nanosecond(text: str, ns: int):
    assert parse_iso(text) == ns


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01T00:00:00Z", "2026-11-20T25:00:00Z", "1e9"])
def test_what_is_no_time_is_refused(text: str):
    with pytest.raises(ValueError):  # noqa: PT011 - the caller words the refusal
        parse_iso(text)


def test_times_are_cut_to_milliseconds_not_rounded():
    assert iso_ms(1795164108315999999) == "2026-11-20T08:41:48.315Z"


def test_long_metadata_is_cut_unless_it_is_asked_for():
    row = ObservationRow("p", "t", "a", 1, metadata_json='{"k": "%s"}' % ("x" * 300))

    assert wire_v2.metadata_v2(row, frozenset())["k"] == "x" * 200
    assert wire_v2.metadata_v2(row, frozenset({"k"}))["k"] == "x" * 300


@pytest.mark.parametrize("cursor", ["garbage", "e30=", "bnVsbA==", "W10=", "🦎"])
def test_a_cursor_that_is_not_ours_is_refused(cursor: str):
    for position in (wire_v2.cursor_position, wire_scores.cursor_position):
        with pytest.raises(ApiError) as caught:
            position(cursor)
        assert caught.value.status == 400


BASE = {"name": "n", "traceId": "t", "value": 1}


@pytest.mark.parametrize(
    "body",
    [
        BASE | {"value": 3, "dataType": "BOOLEAN"},
        BASE | {"value": "abc", "dataType": "NUMERIC"},
        BASE | {"value": None},
        BASE | {"value": True},
        BASE | {"value": 1, "dataType": "CATEGORICAL"},
        BASE | {"value": "x" * 501, "dataType": "TEXT"},
        BASE | {"value": "", "dataType": "TEXT"},
        BASE | {"value": 1, "dataType": "STARS"},
        BASE | {"sessionId": "s"},
        BASE | {"traceId": None},
        {"name": "n", "value": 1, "sessionId": "s", "observationId": "o"},
        BASE | {"name": ""},
        BASE | {"timestamp": "yesterday"},
        BASE | {"environment": "Not Allowed"},
        BASE | {"comment": 5},
        {"name": "n", "traceId": "t"},
    ],
)
def test_a_score_that_breaks_a_rule_is_refused(body: dict[str, object]):
    with pytest.raises(ApiError) as caught:
        wire_scores.score_row(body, "p", 1)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("body", "kind", "answered"),
    [
        (BASE, "NUMERIC", 1),
        (BASE | {"value": "good"}, "CATEGORICAL", "good"),
        (BASE | {"dataType": "BOOLEAN"}, "BOOLEAN", True),
        (BASE | {"dataType": "TEXT", "value": "x" * 500}, "TEXT", "x" * 500),
    ],
)
def test_a_score_has_one_value_of_its_type(body: dict[str, object], kind: str, answered: object):
    score = wire_scores.score_v3(wire_scores.score_row(body, "p", 1), frozenset())

    assert (score["dataType"], score["value"]) == (kind, answered)
