"""An incident from its beginning to its end, with real receivers, a clock of ours, and restarts in between."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from PIL import Image

from calango.alerts import charts, journal, rulebook
from calango.alerts.rules import parse
from calango.alerts.sending import send
from calango.alerts.texts import Text
from calango.alerts.watch import Watch
from calango.budgets.rules import Budget
from calango.store import ObservationRow, Store
from tests.support.servers import free_port

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
RULES = """
[targets]
hook = "json://127.0.0.1:{port}/alerts?secret=hush"
[[rules]]
name = "errors"
metric = "error_rate"
above = 0.5
window = "1h"
min_turns = 4
remind = "6h"
"""


class Receiver:
    """A webhook; `broken` makes it refuse."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.broken = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if not receiver.broken:
                    receiver.got.append(json.loads(body))
                self.send_response(503 if receiver.broken else 200)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.got]


@pytest.fixture
def receiver() -> Generator[Receiver]:
    made = Receiver()
    yield made
    made.http.shutdown()
    made.http.server_close()


class Day:
    """A store and its watch, which can be ended and started again; `at` checks so many hours after the start."""

    def __init__(self, path: Path, port: int, private_allowed: bool = True) -> None:
        self.path = path
        self.port = port
        self.private_allowed = private_allowed
        self.open()

    def open(self) -> None:
        self.store = Store.open(self.path)
        self.watch = Watch(
            self.store, "p", parse(RULES.format(port=self.port), {}), locale="en", ui_url="http://ui", zone=UTC,
            send=lambda address, text, severity: send(address, text, severity, private_allowed=self.private_allowed),
        )  # fmt: skip

    def restart(self) -> None:
        self.store.close()
        self.open()

    def turns(self, hour: float, *, failed: int, fine: int) -> None:
        """Turns within the hour before `hour`."""
        start_ns = int((START + timedelta(hours=hour, minutes=-5)).timestamp() * 1e9)
        rows = [
            ObservationRow("p", f"{hour}-{number}", f"{number}", start_ns, end_ns=start_ns + 10**9, is_root=True,
                           level="ERROR" if number < failed else "DEFAULT")
            for number in range(failed + fine)
        ]  # fmt: skip
        self.store.insert(rows).result(10)

    def at(self, hour: float) -> None:
        self.watch.check(START + timedelta(hours=hour))

    def write(self, change: Any, *given: Any) -> None:
        """`rulebook.add` and the like."""
        rules, now_ns = self.watch.rules, int(START.timestamp() * 1e9)
        self.store.write(lambda db: change(db, "p", rules, *given, now_ns)).result(10)

    def incidents(self) -> list[journal.Kept]:
        with self.store.read() as db:
            return journal.incidents(db, "p")

    def messages(self) -> list[journal.Message]:
        with self.store.read() as db:
            return journal.messages(db, "p")


@pytest.fixture
def day(tmp_path: Path, receiver: Receiver) -> Generator[Day]:
    made = Day(tmp_path / "calango.duckdb", receiver.http.server_port)
    yield made
    made.store.close()


def test_an_incident_is_told_reminded_of_and_ended_across_restarts(day: Day, receiver: Receiver):
    for hour in (0, 0.2, 0.4, 5, 6.1, 7):
        day.turns(hour, failed=6, fine=2)
        day.at(hour)
        day.restart()
    day.turns(8.2, failed=0, fine=8)
    day.at(8.2)
    day.restart()
    day.at(8.3)

    assert receiver.titles == ["Warning: errors", "Still: errors", "Recovered: errors"]


def test_a_message_says_what_and_links_to_the_turns(day: Day, receiver: Receiver):
    day.turns(0, failed=6, fine=2)
    day.at(0)

    body = receiver.got[0]["message"]
    assert "Turns that failed: 75.0 % (limit: at most 50.0 %), in the last 1 h" in body
    assert "http://ui/traces?since=2026-11-20T11%3A00%3A00.000Z&outcome=error" in body


def test_what_could_not_be_delivered_is_tried_again_and_sent_once(day: Day, receiver: Receiver):
    receiver.broken = True
    day.turns(0, failed=6, fine=2)
    day.at(0)
    day.restart()
    receiver.broken = False
    for minutes in (0.1, 1, 2, 3):
        day.at(minutes / 60)

    assert receiver.titles == ["Warning: errors"]
    assert day.messages()[0].attempts == 2


