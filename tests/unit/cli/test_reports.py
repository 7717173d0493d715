"""`calango report` and its like, over a seeded store."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Generator
from pathlib import Path

import duckdb
import pytest

from calango import local
from calango.cli.app import run
from calango.local import LocalServer
from tests.support.commands import Ended
from tests.support.servers import running_server

pytestmark = pytest.mark.xdist_group("reports")
PERIOD = ("--since", "2026-10-01", "--until", "2026-11-20")


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalServer]:
    with running_server(tmp_path_factory.mktemp("reports") / "home") as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "ensure", lambda _settings: server)
        assert run(("seed", "--turns", "300", "--until", "2026-11-20")) == 0
        yield server


@pytest.fixture
def calango(seeded: LocalServer, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(local, "ensure", lambda _settings: seeded)

    def call(*arguments: str) -> Ended:
        code = run(arguments)
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return call


def test_the_report_has_a_line_for_each_question(calango):
    shown = calango("report", *PERIOD).out

    for title in ("Total", "By day", "By model", "By user", "Errors", "Tools", "Satisfaction", "Slowest turns"):
        assert title in shown


def test_json_holds_the_same_turns_in_every_group(calango):
    tables = calango("report", *PERIOD, "--format", "json", "--by", "day,environment").json["tables"]

    assert tables["Total"][0]["turns"] == 300
    assert sum(row["turns"] for row in tables["By day"]) == 300
    assert sum(row["turns"] for row in tables["By environment"]) == 300


def test_html_is_one_file_without_scripts_or_anything_from_elsewhere(calango, tmp_path: Path):
    calango("report", *PERIOD, "--format", "html", "--output", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text()

    assert "<svg" in page
    assert [word for word in ("<script", "http://", "https://", "src=") if word in page] == []


def test_markdown_has_tables(calango):
    assert "| ---: |" in calango("cost", *PERIOD, "--by", "model", "--format", "md").out


def test_csv_has_stable_columns_and_plain_numbers(calango):
    rows = list(csv.DictReader(io.StringIO(calango("cost", *PERIOD, "--by", "model", "--format", "csv").out)))

    assert {"model", "turns", "cost_usd", "tokens_input", "latency_ms_p95"} <= set(rows[0])
    assert sum(float(row["cost_usd"] or 0) for row in rows) > 0


def test_parquet_is_typed(calango, tmp_path: Path):
    file = tmp_path / "costs.parquet"
    calango("cost", *PERIOD, "--by", "user", "--format", "parquet", "--output", str(file))

    with duckdb.connect() as db:
        assert db.execute("SELECT sum(turns) FROM read_parquet(?)", [str(file)]).fetchone() == (300.0,)


@pytest.mark.parametrize("command", ["cost", "errors", "conversations", "users", "slow"])
def test_each_question_has_a_command(calango, command: str):
    ended = calango(command, *PERIOD)

    assert (ended.code, len(ended.out.splitlines()) > 3) == (0, True)


def test_a_filter_chooses_turns(calango):
    tables = calango("report", *PERIOD, "--format", "json", "--where", "outcome=error").json["tables"]

    assert 0 < tables["Total"][0]["turns"] == tables["Total"][0]["error"] < 300


def test_a_period_without_turns_says_so_and_is_no_error(calango):
    ended = calango("report", "--since", "2020-01-01", "--until", "2020-01-02")

    assert ended.code == 0
    assert "There are no turns in this period." in ended.err


def test_no_errors_are_not_called_no_turns(calango):
    ended = calango("errors", "--since", "2020-01-01", "--until", "2020-01-02")

    assert (ended.code, "There are no errors in this period." in ended.err) == (0, True)


def test_a_file_about_nothing_keeps_its_columns(calango):
    ended = calango("cost", "--since", "2020-01-01", "--until", "2020-01-02", "--format", "csv")

    assert ended.out.startswith("day,turns,calls,users,")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cost", "--where", "user=nobody"), "There is no user 'nobody'."),
        (("cost", "--where", "model=gpt-9"), "There is no model 'gpt-9'. There are "),
        (("cost", "--where", "mood=bad"), "There is no filter mood."),
        (("cost", "--where", "user"), "'user' is no filter"),
        (("cost", "--by", "mood"), "Nothing can be grouped by mood"),
        (("report", "--since", "sometime"), "'sometime' is no time range"),
        (("report", "--since", "2026-11-20", "--until", "2026-11-01"), "is empty"),
        (("cost", "--format", "parquet"), "Parquet needs a file"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(calango, arguments: tuple[str, ...], said: str):
    ended = calango(*arguments)

    assert ended.code == 2
    assert said in ended.err


def test_exported_costs_add_up_to_the_reported_ones(calango, tmp_path: Path):
    calango("export", "costs", *PERIOD, "--output", str(tmp_path / "costs.parquet"))
    total = calango("report", *PERIOD, "--format", "json").json["tables"]["Total"][0]

    with duckdb.connect() as db:
        found = db.execute("SELECT sum(cost_usd) FROM read_parquet(?)", [str(tmp_path / "costs.parquet")]).fetchone()
    assert found is not None
    assert found[0] == pytest.approx(total["cost_usd"])


def test_exported_turns_are_those_of_the_report(calango):
    rows = list(csv.DictReader(io.StringIO(calango("export", "traces", *PERIOD).out)))

    assert (len(rows), {row["outcome"] for row in rows} >= {"ok", "error"}) == (300, True)


def test_exported_scores_come_as_json_lines(calango):
    lines = calango("export", "scores", *PERIOD, "--format", "jsonl").out.splitlines()

    assert {"user-feedback"} <= {json.loads(line)["name"] for line in lines}


def test_an_export_does_not_replace_a_file_unasked(calango, tmp_path: Path):
    (tmp_path / "turns.csv").write_text("mine")
    ended = calango("export", "traces", *PERIOD, "--output", str(tmp_path / "turns.csv"))

    assert (ended.code, (tmp_path / "turns.csv").read_text()) == (2, "mine")


def test_an_export_of_an_empty_time_has_columns_and_no_rows(calango):
    ended = calango("export", "scores", "--since", "2020-01-01", "--until", "2020-01-02")

    assert (ended.code, ended.out.startswith("score_id,"), ended.out.count("\n")) == (0, True, 1)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_text_that_a_spreadsheet_would_run_is_quoted(text: str):
    from calango.reports.rows import write_csv

    out = io.StringIO()
    write_csv([json.dumps({"comment": text, "tags": [text, "b"]}).encode()], ["comment", "tags"], out)

    assert [row[0] for row in next(csv.reader(out.getvalue().splitlines()[1:]))] == ["'", "'"]


def test_seeding_twice_is_refused(calango):
    ended = calango("seed", "--turns", "10")

    assert (ended.code, "300 traces already" in ended.err) == (2, True)


def test_the_same_seed_makes_the_same_turns():
    from datetime import date

    from calango.seed.turns import drawn
    from calango.seed.wire import request

    assert request(drawn(50, 10, date(2026, 11, 20), 3)) == request(drawn(50, 10, date(2026, 11, 20), 3))


def test_a_cell_that_a_spreadsheet_would_run_is_quoted():
    from calango.reports.render import comma_separated
    from calango.reports.table import Column, Table

    table = Table("x", (Column("user", "user"), Column("cost_usd", "cost", "usd")), [["=cmd|' /C calc'!A0", -1.5]])

    assert list(csv.reader(io.StringIO(comma_separated(table))))[1] == ["'=cmd|' /C calc'!A0", "-1.5"]


def test_what_comes_from_traces_is_escaped_in_html():
    from calango.reports.html import page
    from calango.reports.table import Chart, Column, Report, Table

    bad = "<script>alert(1)</script>\"'"
    table = Table(
        "x",
        (Column("user", "user"), Column("turns", "turns", "count")),
        [[bad, 1], [bad, 2]],
        Chart("user", ("turns",)),
    )

    assert "<script" not in page(Report("r", bad, [table], ""), None)


def test_json_is_json(calango):
    assert json.loads(calango("users", *PERIOD, "--format", "json").out)["title"] == "Users"
