"""The tools that the agent always has. Each is a factory, so that no two graphs share one.

A tool that can't do its work raises `ToolException` with a sentence for the person; `failed_tool` turns any exception
into the tool message that lets the agent go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from langchain_core.messages import BaseMessage
from langchain_core.tools import BaseTool, ToolException, tool
from langgraph.prebuilt import ToolRuntime

from . import arithmetic, handbook
from .context import Context
from .language import Language, plain, spoken

CALCULATOR = "calculator"
CLOCK = "current_datetime"
HANDBOOK = "search_handbook"
USAGE = "my_usage"  # reads traces, so it is made outside and passed in

_NOTHING = {
    "pt": "Nenhuma seção do manual trata disso.",
    "en": "No section of the handbook is about that.",
}
_UNKNOWN_ZONE = {"pt": "Não conheço o fuso horário “{}”.", "en": "I do not know the time zone “{}”."}


def builtin_tools() -> list[BaseTool]:
    return [calculator(), clock(), handbook_search()]


def calculator() -> BaseTool:
    @tool(CALCULATOR)
    def calculate(expression: str, runtime: ToolRuntime[Context, Any]) -> str:
        """Calculate one arithmetic expression exactly. Use it for every calculation instead of doing it yourself.

        Args:
            expression: Such as `17 * 23`, `2^10`, `sqrt(2)`, `15% of 200`. Write decimals with a point.
        """
        try:
            return arithmetic.show(arithmetic.evaluate(expression))
        except arithmetic.CalculationError as error:
            raise ToolException(error.explain(_language(runtime))) from error

    return calculate


def clock() -> BaseTool:
    @tool(CLOCK)
    def tell_time(runtime: ToolRuntime[Context, Any], time_zone: str | None = None) -> str:
        """The current date, time and weekday, as `2026-03-01T14:05:00-03:00 Sunday (America/Sao_Paulo)`.

        Args:
            time_zone: IANA name such as `Asia/Tokyo`. Leave it out for the person's own time zone.
        """
        name = time_zone or _context(runtime).time_zone
        try:
            zone = ZoneInfo(zones().get(plain(name), name))
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ToolException(_UNKNOWN_ZONE[_language(runtime)].format(name)) from error
        now = datetime.now(zone).replace(microsecond=0)
        return f"{now.isoformat()} {_WEEKDAYS[now.weekday()]} ({zone.key})"

    return tell_time


def handbook_search() -> BaseTool:
    @tool(HANDBOOK)
    def look_up(query: str, runtime: ToolRuntime[Context, Any]) -> str:
        """Search the handbook of Calango: traces, feedback, costs, sessions, models, Ollama, Studio, privacy, setup.

        Use it before you answer anything about Calango, this assistant or its data.

        Args:
            query: A few telling words, in the person's language.
        """
        language = _language(runtime)
        found = handbook.search(query, language)
        return "\n\n".join(f"## {page.title}\n{page.text}" for page in found) or _NOTHING[language]

    return look_up


def failed_tool(error: Exception) -> str:
    """What the model is told: the sentence of a ToolException as it is, else the kind of error and its message."""
    if isinstance(error, ToolException):
        return str(error)
    return f"{type(error).__name__}: {error}"


@cache
def zones() -> dict[str, str]:
    """Time zones by the names people use: `america/sao_paulo`, `tokyo`, and Portuguese names of well-known places."""
    names = sorted(available_timezones())
    cities = {plain(name.rpartition("/")[2]).replace("_", " "): name for name in names if "/" in name}
    etc = {city for city, name in cities.items() if name.startswith("Etc/")}
    known = {city: name for city, name in cities.items() if city not in etc}
    return known | {plain(name): name for name in names} | _PLACES


def _context(runtime: ToolRuntime[Context, Any]) -> Context:
    # A graph that is run without a context, as Studio may do, gives None here.
    return cast("Context | None", runtime.context) or Context()


def _language(runtime: ToolRuntime[Context, Any]) -> Language:
    state = cast("Mapping[str, Any]", runtime.state)
    return spoken(cast("Sequence[BaseMessage]", state.get("messages", ())), _context(runtime).locale)


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PLACES = {
    "berlim": "Europe/Berlin",
    "brasil": "America/Sao_Paulo",
    "brasilia": "America/Sao_Paulo",
    "brazil": "America/Sao_Paulo",
    "cidade do mexico": "America/Mexico_City",
    "japan": "Asia/Tokyo",
    "japao": "Asia/Tokyo",
    "lisboa": "Europe/Lisbon",
    "londres": "Europe/London",
    "madri": "Europe/Madrid",
    "moscou": "Europe/Moscow",
    "nova iorque": "America/New_York",
    "nova york": "America/New_York",
    "pequim": "Asia/Shanghai",
    "portugal": "Europe/Lisbon",
    "rio de janeiro": "America/Sao_Paulo",
    "roma": "Europe/Rome",
    "salvador": "America/Bahia",
    "toquio": "Asia/Tokyo",
    "utc": "UTC",
}
