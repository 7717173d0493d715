"""A running turn apart from any page."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event as Flag

from calango import bundled
from calango.errors import BackendUnreachable
from calango.records import Done, Event, Token, ToolCall, ToolResult, TurnResult
from tests.support.servers import eventually

turns = bundled.module("ui", "turns")
RESULT = TurnResult("Oi", "0" * 31 + "1", "s", "ana", "m", None, None, None, 1.0, None, "ok")


class Chat:
    """Hands out events as a ChatService does; `gate` holds back all but the first."""

    def __init__(self, *events: Event | Exception) -> None:
        self.events = events
        self.gate = Flag()
        self.stopped: list[str] = []
        self.remembered: dict[str, object] = {}

    def stream_message(self, text: str, **_: object) -> Iterator[Event]:
        for place, event in enumerate(self.events):
            if place:
                assert self.gate.wait(10)
            if isinstance(event, Exception):
                raise event
            yield event

    def stop(self, session_id: str) -> bool:
        self.stopped.append(session_id)
        return True


def started(chat: Chat) -> object:
    return turns.RunningTurn.start(chat, "Oi?", "s", [], chat.remembered.__setitem__)


def test_texts_and_tools_stay_in_the_order_in_which_they_came() -> None:
    chat = Chat(
        Token("Vou "), Token("ver."), ToolCall("1", "clock", {}), ToolResult("1", "clock", "12:00"), Token("Meio-dia."),
        Done(RESULT),
    )  # fmt: skip
    chat.gate.set()
    turn = started(chat)
    assert eventually(lambda: turn.progress.is_done)
    assert turn.progress.parts == ("Vou ver.", turns.ToolUse("1", "clock", {}, "12:00"), "Meio-dia.")
    assert chat.remembered == {RESULT.trace_id: turns.Finished(RESULT, turn.progress.tools)}


def test_waiting_returns_as_soon_as_there_is_news() -> None:
    chat = Chat(Token("a"), Token("b"), Done(RESULT))
    turn = started(chat)
    assert eventually(lambda: turn.progress.parts == ("a",))
    before = turn.progress
    assert turn.wait(before, 0.01) is before
    chat.gate.set()
    assert turn.wait(before, 10) is not before


def test_a_stop_that_came_too_early_is_asked_again() -> None:
    chat = Chat(Token("a"), Token("b"), Done(RESULT))
    turn = started(chat)
    turn.stop()
    chat.gate.set()
    assert eventually(lambda: turn.progress.is_done)
    assert len(chat.stopped) >= 2


def test_a_turn_that_breaks_off_is_over_and_says_why() -> None:
    chat = Chat(Token("a"), BackendUnreachable("Nobody answers.", "Start it."))
    chat.gate.set()
    turn = started(chat)
    assert eventually(lambda: turn.progress.is_done)
    assert turn.progress.failure == "Nobody answers. Start it."
    assert turn.progress.parts == ("a",)
