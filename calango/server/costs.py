"""What an observation cost: the project's own models first, then `prices.toml`, then the price list.

A kind of usage (`input`, `output`, `input_cached_tokens` ...) times the price of one token. An observation that
came with costs keeps them.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import duckdb

from calango.patterns import Pattern, PatternError, compiled
from calango.pricing import Prices, list_price
from calango.records import Usage
from calango.server.mapping.usage import put_cost
from calango.server.shapes import parsed_dict
from calango.store import ObservationRow, tables
from calango.store.query import Where

log = logging.getLogger(__name__)
STANDARD = "Standard"
_DAY_NS = 86_400_000_000_000
_LONG_CONTEXT = 100_000  # tokens from which on some providers charge more
_SAMPLE = 1000
# Ids that Langfuse publishes for models of its list; others get one that follows from their name.
_LANGFUSE_IDS = {
    "gpt-4o": "b9854a5c92dc496b997d99d20",
    "gpt-4o-2024-05-13": "b9854a5c92dc496b997d99d21",
    "gpt-4": "clrntkjgy000f08jx79v9g1xj",
    "text-embedding-ada-002": "clrntjt89000908jwhvkz5crm",
}


@dataclass(frozen=True, slots=True)
class Tier:
    """The prices of one model: USD per token and kind of usage."""

    model_id: str
    prices: Mapping[str, Decimal]

    @property
    def id(self) -> str:
        return f"{self.model_id}_tier_default"

    def of(self, kind: str) -> Decimal | None:
        """A kind without a price of its own costs what its side costs; cached input only when that is known."""
        if kind in self.prices:
            return self.prices[kind]
        side = next((name for name in ("input", "output") if name in kind), None)
        if side == "input" and "cach" in kind:
            written = "creation" in kind or "write" in kind
            return self.prices.get("input_cache_write" if written else "input_cache_read", self.prices.get("input"))
        return self.prices.get(side) if side else None


class PriceBook:
    """Finds the tier of an observation. Reload it when the project's models changed."""

    def __init__(self, prices: Prices | None = None) -> None:
        self._prices = prices or Prices()
        self._own: dict[str, list[tuple[Pattern, int, Tier]]] = {}

    def reload(self, db: duckdb.DuckDBPyConnection) -> None:
        own: dict[str, list[tuple[Pattern, int, Tier]]] = {}
        for row in tables.select(db, "models", Where(), order="start_ns DESC NULLS LAST, created_ns DESC"):
            prices = {kind: Decimal(str(value)) for kind, value in row["prices_json"].items()}
            pattern = pattern_of(row["match_pattern"])
            if pattern is None:
                log.warning("the pattern of model %s is not in RE2's syntax: it matches nothing", row["id"])
                continue
            entry = (pattern, row["start_ns"] or 0, Tier(row["id"], prices))
            own.setdefault(row["project_id"], []).append(entry)
        self._own = own

    def tier(self, row: ObservationRow) -> Tier | None:
        if not row.model:
            return None
        for pattern, start_ns, tier in self._own.get(row.project_id, ()):
            if start_ns <= row.start_ns and pattern.search(row.model.encode()):
                return tier
        told = parsed_dict(row.metadata_json).get("ls_provider")
        provider = told.strip('"').lower() if isinstance(told, str) else None
        day, context = row.start_ns // _DAY_NS, row.input_tokens or 0
        own = self._prices.own_price(row.model, _moment(day), provider)
        if own is not None:
            return Tier(listed_id(row.model), own.per_token())
        return _listed(row.model, provider, day, context if context > _LONG_CONTEXT else _SAMPLE)

    def apply(self, row: ObservationRow) -> None:
        """Fill the model and, unless costs came with the observation, what its usage costs."""
        tier = self.tier(row) if row.usage_json is not None else None
        if tier is None:
            return
        row.model_id = tier.model_id
        if row.cost_json is not None and row.tier_id is None:
            return
        usage = {kind: count for kind, count in parsed_dict(row.usage_json).items() if kind != "total"}
        cost = {kind: unit * count for kind, count in usage.items() if (unit := tier.of(kind)) is not None}
        if not cost and "total" in tier.prices:
            cost = {"total": tier.prices["total"] * (row.total_tokens or 0)}
        if cost:
            put_cost(row, cost)
            row.tier_id, row.tier_name = tier.id, STANDARD

    def unit_prices(self, row: ObservationRow) -> dict[str, float | None]:
        """USD per token as `input`, `output` and `total`; empty when the model has no price."""
        tier = self.tier(row) if row.model_id is not None else None
        if tier is None:
            return {}
        return {name: float(tier.prices[name]) for name in ("input", "output", "total") if name in tier.prices}


