"""No project sees, changes or deletes what another one has, also where their ids are the same."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from calango.server.app import ROUTES
from tests.support.projects import new_project
from tests.support.routing import named
from tests.support.servers import eventually, running_server
from tests.support.twins import PUBLIC, SINCE, Twin, media_id, reads

pytestmark = pytest.mark.xdist_group("isolation")
ANSWERS_NOTHING_OF_A_PROJECT = {
    ("GET", "/api/public/health"),
    ("GET", "/api/public/ready"),
    ("GET", "/style.css"),
    ("GET", "/api/calango/openapi.json"),
    ("POST", "/api/public/otel/v1/metrics"),
    # for the home's key alone, see tests/unit/server/test_projects.py
    ("POST", "/api/calango/projects"),
    ("POST", "/api/calango/projects/{project_id}/keys"),
    ("DELETE", "/api/calango/keys/{public_key}"),
    # for the home's key alone, which they are refused without: see tests/unit/server/test_scrape.py, test_alerts.py
    ("GET", "/metrics"),
    ("GET", "/api/calango/alerts"),
    ("POST", "/api/calango/alerts/rules"),
    ("PUT", "/api/calango/alerts/rules/{name}"),
    ("DELETE", "/api/calango/alerts/rules/{name}"),
    ("POST", "/api/calango/alerts/preview"),
    ("GET", "/api/calango/alerts/messages"),
    ("POST", "/api/calango/alerts/check"),
    ("PUT", "/api/calango/alerts/mutes"),
    ("POST", "/api/calango/alerts/incidents/{incident_id}/acknowledge"),
    ("POST", "/api/calango/alerts/targets/{target}/try"),
    # see tests/unit/server/test_spending.py
    ("POST", "/api/calango/spent"),
    # see tests/unit/cli/test_data.py
    ("GET", "/api/calango/backup"),
    ("POST", "/api/calango/import/{table}"),
}
CURSORS = (
    "v2/observations?limit=1&fields=core,basic",
    "v3/scores?limit=1&fields=details",
    f"experiments?limit=1&{SINCE}&fields=metadata,scores",
    f"experiment-items?limit=1&{SINCE}&fields=io,metadata",
)


Answers = dict[str, tuple[int, str]]


@dataclass
class Walk:
    """What the first project heard before the second was there, then beside it, and after all of that was deleted."""

    first: Twin
    second: Twin
    alone: Answers
    beside: Answers
    with_foreign_ids: Answers
    second_beside: Answers
    by_cursor: dict[str, Any]
    foreign_changes: dict[str, int]
    after_deletes: Answers
    second_after_deletes: Answers


def answers(asker: Twin, owner: Twin, marks: tuple[str, str]) -> Answers:
    """Everything that `asker` hears when it asks with the ids of `owner`; signed addresses made equal."""
    heard: Answers = {}
    for path in reads(owner, marks):
        answer = asker.ask("GET", path)
        text = re.sub(r'expires=\d+|signature=[0-9a-f]+|"urlExpiry":"[^"]+"', "", answer.text)
        heard[path] = answer.status_code, text
    return heard


def foreign_cursors(first: Twin, second: Twin) -> dict[str, Any]:
    """What the second project hears with each cursor that the first was given."""
    heard: dict[str, Any] = {}
    for path in CURSORS:
        cursor = first.ask("GET", f"{PUBLIC}/{path}").json()["meta"]["cursor"]
        heard[path] = second.ask("GET", f"{PUBLIC}/{path}&cursor={cursor}").text
    return heard


def change(asker: Twin, owner: Twin) -> dict[str, int]:
    """Try to change and delete what has an id of its own in `owner`."""
    ids = owner.ids
    tries = [
        ("PATCH", f"score-configs/{ids['config']}", {"description": "x"}),
        ("DELETE", f"models/{ids['model']}", None),
        ("POST", "scores", {"name": "quality", "value": 1, "traceId": "t", "configId": ids["config"]}),
        ("POST", "comments", {"projectId": owner.project_id, "objectType": "TRACE", "objectId": "t", "content": "x"}),
    ]
    return {path: asker.ask(method, f"{PUBLIC}/{path}", body).status_code for method, path, body in tries}


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Generator[Walk]:
    with running_server(Path(tmp_path_factory.mktemp("server")) / "home") as server, ExitStack() as stack:
        made = [new_project(server, name) for name in ("one", "two")]
        clients = [stack.enter_context(project.client()) for project in made]
        first = Twin(made[0].id, clients[0], "alpha", 10451045)
        second = Twin(made[1].id, clients[1], "omega", 70867086)
        marks = (first.mark, second.mark)
        first.fill()
        shown = f"{PUBLIC}/v2/observations?traceId=legacy"  # three seconds after it came
        assert eventually(lambda: first.ask("GET", shown).json()["data"])
        alone = answers(first, first, marks)
        second.fill()
        beside, second_beside = answers(first, first, marks), answers(second, second, marks)
        foreign, by_cursor = answers(first, second, marks), foreign_cursors(first, second)
        changes = change(second, first)
        second.delete_all()
        after, second_after = answers(first, first, marks), answers(second, second, marks)
        yield Walk(first, second, alone, beside, foreign, second_beside, by_cursor, changes, after, second_after)


def strange(heard: Answers, twin: Twin) -> list[str]:
    """The paths whose answers say something of `twin`."""
    said = (twin.mark, str(twin.number), twin.project_id)
    return [
        path
        for path, (_, text) in heard.items()
        if any(word in text.replace(path.partition("?")[0], "") for word in said)
    ]


def test_every_route_of_the_server_was_asked(walk: Walk):
    asked = walk.first.asked | walk.second.asked

    assert {named(route) for route in ROUTES} - asked - ANSWERS_NOTHING_OF_A_PROJECT == set()


def test_what_a_project_reads_is_there(walk: Walk):
    refused = {path: status for path, (status, _) in walk.beside.items() if status >= 400}

    assert sorted(refused.values()) == [403, 403], refused  # the projects, and media without a signature


def test_a_project_reads_the_same_beside_another_one_as_alone(walk: Walk):
    assert [path for path, answer in walk.alone.items() if walk.beside[path] != answer] == []


def test_no_answer_says_anything_of_the_other_project(walk: Walk):
    assert strange(walk.beside, walk.second) == []
    assert strange(walk.second_beside, walk.first) == []


def test_ids_of_the_other_project_open_nothing_of_it(walk: Walk):
    assert strange(walk.with_foreign_ids, walk.second) == []


def test_a_cursor_of_another_project_leads_only_to_what_is_ones_own(walk: Walk):
    for path, text in walk.by_cursor.items():
        assert walk.first.mark not in text, path
        assert str(walk.first.number) not in text, path
        assert walk.first.project_id not in text, path


def test_what_another_project_has_cannot_be_changed(walk: Walk):
    assert [path for path, status in walk.foreign_changes.items() if status not in {400, 404}] == []


def test_deletes_take_nothing_from_another_project(walk: Walk):
    assert [path for path, answer in walk.alone.items() if walk.after_deletes[path] != answer] == []


def test_what_was_deleted_is_gone_for_its_own_project(walk: Walk):
    gone = ("traces/", "observations/", "prompts/p", "dataset-items/item", "datasets/d/runs/r", "models/")
    left = {
        path: status
        for path, (status, _) in walk.second_after_deletes.items()
        if any(f"{PUBLIC}/{name}" in path or f"{PUBLIC}/v2/{name}" in path for name in gone) and "item-2" not in path
    }

    assert set(left.values()) == {404}


def test_a_signed_media_address_of_one_project_opens_no_other(walk: Walk):
    url = walk.first.ask("GET", f"{PUBLIC}/media/{media_id()}").json()["url"]

    swapped = url.replace(walk.first.project_id, walk.second.project_id)
    assert (walk.first.client.get(url).status_code, walk.first.client.get(swapped).status_code) == (200, 403)
