"""A metric over its last windows, with the limit, as a small PNG beside a message.

Drawn with Pillow, which the pages bring along: it is there in 70 ms, matplotlib takes 1.1 s and 55 MB more, vl-convert
84 MB. Its own font knows ASCII alone, so that a part of DejaVu Sans lies beside this file (Latin, Greek, Cyrillic).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from io import BytesIO
from typing import Any

from calango.alerts import texts
from calango.alerts.measure import Point
from calango.alerts.rules import SHARES, Rule
from calango.alerts.texts import Locale

WIDTH, HEIGHT = 960, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 110, 30, 64, 48
_FINE = 3  # lines are drawn so much larger and made small again: that smooths them
_PAPER, _INK, _FAINT, _LINE, _LIMIT = "#ffffff", "#333b45", "#dfe3e8", "#2f6fb5", "#d1453f"
_FONT = "DejaVuSans.ttf"
_TICKS = 4
_DATES = {"pt_BR": "%d/%m", "en": "%b %d"}


@dataclass(frozen=True, slots=True)
class Drawing:
    """`limit` is what the value was held against; None for a jump without a usual value."""

    rule: Rule
    points: Sequence[Point]
    limit: float | None
    locale: Locale


def drawn(what: Drawing) -> bytes:
    """The PNG. Raises ImportError when Pillow is not installed, ValueError when there is nothing to draw."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - of an optional extra

    place = _Place(what)
    canvas = Image.new("RGB", (WIDTH * _FINE, HEIGHT * _FINE), _PAPER)
    _lines(ImageDraw.Draw(canvas), what, place)
    image = canvas.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    file = BytesIO(files("calango.alerts").joinpath(_FONT).read_bytes())
    _words(ImageDraw.Draw(image), what, place, ImageFont.truetype(file, 17))
    out = BytesIO()
    image.quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


class _Place:
    """Where values and times are on the picture, in pixels; the values at the axis."""

    def __init__(self, what: Drawing) -> None:
        known = [point.value for point in what.points if point.value is not None]
        if not known:
            raise ValueError("no window has a value")
        highest = max([*known, what.limit or 0.0])
        if what.rule.metric in SHARES and highest > 0.5:
            self.ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
        else:
            self.ticks = ticks(highest, whole=what.rule.metric == "turns")
        self._count = len(what.points)

    def x(self, number: int) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (number + 0.5) / self._count

    def y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / self.ticks[-1]


def ticks(highest: float, *, whole: bool = False) -> list[float]:
    """Round values from 0 to a little over `highest`: about four steps of 1, 2, 2.5 or 5 times a power of ten."""
    least = max(highest, 1.0 if whole else 1e-9) / _TICKS
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * size for size in (1, 2, 2.5, 5, 10) if power * size >= least * 0.999)
    if whole:
        step = max(1.0, math.ceil(step))
    return [step * number for number in range(math.ceil(highest / step * 0.999) + 1)] if highest > 0 else [0.0, step]


def _lines(draw: Any, what: Drawing, place: _Place) -> None:
    def fine(*where: float) -> list[int]:
        return [round(one * _FINE) for one in where]

    for tick in place.ticks:
        draw.line(fine(_LEFT, place.y(tick), WIDTH - _RIGHT, place.y(tick)), fill=_FAINT, width=_FINE)
    if what.limit is not None:
        for x in range(_LEFT, WIDTH - _RIGHT, 14):
            draw.line(fine(x, place.y(what.limit), x + 8, place.y(what.limit)), fill=_LIMIT, width=2 * _FINE)
    last: tuple[float, float] | None = None
    for number, point in enumerate(what.points):
        if point.value is None:
            last = None
            continue
        here = place.x(number), place.y(point.value)
        if last is not None:
            draw.line(fine(*last, *here), fill=_LINE, width=3 * _FINE)
        over = what.limit is not None and what.rule.is_beyond(point.value, what.limit)
        size = 5 if over else 4
        box = fine(here[0] - size, here[1] - size, here[0] + size, here[1] + size)
        draw.ellipse(box, fill=_LIMIT if over else _LINE)
        last = here


def _words(draw: Any, what: Drawing, place: _Place, font: Any) -> None:
    def shown(value: float) -> str:
        return texts.value(what.rule.metric, value, what.locale)

    name = texts.metric_name(what.rule.metric, what.locale)
    draw.text((20, 18), f"{what.rule.name} · {name} / {texts.duration(what.rule.window)}", fill=_INK, font=font)
    for tick in place.ticks:
        draw.text((_LEFT - 12, place.y(tick)), shown(tick), fill=_INK, font=font, anchor="rm")
    every = max(1, math.ceil(len(what.points) / 6))
    for number in range(len(what.points) - 1, -1, -every):
        label = _time(what.points[number].end, what)
        draw.text((place.x(number), HEIGHT - _BOTTOM + 12), label, fill=_INK, font=font, anchor="ma")
    if what.limit is not None:
        label = f"{texts.limit_name(what.locale)} {shown(what.limit)}"
        draw.text((_LEFT + 4, place.y(what.limit) - 4), label, fill=_LIMIT, font=font, anchor="ld")


def _time(moment: datetime, what: Drawing) -> str:
    days = what.rule.window.total_seconds() * len(what.points) / 86_400
    date = moment.strftime(_DATES[what.locale])
    return date if days > 6 else moment.strftime("%H:%M") if days <= 1 else f"{date} {moment:%H}h"
