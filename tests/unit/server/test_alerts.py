"""Alerts over HTTP and on the command line, with a real server."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from calango import local
from calango.local import LocalServer
from calango.server.routes.alerts import PATH, ROUTES
from tests.support.projects import new_project
from tests.support.servers import client_of, eventually, running_server

RULES = """
[targets]
nowhere = "json://127.0.0.1:9/x"
[[rules]]
name = "silence"
metric = "turns"
below = 1
"""


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalServer]:
    home = tmp_path_factory.mktemp("alerts") / "home"
    local.prepare_home(home)
    (home / "alerts.toml").write_text(RULES)
    with running_server(home, alerts_every_s=0) as server:
        yield server


def test_a_check_finds_what_is_wrong(watching: LocalServer):
    with client_of(watching) as client:
        (rule,) = client.post(f"{PATH}/check").json()["rules"]

    assert (rule["rule"], rule["reading"]["value"], rule["incident"]["rule"]) == ("silence", 0.0, "silence")


def test_an_incident_can_be_acknowledged_once_it_is_there(watching: LocalServer):
    with client_of(watching) as client:
        client.post(f"{PATH}/check")
        incident = client.get(PATH).json()["incidents"][0]["id"]

        assert client.post(f"{PATH}/incidents/{incident}/acknowledge").status_code == 200
        assert client.get(PATH).json()["incidents"][0]["acknowledgedAt"] is not None
        assert client.post(f"{PATH}/incidents/nope/acknowledge").status_code == 404


def test_a_muted_rule_says_until_when(watching: LocalServer):
    with client_of(watching) as client:
        until = client.put(f"{PATH}/mutes", json={"rule": "silence", "seconds": 3600}).json()["mutedUntil"]

        assert client.get(PATH).json()["rules"][0]["mutedUntil"] == until
        assert client.put(f"{PATH}/mutes", json={"rule": "silence", "seconds": 0}).json()["mutedUntil"] is None


@pytest.mark.parametrize(
    "body", [{}, {"rule": "silence"}, {"rule": "silence", "seconds": -1}, {"rule": 3, "seconds": 1}]
)
def test_a_mute_that_makes_no_sense_is_refused(watching: LocalServer, body: dict[str, object]):
    with client_of(watching) as client:
        assert client.put(f"{PATH}/mutes", json=body).status_code == 400


def test_what_could_not_be_delivered_is_shown(watching: LocalServer):
    with client_of(watching) as client:
        client.post(f"{PATH}/check")

        assert "private network" in client.get(f"{PATH}/messages").json()["messages"][0]["error"]


RULE = {"name": "busy", "metric": "turns", "above": 0, "window": "1d"}


@pytest.fixture
def client(watching: LocalServer) -> Generator[httpx.Client]:
    """With no rules but the file's."""
    with client_of(watching) as made:
        yield made
        for rule in made.get(PATH).json()["rules"]:
            if rule["source"] == "own":
                assert made.delete(f"{PATH}/rules/{quote(rule['name'])}").is_success


def own(client: httpx.Client) -> list[dict[str, Any]]:
    return [rule["data"] for rule in client.get(PATH).json()["rules"] if rule["source"] == "own"]


def test_a_rule_made_over_http_is_evaluated_without_a_restart(client: httpx.Client):
    client.post(f"{PATH}/rules", json=RULE)

    assert [rule["rule"] for rule in client.post(f"{PATH}/check").json()["rules"]] == ["silence", "busy"]
    assert client.get(PATH).json()["rules"][1]["reading"]["value"] == 0.0


def test_a_changed_rule_keeps_its_place_under_its_new_name(client: httpx.Client):
    client.post(f"{PATH}/rules", json=RULE)
    changed = RULE | {"name": "50% off: a.b-c_d", "above": 3}
    client.put(f"{PATH}/rules/busy", json=changed)
    again = client.put(f"{PATH}/rules/{quote(changed['name'])}", json=changed | {"enabled": False})

    assert again.status_code == 200
    assert [(rule["name"], rule["above"], rule["enabled"]) for rule in own(client)] == [(changed["name"], 3.0, False)]


