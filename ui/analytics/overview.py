"""At a glance: what it cost, how well it worked, what broke."""

from __future__ import annotations

from typing import Any

import streamlit as st

from calango.currency import ESTIMATE
from calango.insights.answers import Group, Overview, Satisfaction

from ..render import plain
from . import budgets, charts, notes, series, tables
from .asking import asked, begun
from .cards import show as show_cards
from .headline import headline
from .tables import Column
from .view import View

_SHOWN = 100
_COMMENTS = 6


def show(view: View) -> None:
    address = view.address
    period = address.period()
    about, grain = address.about, period.grain()
    first = begun(
        view, asked("overview", about), asked("breakdown", about, by=grain, people=False), *budgets.asks(view)
    )
    then = begun(  # what takes longer, while the rest is drawn
        view,
        asked("breakdown", about, by="model", limit=_SHOWN, people=False),
        asked("breakdown", about, by="user", limit=_SHOWN, people=False),
        asked("breakdown", about, by="tag", limit=_SHOWN, people=False),
        asked("satisfaction", about, comments=_COMMENTS),
    )
    overview, over_time, *of_budgets = first()
    if not overview.total.turns:
        notes.nothing(view)
        return
    show_cards(view, headline(view, overview))
    for shares in of_budgets:
        budgets.show(view, shares)
    points = series.points(over_time, period, grain)
    _over_time(view, points, grain, series.domain(period, grain))
    models, users, tags, satisfaction = then()
    _broken_down(view, overview, models, users, tags)
    _comments(view, satisfaction)


def _over_time(view: View, points: list[dict[str, Any]], grain: str, domain: tuple[str, str]) -> None:
    texts = view.texts
    st.subheader(_per(view)[grain], anchor=False)
    green, blue, orange, red, gray = charts.GREEN, charts.BLUE, charts.ORANGE, charts.RED, charts.GRAY
    cost = texts("Cost")
    if any(point["estimated"] for point in points):
        cost = f"{ESTIMATE} {cost}"
    common: dict[str, Any] = {"grain": grain, "domain": domain, "language": texts.locale}
    drawings = [
        (cost, charts.over_time(
            points, {"cost": cost}, unit=texts("USD"), kind="bar", colors=[green], ticks="~f", **common)),
        (texts("Tokens"), charts.over_time(
            points, {"input": texts("input"), "cache": texts("input from cache"), "output": texts("output")},
            unit=texts("tokens"), kind="bar", colors=[blue, gray, orange], **common)),
        (texts("Turns by outcome"), charts.over_time(
            points, {"ok": texts("answered"), "error": texts("failed"), "cancelled": texts("stopped"),
                     "interrupted": texts("waiting")},
            unit=texts("turns"), kind="bar", colors=[green, red, gray, orange], **common)),
        (texts("Latency"), charts.over_time(
            points, {"p50": texts("p50: half are faster"), "p95": texts("p95: 1 in 20 is slower")},
            unit=texts("seconds"), kind="line", colors=[blue, orange], **common)),
        (texts("Success"), charts.over_time(
            points, {"success": texts("Success")}, unit=texts("share of ended turns"), kind="line", colors=[green],
            share=True, **common)),
        (texts("Satisfaction"), charts.over_time(
            points, {"satisfaction": texts("Satisfaction")}, unit=texts("share of thumbs up"), kind="line",
            colors=[blue], share=True, **common)),
    ]  # fmt: skip
    for first in range(0, len(drawings), 2):
        for column, (title, chart) in zip(st.columns(2, gap="medium"), drawings[first : first + 2], strict=True):
            with column:
                charts.draw(chart, texts.locale, title=title)


def _per(view: View) -> dict[str, str]:
    texts = view.texts
    return {
        "hour": texts("Per hour"),
        "day": texts("Per day"),
        "week": texts("Per week"),
        "month": texts("Per month"),
    }


def _broken_down(view: View, overview: Overview, models: list[Group], users: list[Group], tags: list[Group]) -> None:
    texts = view.texts
    st.subheader(texts("By model"), anchor=False)
    st.caption(texts("Calls of each model. A click on a row opens its turns."))
    tables.show(
        "model", _model_columns(view), [_row(group) for group in models], _opens(view, "model", models),
        alt=texts("By model"),
    )  # fmt: skip
    left, right = st.columns(2, gap="medium")
    columns = _turn_columns(view)
    with left:
        st.subheader(texts("By user"), anchor=False)
        tables.show(
            "user", [Column("key", texts("User")), *columns], [_row(group) for group in users[:10]],
            _opens(view, "user", users), alt=texts("By user"),
        )  # fmt: skip
        if overview.total.users > 10:
            view.link(texts("All {count} users", count=texts.number(overview.total.users)), "users")
    with right:
        st.subheader(texts("By tag"), anchor=False)
        tables.show(
            "tag", [Column("key", texts("Tag")), *columns], [_row(group) for group in tags[:10]],
            _opens(view, "tag", tags), alt=texts("By tag"),
        )  # fmt: skip
        st.caption(texts("A turn with several tags counts for each."))


def _opens(view: View, name: str, groups: list[Group]) -> Any:
    def opens(row: int) -> None:
        if groups[row].key is not None:
            view.go("traces", **{name: groups[row].key})

    return opens


def _row(group: Group) -> dict[str, Any]:
    found = group.measures
    return {
        "key": group.key if group.key is not None else "–",
        "turns": found.turns,
        "calls": found.calls,
        "cost": found.cost_usd,
        "estimated": found.cost_estimated,
        "tokens": found.tokens_total,
        "unpriced": found.unpriced_calls,
        "p50": found.latency_ms_p50,
        "p95": found.latency_ms_p95,
        "success": found.success_rate,
        "satisfaction": found.votes_up / found.votes if found.votes else None,
    }


def _model_columns(view: View) -> list[Column]:
    texts = view.texts
    return [
        Column("key", texts("Model")),
        Column("turns", texts("Turns"), texts.number),
        Column("calls", texts("Calls"), texts.number),
        Column("tokens", texts("Tokens"), texts.number),
        view.cost_column(about=texts("A dash means that nothing has a price, not that it was free.")),
        Column("unpriced", texts("Calls without a price"), texts.number),
        Column("p50", texts("Latency p50"), texts.duration),
        Column("p95", texts("Latency p95"), texts.duration),
        Column("success", texts("Success"), texts.percent),
    ]


def _turn_columns(view: View) -> list[Column]:
    texts = view.texts
    return [
        Column("turns", texts("Turns"), texts.number),
        view.cost_column(both=False),
        Column("success", texts("Success"), texts.percent),
        Column("satisfaction", texts("Satisfaction"), texts.percent),
    ]


def _comments(view: View, found: Satisfaction) -> None:
    if not found.comments:
        return
    st.subheader(view.texts("What people wrote"), anchor=False)
    for comment in found.comments:
        liked = comment.value is not None and comment.value >= (4 if comment.name == "user-rating" else 0.5)
        icon = ":material/thumb_up:" if liked else ":material/thumb_down:"
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"{icon} {plain(comment.text[:300])}", width="content")
            st.caption(f"{view.when(comment.at)} · {plain(comment.user_id or '–')}", width="content")
            view.link(view.texts("Open"), "traces", trace=comment.trace_id, icon=":material/account_tree:")
