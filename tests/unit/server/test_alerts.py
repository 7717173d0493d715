"""Alerts over HTTP and on the command line, with a real server."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from calango import local
from calango.local import LocalServer
from calango.server.routes.alerts import PATH, ROUTES
from tests.support.projects import new_project
from tests.support.servers import client_of, running_server

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


def test_the_command_line_ends_with_1_when_something_is_wrong(
    watching: LocalServer, monkeypatch: pytest.MonkeyPatch, capsys
):
    from calango.cli.app import run

    monkeypatch.setattr(local, "ensure", lambda _settings: watching)
    code = run(("alerts", "check", "--json"))

    assert (code, json.loads(capsys.readouterr().out)[0]["rule"]) == (1, "silence")
