"""`calango mask`, run as a person runs it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from calango.cli.app import run

TEXT = "Ana: ana@example.com, CPF 111.444.777-35; de novo ana@example.com\n"


@pytest.fixture
def notes(home: Path, tmp_path: Path) -> str:
    path = tmp_path / "notes.txt"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["mask", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_masked_text_goes_to_stdout_and_the_counts_beside_it(notes, capsys):
    code, out, err = told(capsys, notes)

    assert (code, out) == (0, "Ana: <email-1>, CPF <cpf-1>; de novo <email-1>\n")
    assert "masked: 2 email, 1 cpf" in err


def test_only_the_kinds_that_are_asked_for_are_masked(notes, capsys):
    assert told(capsys, notes, "--kinds", "cpf")[1] == TEXT.replace("111.444.777-35", "<cpf-1>")


def test_json_has_the_text_and_the_counts(notes, capsys):
    found: Any = json.loads(told(capsys, notes, "--json")[1])

    assert found == {
        "text": "Ana: <email-1>, CPF <cpf-1>; de novo <email-1>\n",
        "found": {"email": 2, "cpf": 1},
    }


def test_standard_input_is_read_for_a_dash(home, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("10.1.2.3"))

    assert told(capsys, "-")[1] == "<ip-1>"


def test_own_patterns_of_the_settings_are_used(notes, capsys, monkeypatch):
    monkeypatch.setenv("CALANGO_MASK_PATTERNS", "person=Ana")

    assert told(capsys, notes)[1].startswith("<person-1>: <email-1>")


def test_it_says_so_when_there_is_nothing_to_mask(home, tmp_path, capsys):
    (tmp_path / "plain").write_text("17 * 23 = 391")

    assert told(capsys, str(tmp_path / "plain"))[1:] == ("17 * 23 = 391", "nothing to mask\n")


@pytest.mark.parametrize("arguments", [["no-such-file"], ["x", "--kinds", "shoe-size"]])
def test_what_is_wrong_with_a_call_ends_with_2(home, capsys, arguments):
    code, out, err = told(capsys, *arguments)

    assert (code, out) == (2, "")
    assert "error:" in err
