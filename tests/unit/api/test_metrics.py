"""Metrics of the API, and the dashboard that draws them and the local server's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from calango.local import LocalServer
from calango.tracing import Tracing
from tests.support.apis import events_of
from tests.support.priced import PRICES, priced_graph
from tests.support.servers import settings_for
from tests.support.tracing import Fixed, Nowhere
from tests.unit.api.conftest import Api

DASHBOARD = Path(__file__).parents[3] / "docs" / "grafana" / "calango.json"
TOKEN = "a-token-of-enough-characters"
_OF_PROMETHEUS = {"instance", "job"}  # labels that it adds itself
_WORDS = {"sum", "by", "rate", "increase", "histogram_quantile", "max", "clamp_min", "or", "vector", "on", "le"}
Series = dict[str, set[str]]


def series(*pages: str) -> Series:
    """Names and the labels that they have."""
    found: Series = {}
    for page in pages:
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def value(client: httpx.Client, name: str, **labels: str) -> float:
    families = text_string_to_metric_families(client.get("/metrics").text)
    found = [s.value for f in families for s in f.samples if s.name == name and labels.items() <= s.labels.items()]
    return sum(found)


def test_turns_are_counted_by_outcome_with_tokens_tools_and_what_was_refused(api: Api):
    client = api()
    client.post("/messages", json={"text": "quanto é 17*23?", "user_id": "ana-who-is-nowhere"})
    with client.stream("POST", "/messages", json={"text": "quanto é 2+2?", "stream": True}) as answer:
        events_of(answer)
    client.post("/messages", json={"text": " "})

    assert value(client, "calango_agent_turns_total", outcome="ok") == 2
    assert value(client, "calango_agent_turn_duration_seconds_count") == 2
    assert value(client, "calango_agent_tool_calls_total", tool="calculator", outcome="ok") == 2
    assert value(client, "calango_agent_tokens_total", direction="input", model="calango-offline") > 0
    assert value(client, "calango_agent_unpriced_turns_total", model="calango-offline") == 2
    assert value(client, "calango_agent_refused_total", reason="InputError") == 1
    assert value(client, "calango_agent_turns_running") == 0
    assert "ana-who" not in client.get("/metrics").text


def test_what_waits_to_be_delivered_is_shown_with_its_age(api: Api, home: Path):
    tracing = Tracing(settings_for(home), Nowhere())
    client = api(tracing)
    trace = client.post("/messages", json={"text": "oi"}).json()["trace_id"]
    client.put(f"/feedback/{trace}", json={"thumbs": True})
    tracing.store()

    assert value(client, "calango_outbox_items", destination="langfuse", kind="votes") == 1
    assert value(client, "calango_outbox_items", destination="langfuse", kind="spans") > 0
    assert value(client, "calango_outbox_oldest_seconds") > 0
    assert value(client, "calango_outbox_bytes") > 0
    tracing.close(0)


def test_metrics_need_the_token_like_everything_else(api: Api):
    client = api(token=TOKEN)

    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def queries(panels: list[dict[str, Any]]) -> Iterator[str]:
    for panel in panels:
        yield from (target["expr"] for target in panel.get("targets", ()))
        yield from queries(panel.get("panels", []))


def named(query: str) -> tuple[set[str], set[str]]:
    """The metrics that a query names, and the labels."""
    groups = re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", query)
    matchers = re.findall(r"\{([^}]*)\}", query)
    labels = {name.strip() for group in groups for name in group.split(",") if name.strip()}
    labels |= {match for text in matchers for match in re.findall(r"(\w+)\s*[=!]", text)}
    rest = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without)\s*\([^)]*\)|\"[^\"]*\"", " ", query)
    words = set(re.findall(r"\b[a-zA-Z_]\w*", rest))
    return words - _WORDS, labels


def test_a_query_is_read_for_its_metrics_and_labels():
    query = 'histogram_quantile(0.9, sum by (le, a) (rate(x_bucket{b=~"c|d", e!="f"}[5m]))) / clamp_min(sum(y), 1) * 60'

    assert named(query) == ({"x_bucket", "y"}, {"le", "a", "b", "e"})


def test_every_metric_and_label_of_the_dashboard_is_really_there(api: Api, server: LocalServer, home: Path):
    (home / "prices.toml").write_text(PRICES.replace("priced", "calango-offline"))
    tracing = Tracing(settings_for(home), Fixed(server.base_url, server.public_key, server.secret_key))
    client = api(tracing)
    client.post("/messages", json={"text": "quanto é 17*23?"})
    client.post("/messages", json={"text": " "})
    unpriced = {
        "traceId": "1" * 32, "spanId": "1" * 16, "startTimeUnixNano": "1", "endTimeUnixNano": "2",
        "attributes": [
            {"key": key, "value": {"stringValue": text}}
            for key, text in (
                ("langfuse.observation.type", "generation"), ("langfuse.observation.model.name", "x"),
                ("langfuse.observation.usage_details", '{"input": 5}'),
            )
        ],
    }  # fmt: skip
    httpx.post(
        f"{server.base_url}/api/public/otel/v1/traces", auth=(server.public_key, server.secret_key),
        json={"resourceSpans": [{"scopeSpans": [{"spans": [unpriced]}]}]},
    ).raise_for_status()  # fmt: skip
    tracing.flush(10)
    cheap = api(graph=priced_graph(model="of no price"))
    cheap.post("/messages", json={"text": "oi"})
    pages = [client.get("/metrics"), cheap.get("/metrics"), httpx.get(f"{server.base_url}/metrics")]
    there = series(*(page.text for page in pages))
    tracing.close(1)

    asked = list(queries(json.loads(DASHBOARD.read_text())["panels"]))
    assert len(asked) > 15
    for query in asked:
        metrics, labels = named(query)
        assert metrics, query
        assert metrics <= set(there), query
        assert labels - _OF_PROMETHEUS <= set().union(*(there[name] for name in metrics)), query


def test_every_metric_of_ours_is_on_the_dashboard_and_in_the_documents(api: Api, server: LocalServer):
    there = series(api().get("/metrics").text, httpx.get(f"{server.base_url}/metrics").text)
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in there if name.startswith("calango_")}
    text, drawn = (DASHBOARD.parents[1] / "metrics.md").read_text(), DASHBOARD.read_text()

    assert [name for name in sorted(ours) if f"`{name}`" not in text] == []
    assert [name for name in sorted(ours) if name not in drawn] == []
