"""Charts with the unit at their axis, in the page's language, readable on light and on dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st
from babel import Locale

HEIGHT = 230
GREEN, BLUE, ORANGE, RED, GRAY = "#2f9e6b", "#4c8bd6", "#e09f3e", "#d9534f", "#8c96a3"
_X = "at"
_BARS_PX = 260  # all bars of a chart together


@lru_cache(maxsize=4)
def locale(name: str) -> dict[str, Any]:
    """Numbers and times for Vega, from CLDR."""
    found = Locale.parse(name)
    days, short_days = found.days["stand-alone"]["wide"], found.days["stand-alone"]["abbreviated"]
    months, short_months = found.months["stand-alone"]["wide"], found.months["stand-alone"]["abbreviated"]
    week = (6, 0, 1, 2, 3, 4, 5)  # Vega begins with Sunday, CLDR counts from Monday
    symbols = found.number_symbols["latn"]
    day = "%d/%m/%Y" if name == "pt_BR" else "%m/%d/%Y"
    return {
        "number": {"decimal": symbols["decimal"], "thousands": symbols["group"], "grouping": [3], "currency": ["", ""]},
        "time": {
            "dateTime": f"{day} %H:%M",
            "date": day,
            "time": "%H:%M",
            "periods": ["AM", "PM"],
            "days": [days[number] for number in week],
            "shortDays": [short_days[number].rstrip(".") for number in week],
            "months": [months[number] for number in range(1, 13)],
            "shortMonths": [short_months[number].rstrip(".") for number in range(1, 13)],
        },
    }


def draw(chart: Any, language: str, *, title: str, alt_text: str | None = None, height: int = HEIGHT) -> None:
    """The title stands above, as text: charts of the same row begin at the same height."""
    st.markdown(f"**{title}**")
    chart = (
        chart.properties(height=height).configure(locale=locale(language)).configure_legend(orient="top", title=None)
    )
    # Tests check the drawings against Vega-Lite's schema; to do so at each drawing is half of what a page takes.
    object.__setattr__(chart, "to_dict", partial(chart.to_dict, validate=False))
    st.altair_chart(chart, alt=alt_text or title)


def over_time(
    rows: Sequence[Mapping[str, Any]], series: Mapping[str, str], *, unit: str, kind: str, grain: str, language: str,
    colors: Sequence[str], ticks: str = "~s", domain: tuple[Any, Any] | None = None, share: bool = False,
) -> Any:  # fmt: skip
    """`rows` have "at" (naive local time) and a value per key of `series`, whose values are what the legend says.

    `kind` is bar (stacked) or line.
    """
    frame = pd.DataFrame(rows, columns=[_X, *series]).rename(columns=dict(series))
    names = list(series.values())
    long = frame.melt(id_vars=[_X], value_vars=names, var_name="series", value_name="value")
    long["place"] = long["series"].map({name: place for place, name in enumerate(names)})
    scale = alt.Scale(domain=[0, 1]) if share else alt.Undefined
    axis = alt.Axis(format=".0%" if share else ticks, title=unit, tickCount=5)
    times = alt.Axis(format=_time_format(grain, language), labelOverlap=True, tickCount=8)
    x = alt.X(f"{_X}:T", title=None, axis=times,
              scale=alt.Scale(domain=list(domain)) if domain else alt.Undefined)  # fmt: skip
    legend = alt.Legend() if len(names) > 1 else None
    color = alt.Color("series:N", scale=alt.Scale(domain=names, range=list(colors)), legend=legend, sort=names)
    tips = [
        alt.Tooltip(f"{_X}:T", title=" ", format="%x %H:%M" if grain == "hour" else "%x"),
        alt.Tooltip("series:N", title=" "),
        alt.Tooltip("value:Q", title=unit, format=".1%" if share else ",.4~f"),
    ]
    if kind == "bar":
        base = alt.Chart(long.dropna(subset=["value"]))
        size = max(2, min(28, int(_BARS_PX / max(1, len(frame)))))
        y = alt.Y("value:Q", axis=axis, scale=scale, stack=True)
        order = alt.Order("place:Q", sort="ascending")
        return base.mark_bar(size=size).encode(x=x, y=y, color=color, tooltip=tips, order=order)
    y = alt.Y("value:Q", axis=axis, scale=scale)
    base = alt.Chart(long)  # with what is unknown, so that the line has a gap there
    return base.mark_line(point=alt.OverlayMarkDef(size=24), strokeWidth=2).encode(x=x, y=y, color=color, tooltip=tips)


def bars(
    rows: Mapping[str, float], *, unit: str, what: str, color: str = GREEN, title: str | None = None, sort: Any = "-x"
) -> Any:
    """Horizontal bars with a name each, the longest first unless `sort` says otherwise. `title` is the names' axis."""
    frame = pd.DataFrame({"name": list(rows), "value": list(rows.values())})
    y = alt.Y("name:N", sort=sort, title=title, axis=alt.Axis(labelLimit=200, labelOverlap=False))
    x = alt.X("value:Q", title=unit, axis=alt.Axis(format=",d", tickMinStep=1, tickCount=4))
    tips = [alt.Tooltip("name:N", title=what), alt.Tooltip("value:Q", title=unit, format=",d")]
    return alt.Chart(frame).mark_bar(color=color, cornerRadiusEnd=2).encode(x=x, y=y, tooltip=tips)


def _time_format(grain: str, language: str) -> str:
    day, date = ("%d/%m", "%d %b") if language == "pt_BR" else ("%m/%d", "%b %d")
    return {"hour": f"{day} %H:%M", "day": date, "week": date, "month": "%b %Y"}[grain]
