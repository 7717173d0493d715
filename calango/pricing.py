"""What tokens cost: usage + model + date -> USD. No I/O (`price_file` reads the file).

Three sources, the first that knows the model wins: prices of one's own (`prices.toml`), the list that ships with
genai-prices, and, for a model that runs on this machine, the price of the time that it worked. A model that none of
them knows has no price: that is `None`, never zero, so that nobody takes unknown for free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase

from calango.records import Usage

LOCAL_PROVIDERS = frozenset({"ollama", "calango"})
_PROVIDER_IDS = {"google_genai": "google", "google_vertexai": "google", "bedrock": "aws", "azure": "azure"}
_HOUR_NS = 3_600_000_000_000
_ESTIMATE = Decimal("1E-12")  # what an estimate is rounded to, in USD


@dataclass(frozen=True, slots=True)
class Cost:
    """USD. `total` may exceed input + output when a provider prices more than tokens.

    `estimated` when it does not follow from counted tokens and a price per token alone. `cache_read` and `cache_write`
    are parts of `input`.
    """

    input: Decimal
    output: Decimal
    total: Decimal
    estimated: bool = False
    cache_read: Decimal = Decimal(0)
    cache_write: Decimal = Decimal(0)

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.input + other.input,
            self.output + other.output,
            self.total + other.total,
            self.estimated or other.estimated,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
        )


@dataclass(frozen=True, slots=True)
class Work:
    """Nanoseconds that a model worked on one call: on its prompt, and on its answer."""

    prompt_ns: int
    answer_ns: int


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """An entry of `prices.toml`: USD per million tokens.

    `match` is a glob for the model's whole name, whatever its case. A `provider` must be the call's. The price holds
    from the day `since` (UTC) until the day before `until`; None is no bound.
    """

    match: str
    input: Decimal
    output: Decimal
    provider: str | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    since: date | None = None
    until: date | None = None

    def holds(self, model: str, provider: str | None, day: date) -> bool:
        return (
            (self.provider is None or self.provider.lower() == (provider or "").lower())
            and (self.since is None or self.since <= day)
            and (self.until is None or day < self.until)
            and fnmatchcase(model.lower(), self.match.lower())
        )

    def per_token(self) -> Mapping[str, Decimal]:
        """USD per token and kind of usage, in Langfuse's words."""
        millions = {
            "input": self.input,
            "output": self.output,
            "input_cache_read": self.input if self.cache_read is None else self.cache_read,
            "input_cache_write": self.input if self.cache_write is None else self.cache_write,
        }
        return {kind: price.scaleb(-6) for kind, price in millions.items()}

    def cost(self, usage: Usage) -> Cost:
        unit = self.per_token()
        plain = max(0, usage.input - usage.cache_read - usage.cache_write)
        read, written = usage.cache_read * unit["input_cache_read"], usage.cache_write * unit["input_cache_write"]
        given, made = plain * unit["input"] + read + written, usage.output * unit["output"]
        return Cost(given, made, given + made, cache_read=read, cache_write=written)


@dataclass(frozen=True, slots=True)
class Prices:
    """Every price that this process knows; made once, by `price_file.prices_of`.

    Of `own` the first entry that holds wins. `hour_usd` is what an hour of this machine at work costs; None leaves
    local models without a price.
    """

    own: tuple[OwnPrice, ...] = ()
    hour_usd: Decimal | None = None

    def own_price(self, model: str, at: datetime, provider: str | None = None) -> OwnPrice | None:
        if not self.own:
            return None
        day = at.astimezone(UTC).date()
        return next((entry for entry in self.own if entry.holds(model, provider, day)), None)

    def cost(
        self,
        usage: Usage | None,
        model: str | None,
        at: datetime,
        provider: str | None = None,
        work: Work | None = None,
    ) -> Cost | None:
        """What one call cost, or None when the model has no known price.

        `usage.input` counts all input tokens, those read from a cache included, as providers report it. Tokens that
        were not counted make an estimate of a listed price, too.
        """
        found = self._by_tokens(usage, model, at, provider) if usage is not None and usage.total and model else None
        if found is not None and usage is not None:
            return replace(found, estimated=usage.estimated)
        return self._by_time(work) if provider in LOCAL_PROVIDERS and work is not None else None

    def _by_tokens(self, usage: Usage, model: str, at: datetime, provider: str | None) -> Cost | None:
        own = self.own_price(model, at, provider)
        return own.cost(usage) if own is not None else list_price(usage, model, at, provider)

    def _by_time(self, work: Work) -> Cost | None:
        if self.hour_usd is None:
            return None
        given, made = ((self.hour_usd * ns / _HOUR_NS).quantize(_ESTIMATE) for ns in (work.prompt_ns, work.answer_ns))
        return Cost(given, made, given + made, estimated=True)


def list_price(usage: Usage, model: str | None, at: datetime, provider: str | None = None) -> Cost | None:
    """By the list of genai-prices at that time; None when the model runs on this machine or is not listed."""
    if not model or provider in LOCAL_PROVIDERS or usage.total == 0:
        return None
    from genai_prices import Usage as PricedUsage  # noqa: PLC0415 - a third of a second, only for priced models
    from genai_prices import calc_price  # noqa: PLC0415

    provider_id = _PROVIDER_IDS.get(provider, provider) if provider else None

    def priced(given: int, read: int, written: int) -> Cost:
        counts = PricedUsage(
            input_tokens=given,
            output_tokens=usage.output,
            cache_read_tokens=read or None,
            cache_write_tokens=written or None,
        )
        found = calc_price(counts, model, provider_id=provider_id, genai_request_timestamp=at)
        return Cost(found.input_price, found.output_price, found.total_price)

    try:
        found = priced(usage.input, usage.cache_read, usage.cache_write)
        if not usage.cache_read and not usage.cache_write:
            return found
        # The list tells the price of all input only: what the same call would cost without a part is the rest.
        unread = priced(usage.input - usage.cache_read, 0, usage.cache_write)
        unwritten = priced(usage.input - usage.cache_write, usage.cache_read, 0)
    except LookupError:
        return None
    return replace(found, cache_read=found.input - unread.input, cache_write=found.input - unwritten.input)
