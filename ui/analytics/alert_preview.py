"""What a rule reads, in words, and what it would say now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import streamlit as st

from ..filter_names import filter_names
from ..render import plain
from . import charts
from .alert_words import kind_of, metrics, value
from .view import View


def reading_in_words(view: View, data: Mapping[str, Any], reading: Mapping[str, Any]) -> list[str]:
    """The value, of how many, and what is usual; markdown."""
    texts, metric = view.texts, metrics(view.texts)[data["metric"]]
    said = [f"**{plain(value(view, data['metric'], reading['value']))}**"]
    if data["metric"] not in ("turns", "budget_share"):
        said.append(texts("of {count} {what}", count=texts.number(reading["sample"]), what=metric.sample))
    if kind_of(data) == "jump":
        usual = reading["usual"]
        said.append(
            texts("nothing is usual yet")
            if usual is None
            else texts("usual: {value}", value=plain(value(view, data["metric"], usual)))
        )
    if reading["subject"]:
        said.append(f"{filter_names(texts)[reading['subjectKind']]}: {plain(reading['subject'])}")
    return said


def show(view: View, answer: dict[str, Any]) -> None:
    """What the server found, and the windows before."""
    texts, data, reading = view.texts, answer["data"], answer["reading"]
    metric = metrics(texts)[data["metric"]]
    line = " · ".join(reading_in_words(view, data, reading))
    if reading["exceeded"]:
        st.error(f"{texts('It would be an alert now.')} {line}", icon=":material/error:")
    elif reading["enough"]:
        st.success(f"{texts('All would be fine now.')} {line}", icon=":material/check_circle:")
    else:
        st.info(f"{texts('There is too little to judge now.')} {line}", icon=":material/hourglass_empty:")
    if not answer["points"]:  # a budget has no windows
        return
    scale = 1.0 if metric.is_share else metric.scale
    rows = [
        {
            "at": datetime.fromisoformat(point["end"]).replace(tzinfo=None),
            "value": None if point["value"] is None else point["value"] / scale,
            "limit": None if reading["limit"] is None else reading["limit"] / scale,
        }
        for point in answer["points"]
    ]
    names = {"value": metric.label, "limit": texts("Limit")}
    unit = texts("share") if metric.is_share else metric.unit
    hours = len(rows) > 1 and (rows[1]["at"] - rows[0]["at"]).total_seconds() < 86_400
    chart = charts.over_time(
        rows, names, unit=unit, kind="line", grain="hour" if hours else "day", language=texts.locale,
        colors=[charts.BLUE, charts.RED], ticks="~f", share=metric.is_share,
    )  # fmt: skip
    charts.draw(chart, texts.locale, title=texts("The last {count} windows", count=texts.number(len(rows))))
