"""One trace as HTML: the tree with its waterfall, then every observation in full. Pure; everything is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from html import escape
from typing import Any

import orjson

from calango.currency import ESTIMATE
from calango.records import COST_ESTIMATED
from calango.server.shapes import parsed, parsed_dict
from calango.server.times import iso_ms
from calango.server.wire import metadata_v1
from calango.store import ObservationRow, ScoreRow
from calango.store.derive import Trace

TEXT_LIMIT = 20_000  # characters of one input or output that the page shows
DEPTH_LIMIT = 40
_BAR = 400

STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }
body { margin: 1.5rem auto; max-width: 75rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
pre { white-space: pre-wrap; overflow-wrap: anywhere; max-height: 22rem; overflow: auto }
pre { background: #8881; padding: .6rem; border-radius: .3rem }
svg { width: 100%; height: .9rem; display: block }
rect { fill: #2f7d4f } .error rect { fill: #c0392b } .warning rect { fill: #b9770e }
.error > td, .error > summary { color: #c0392b }
.kind { font-size: .75rem; opacity: .75; margin-right: .4rem }
.facts { opacity: .8 } details { margin: .4rem 0 } summary { cursor: pointer }
.waterfall { width: 35% }
""" + "\n".join(f".d{depth} {{ padding-left: {0.6 + depth * 1.1:.1f}rem }}" for depth in range(DEPTH_LIMIT + 1))


def duration(ns: int | None) -> str:
    """As people read it: 0.3 ms, 12 ms, 1.25 s."""
    if ns is None:
        return ""
    ms = ns / 1e6
    return f"{ms:.1f} ms" if ms < 10 else f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.2f} s"


def money(usd: Decimal | None, *, estimated: bool = False) -> str:
    if not usd:
        return ""
    text = f"US$ {usd:.6f}".rstrip("0").rstrip(".")
    return f"{ESTIMATE} {text}" if estimated else text


def is_estimate(row: ObservationRow) -> bool:
    """Whether its cost is one, as the observation itself says."""
    said = parsed_dict(row.metadata_json).get(COST_ESTIMATED) if row.total_cost else None
    return said is not None and str(parsed(said)).lower() == "true"


def trace_html(trace: Trace, scores: Sequence[ScoreRow]) -> str:
    tree = list(ordered(trace.observations))
    facts = [
        iso_ms(trace.timestamp_ns),
        duration(trace.duration_ns),
        money(trace.total_cost, estimated=any(map(is_estimate, trace.observations))),
        f"session {trace.session_id}" if trace.session_id else "",
        f"user {trace.user_id}" if trace.user_id else "",
        f"environment {trace.environment}",
        " ".join(f"#{tag}" for tag in trace.tags),
        f"trace {trace.id}",
    ]
    return "".join(
        (
            f'<p><a href="/">All traces</a></p><h1>{escape(trace.name or trace.id)}</h1>',
            f'<p class="facts">{escape(" · ".join(fact for fact in facts if fact))}</p>',
            _text("Input", trace.input),
            _text("Output", trace.output),
            _scores_html(scores),
            "<h2>Observations</h2><table><thead><tr><th>Name</th><th>Duration</th><th>Tokens</th><th>Cost</th>"
            '<th class="waterfall">Waterfall</th></tr></thead><tbody>',
            *(_row(row, depth, trace) for row, depth in tree),
            "</tbody></table><h2>Details</h2>",
            *(_details(row) for row, _ in tree),
        )
    )


