"""`prices.toml`: read once, and wrong only with a name."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from calango.errors import ConfigError
from calango.price_file import parse, prices_of
from calango.pricing import OwnPrice, Prices
from tests.support.servers import settings_for

DOCS = Path(__file__).parents[2] / "docs" / "costs.md"
ENTRY = '[[models]]\nmatch = "m"\ninput = 1\noutput = 2\n'


@pytest.fixture(autouse=True)
def clean(home: Path) -> None:
    """No setting comes from outside."""


def test_an_entry_keeps_every_digit_and_leaves_out_what_was_left_out():
    text = ENTRY + (
        '[[models]]\nmatch = "qwen3:*"\nprovider = "ollama"\ninput = 0.1\noutput = 0.30\ncache_read = 0.01\n'
        "cache_write = 1e-1\nfrom = 2026-01-01\nuntil = 2026-07-01\n"
    )
    amounts = {"input": Decimal("0.1"), "output": Decimal("0.3")}
    cached = {"cache_read": Decimal("0.01"), "cache_write": Decimal("0.1")}
    days = {"since": date(2026, 1, 1), "until": date(2026, 7, 1)}

    assert parse(text, "f") == (
        OwnPrice("m", Decimal(1), Decimal(2)),
        OwnPrice("qwen3:*", provider="ollama", **amounts, **cached, **days),
    )


def test_the_example_of_the_documentation_is_read():
    example = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)[0]

    assert [entry.match for entry in parse(example, "f")] == ["qwen3:*", "gpt-5-mini", "gpt-5-mini"]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "models = []\n"])
def test_a_file_without_entries_is_no_mistake(text: str):
    assert parse(text, "f") == ()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("inptu = 1", "f, entry 2: 'inptu' is unknown; it may be one of match, provider, input"),
        ("input = -0.1", "f, entry 2: input must be USD per million tokens, a number from 0 to 1000000."),
        ("input = nan", "f, entry 2: input must be USD"),
        ("input = inf", "f, entry 2: input must be USD"),
        ("input = true", "f, entry 2: input must be USD"),
        ('input = "1"', "f, entry 2: input must be USD"),
        ("output = 1000001", "f, entry 2: output must be USD"),
        ("cache_read = -1", "f, entry 2: cache_read must be USD"),
        ("cache_write = []", "f, entry 2: cache_write must be USD"),
        ('match = " "', "f, entry 2: match must be text in quotes."),
        ("provider = 3", "f, entry 2: provider must be text in quotes."),
        ('from = "2026-01-01"', "f, entry 2: from must be a date without quotes, such as 2026-01-01."),
        ("until = 2026-01-01T00:00:00Z", "f, entry 2: until must be a date without quotes"),
        ("from = 2026-02-30", "f is not valid TOML"),
        ("from = 2026-07-01\nuntil = 2026-07-01", "f, entry 2: until must be later than from."),
        ("input = 1e999999999999999999999", "f is not valid TOML: a number or nesting beyond all bounds."),
        ("input = ", "f is not valid TOML: Invalid value (at line 8"),
    ],
)
def test_a_mistake_is_told_with_file_entry_and_field(line: str, told: str):
    fields = {"match": '"n"', "input": "1", "output": "2"}
    given = "\n".join(f"{key} = {value}" for key, value in fields.items() if not line.startswith(key))

    with pytest.raises(ConfigError, match=re.escape(told)):
        parse(f"{ENTRY}[[models]]\n{given}\n{line}\n", "f")


@pytest.mark.parametrize("field", ["match", "input", "output"])
def test_a_required_field_that_is_missing_is_named(field: str):
    text = "\n".join(line for line in ENTRY.splitlines() if not line.startswith(field))

    with pytest.raises(ConfigError, match=f"f, entry 1: {field} is missing"):
        parse(text, "f")


@pytest.mark.parametrize("text", ['model = "m"', "[[prices]]\ninput = 1", "[models]\ninput = 1", "models = [1]"])
def test_anything_but_a_list_of_models_is_refused(text: str):
    with pytest.raises(ConfigError, match=r"\[\[models\]\]"):
        parse(text, "f")


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ("", "", True),
        ("", "from = 2026-07-01", True),
        ("until = 2026-07-01", "from = 2026-07-01", False),
        ("from = 2026-07-01", "until = 2026-07-01", False),
        ("until = 2026-07-02", "from = 2026-07-01", True),
        ("from = 2026-01-01\nuntil = 2026-07-01", "from = 2026-03-01\nuntil = 2026-04-01", True),
        ("", 'provider = "ollama"', False),
    ],
)
def test_two_prices_of_one_model_at_one_time_are_refused(first: str, second: str, overlap: bool):
    text = f"{ENTRY}{first}\n{ENTRY}{second}\n"
    if not overlap:
        assert len(parse(text, "f")) == 2
        return
    with pytest.raises(ConfigError, match="f, entry 2: from and until overlap those of entry 1"):
        parse(text, "f")


def test_the_file_in_calango_home_is_read_when_it_is_there(home: Path):
    assert prices_of(settings_for(home)) == Prices()

    home.mkdir()
    (home / "prices.toml").write_text(ENTRY)
    assert [entry.match for entry in prices_of(settings_for(home)).own] == ["m"]


def test_a_named_file_stands_in_place_of_that_of_calango_home(home: Path, tmp_path: Path):
    home.mkdir()
    (home / "prices.toml").write_text("not read")
    (tmp_path / "mine.toml").write_text(ENTRY)

    assert len(prices_of(settings_for(home, prices=tmp_path / "mine.toml")).own) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "mine.toml can't be read (No such file"),
        (b"\xff", "mine.toml is not UTF-8"),
        (b"x", "mine.toml is not valid TOML"),
    ],
)
def test_a_named_file_that_is_missing_or_wrong_is_an_error(
    home: Path, tmp_path: Path, content: bytes | None, told: str
):
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError, match=re.escape(told)):
        prices_of(settings_for(home, prices=path))


@pytest.mark.parametrize(
    ("values", "hour"),
    [
        ({}, None),
        ({"gpu_hour_usd": "0.80"}, "0.80"),
        ({"kwh_usd": "0.15", "gpu_watts": "350"}, "0.0525"),
        ({"kwh_usd": "0.15"}, None),
    ],
)
def test_an_hour_of_this_machine_costs_what_is_set_or_what_it_draws(
    home: Path, values: dict[str, str], hour: str | None
):
    assert prices_of(settings_for(home, **values)).hour_usd == (Decimal(hour) if hour else None)
