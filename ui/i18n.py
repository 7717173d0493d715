"""Words, numbers, dates and money in the person's language. A key is the English sentence itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from babel import Locale, dates, numbers
from babel.messages.pofile import read_po

from calango.currency import Money

LANGUAGES = {"pt_BR": "Português (Brasil)", "en": "English"}
DEFAULT = "pt_BR"
_FOLDER = Path(__file__).parent / "locales"


@lru_cache(maxsize=2 * len(LANGUAGES))
def catalog(locale: str, domain: str = "ui") -> dict[str, str]:
    """Key -> text. Read from the .po file itself, so that nothing has to be compiled."""
    with (_FOLDER / locale / "LC_MESSAGES" / f"{domain}.po").open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file, locale=locale) if message.id}


@dataclass(frozen=True, slots=True)
class Texts:
    """`texts("Stop")` translates; `texts("Hello, {name}", name=...)` fills in as well."""

    locale: str = DEFAULT
    zone: tzinfo = UTC

    def __call__(self, key: str, /, **values: object) -> str:
        text = catalog(self.locale).get(key) or key
        return text.format(**values) if values else text

    def explained(self, sentence: str) -> str:
        """A sentence of `calango.insights` on an error, in this language where it is known."""
        return catalog(self.locale, "errors").get(sentence) or sentence

    def number(self, value: int) -> str:
        return numbers.format_decimal(value, locale=self.locale)

    def money(self, money: Money) -> str:
        """With as many decimals as a cent's fraction needs, at most six."""
        pattern = Locale.parse(self.locale).currency_formats["standard"].pattern.replace("0.00", "0.00####")
        return numbers.format_currency(money.amount, money.code, pattern, locale=self.locale, currency_digits=False)

    def sum(self, money: Money) -> str:
        """A sum of many amounts: cents, and more decimals only where it is small."""
        size = abs(money.amount)
        decimals = "0.00" if size >= 1 or not size else "0.0000" if size >= Decimal("0.01") else "0.000000"
        pattern = Locale.parse(self.locale).currency_formats["standard"].pattern.replace("0.00", decimals)
        return numbers.format_currency(money.amount, money.code, pattern, locale=self.locale, currency_digits=False)

    def decimal(self, value: float, digits: int = 1) -> str:
        return numbers.format_decimal(round(value, digits), locale=self.locale)

    def percent(self, share: float | None, digits: int = 1) -> str:
        """0.9653 -> "96,5%"; a dash for None."""
        if share is None:
            return "–"
        pattern = "#,##0%" if not digits else f"#,##0.{'#' * digits}%"
        return numbers.format_percent(share, pattern, locale=self.locale)

    def signed(self, text: str, value: float) -> str:
        """`text` of an amount, with the sign of `value` in front, as `st.metric` reads it."""
        return f"{'-' if value < 0 else '+'}{text}"

    def moment(self, iso: str) -> str:
        """An ISO time with an offset, as `when`."""
        return self.when(int(datetime.fromisoformat(iso).timestamp() * 1e9))

    def duration(self, ms: float) -> str:
        if ms < 1000:
            return f"{numbers.format_decimal(round(ms), locale=self.locale)}\N{NO-BREAK SPACE}ms"
        return f"{numbers.format_decimal(round(ms / 1000, 1), locale=self.locale)}\N{NO-BREAK SPACE}s"

    def span(self, seconds: float) -> str:
        """How long something went on, in the unit that reads best."""
        if seconds < 60:
            return self.duration(seconds * 1000)
        minutes = round(seconds / 60)
        if minutes < 60:
            return f"{minutes}\N{NO-BREAK SPACE}min"
        return f"{minutes // 60}\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}{minutes % 60}\N{NO-BREAK SPACE}min"

    def when(self, ns: int) -> str:
        """Today's times as a time, others as a date and a time."""
        moment = datetime.fromtimestamp(ns / 1e9, self.zone)
        if moment.date() == datetime.now(self.zone).date():
            return dates.format_time(moment, "short", tzinfo=self.zone, locale=self.locale)
        return dates.format_datetime(moment, "short", tzinfo=self.zone, locale=self.locale)
