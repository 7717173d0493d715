"""What tokens cost: usage + model + date -> USD. No I/O; prices ship with genai-prices.

A model that runs on this machine, and one that the price list does not know, has no price: that is `None`,
never zero, so that nobody takes unknown for free.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from calango.records import Usage

LOCAL_PROVIDERS = frozenset({"ollama", "calango"})
_PROVIDER_IDS = {"google_genai": "google", "google_vertexai": "google", "bedrock": "aws", "azure": "azure"}


@dataclass(frozen=True, slots=True)
class Cost:
    """USD. `total` may exceed input + output when a provider prices more than tokens."""

    input: Decimal
    output: Decimal
    total: Decimal

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.input + other.input, self.output + other.output, self.total + other.total)


def price(usage: Usage, model: str | None, at: datetime, provider: str | None = None) -> Cost | None:
    """The list price at that time, or None when the model has no known price.

    `usage.input` counts all input tokens, those read from a cache included, as providers report it.
    """
    if not model or provider in LOCAL_PROVIDERS or usage.total == 0:
        return None
    from genai_prices import Usage as PricedUsage  # noqa: PLC0415 - a third of a second, only for priced models
    from genai_prices import calc_price  # noqa: PLC0415

    counts = PricedUsage(
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cache_read or None,
        cache_write_tokens=usage.cache_write or None,
    )
    provider_id = _PROVIDER_IDS.get(provider, provider) if provider else None
    try:
        found = calc_price(counts, model, provider_id=provider_id, genai_request_timestamp=at)
    except LookupError:
        return None
    return Cost(found.input_price, found.output_price, found.total_price)
