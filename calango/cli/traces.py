"""`trace list` and `trace show`: traces in the terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer
from rich.text import Text
from rich.tree import Tree

from calango.cli import output
from calango.currency import Currency, second, told
from calango.errors import NotFound
from calango.ids import check_trace_id
from calango.records import Observation, Score

if TYPE_CHECKING:
    from calango.chat import ChatService
    from calango.reader import LangfuseReader

_ARRIVES_S = 5.0

trace_app = typer.Typer(help="Look at traces.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(trace_app, name="trace")


@trace_app.command("list")
def list_traces(
    limit: int = typer.Option(20, "--limit", "-n", min=1, max=100, help="How many; the newest first."),
    session: str | None = typer.Option(None, "--session", "-s", help="Only of this conversation."),
    user: str | None = typer.Option(None, "--user", "-u", help="Only of this user."),
    tag: str | None = typer.Option(None, "--tag", "-t", help="Only with this tag."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List the newest traces.

    Example: `calango trace list --user ana -n 5`
    """
    from calango.cli.backend import open_backend

    with open_backend() as backend:
        found = backend.reader.traces(limit=limit, session_id=session, user_id=user, tag=tag)
    if json:
        output.print_json([asdict(trace) for trace in found])
        return
    if not found:
        output.note('No traces yet. Try: calango ask "oi"')
    for trace in found:
        at = datetime.fromtimestamp(trace.timestamp_ns / 1e9, UTC).astimezone(backend.settings.zone)
        question = " ".join(str(trace.input or "").split())[:60]
        who = f"{trace.user_id or '-'}/{trace.session_id or '-'}"
        output.say(f"{trace.id}  {at:%Y-%m-%d %H:%M:%S}  {output.duration(trace.latency_ms):>8}  {who}  {question}")


@trace_app.command("show")
def show(
    trace_id: str = typer.Argument(help="32 hex digits, as printed after an answer."),
    json: bool = typer.Option(False, "--json", help="Print observations and scores as JSON."),
) -> None:
    """Show a trace as a tree: type, name, duration, tokens, cost and level of each observation; then its scores.

    Example: `calango trace show 416f61933039b6c9165696a6cb333574`
    """
    from calango.cli.backend import open_backend

    check_trace_id(trace_id)
    with open_backend() as backend:
        observations = wait_for(backend.reader, trace_id)
        scores = backend.reader.scores(trace_id)
        url = backend.tracing.trace_url(trace_id)
    if json:
        data = {
            "trace_id": trace_id,
            "url": url,
            "observations": [
                asdict(item) | {"duration_ms": item.duration_ms, "cost_estimated": item.cost_estimated}
                for item in observations
            ],
            "scores": [asdict(score) for score in scores],
        }
        output.print_json(data)
        return
    print_trace(observations, scores, second(backend.settings))
    output.note(url or "")


def show_trace(service: ChatService, trace_id: str) -> None:
    """Print a trace that this process may just have made."""
    if service.tracing is not None:
        service.tracing.flush(_ARRIVES_S)
    with service.reader() as reader:
        print_trace(wait_for(reader, trace_id), reader.scores(trace_id), second(service.settings))


def wait_for(reader: LangfuseReader, trace_id: str, timeout_s: float = _ARRIVES_S) -> list[Observation]:
    """The trace's observations; a remote Langfuse may take some seconds. NotFound when it has none by then."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = reader.observations(trace_id)
        if found:
            return found
        if time.monotonic() > deadline:
            raise NotFound(f"There is no trace {trace_id}.", "`calango trace list` shows the newest.")
        time.sleep(0.2)


def print_trace(observations: Sequence[Observation], scores: Sequence[Score], beside: Currency | None = None) -> None:
    """`beside` is the second currency that costs are shown in."""
    output.out.print(tree_of(observations, beside))
    for score in scores:
        value = score.string_value if score.data_type != "NUMERIC" else f"{score.value:g}"
        comment = f"  “{score.comment}”" if score.comment else ""
        output.say(f"score  {score.name} = {value}{comment}", "green")


def tree_of(observations: Sequence[Observation], beside: Currency | None = None) -> Tree:
    """A rich tree; observations whose parent is missing are roots."""
    known = {item.id for item in observations}
    below: dict[str | None, list[Observation]] = {}
    for item in observations:
        below.setdefault(item.parent_id if item.parent_id in known else None, []).append(item)
    roots = below.get(None, [])
    first = roots[0] if roots else None
    about = f"trace {first.trace_id}" if first else "empty trace"
    if first:
        facts = (("session", first.session_id), ("user", first.user_id))
        about += "".join(f"  {key} {value}" for key, value in facts if value)
        about += f"  tags {', '.join(first.tags)}" if first.tags else ""
    tree = Tree(Text(about, "bold"))
    _grow(tree, roots, below, beside)
    return tree


def _grow(
    tree: Tree, items: Sequence[Observation], below: dict[str | None, list[Observation]], beside: Currency | None
) -> None:
    for item in items:
        _grow(tree.add(_line(item, beside)), below.get(item.id, []), below, beside)


def _line(item: Observation, beside: Currency | None) -> Text:
    line = Text.assemble((f"{item.type:<10} ", "cyan"), (item.name, "bold"), f"  {output.duration(item.duration_ms)}")
    if item.model:
        line.append(f"  {item.model}", "magenta")
    if item.usage:
        given = sum(count for key, count in item.usage.items() if key.startswith("input"))
        made = sum(count for key, count in item.usage.items() if key.startswith("output"))
        line.append(f"  {given}+{made} tokens")
    if item.cost_usd is not None:
        line.append(f"  {told(item.cost_usd, beside, estimated=item.cost_estimated)}")
    if item.level != "DEFAULT":
        line.append(f"  {item.level}", output.level_style(item.level))
        if item.status_message:
            line.append(f" {item.status_message[:120]}", output.level_style(item.level))
    return line