def test_a_deleted_rule_is_no_longer_evaluated(client: httpx.Client):
    client.post(f"{PATH}/rules", json=RULE)
    client.delete(f"{PATH}/rules/busy")

    assert [rule["rule"] for rule in client.post(f"{PATH}/check").json()["rules"]] == ["silence"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/rules", RULE | {"metric": "beauty"}, 400, "The alert rule 'busy' has no known metric."),
        ("POST", "/rules", RULE | {"to": ["nobody"]}, 400, "goes to an unknown target"),
        ("POST", "/rules", RULE | {"name": "silence"}, 400, "Two alert rules are named 'silence'."),
        ("POST", "/preview", RULE | {"metric": ["turns"]}, 400, "no known metric"),
        ("PUT", "/rules/silence", RULE, 400, "is one of the file"),
        ("PUT", "/rules/nobody", RULE, 404, "no alert rule 'nobody'"),
        ("DELETE", "/rules/silence", None, 400, "is one of the file"),
        ("DELETE", "/rules/nobody", None, 404, "no alert rule 'nobody'"),
    ],
)
def test_a_rule_is_refused_in_the_words_of_the_file(
    client: httpx.Client, method: str, path: str, body: dict[str, object] | None, status: int, said: str
):
    answer = client.request(method, f"{PATH}{path}", json=body)

    assert (answer.status_code, said in answer.json()["message"]) == (status, True)


def test_a_name_is_taken_once_among_own_rules_too(client: httpx.Client):
    client.post(f"{PATH}/rules", json=RULE)

    assert client.post(f"{PATH}/rules", json=RULE).status_code == 400
    assert len(own(client)) == 1


def test_a_preview_says_what_a_rule_would_say_and_keeps_nothing(client: httpx.Client):
    before = client.get(PATH).json()
    found = client.post(f"{PATH}/preview", json={"name": "x", "metric": "turns", "below": 5}).json()

    assert (found["reading"]["value"], found["reading"]["exceeded"], len(found["points"])) == (0.0, True, 24)
    assert client.get(PATH).json() == before


def test_a_trial_message_says_why_it_did_not_arrive(client: httpx.Client):
    assert client.post(f"{PATH}/targets/nowhere/try").json()["errorCode"] == "private"


def test_a_running_server_evaluates_by_itself(home: Path):
    local.prepare_home(home)
    (home / "alerts.toml").write_text(RULES)
    with running_server(home, alerts_every_s=0.2) as server, client_of(server) as client:
        assert eventually(lambda: client.get(PATH).json()["incidents"])
        client.post(f"{PATH}/rules", json={"name": "mine", "metric": "turns", "below": 1, "to": []})
        assert eventually(lambda: len(client.get(PATH).json()["incidents"]) == 2)


def test_only_the_key_of_this_home_manages_alerts(watching: LocalServer):
    project = new_project(watching, "other")
    with project.client() as client:
        refused = {
            client.request(
                next(iter(route.methods - {"HEAD"})), route.path.replace("{", "").replace("}", "")
            ).status_code
            for route in ROUTES
        }

    assert refused == {403}


def test_rules_with_a_mistake_stop_the_start_and_are_named(home: Path):
    local.prepare_home(home)
    (home / "alerts.toml").write_text('[[rules]]\nname = "x"\nmetric = "beauty"\nabove = 1\n')

    from calango.errors import ConfigError
    from tests.support.servers import settings_for

    with pytest.raises(ConfigError, match="'x' has no known metric"):
        local.ensure(settings_for(home))


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(watching: LocalServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `calango alerts …` before the server: exit code, what was printed, what was complained of."""
    from calango.cli.app import run

    monkeypatch.setattr(local, "ensure", lambda _settings: watching)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(("alerts", *arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_command_line_ends_with_1_when_something_is_wrong(command: Command):
    code, out, _ = command("check", "--json")

    assert (code, json.loads(out)[0]["rule"]) == (1, "silence")


def test_the_command_line_lists_rules_and_incidents(command: Command, client: httpx.Client):
    client.post(f"{PATH}/rules", json=RULE | {"enabled": False})
    command("check")
    lines = command("list")[1].splitlines()

    assert lines[0].startswith("rule      silence: turns below 1")
    assert lines[1] == "rule      busy: turns above 0  (off)"
    assert "silence  since" in lines[2]


def test_the_command_line_shows_what_was_not_delivered(command: Command):
    command("check")

    assert "not sent: The target is in a private network" in command("history")[1]
    assert json.loads(command("history", "--json")[1])[0]["errorCode"] == "private"


def test_the_command_line_acknowledges_what_is_open(command: Command, client: httpx.Client):
    command("check")
    incident = client.get(PATH).json()["incidents"][0]["id"]

    assert command("ack", incident)[:2] == (0, "Acknowledged.\n")
    code, _, said = command("ack", "nope")
    assert (code, "no open incident nope" in said) == (5, True)


def test_the_command_line_mutes_for_a_time_and_ends_that(command: Command):
    assert command("mute", "silence", "--for", "2h")[1].startswith("Muted until 2")
    assert "muted until 2" in command("list")[1]
    assert command("mute", "silence", "--for", "0")[1] == "No longer muted.\n"
    assert command("mute", "silence", "--for", "soon")[0] == 2


def test_the_command_line_says_why_a_target_was_not_reached(command: Command):
    code, _, said = command("try", "nowhere")

    assert (code, "private network" in said) == (1, True)