def test_an_outage_of_the_receiver_is_shown_and_given_up_in_the_end(day: Day, receiver: Receiver):
    receiver.broken = True
    day.turns(0, failed=6, fine=2)
    for hour in (0, 0.5, 1, 2, 10, 20, 40):
        day.at(hour)

    opened = day.messages()[-1]
    assert opened.is_given_up
    assert opened.error == "The service did not take the message."


def test_a_private_address_is_refused_unless_allowed(tmp_path: Path, receiver: Receiver):
    day = Day(tmp_path / "other.duckdb", receiver.http.server_port, private_allowed=False)
    day.turns(0, failed=6, fine=2)
    day.at(0)

    assert receiver.got == []
    assert "private network" in str(day.messages()[0].error)
    day.store.close()


def test_the_address_of_a_target_is_nowhere_but_in_its_file(
    day: Day, receiver: Receiver, caplog: pytest.LogCaptureFixture
):
    receiver.broken = True
    day.turns(0, failed=6, fine=2)
    day.at(0)

    shown = [repr(day.watch.rules), caplog.text, *map(str, day.messages())]
    assert [text for text in shown if "hush" in text] == []


def pictures(message: dict[str, Any]) -> list[Image.Image]:
    return [Image.open(BytesIO(b64decode(one["base64"]))) for one in message["attachments"]]


def test_a_message_carries_a_chart_where_the_channel_takes_one(day: Day, receiver: Receiver):
    day.turns(0, failed=6, fine=2)
    day.at(0)

    (picture,) = pictures(receiver.got[0])
    assert (picture.format, picture.size) == ("PNG", (charts.WIDTH, charts.HEIGHT))


