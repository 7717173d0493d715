"""`outbox`: what waits to be delivered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from calango.cli import output
from calango.errors import ConfigError
from calango.settings import Settings

if TYPE_CHECKING:
    from calango.tracing import Tracing

outbox_app = typer.Typer(help="See and manage what waits to be delivered.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(outbox_app, name="outbox")


@outbox_app.command("list")
def list_items(
    limit: int = typer.Option(50, "--limit", "-n", min=1, max=1000, help="How many; the oldest first."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List what waits, and what was refused with its reason.

    Example: `calango outbox list`
    """
    rows = [
        {
            "id": item.id,
            "to": lane.destination.label,
            "kind": item.kind,
            "key": item.key,
            "bytes": len(item.body),
            "created_at": datetime.fromtimestamp(item.created_ns / 1e9, UTC).isoformat(timespec="seconds"),
            "attempts": item.attempts,
            "refused": item.reason,
        }
        for lane in _tracing().lanes
        for item in lane.outbox.items(limit)
    ]
    if json:
        output.print_json(rows)
        return
    if not rows:
        output.say("Nothing waits: everything has been delivered.")
    for row in rows:
        why = f"  refused: {row['refused']}" if row["refused"] else ""
        output.say(
            f"{row['id']:>6}  {row['kind']:<10} {row['key']}  {row['bytes']} bytes  {row['created_at']}"
            f"  {row['attempts']} attempts  to {row['to']}{why}"
        )


@outbox_app.command("retry")
def retry(
    wait_s: float = typer.Option(5.0, "--wait", min=0, max=600, help="Seconds to wait for the delivery."),
) -> None:
    """Try to deliver everything now, also what was refused.

    Example: `calango outbox retry --wait 30`
    """
    tracing = _tracing()
    count = sum(lane.outbox.retry() for lane in tracing.lanes)
    done = tracing.flush(wait_s)
    depths = [lane.outbox.depth() for lane in tracing.lanes]
    left, refused = sum(d.spans + d.votes for d in depths), sum(d.parked for d in depths)
    output.say(f"{count} tried again: {left} wait, {refused} refused.")
    for depth in depths:
        if depth.last_error and (depth.spans or depth.votes or depth.parked):
            output.note(f"Last error: {depth.last_error}")
    raise typer.Exit(0 if done and not refused else 1)


@outbox_app.command("drop")
def drop(
    all_items: bool = typer.Option(False, "--all", help="Also what still waits, not only what was refused."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
) -> None:
    """Delete what was refused. It can't be brought back.

    Example: `calango outbox drop --yes`
    """
    tracing = _tracing()
    what = "everything that waits or was refused" if all_items else "what was refused"
    if not yes:
        typer.confirm(f"Delete {what}?", abort=True)
    gone = sum(lane.outbox.drop(parked_only=not all_items) for lane in tracing.lanes)
    output.say(f"{gone} deleted.")


def _tracing() -> Tracing:
    from calango.tracing import connect_spans

    tracing = connect_spans(Settings.load())
    if tracing is None:
        raise ConfigError("Tracing is off, so there is no outbox.", "Remove LANGFUSE_TRACING_ENABLED=false.")
    return tracing
