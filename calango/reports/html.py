"""A report as one HTML file: no scripts, nothing from elsewhere, charts as SVG, readable in light and dark. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from calango.currency import Currency
from calango.reports.table import NUMBERS, Chart, Report, Table, shown

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2420;--soft:#5c6b63;--line:#dde5e0;--mark:#24734a;--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e6ece8;--soft:#9aa8a0;--line:#33403a;--mark:#5fbf8a;--paper:#141a17}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1100px;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{color:var(--soft);margin:.2rem 0}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{color:var(--soft);font-weight:600;white-space:nowrap}td.n,th.n{text-align:right;white-space:nowrap}
svg{width:100%;height:auto;margin:.3rem 0 .8rem}svg text{fill:var(--soft);font-size:11px}
svg .grid{stroke:var(--line)}svg .bar{fill:var(--mark)}svg .line{fill:none;stroke:var(--mark);stroke-width:2}
"""
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 1000, 220, 70, 24
_BARS = 15
_BAR = 22


def page(report: Report, beside: Currency | None) -> str:
    """The whole file. Everything that comes from traces is escaped."""
    body = "".join(_section(table, beside) for table in report.said)
    empty = "" if body else f"<p>{escape(report.nothing)}</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(report.title)}</h1><p>{escape(report.about)}</p>{empty}{body}</body></html>\n"
    )


def _section(table: Table, beside: Currency | None) -> str:
    chart = _chart(table, table.chart, beside) if table.chart and len(table.rows) > 1 else ""
    note = f"<p>{escape(table.note)}</p>" if table.note else ""
    return (
        f"<section><h2>{escape(table.title)}</h2>{note}{chart}<div class=scroll>{_grid(table, beside)}</div></section>"
    )


def _grid(table: Table, beside: Currency | None) -> str:
    head = "".join(f"<th{_class(column.kind)}>{escape(column.title)}</th>" for column in table.columns)
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{_class(column.kind)}>{escape(shown(value, column.kind, beside))}</td>"
            for value, column in zip(row, table.columns, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _class(kind: Any) -> str:
    return " class=n" if kind in NUMBERS else ""


def _chart(table: Table, chart: Chart, beside: Currency | None) -> str:
    label, value = table.column(chart.label), table.column(chart.values[0])
    points = [(str(row[label]), float(row[value] or 0)) for row in table.rows]
    kind = table.columns[value].kind
    top = max((number for _, number in points), default=0)
    if top <= 0:
        return ""
    title = f"{table.columns[value].title} by {table.columns[label].title}"
    draw = _line if chart.over_time else _bars

    def write(number: float) -> str:
        return shown(number, kind, beside)

    return draw(points, top, title, write)


def _line(points: Sequence[tuple[str, float]], top: float, title: str, write: Callable[[float], str]) -> str:
    inner_w, inner_h = _WIDTH - _LEFT - 10, _HEIGHT - _BOTTOM - 10

    def x(number: int) -> float:
        return _LEFT + inner_w * number / max(1, len(points) - 1)

    def y(value: float) -> float:
        return 10 + inner_h * (1 - value / top)

    path = " ".join(f"{x(number):.1f},{y(value):.1f}" for number, (_, value) in enumerate(points))
    grid = "".join(
        f'<line class=grid x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{y(top * part):.1f}" y2="{y(top * part):.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{y(top * part) + 4:.1f}" text-anchor="end">{escape(write(top * part))}</text>'
        for part in (0.0, 0.5, 1.0)
    )
    step = max(1, len(points) // 8)
    ticks = "".join(
        f'<text x="{x(number):.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(name[:10])}</text>'
        for number, (name, _) in enumerate(points)
        if number % step == 0
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title, quote=True)}">'
        f'{grid}{ticks}<polyline class=line points="{path}"/></svg>'
    )


def _bars(points: Sequence[tuple[str, float]], top: float, title: str, write: Callable[[float], str]) -> str:
    chosen = points[:_BARS]
    height, left = len(chosen) * _BAR + 6, 220
    bars = "".join(
        f'<text x="{left - 8}" y="{number * _BAR + 15}" text-anchor="end">{escape(name[:32])}</text>'
        f'<rect class=bar x="{left}" y="{number * _BAR + 4}" height="{_BAR - 8}" rx="2"'
        f' width="{max(1.0, (_WIDTH - left - 130) * value / top):.1f}"/>'
        f'<text x="{left + max(1.0, (_WIDTH - left - 130) * value / top) + 6:.1f}" y="{number * _BAR + 15}">'
        f"{escape(write(value))}</text>"
        for number, (name, value) in enumerate(chosen)
    )
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title, quote=True)}">{bars}</svg>'
