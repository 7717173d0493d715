"""`calango push` between two real servers: everything arrives, once."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from calango import local
from calango.cli.app import run
from calango.local import LocalServer
from calango.push.run import Push, Pushed
from calango.questions import Questions, Range
from calango.settings import Settings
from calango.tracing.masking import Masker
from tests.support.projects import new_project
from tests.support.servers import client_of, eventually, running_server
from tests.support.twins import Twin

pytestmark = pytest.mark.xdist_group("push")
PERIOD = Range("2026-01-01", "2027-01-01")
RANGE = {"fromStartTime": "2026-01-01T00:00:00Z", "toStartTime": "2027-01-01T00:00:00Z", "limit": "1000"}
FIELDS = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalServer]:
    """Holds one of everything, and 60 turns."""
    with running_server(tmp_path_factory.mktemp("here") / "home") as server:
        with client_of(server) as client, pytest.MonkeyPatch.context() as patch:
            Twin(server.project_id, client, "first", 1).fill()
            patch.setattr(local, "ensure", lambda _settings: server)
            assert run(("seed", "--turns", "60", "--until", "2026-11-20", "--anyway")) == 0
        yield server


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalServer]:
    with running_server(tmp_path_factory.mktemp("there") / "home") as server:
        yield server


def pushed(here: LocalServer, remote: httpx.Client, state: Path, masker: Masker | None = None) -> Pushed:
    return Push(here, here.project_id, remote, state, masker, lambda _table, _rows: None).run()


def observations(client: httpx.Client) -> dict[str, Any]:
    """What v2 answers of each, but for what belongs to the server. What was no span shows after some seconds."""

    def read() -> list[dict[str, Any]]:
        return client.get("/api/public/v2/observations", params=RANGE | {"fields": FIELDS}).json()["data"]

    assert eventually(lambda: any(one["id"] == "legacy-step" for one in read()))
    found = read()
    own = {"projectId", "createdAt", "updatedAt", "internalModelId", "usagePricingTierId", "usagePricingTierName"}
    kept = {one["id"]: {key: value for key, value in one.items() if key not in own} for one in found}
    for one in kept.values():  # of a span that no SDK of Langfuse made: those that say what was understood are added
        one["metadata"] = {name: text for name, text in one["metadata"].items() if not name.startswith("attributes.")}
    return kept


@pytest.fixture(scope="module")
def copied(here: LocalServer, there: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    """A project of the other server after a push."""
    with new_project(there, "copied").client() as client:
        assert pushed(here, client, tmp_path_factory.mktemp("state") / "push.json").refused == []
        yield client


def test_observations_arrive_as_they_were(here: LocalServer, copied: httpx.Client):
    with client_of(here) as original:
        sent = observations(original)

    assert len(sent) > 500
    for id_, one in observations(copied).items():
        assert one == sent.pop(id_)
    assert sent == {}


def scores(client: httpx.Client) -> dict[str, Any]:
    found = client.get("/api/public/v3/scores", params={"limit": "100", "fields": "details,subject"}).json()["data"]
    own = {"projectId", "createdAt", "updatedAt", "configId", "subject", "authorUserId"}
    return {
        one["id"]: {key: value for key, value in one.items() if key not in own} | {"of": one["subject"]["kind"]}
        for one in found
    }


def test_scores_arrive_as_they_were(here: LocalServer, copied: httpx.Client):
    with client_of(here) as original:
        assert scores(copied) == scores(original)


def test_traces_without_spans_arrive_with_what_was_said_of_them(copied: httpx.Client):
    trace = copied.get("/api/public/traces/legacy").json()

    assert (trace["name"], trace["sessionId"], trace["userId"]) == ("first", "s2", "first")


@pytest.mark.parametrize("version", [1, 2])
def test_prompts_keep_version_and_labels(here: LocalServer, copied: httpx.Client, version: int):
    path, own = f"/api/public/v2/prompts/p?version={version}", {"id", "projectId", "createdAt", "updatedAt"}
    with client_of(here) as original:
        sent = original.get(path).json()

    there = copied.get(path).json()
    assert {k: v for k, v in there.items() if k not in own} == {k: v for k, v in sent.items() if k not in own}


def test_datasets_arrive_with_items_and_runs(copied: httpx.Client):
    items = copied.get("/api/public/dataset-items", params={"datasetName": "d"}).json()["data"]
    run = copied.get("/api/public/datasets/d/runs/r").json()

    assert {item["id"] for item in items} == {"item", "item-2"}
    assert [item["datasetItemId"] for item in run["datasetRunItems"]] == ["item"]


def by_user(ask: Questions) -> list[tuple[Any, ...]]:
    """What is counted; means are sums of floats, in whatever order."""
    groups = ask.breakdown(PERIOD, "user")
    return [(g.key, g.measures.turns, g.measures.cost_usd, g.measures.votes_up, g.measures.ok) for g in groups]


def test_reports_say_the_same(here: LocalServer, there: LocalServer, copied: httpx.Client):
    project = copied.get("/api/public/projects").json()["data"][0]["id"]
    with Questions(here) as original, Questions(there, project) as copy:
        assert by_user(copy) == by_user(original)


class Broken(Exception):
    """A connection that ends in the middle."""


def test_an_interrupted_push_goes_on_and_a_whole_one_is_not_repeated(
    here: LocalServer, there: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("calango.push.run.SPANS", 50)
    monkeypatch.setattr("calango.push.run.OVERLAP_NS", 0)
    asked: list[str] = []

    def breaks(request: httpx.Request) -> None:
        if request.url.path == "/api/public/otel/v1/traces":
            asked.append(request.method)
            if len(asked) in {3, 7}:
                raise Broken

    project, ends = new_project(there, "rough"), 0
    with client_of(here) as original, project.client() as client:
        client.event_hooks = {"request": [breaks]}
        for _ in range(4):
            try:
                again = pushed(here, client, tmp_path / "push.json")
            except Broken:
                ends += 1
        assert (ends, again.counts["observations"], again.counts["prompts"]) == (2, 0, 0)
        assert observations(client) == observations(original)


def test_a_prompt_that_is_there_with_another_text_is_left_alone_and_named(
    here: LocalServer, there: LocalServer, tmp_path: Path
):
    with new_project(there, "taken").client() as client:
        client.post("/api/public/v2/prompts", json={"name": "p", "prompt": "theirs"}).raise_for_status()
        refused = pushed(here, client, tmp_path / "push.json").refused

        assert "prompt p version 1 is there with another text or config" in refused
        assert client.get("/api/public/v2/prompts/p?version=1").json()["prompt"] == "theirs"


def test_what_leaves_is_masked(here: LocalServer, there: LocalServer, tmp_path: Path):
    said = {"id": "told", "traceId": "00000000000000000000000000000001", "name": "note", "value": 1}
    with client_of(here) as original, new_project(there, "masked").client() as client:
        original.post("/api/public/scores", json=said | {"comment": "write to ana@example.com"}).raise_for_status()
        pushed(here, client, tmp_path / "push.json", Masker.of(Settings(home=tmp_path)))
        original.delete("/api/public/scores/told").raise_for_status()

        assert client.get("/api/public/v2/scores/told").json()["comment"] == "write to <email-1>"


def test_the_command_says_what_was_sent(
    here: LocalServer, there: LocalServer, home: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    project = new_project(there, "command")
    for name, value in (
        ("PUBLIC_KEY", project.public_key), ("SECRET_KEY", project.secret_key), ("BASE_URL", there.base_url)
    ):  # fmt: skip
        monkeypatch.setenv(f"LANGFUSE_{name}", value)
    monkeypatch.setattr(local, "ensure", lambda _settings: here)

    assert run(("push", "--json")) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["prompts"], said["datasets"], said["refused"]) == (2, 1, [])


def test_without_a_remote_there_is_nothing_to_push_to(home: Path, capsys: pytest.CaptureFixture[str]):
    assert run(("push",)) == 2
    assert "LANGFUSE_PUBLIC_KEY" in capsys.readouterr().err
