"""`ask` and `chat`: talk to the agent."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import typer

from calango.budgets.shares import told as told_budget
from calango.cli import output, turn_output
from calango.errors import CalangoError
from calango.records import Done, Event, TurnResult
from calango.settings import Settings

if TYPE_CHECKING:
    from calango.chat import ChatService

_START_S = 20.0
_EXITS = {"ok": 0, "interrupted": 0, "cancelled": 130, "error": 1}
_CHAT_HELP = """/feedback 5 text   rate the last answer with 1 to 5 stars, and say why
/up [text]         thumbs up for the last answer
/down [text]       thumbs down
/undo              take the last answer's votes back
/new               begin a new conversation
/trace             show the trace of the last answer
/help              this list
exit               leave (also Ctrl-D)
Ctrl-C stops an answer; what was said so far is kept."""


def register(app: typer.Typer) -> None:
    app.command()(ask)
    app.command()(chat)


def ask(
    text: str = typer.Argument(help="The message; `-` reads it from standard input."),
    session: str | None = typer.Option(None, "--session", "-s", help="Conversation to go on with; new if left out."),
    user: str | None = typer.Option(None, "--user", "-u", help="User id; CALANGO_USER if left out."),
    tag: list[str] | None = typer.Option(None, "--tag", "-t", help="Tag of the trace; may be repeated."),
    model: str | None = typer.Option(None, "--model", "-m", help="Model as provider:name, e.g. ollama:llama3.1:8b."),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON: the fields of TurnResult."),
) -> None:
    """Ask one question and print the answer.

    Examples:

    - `calango ask "quanto é 17*23?"`
    - `calango ask "e o dobro?" --session my-talk --user ana --tag test`
    - `calango ask --json "what time is it in Tokyo?" | jq .trace_id`
    """
    message = sys.stdin.read() if text == "-" else text
    with _service(quiet=json) as service:
        events = service.stream_message(message, session_id=session, user_id=user, tags=tag or (), model=model)
        with _server_beside(service):  # what is refused above starts nothing
            if json:
                result = _quiet(events)
                for share in result.budgets:
                    output.warn(told_budget(share))
                output.print_json(_complete(service, result))
            else:
                result = turn_output.show(service, events)
    raise typer.Exit(_EXITS[result.status])


def chat(
    session: str | None = typer.Option(None, "--session", "-s", help="Conversation to go on with."),
    user: str | None = typer.Option(None, "--user", "-u", help="User id; CALANGO_USER if left out."),
    tag: list[str] | None = typer.Option(None, "--tag", "-t", help="Tag of the traces; may be repeated."),
    model: str | None = typer.Option(None, "--model", "-m", help="Model as provider:name."),
) -> None:
    """Hold a conversation in the terminal, with votes. `/help` inside lists what can be typed.

    Example: `calango chat --user ana`
    """
    from calango.cli.conversation import Conversation

    with _service() as service, _server_beside(service):
        talk = Conversation(service, session, user, tuple(tag or ()), model)
        output.note("Type a message; /help lists commands, exit leaves.")
        while (line := _read()) is not None:
            if line in {"exit", "quit", "/exit", "/quit"}:
                break
            if not line:
                continue
            try:
                if line == "/help":
                    output.say(_CHAT_HELP)
                elif line.startswith("/"):
                    talk.command(line)
                else:
                    talk.send(line)
            except CalangoError as error:
                output.complain(error.message, error.hint)


def _read() -> str | None:
    try:
        return input("> " if sys.stdin.isatty() else "").strip()
    except (EOFError, KeyboardInterrupt):
        return None


@contextlib.contextmanager
def _service(*, quiet: bool = False) -> Generator[ChatService]:
    """A chat service, and what there is to say about its model."""
    from calango.chat import ChatService

    settings = Settings.load()
    with ChatService(settings) as service:
        if service.model.note and not quiet:
            output.note(service.model.note)
        yield service


@contextlib.contextmanager
def _server_beside(service: ChatService) -> Generator[None]:
    """In local mode the server starts beside the turn, and is waited for after it.

    Only after a turn that was not broken off: who presses Ctrl-C does not wait for a server.
    """
    starting = _start_server(service)
    yield
    if starting is not None:
        starting.join(_START_S)


def _start_server(service: ChatService) -> threading.Thread | None:
    tracing = service.tracing
    if tracing is None or service.settings.mode != "local":
        return None

    def start() -> None:
        try:
            tracing.destination.address()
        except CalangoError as error:
            output.complain(error.message, error.hint)

    thread = threading.Thread(target=start, daemon=True)
    thread.start()
    return thread


def _quiet(events: Iterator[Event]) -> TurnResult:
    return [event.result for event in events if isinstance(event, Done)][-1]


def _complete(service: ChatService, result: TurnResult) -> dict[str, object]:
    data = result.as_dict()
    if data["trace_url"] is None:
        data["trace_url"] = turn_output.trace_url(service, result.trace_id)
    return data
