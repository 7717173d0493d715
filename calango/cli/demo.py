"""`demo`: a real conversation, rated, and its trace read back over the API."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from calango import ids
from calango.cli import output, traces, turn_output
from calango.currency import second
from calango.errors import BackendError
from calango.records import Observation, Score, TurnResult
from calango.settings import Settings

if TYPE_CHECKING:
    from calango.chat import ChatService
    from calango.reader import LangfuseReader
    from calango.tracing import Tracing

_USER = "ana"
_TAG = "demo"
_QUESTIONS = ("Quanto é 17*23?", "E o dobro disso?")
_EXPECTED = ("391", "782")
_ARRIVES_S = 20.0


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo() -> None:
    """Hold a conversation that needs a tool and memory, rate it, change the vote, and show the trace.

    Ends with 0 only if everything arrived and was read back over the API.

    Example: `calango demo`
    """
    from calango.chat import ChatService

    settings = Settings.load()
    with ChatService(settings) as service:
        if service.tracing is None:
            raise BackendError("The demo needs tracing.", "Remove LANGFUSE_TRACING_ENABLED=false.")
        output.note(service.model.note or f"Model: {service.model.spec}")
        with service.reader() as reader:
            results = _talk(service)
            _vote(service, service.tracing, reader, results[0].trace_id or "")
            _show(service.tracing, reader, results)
        _goodbye(service, results)


def _talk(service: ChatService) -> list[TurnResult]:
    """A question that needs a tool, and one that needs memory of it."""
    session_id = ids.new_session_id()
    results: list[TurnResult] = []
    for question in _QUESTIONS:
        output.out.print(f"\n[bold]{_USER}:[/] {question}")
        events = service.stream_message(question, session_id=session_id, user_id=_USER, tags=[_TAG])
        results.append(turn_output.show(service, events))
    for result, expected in zip(results, _EXPECTED, strict=True):
        if result.status != "ok" or (service.model.is_offline and expected not in result.content):
            raise BackendError(f"The agent did not answer as expected: {result.error or result.content!r}.")
    return results


def _vote(service: ChatService, tracing: Tracing, reader: LangfuseReader, trace_id: str) -> None:
    """A vote with a comment, then the vote changed; both must be read back as one score."""
    from calango.tracing import STARS, THUMBS

    service.submit_feedback(trace_id, thumbs=False, comment="Faltou explicar.", user_id=_USER)
    first = _scores(tracing, reader, trace_id, {THUMBS: 0.0})
    output.out.print(f"\n[bold]{_USER}[/] votes 👎 “{first[0].comment}”")
    service.submit_feedback(trace_id, thumbs=True, comment="Pensando bem, está certo.", user_id=_USER)
    service.submit_feedback(trace_id, stars=5, user_id=_USER)
    changed = _scores(tracing, reader, trace_id, {THUMBS: 1.0, STARS: 5.0})
    comment = next(score.comment for score in changed if score.name == THUMBS)
    output.out.print(f"[bold]{_USER}[/] changes it to 👍 “{comment}” and gives ★★★★★")


def _scores(tracing: Tracing, reader: LangfuseReader, trace_id: str, wanted: dict[str, float]) -> list[Score]:
    """Wait until exactly the wanted scores stand on the trace."""
    tracing.flush(_ARRIVES_S)
    deadline = time.monotonic() + _ARRIVES_S
    while True:
        found = reader.scores(trace_id)
        if len(found) == len(wanted) and {score.name: score.value for score in found} == wanted:
            return found
        if time.monotonic() > deadline:
            raise BackendError(
                f"The votes did not arrive: found {len(found)} of {len(wanted)}.", "Try `calango doctor`."
            )
        time.sleep(0.1)


def _show(tracing: Tracing, reader: LangfuseReader, results: list[TurnResult]) -> None:
    tracing.flush(_ARRIVES_S)
    for result in results:
        observations = traces.wait_for(reader, result.trace_id or "", _ARRIVES_S)
        _check(observations, result)
        output.out.print()
        traces.print_trace(observations, reader.scores(result.trace_id or ""), second(tracing.settings))


def _check(observations: list[Observation], result: TurnResult) -> None:
    """Everything that Calango promises of a trace."""
    wanted = (result.session_id, _USER)
    if any((item.session_id, item.user_id) != wanted or _TAG not in item.tags for item in observations):
        raise BackendError("An observation lacks session, user or tags.", "Please report this.")
    generations = [item for item in observations if item.type == "GENERATION"]
    if not generations or not all(item.model and item.usage for item in generations):
        raise BackendError("A generation lacks its model or its tokens.", "Please report this.")
    tools = [item for item in observations if item.type == "TOOL"]
    if not tools:
        raise BackendError("No tool was used.", "The model may not support tools; choose another one.")


def _goodbye(service: ChatService, results: list[TurnResult]) -> None:
    output.out.print("\n[bold green]Everything arrived and was read back.[/] Where to look next:")
    output.say(f"  the trace as a page    {turn_output.trace_url(service, results[0].trace_id) or ''}")
    program = _program()
    output.say(f"  go on talking          {program} chat --session {results[0].session_id} --user {_USER}")
    output.say(f"  chat UI with votes     {program} up")
    output.say(f"  what is set up         {program} status")


def _program() -> str:
    """This program as it can be typed here: a checkout's is not on the PATH."""
    path = Path(sys.argv[0])
    if path.name != "calango":
        return "calango"
    found = shutil.which("calango")
    if found is not None and Path(found).resolve() == path.resolve():
        return "calango"
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
