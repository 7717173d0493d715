"""Words, numbers, dates and money in the person's language. A key is the English sentence itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from pathlib import Path

from babel import Locale, dates, numbers
from babel.messages.pofile import read_po

from calango.currency import Money

LANGUAGES = {"pt_BR": "Português (Brasil)", "en": "English"}
DEFAULT = "pt_BR"
_FOLDER = Path(__file__).parent / "locales"


@lru_cache(maxsize=len(LANGUAGES))
def catalog(locale: str) -> dict[str, str]:
    """Key -> text. Read from the .po file itself, so that nothing has to be compiled."""
    with (_FOLDER / locale / "LC_MESSAGES" / "ui.po").open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file, locale=locale) if message.id}


@dataclass(frozen=True, slots=True)
class Texts:
    """`texts("Stop")` translates; `texts("Hello, {name}", name=...)` fills in as well."""

    locale: str = DEFAULT
    zone: tzinfo = UTC

    def __call__(self, key: str, /, **values: object) -> str:
        text = catalog(self.locale).get(key) or key
        return text.format(**values) if values else text

    def number(self, value: int) -> str:
        return numbers.format_decimal(value, locale=self.locale)

    def money(self, money: Money) -> str:
        """With as many decimals as a cent's fraction needs, at most six."""
        pattern = Locale.parse(self.locale).currency_formats["standard"].pattern.replace("0.00", "0.00####")
        return numbers.format_currency(money.amount, money.code, pattern, locale=self.locale, currency_digits=False)

    def duration(self, ms: float) -> str:
        if ms < 1000:
            return f"{numbers.format_decimal(round(ms), locale=self.locale)}\N{NO-BREAK SPACE}ms"
        return f"{numbers.format_decimal(round(ms / 1000, 1), locale=self.locale)}\N{NO-BREAK SPACE}s"

    def when(self, ns: int) -> str:
        """Today's times as a time, others as a date and a time."""
        moment = datetime.fromtimestamp(ns / 1e9, self.zone)
        if moment.date() == datetime.now(self.zone).date():
            return dates.format_time(moment, "short", tzinfo=self.zone, locale=self.locale)
        return dates.format_datetime(moment, "short", tzinfo=self.zone, locale=self.locale)