def test_a_chart_that_can_not_be_drawn_does_not_stop_the_message(
    day: Day, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(charts, "_FONT", "none.ttf")
    day.turns(0, failed=6, fine=2)
    day.at(0)

    assert receiver.titles == ["Warning: errors"]
    assert pictures(receiver.got[0]) == []


def test_a_channel_that_refuses_twice_is_sent_the_words_alone(day: Day, receiver: Receiver):
    receiver.broken = True
    day.turns(0, failed=6, fine=2)
    day.at(0)
    day.at(0.1)
    receiver.broken = False
    day.at(0.2)

    assert pictures(receiver.got[0]) == []


MINE = {"name": "mine", "metric": "error_rate", "above": 0.5, "min_turns": 4, "window": "1h"}


def test_a_rule_made_at_run_time_works_at_the_next_check_and_after_a_restart(day: Day, receiver: Receiver):
    day.watch.rules = replace(day.watch.rules, rules=())
    day.turns(0, failed=6, fine=2)
    day.write(rulebook.add, MINE)
    day.at(0)
    day.restart()
    day.watch.rules = replace(day.watch.rules, rules=())
    day.turns(2, failed=0, fine=8)
    day.at(2)

    assert receiver.titles == ["Warning: mine", "Recovered: mine"]


def changed(day: Day, **what: Any) -> list[tuple[str, bool]]:
    """Incidents, as (rule, whether it is open), after an incident's rule was changed so and evaluated again."""
    day.watch.rules = replace(day.watch.rules, rules=())
    day.turns(0, failed=6, fine=2)
    day.write(rulebook.add, MINE)
    day.at(0)
    day.write(rulebook.change, "mine", MINE | what)
    day.at(0.1)
    return [(kept.incident.rule, kept.incident.is_open) for kept in day.incidents()]


def test_an_incident_goes_on_when_its_rule_asks_the_same_under_another_name(day: Day, receiver: Receiver):
    assert changed(day, name="ours", severity="critical") == [("ours", True)]
    assert receiver.titles == ["Warning: mine"]


def test_an_incident_ends_with_a_word_when_the_new_threshold_is_met(day: Day, receiver: Receiver):
    assert changed(day, above=0.9) == [("mine", False)]
    assert receiver.titles == ["Warning: mine", "Recovered: mine"]


def test_an_incident_ends_without_a_word_when_its_rule_asks_something_else(day: Day, receiver: Receiver):
    assert changed(day, metric="turns", above=1000) == [("mine", False)]
    assert receiver.titles == ["Warning: mine"]


def test_an_incident_ends_when_its_rule_is_switched_off(day: Day, receiver: Receiver):
    assert changed(day, enabled=False) == [("mine", False)]
    assert receiver.titles == ["Warning: mine"]


def test_an_incident_and_the_mute_of_a_deleted_rule_end_at_once(day: Day):
    day.watch.rules = replace(day.watch.rules, rules=())
    day.turns(0, failed=6, fine=2)
    day.write(rulebook.add, MINE)
    day.at(0)
    day.store.write(lambda db: journal.mute(db, "p", "mine", 2 * 10**18)).result(10)
    day.write(rulebook.delete, "mine")

    assert [kept.incident.is_open for kept in day.incidents()] == [False]
    with day.store.read() as db:
        assert journal.mutes(db, "p", 0) == {}


def test_a_rule_of_the_file_counts_where_an_own_one_has_its_name(day: Day):
    file = day.watch.rules
    day.watch.rules = replace(file, rules=())
    day.write(rulebook.add, MINE | {"name": "errors"})
    day.watch.rules = file
    with day.store.read() as db:
        found = rulebook.listed(db, "p", file)

    assert [(one.is_own, one.is_active) for one in found] == [(False, True), (True, False)]


def test_an_own_rule_outlives_its_target_and_says_so(day: Day):
    day.write(rulebook.add, MINE | {"to": ["hook"]})
    with day.store.read() as db:
        found = rulebook.listed(db, "p", parse("", {}))

    assert [(one.rule.name, one.gone) for one in found] == [("mine", ("hook",))]


def test_a_rule_whose_target_is_gone_can_still_be_switched_off(day: Day):
    day.write(rulebook.add, MINE | {"to": ["hook"]})
    day.watch.rules = parse("", {})
    day.write(rulebook.change, "mine", MINE | {"to": ["hook"], "enabled": False})

    with day.store.read() as db:
        assert rulebook.active(db, "p", day.watch.rules) == []


def test_a_rule_that_names_no_targets_goes_to_a_later_one_too(day: Day):
    day.write(rulebook.add, MINE)
    with day.store.read() as db:
        (found,) = rulebook.listed(db, "p", parse('[targets]\nnew = "json://x"\n', {}))

    assert found.rule.to == ("new",)


def test_an_own_rule_on_a_budget_that_is_gone_is_not_evaluated_and_says_so(day: Day):
    day.watch.rules = parse("", {}, [Budget("team", Decimal(10))])
    day.write(rulebook.add, {"name": "mine", "metric": "budget_share", "above": 0.8, "budget": "team"})
    with day.store.read() as db:
        (found,) = rulebook.listed(db, "p", parse("", {}))

    assert (found.gone_budget, found.is_active) == (True, False)


def test_an_incident_of_a_budget_names_whose_it_is_and_ends_with_its_month(day: Day, receiver: Receiver):
    text = RULES.format(port=day.port).replace('"error_rate"', '"budget_share"\nbudget = "each"').replace("0.5", "0.8")
    text = text.replace('window = "1h"\nmin_turns = 4\n', "")
    day.watch.rules = parse(text, {}, [Budget("each", Decimal(10), each="user")])
    start_ns = int(START.timestamp() * 1e9)
    rows = [
        ObservationRow("p", user, user, start_ns, end_ns=start_ns, is_root=True, user_id=user, total_cost=cost)
        for user, cost in (("ana", Decimal(9)), ("bob", Decimal(3)))
    ]
    day.store.insert(rows).result(10)
    day.at(1)
    day.at(24 * 30)

    assert receiver.titles == ["Warning: errors", "Recovered: errors"]
    assert "Budget each: 90.0 % (limit: at most 80.0 %)\nUser: ana" in receiver.got[0]["message"]
    assert "order=dearest" in receiver.got[0]["message"]


def test_an_incident_of_a_rule_that_is_gone_ends_without_a_word(day: Day, receiver: Receiver):
    day.turns(0, failed=6, fine=2)
    day.at(0)
    day.watch.rules = parse("", {})
    day.at(1)

    with day.store.read() as db:
        assert not journal.incidents(db, "p")[0].incident.is_open
    assert receiver.titles == ["Warning: errors"]


def test_a_message_arrives_by_mail():
    mails: list[bytes] = []

    class Box:
        async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
            mails.append(envelope.content)
            return "250 OK"

    port = free_port()
    controller = Controller(Box(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        address = f"mailto://127.0.0.1:{port}?from=calango@example.org&to=team@example.org"
        text = Text("Atenção", "Latência", chart=lambda: b"\x89PNG\r\n\x1a\n")
        error = send(address, text, "warning", private_allowed=True)
    finally:
        controller.stop()

    assert error is None
    assert b"team@example.org" in mails[0]
    assert b"image/png" in mails[0]
