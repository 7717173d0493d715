from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from calango.pricing import OwnPrice, Prices
from calango.server.costs import PriceBook
from calango.server.mapping.usage import set_usage
from calango.store import ObservationRow
from tests.support.servers import client_of, running_server

NOW_NS = 1_795_000_000_000_000_000
FILE = """
[[models]]
match = "claude-*"
input = 100_000
output = 0
until = 2026-01-01

[[models]]
match = "gpt-4*"
input = 10_000
output = 20_000

[[models]]
match = "deepseek-r1:*"
provider = "openai"
input = 1
output = 1
"""


@pytest.mark.parametrize("kind", ["input_cached_tokens", "input_cache_read", "cache_read_input_tokens"])
@pytest.mark.parametrize("own", [(), (OwnPrice("*", Decimal(9), Decimal(9), cache_read=Decimal(1)),)])
def test_what_was_cached_costs_less_under_every_name(kind: str, own: tuple[OwnPrice, ...]):
    plain, cached = (ObservationRow("p", "t", "o", NOW_NS, model="gpt-4o-mini") for _ in range(2))
    set_usage(plain, {"input": 1000})
    set_usage(cached, {kind: 1000})
    for row in (plain, cached):
        PriceBook(Prices(own)).apply(row)

    assert plain.total_cost
    assert cached.total_cost
    assert 0 < cached.total_cost < plain.total_cost


@pytest.mark.parametrize(("provider", "is_priced"), [('"ollama"', False), ("ollama", False), (None, True)])
def test_a_model_on_ones_own_machine_is_not_priced_by_the_list_for_its_name(provider: str | None, is_priced: bool):
    row = ObservationRow("p", "t", "o", NOW_NS, model="deepseek-r1:8b")
    if provider is not None:
        row.metadata_json = json.dumps({"ls_provider": provider})
    set_usage(row, {"input": 1000})
    PriceBook().apply(row)

    assert (row.total_cost is not None) == is_priced


def test_what_was_sent_wins_over_the_projects_model_over_the_file_over_the_list(home: Path):
    Path("mine.toml").write_text(FILE)  # a relative path, which the server in the background finds, too
    model = {"modelName": "mine", "matchPattern": "gpt-4o", "unit": "TOKENS", "inputPrice": 7, "outputPrice": 8}
    with running_server(home, prices=Path("mine.toml")) as server, client_of(server) as http:
        assert http.post("/api/public/models", json=model).is_success
        sent = {
            "sent": _generation("gpt-4o", costDetails={"total": 5}),
            "project": _generation("gpt-4o"),
            "file": _generation("gpt-4-turbo"),
            "list": _generation("claude-3-5-sonnet-20241022"),
            "history": _generation("claude-3-5-sonnet-20241022", startTime="2025-06-01T00:00:00Z"),
            "nothing": _generation("no-such-model"),
        }
        batch = [
            {"id": name, "type": "generation-create", "timestamp": body["startTime"], "body": {"id": name, **body}}
            for name, body in sent.items()
        ]
        assert http.post("/api/public/ingestion", json={"batch": batch}).is_success
        costs = {name: http.get(f"/api/public/observations/{name}").json()["calculatedTotalCost"] for name in sent}

    assert 0 < costs.pop("list") < 0.1
    assert costs == {"sent": 5, "project": 70 + 16, "file": 0.1 + 0.04, "history": 1, "nothing": 0}


def _generation(model: str, **values: Any) -> dict[str, Any]:
    usage = {"input": 10, "output": 2}
    return {"traceId": "t", "model": model, "usageDetails": usage, "startTime": "2026-06-01T00:00:00Z", **values}
