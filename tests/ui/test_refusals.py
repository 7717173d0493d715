"""What is refused is told in the language of the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from calango import bundled
from calango.errors import BackendUnreachable, InputError
from tests.ui.conftest import texts

refusals = bundled.module("ui", "refusals")
ROOT = Path(__file__).parents[2]


def test_every_code_that_an_error_carries_has_its_sentence_and_no_other() -> None:
    files = [file for folder in ("calango", "ui") for file in (ROOT / folder).rglob("*.py")]
    texts_of = [file.read_text(encoding="utf-8") for file in files]
    assert {code for text in texts_of for code in re.findall(r'\.because\(\s*"(\w+)"', text)} == refusals.CODES


@pytest.mark.parametrize(
    ("code", "facts", "said"),
    [
        ("no_value", {"filter": "user", "value": "zé", "known": "ana"}, "Nenhum turno tem “zé” como: Usuário. Há ana."),
        ("no_value", {"filter": "user", "value": "zé", "known": ""}, "Nenhum turno tem “zé” como: Usuário."),
        (
            "empty_period",
            {"start": "2026-03-02T00:00:00-03:00", "end": "2026-03-01T00:00:00-03:00"},
            "O período de 02/03/2026 00:00 a 01/03/2026 00:00 é vazio.",
        ),
        ("no_zone", {"value": "Mars"}, "Não existe o fuso horário Mars. CALANGO_TIME_ZONE aceita um nome IANA"),
        ("keys", {"where": "a"}, "O servidor em a recusou as chaves."),
    ],
)
def test_a_code_and_its_facts_become_a_sentence(code: str, facts: dict[str, str], said: str) -> None:
    assert refusals.told(texts(), InputError("English.").because(code, **facts)).startswith(said)


@pytest.mark.parametrize("code", ["", "from_a_newer_server", "no_value"])
def test_what_is_not_known_is_quoted_as_it_is(code: str) -> None:
    error = BackendUnreachable("It is down.", "Wait.").because(code)
    assert refusals.told(texts(), error) == "It is down. Wait."


def test_what_others_wrote_is_no_markdown_in_a_sentence() -> None:
    error = InputError("x").because("no_choice", value="[here](http://127.0.0.1)")
    assert "](" not in refusals.told(texts(), error)
