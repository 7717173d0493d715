"""A running turn, apart from the script that shows it: every click starts the script anew, and the turn goes on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from calango.chat import ChatService
from calango.errors import BudgetExceeded, CalangoError
from calango.records import BudgetShare, Done, Event, Message, Token, ToolCall, ToolResult, TurnResult

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call and, once it is there, its result."""

    id: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    content: str | None = None
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """What this process knows of a turn that has ended, beyond what its thread says."""

    result: TurnResult
    tools: Sequence[ToolUse] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """A turn as far as it got: texts and tools in the order in which they came.

    `exceeded` is the budget that did not let it begin.
    """

    parts: tuple[str | ToolUse, ...] = ()
    result: TurnResult | None = None
    failure: str | None = None
    exceeded: BudgetShare | None = None
    is_done: bool = False

    @property
    def tools(self) -> list[ToolUse]:
        return [part for part in self.parts if isinstance(part, ToolUse)]


class RunningTurn:
    """Consumes a turn's events on a thread of its own. Thread-safe.

    `before` is the conversation as it was when the turn began, so that a page need not read a thread that is changing.
    """

    def __init__(
        self,
        text: str,
        session_id: str,
        before: Sequence[Message],
        stop: Callable[[str], bool],
        remember: Callable[[str, Finished], None],
    ) -> None:
        self.text = text
        self.session_id = session_id
        self.before = tuple(before)
        self.started_s = time.monotonic()
        self._stop = stop
        self._remember = remember
        self._stop_asked = False
        self._progress = Progress()
        self._changed = threading.Condition()

    @classmethod
    def start(
        cls,
        chat: ChatService,
        text: str,
        session_id: str,
        before: Sequence[Message],
        remember: Callable[[str, Finished], None],
        **options: Any,
    ) -> RunningTurn:
        """InputError when the message is refused; then nothing was started.

        `remember` is called at the turn's end with its key, even when nobody looks any more.
        """
        events = chat.stream_message(text, session_id=session_id, **options)
        turn = cls(text, session_id, before, chat.stop, remember)
        threading.Thread(target=turn._follow, args=(events,), name="calango-turn", daemon=True).start()
        return turn

    @property
    def progress(self) -> Progress:
        with self._changed:
            return self._progress

    def wait(self, seen: Progress, timeout_s: float) -> Progress:
        """The progress as soon as it differs from `seen`, at the latest after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._progress is not seen, timeout_s)
            return self._progress

    def stop(self) -> None:
        """Ask the turn to end; what it said so far is kept. Returns at once."""
        self._stop_asked = True
        self._stop(self.session_id)

    def _follow(self, events: Iterator[Event]) -> None:
        failure: str | None = None
        exceeded: BudgetShare | None = None
        try:
            for event in events:
                if self._stop_asked and not isinstance(event, Done):
                    self._stop(self.session_id)  # again: it may have been asked before the turn had begun
                self._publish(advanced(self.progress, event))
        except BudgetExceeded as error:
            exceeded = error.share
        except CalangoError as error:
            failure = str(error)
        except Exception as error:  # noqa: BLE001 - whatever ends this thread, the page must learn that the turn is over
            _log.exception("A turn broke off")
            failure = f"{type(error).__name__}: {error}"
        finally:
            last = self.progress
            if last.result is not None:
                key = last.result.trace_id or last.result.message_id
                self._remember(key, Finished(last.result, last.tools))
            self._publish(Progress(last.parts, last.result, failure, exceeded, is_done=True))

    def _publish(self, progress: Progress) -> None:
        with self._changed:
            self._progress = progress
            self._changed.notify_all()


def advanced(progress: Progress, event: Event) -> Progress:
    """`progress` after `event`."""
    parts, result = progress.parts, progress.result
    match event:
        case Token(text=text) if parts and isinstance(parts[-1], str):
            parts = (*parts[:-1], parts[-1] + text)
        case Token(text=text):
            parts = (*parts, text)
        case ToolCall(id=id_, name=name, arguments=arguments):
            parts = (*parts, ToolUse(id_, name, arguments))
        case ToolResult():
            parts = tuple(_with_result(part, event) for part in parts)
        case Done():
            result = event.result
        case _:
            pass
    return Progress(parts, result)


def _with_result(part: str | ToolUse, event: ToolResult) -> str | ToolUse:
    if isinstance(part, str) or part.id != event.id:
        return part
    return ToolUse(part.id, part.name, part.arguments, event.content, event.is_error)
