from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from calango.errors import HomeError
from calango.tracing.outbox import Outbox, Vote

TARGET = "local#p"
DAY_S = 86_400


@pytest.fixture
def outbox(home: Path) -> Outbox:
    return Outbox(home, TARGET)


def vote(value: float | None = 1.0, score_id: str = "score-1") -> Vote:
    return Vote(score_id, "0" * 31 + "1", "user-feedback", value, None, "pending", None, 5)


def test_spans_come_out_in_the_order_they_went_in(outbox):
    outbox.put_spans([("t1", b"a"), ("t2", b"b")])
    outbox.put_spans([("t1", b"c")])

    assert [item.body for item in outbox.due()] == [b"a", b"b", b"c"]


def test_what_was_put_survives_the_process(outbox, home):
    outbox.put_vote(vote(), b"{}")
    outbox.close()

    assert [item.key for item in Outbox(home, TARGET).due()] == ["score-1"]


def test_a_killed_process_loses_nothing_that_was_put(home):
    code = (
        "import os, sys; from pathlib import Path; from calango.tracing.outbox import Outbox\n"
        f"Outbox(Path(sys.argv[1]), {TARGET!r}).put_spans([('t', b'kept')]); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(home)], check=False, timeout=60)

    assert [item.body for item in Outbox(home, TARGET).due()] == [b"kept"]


def test_another_destination_does_not_see_it(outbox, home):
    outbox.put_spans([("t", b"a")])

    assert Outbox(home, "https://other#pk").due() == []


def test_a_changed_vote_replaces_the_one_that_waits(outbox):
    outbox.put_vote(vote(1.0), b"up")
    outbox.put_vote(vote(0.0), b"down")

    assert [item.body for item in outbox.due()] == [b"down"]


def test_a_vote_changed_while_the_old_one_is_sent_is_still_sent(outbox):
    outbox.put_vote(vote(1.0), b"up")
    being_sent = outbox.due()
    outbox.put_vote(vote(0.0), b"down")
    outbox.delivered(being_sent)

    assert [item.body for item in outbox.due()] == [b"down"]


def test_a_withdrawal_takes_the_place_of_the_vote(outbox):
    outbox.put_vote(vote(), b"up")
    outbox.put_vote(vote(None), None)

    assert [item.kind for item in outbox.due()] == ["withdrawal"]


def test_a_votes_state_follows_its_delivery(outbox):
    outbox.put_vote(vote(), b"up")
    states = [outbox.votes([vote().trace_id])[0].state]
    outbox.park(outbox.due(), "400 Bad Request")
    states.append(outbox.votes([vote().trace_id])[0].state)
    outbox.retry()
    outbox.delivered(outbox.due())
    states.append(outbox.votes([vote().trace_id])[0].state)

    assert states == ["pending", "refused", "sent"]


def test_a_refused_vote_tells_why(outbox):
    outbox.put_vote(vote(), b"up")
    outbox.park(outbox.due(), "400 Bad Request: no")

    assert outbox.votes([vote().trace_id])[0].reason == "400 Bad Request: no"


def test_what_is_postponed_is_not_due_until_then(outbox):
    outbox.put_spans([("t", b"a")])
    outbox.postpone(outbox.due(), 3600, "down")

    assert (outbox.due(), outbox.is_empty(), outbox.depth().last_error) == ([], False, "down")


def test_only_one_holder_has_the_lease_at_a_time(outbox, home):
    other = Outbox(home, TARGET)

    assert (outbox.take_lease(), other.take_lease(), outbox.take_lease()) == (True, False, True)
    outbox.give_up_lease()
    assert other.take_lease()


def test_beyond_its_size_the_oldest_whole_traces_go_first_and_are_counted(outbox):
    outbox.put_spans([("old", b"x" * 600), ("new", b"y" * 600)])
    outbox.put_spans([("old", b"x" * 100)])
    outbox.trim(max_bytes=700, max_age_s=DAY_S)

    assert ([item.key for item in outbox.items()], outbox.depth().dropped) == (["new"], 1)


def test_votes_are_never_given_up(outbox):
    outbox.put_vote(vote(), b"v" * 1000)
    outbox.trim(max_bytes=10, max_age_s=0)

    assert outbox.depth().votes == 1


def test_what_is_too_old_is_given_up(outbox):
    outbox.put_spans([("t", b"a")])
    outbox.trim(max_bytes=10**9, max_age_s=0)

    assert outbox.is_empty()


def test_drop_deletes_only_what_was_refused_unless_told_otherwise(outbox):
    outbox.put_spans([("t1", b"a")])
    outbox.park(outbox.due(), "413")
    outbox.put_spans([("t2", b"b")])

    assert outbox.drop() == 1
    assert outbox.drop(parked_only=False) == 1


def test_it_remembers_which_traces_passed_through(outbox):
    outbox.put_spans([("t1", b"a")])
    outbox.delivered(outbox.due())

    assert (outbox.knows_trace("t1"), outbox.knows_trace("t2")) == (True, False)


def test_the_file_is_for_its_owner_only(outbox):
    assert stat.S_IMODE(outbox.path.stat().st_mode) == 0o600


def test_a_damaged_file_is_named_and_left_as_it_is(home):
    home.mkdir()
    damaged = home / "outbox.sqlite"
    damaged.write_bytes(b"this is no database" * 100)

    with pytest.raises(HomeError, match=r"outbox\.sqlite can't be used"):
        Outbox(home, TARGET)
    assert damaged.read_bytes() == b"this is no database" * 100


def test_a_file_of_a_newer_version_is_refused(home):
    Outbox(home, TARGET).close()
    with sqlite3.connect(home / "outbox.sqlite") as db:
        db.execute("PRAGMA user_version = 99")

    with pytest.raises(HomeError, match="newer Calango"):
        Outbox(home, TARGET)


def test_a_home_that_is_a_file_is_a_clear_error(tmp_path):
    (tmp_path / "home").write_text("")

    with pytest.raises(HomeError, match="can't be written"):
        Outbox(tmp_path / "home", TARGET)
