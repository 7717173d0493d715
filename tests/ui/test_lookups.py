"""What takes long is asked in the background."""

from __future__ import annotations

from threading import Event

from calango import bundled
from calango.errors import BackendUnreachable
from tests.support.servers import eventually

lookups = bundled.module("ui", "lookups")


def test_a_slow_answer_is_not_waited_for_and_asked_once() -> None:
    found, gate, asked = lookups.Lookups(), Event(), []

    def ask() -> str:
        asked.append(1)
        assert gate.wait(10)
        return "known"

    assert found.get("k", ask, "not yet") == "not yet"
    assert found.get("k", ask, "not yet") == "not yet"
    assert found.is_pending("k")
    gate.set()
    assert eventually(lambda: not found.is_pending("k"))
    assert found.get("k", ask, "not yet") == "known"
    assert asked == [1]


def test_an_answer_that_is_no_longer_fresh_is_shown_while_a_new_one_is_asked_for() -> None:
    found = lookups.Lookups()
    found.put("k", "old")
    assert found.get("k", lambda: "new", "none", fresh_s=0) == "old"
    assert eventually(lambda: found.peek("k") == "new")


def test_a_backend_that_is_down_leaves_what_was_known() -> None:
    found = lookups.Lookups()

    def fails() -> str:
        raise BackendUnreachable("down")

    found.put("k", "old")
    assert found.get("k", fails, "none", fresh_s=0) == "old"
    assert eventually(lambda: not found.is_pending("k"))
    assert found.peek("k") == "old"
    found.forget("k")
    assert found.peek("k") is None
