"""What a turn cost, from the model's own words to what a person reads: a real turn, its trace, and the outputs."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from calango import local
from calango.reader import LangfuseReader
from calango.records import Observation
from tests.support.commands import Calango
from tests.support.ollama import OllamaServer

# The test server works 0.3 s on a prompt and 0.5 s on an answer; a second costs 0.001 USD.
SETTINGS = {"CALANGO_GPU_HOUR_USD": "3.6", "CALANGO_CURRENCY": "BRL", "CALANGO_CURRENCY_RATE": "5.5"}
PRICES = '[[models]]\nmatch = "LLAMA3.1:*"\nprovider = "ollama"\ninput = 100\noutput = 1000\n'


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[OllamaServer]:
    with OllamaServer(replies=["Olá."], models=("llama3.1:8b", "small")) as server:
        monkeypatch.setenv("OLLAMA_BASE_URL", server.base_url)
        monkeypatch.setenv("CALANGO_MODEL", "ollama:llama3.1:8b")
        yield server


def observations(home: Path, trace_id: str) -> list[Observation]:
    server = local.find(home)
    assert server is not None
    with LangfuseReader(server.base_url, server.public_key, server.secret_key) as reader:
        return reader.observations(trace_id)


@pytest.mark.usefixtures("ollama")
def test_a_local_turn_is_estimated_from_its_working_time_everywhere(
    calango: Calango, home: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    result = calango("ask", "--json", "oi", "-s", "s").json
    shown = calango("trace", "show", result["trace_id"]).out
    footer = calango("ask", "oi", "-s", "s").err

    assert (Decimal(result["cost_usd"]), result["cost_estimated"]) == (Decimal("0.0016"), True)
    found = observations(home, result["trace_id"])
    generations = [item for item in found if item.type == "GENERATION"]
    assert [(item.cost_usd, item.cost_estimated) for item in generations] == [(Decimal("0.0008"), True)] * 2
    assert [item.cost_estimated for item in found if item.parent_id is None] == [True]
    assert shown.count("≈ US$ 0.000800 (R$ 0.004400)") == 2
    assert "≈ US$ 0.001600 (R$ 0.008800)" in footer


@pytest.mark.usefixtures("ollama")
def test_a_local_turn_without_prices_has_no_cost_anywhere(calango: Calango, home: Path):
    result = calango("ask", "--json", "oi").json

    assert (result["cost_usd"], result["cost_estimated"]) == (None, False)
    assert {item.cost_usd for item in observations(home, result["trace_id"])} == {None}


@pytest.mark.usefixtures("ollama")
def test_a_turn_is_an_estimate_when_one_of_its_models_has_a_price_and_another_has_not(
    calango: Calango, home: Path, monkeypatch: pytest.MonkeyPatch
):
    home.mkdir()
    (home / "prices.toml").write_text(PRICES)
    monkeypatch.setenv("CALANGO_GPU_HOUR_USD", "3.6")
    monkeypatch.setenv("CALANGO_INTENT_MODEL", "ollama:small")
    result = calango("ask", "--json", "oi").json

    listed = Decimal(26 * 100 + 7 * 1000) / 10**6
    assert (Decimal(result["cost_usd"]), result["cost_estimated"]) == (listed + Decimal("0.0008"), True)
    costs = {item.model: (item.cost_usd, item.cost_estimated) for item in observations(home, result["trace_id"])}
    assert costs["llama3.1:8b"] == (listed, False)
    assert costs["small"] == (Decimal("0.0008"), True)


def test_a_wrong_price_file_ends_with_2_and_names_file_entry_and_field(
    calango: Calango, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "mine.toml").write_text(PRICES + "inptu = 3\n")
    monkeypatch.setenv("CALANGO_PRICES", "mine.toml")
    ended = calango("ask", "oi")

    assert ended.code == 2
    assert "mine.toml, entry 1: 'inptu' is unknown" in ended.err