def pattern_of(text: str) -> Pattern | None:
    """A pattern as Langfuse's users write it for Postgres; None when RE2 can't read it. No pattern takes long."""
    try:
        return compiled(text)
    except PatternError:
        return None


def _moment(day: int) -> datetime:
    return datetime.fromtimestamp(day * 86_400, UTC)


@lru_cache(maxsize=4096)
def _listed(model: str, provider: str | None, day: int, context: int) -> Tier | None:
    at = _moment(day)

    def unit(usage: Usage, side: str) -> Decimal | None:
        cost = list_price(usage, model, at, provider)
        return None if cost is None else Decimal(getattr(cost, side)) / context

    samples = {
        "input": (Usage(input=context), "input"),
        "output": (Usage(output=context), "output"),
        "input_cache_read": (Usage(input=context, cache_read=context), "input"),
        "input_cache_write": (Usage(input=context, cache_write=context), "input"),
    }
    prices = {name: found for name, sample in samples.items() if (found := unit(*sample)) is not None}
    return Tier(listed_id(model), prices) if prices else None


def listed_id(model: str) -> str:
    known = _LANGFUSE_IDS.get(model.lower())
    return known or "c" + hashlib.sha256(model.lower().encode()).hexdigest()[:24]


@lru_cache(maxsize=1)
def price_list() -> list[dict[str, Any]]:
    """Every model of the price list, by name."""
    from genai_prices import data_snapshot  # noqa: PLC0415 - a third of a second that only this answer needs

    models: dict[str, dict[str, Any]] = {}
    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models:
            tier = _listed(model.id, provider.id, int(time.time()) // 86_400, _SAMPLE)
            if tier is not None and model.id not in models:
                models[model.id] = _managed(model.id, tier)
    return [models[name] for name in sorted(models)]


def _managed(name: str, tier: Tier) -> dict[str, Any]:
    row = {
        "id": tier.model_id,
        "model_name": name,
        "match_pattern": f"(?i)^({re.escape(name)})$",
        "start_date": None,
        "created_at": "2024-01-01T00:00:00.000Z",
        "unit": "TOKENS",
        "tokenizer_id": None,
        "tokenizer_config_json": None,
        "prices_json": {kind: float(value) for kind, value in tier.prices.items()},
    }
    return model_v1(row, managed=True)


def model_v1(row: dict[str, Any], *, managed: bool = False) -> dict[str, Any]:
    """A row of `models` as the API answers it."""
    prices = row["prices_json"]
    return {
        "id": row["id"],
        "modelName": row["model_name"],
        "matchPattern": row["match_pattern"],
        "startDate": row["start_date"],
        "unit": row["unit"],
        "inputPrice": prices.get("input"),
        "outputPrice": prices.get("output"),
        "totalPrice": prices.get("total"),
        "tokenizerId": row["tokenizer_id"],
        "tokenizerConfig": row["tokenizer_config_json"],
        "prices": {kind: {"price": value} for kind, value in prices.items()},
        "isLangfuseManaged": managed,
        "createdAt": row["created_at"],
        "pricingTiers": [
            {
                "id": f"{row['id']}_tier_default",
                "name": STANDARD,
                "isDefault": True,
                "priority": 0,
                "conditions": [],
                "prices": prices,
            }
        ],
    }