def ordered(rows: Sequence[ObservationRow]) -> Iterator[tuple[ObservationRow, int]]:
    """Depth first, siblings by start. A row whose parent is missing, or part of a circle, stands at the top."""
    known = {row.id for row in rows}
    children: dict[str | None, list[ObservationRow]] = {}
    for row in sorted(rows, key=lambda row: (row.start_ns, row.id)):
        children.setdefault(row.parent_id if row.parent_id in known else None, []).append(row)
    seen: set[str] = set()
    waiting = [(row, 0) for row in reversed(children.get(None, []))]
    while waiting or len(seen) < len(known):
        if not waiting:
            waiting.append((next(row for row in rows if row.id not in seen), 0))
        row, depth = waiting.pop()
        if row.id in seen:
            continue
        seen.add(row.id)
        yield row, depth
        waiting.extend((child, depth + 1) for child in reversed(children.get(row.id, [])))


def _css(row: ObservationRow, depth: int) -> str:
    return f"{row.level.lower() if row.level in {'ERROR', 'WARNING'} else 'plain'} d{min(depth, DEPTH_LIMIT)}"


def _row(row: ObservationRow, depth: int, trace: Trace) -> str:
    end_ns = row.end_ns or row.start_ns
    start = min(item.start_ns for item in trace.observations)
    whole = max(1, max(item.end_ns or item.start_ns for item in trace.observations) - start)
    x, width = (row.start_ns - start) * _BAR / whole, max(2.0, (end_ns - row.start_ns) * _BAR / whole)
    bar = (
        f'<svg viewBox="0 0 {_BAR} 10" preserveAspectRatio="none" role="img" aria-label="waterfall">'
        f'<rect x="{min(x, _BAR - 2):.2f}" y="1" width="{width:.2f}" height="8"></rect></svg>'
    )
    tokens = f"{row.input_tokens or 0} → {row.output_tokens or 0}" if row.usage_json else ""
    spent = duration(None if row.end_ns is None else row.end_ns - row.start_ns)
    name = f'<span class="kind">{escape(row.type)}</span><a href="#o-{escape(row.id)}">{escape(row.name or row.id)}</a>'
    cost = money(row.total_cost, estimated=is_estimate(row))
    level = _css(row, depth).split(" ", maxsplit=1)[0]
    return (
        f'<tr class="{level}"><td class="d{min(depth, DEPTH_LIMIT)}">{name}</td><td class="number">{spent}</td>'
        f'<td class="number">{tokens}</td><td class="number">{escape(cost)}</td><td>{bar}</td></tr>'
    )


def _details(row: ObservationRow) -> str:
    facts = [row.type, row.level, row.model or "", f"usage {row.usage_json}" if row.usage_json else ""]
    metadata = metadata_v1(row)
    metadata.pop("resourceAttributes", None)
    return (
        f'<details class="{_css(row, 0).split(" ", maxsplit=1)[0]}">'
        f"<summary>{escape(row.name or row.id)}</summary>"
        f'<p class="facts" id="o-{escape(row.id)}">{escape(" · ".join(fact for fact in facts if fact))}</p>'
        + (f"<p><strong>{escape(row.status_message)}</strong></p>" if row.status_message else "")
        + _text("Input", row.input)
        + _text("Output", row.output)
        + _text("Metadata", orjson.dumps(metadata).decode())
        + "</details>"
    )


def _scores_html(scores: Sequence[ScoreRow]) -> str:
    if not scores:
        return ""
    rows = "".join(
        f"<tr><td>{escape(score.name)}</td><td>{escape(_value(score))}</td><td>{escape(score.comment or '')}</td></tr>"
        for score in scores
    )
    return f"<h2>Scores</h2><table><tbody>{rows}</tbody></table>"


def _value(score: ScoreRow) -> str:
    return score.string_value if score.string_value is not None else f"{score.value:g}"


def _text(title: str, text: str | None) -> str:
    """JSON is indented; the rest is shown as it is."""
    if text is None:
        return ""
    value: Any = parsed(text)
    shown = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    if len(shown) > TEXT_LIMIT:
        shown = f"{shown[:TEXT_LIMIT]}\n… {len(shown) - TEXT_LIMIT} more characters"
    return f"<h3>{title}</h3><pre>{escape(shown)}</pre>"
