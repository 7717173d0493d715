"""Reads `prices.toml`, and puts together what the settings say about prices. docs/costs.md describes the format."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any, cast

from calango.errors import ConfigError
from calango.pricing import OwnPrice, Prices
from calango.settings import Settings

NAME = "prices.toml"
_REQUIRED = ("match", "input", "output")
_TEXTS = ("match", "provider")
_PRICES = ("input", "output", "cache_read", "cache_write")
_DATES = {"from": "since", "until": "until"}
_KEYS = (*_TEXTS, *_PRICES, *_DATES)
_LIMIT = 1_000_000
_HINT = "docs/costs.md shows the format."


def prices_of(settings: Settings) -> Prices:
    """Reads the file that CALANGO_PRICES names, else `prices.toml` in CALANGO_HOME if there is one.

    Raises ConfigError naming file, entry and field; a file that was named must be there.
    """
    own: tuple[OwnPrice, ...] = ()
    path = settings.home / NAME if settings.prices is None else settings.prices.expanduser()
    if settings.prices is not None or os.access(path, os.F_OK):
        own = parse(_read(path), str(path))
    return Prices(own, _hour_usd(settings))


def _hour_usd(settings: Settings) -> Decimal | None:
    if settings.gpu_hour_usd is not None:
        return settings.gpu_hour_usd
    if settings.kwh_usd is not None and settings.gpu_watts is not None:
        return settings.kwh_usd * settings.gpu_watts / 1000
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"The prices in {path} can't be read ({error.strerror}).", "Check CALANGO_PRICES.") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text.", _HINT) from None


def parse(text: str, name: str) -> tuple[OwnPrice, ...]:
    """The entries of a price file, in their order. `name` is what errors call the file. Raises ConfigError."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:  # a float that Decimal can't hold is none of TOML's
        what = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "a number or nesting beyond all bounds"
        raise ConfigError(f"{name} is not valid TOML: {what}.", _HINT) from None
    unknown = sorted(set(data) - {"models"})
    if unknown:
        raise ConfigError(f"{name}: {unknown[0]!r} is unknown; prices stand in [[models]].", _HINT)
    tables = data.get("models", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in cast("list[object]", tables)):
        raise ConfigError(f"{name}: models must be tables, each begun by [[models]].", _HINT)
    found = [_entry(table, name, place) for place, table in enumerate(cast("list[dict[str, Any]]", tables), 1)]
    _check_overlaps(found, name)
    return tuple(found)


def _entry(table: Mapping[str, Any], name: str, place: int) -> OwnPrice:
    def wrong(field: str, rule: str) -> ConfigError:
        return ConfigError(f"{name}, entry {place}: {field} {rule}.", _HINT)

    for field in table:
        if field not in _KEYS:
            raise wrong(repr(field), f"is unknown; it may be one of {', '.join(_KEYS)}")
    for field in _REQUIRED:
        if field not in table:
            raise wrong(field, "is missing")
    for field in _TEXTS:
        value = table.get(field, "-")
        if not isinstance(value, str) or not value.strip():
            raise wrong(field, "must be text in quotes")
    for field in _PRICES:
        if field in table and not _is_price(table[field]):
            raise wrong(field, f"must be USD per million tokens, a number from 0 to {_LIMIT}")
    for field in _DATES:
        if field in table and type(table[field]) is not date:
            raise wrong(field, "must be a date without quotes, such as 2026-01-01")
    if "from" in table and "until" in table and table["from"] >= table["until"]:
        raise wrong("until", "must be later than from")
    return OwnPrice(
        **{field: table[field].strip() for field in _TEXTS if field in table},
        **{field: Decimal(table[field]) for field in _PRICES if field in table},
        **{ours: table[field] for field, ours in _DATES.items() if field in table},
    )


def _is_price(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return False
    return Decimal(value).is_finite() and 0 <= value <= _LIMIT


def _check_overlaps(entries: list[OwnPrice], name: str) -> None:
    """Two prices of one model at one time are a slip: a new price was added, and the old one not ended."""
    for (first, a), (second, b) in combinations(enumerate(entries, 1), 2):
        is_same = (a.match.lower(), (a.provider or "").lower()) == (b.match.lower(), (b.provider or "").lower())
        ends_first = a.until is not None and a.until <= (b.since or date.min)
        begins_later = b.until is not None and b.until <= (a.since or date.min)
        if is_same and not ends_first and not begins_later:
            raise ConfigError(
                f"{name}, entry {second}: from and until overlap those of entry {first}, which has the same match.",
                f"Give the older of the two an until. {_HINT}",
            )
