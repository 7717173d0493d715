import pytest

from calango.server.costs import PriceBook
from calango.server.mapping.usage import set_usage
from calango.store import ObservationRow


@pytest.mark.parametrize("kind", ["input_cached_tokens", "input_cache_read", "cache_read_input_tokens"])
def test_what_was_cached_costs_less_under_every_name(kind: str):
    plain, cached = (ObservationRow("p", "t", "o", 1_795_000_000_000_000_000, model="gpt-4o-mini") for _ in range(2))
    set_usage(plain, {"input": 1000})
    set_usage(cached, {kind: 1000})
    for row in (plain, cached):
        PriceBook().apply(row)

    assert plain.total_cost
    assert cached.total_cost
    assert 0 < cached.total_cost < plain.total_cost
