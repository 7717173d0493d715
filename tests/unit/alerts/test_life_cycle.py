"""An incident from its beginning to its end, with real receivers, a clock of ours, and restarts in between."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from calango.alerts import journal
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
        error = send(address, Text("Atenção", "Latência"), "warning", private_allowed=True)
    finally:
        controller.stop()

    assert error is None
    assert b"team@example.org" in mails[0]
