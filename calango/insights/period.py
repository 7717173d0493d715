"""Time ranges as people say them, in a time zone. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from calango.errors import InputError

GRAINS = ("hour", "day", "week", "month")
_LAST = re.compile(r"(\d{1,5})(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` until before `end`; both know their time zone, that of the person who asks."""

    start: datetime
    end: datetime

    @property
    def zone(self) -> str:
        return str(self.start.tzinfo)

    @property
    def start_ns(self) -> int:
        return _ns(self.start)

    @property
    def end_ns(self) -> int:
        return _ns(self.end)

    @property
    def days(self) -> float:
        return (self.end_ns - self.start_ns) / (86_400 * _NS)

    def before(self) -> Period:
        """The period of the same length that ends where this one starts.

        Whole days are counted by the calendar, so that a day of 23 or 25 hours is compared with a day.
        """
        if self.start.time() == self.end.time():
            days = (self.end.date() - self.start.date()).days
            return Period(self.start - timedelta(days=days), self.start)
        length = self.end.astimezone(UTC) - self.start.astimezone(UTC)
        return Period((self.start.astimezone(UTC) - length).astimezone(self.start.tzinfo), self.start)

    def grain(self) -> str:
        """What one point of a chart stands for: about 20 to 100 of them."""
        limits = ((3, "hour"), (92, "day"), (730, "week"))
        return next((name for limit, name in limits if self.days <= limit), "month")


def period(since: str, until: str | None, zone: str, now: datetime) -> Period:
    """`since` is `today`, `yesterday`, `90m`, `24h`, `7d`, `4w`, a date, or a time; `until` a date (of which all
    belongs to the period) or a time, else now. Dates and times without an offset are in `zone`. Raises InputError.
    """
    here = ZoneInfo(zone)
    local_now = now.astimezone(here)
    end = local_now if until is None else _moment(until, here, whole_day=True)
    midnight = datetime.combine(local_now.date(), time(), here)
    if since == "today":
        start = midnight
    elif since == "yesterday":
        start = midnight - timedelta(days=1)
        end = midnight if until is None else end
    elif match := _LAST.fullmatch(since):
        start = (end.astimezone(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})).astimezone(here)
    else:
        start = _moment(since, here, whole_day=False)
    if start >= end:
        raise InputError(f"The period from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} is empty.").because(
            "empty_period", start=start.isoformat(), end=end.isoformat()
        )
    return Period(start, end)


def _moment(text: str, zone: ZoneInfo, *, whole_day: bool) -> datetime:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = date.fromisoformat(text) + timedelta(days=1 if whole_day else 0)
            return datetime.combine(day, time(), zone)
        found = datetime.fromisoformat(text)
        return found.astimezone(zone) if found.tzinfo else found.replace(tzinfo=zone)
    except (ValueError, OverflowError):
        raise InputError(
            f"'{text[:40]}' is no time range.", "Use such as 24h, 7d, 4w, today, yesterday, 2026-11-01 or an ISO time."
        ).because("no_period", value=text[:40]) from None


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * _NS + moment.microsecond * 1000
