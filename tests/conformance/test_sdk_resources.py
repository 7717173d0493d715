"""Prompts, datasets, experiments, models and media: the real SDK against the real server."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from langfuse import Langfuse
from langfuse.api.core import ApiError
from langfuse.media import LangfuseMedia
from opentelemetry.sdk.trace import TracerProvider

from calango.local import LocalServer
from tests.support.servers import client_of, eventually


@pytest.fixture
def langfuse(server: LocalServer) -> Generator[Langfuse]:
    client = Langfuse(
        public_key=server.public_key,
        secret_key=server.secret_key,
        base_url=server.base_url,
        tracer_provider=TracerProvider(),
    )
    yield client
    client.shutdown()


@pytest.fixture
def api(server: LocalServer) -> Generator[httpx.Client]:
    with client_of(server) as client:
        yield client


def test_a_text_prompt_is_found_by_its_label_and_compiled(langfuse: Langfuse):
    langfuse.create_prompt(name="greet", prompt="Hi {{name}}", labels=["production"], config={"t": 1})

    prompt = langfuse.get_prompt("greet")
    assert (prompt.compile(name="Ana"), prompt.version, prompt.config) == ("Hi Ana", 1, {"t": 1})


def test_a_chat_prompt_keeps_its_messages(langfuse: Langfuse):
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "{{q}}"}]
    langfuse.create_prompt(name="chat", type="chat", prompt=messages, labels=["production"])

    compiled = langfuse.get_prompt("chat", type="chat").compile(q="why?")
    assert [message["content"] for message in compiled] == ["be brief", "why?"]


def test_a_label_moves_to_the_version_that_gets_it(langfuse: Langfuse):
    langfuse.create_prompt(name="p", prompt="one", labels=["production"])
    langfuse.create_prompt(name="p", prompt="two", labels=[])
    before = langfuse.get_prompt("p", cache_ttl_seconds=0).version
    langfuse.update_prompt(name="p", version=2, new_labels=["production"])

    assert (before, langfuse.get_prompt("p", cache_ttl_seconds=0).version) == (1, 2)
    assert langfuse.get_prompt("p", version=1, cache_ttl_seconds=0).labels == []


def test_a_prompt_is_put_into_another_that_refers_to_it(langfuse: Langfuse, api: httpx.Client):
    langfuse.create_prompt(name="tone", prompt='be "kind"', labels=["production"])
    langfuse.create_prompt(
        name="base", prompt="@@@langfusePrompt:name=tone|label=production@@@!", labels=["production"]
    )

    assert langfuse.get_prompt("base").prompt == 'be "kind"!'
    raw = api.get("/api/public/v2/prompts/base", params={"resolve": "false"}).json()
    assert raw["prompt"].startswith("@@@langfusePrompt")


def test_prompts_that_refer_to_each_other_in_a_circle_are_refused(langfuse: Langfuse, api: httpx.Client):
    for name, other in (("a", "b"), ("b", "a")):
        text = f"@@@langfusePrompt:name={other}|label=production@@@"
        langfuse.create_prompt(name=name, prompt=text, labels=["production"])

    assert api.get("/api/public/v2/prompts/a").status_code == 400


def test_a_prompt_that_does_not_exist_is_not_found(langfuse: Langfuse):
    with pytest.raises(ApiError) as caught:
        langfuse.get_prompt("nothing")
    assert caught.value.status_code == 404


def test_a_prompt_name_may_have_folders(langfuse: Langfuse):
    langfuse.create_prompt(name="team/chat/greet", prompt="x", labels=["production"])

    assert langfuse.get_prompt("team/chat/greet").version == 1


def test_a_deleted_prompt_version_hands_latest_to_the_one_before(langfuse: Langfuse, api: httpx.Client):
    for text in ("one", "two"):
        langfuse.create_prompt(name="d", prompt=text, labels=["production"])

    assert api.delete("/api/public/v2/prompts/d", params={"version": 2}).status_code == 204
    assert langfuse.get_prompt("d", label="latest", cache_ttl_seconds=0).version == 1


def test_a_dataset_runs_an_experiment_whose_items_can_be_read(langfuse: Langfuse, api: httpx.Client):
    langfuse.create_dataset(name="sums", description="d", metadata={"a": 1})
    for number in range(3):
        langfuse.create_dataset_item(dataset_name="sums", input={"n": number}, expected_output=number + 1)

    def task(*, item: Any, **_: Any) -> int:
        return item.input["n"] + 1

    result = langfuse.get_dataset("sums").run_experiment(name="exp", run_name="run-1", task=task)
    langfuse.flush()

    assert len(result.item_results) == 3
    since = {"fromStartTime": "2020-01-01T00:00:00Z"}
    (found,) = api.get("/api/public/experiments", params=since).json()["data"]
    assert (found["name"], found["itemCount"]) == ("run-1", 3)
    fields = {"experimentId": found["id"], "fields": "core,dataset,io,scores"}
    items = api.get("/api/public/experiment-items", params=since | fields).json()["data"]
    assert sorted(item["output"] for item in items) == [1, 2, 3]
    assert all(item["expectedOutput"] == item["output"] for item in items)


def test_an_archived_item_keeps_its_input(langfuse: Langfuse, api: httpx.Client):
    langfuse.create_dataset(name="d")
    item = langfuse.create_dataset_item(dataset_name="d", input="kept")
    langfuse.create_dataset_item(dataset_name="d", id=item.id, status="ARCHIVED")

    found = api.get(f"/api/public/dataset-items/{item.id}").json()
    assert (found["status"], found["input"]) == ("ARCHIVED", "kept")


def test_a_dataset_can_be_read_as_it_was(langfuse: Langfuse):
    langfuse.create_dataset(name="d")
    kept = langfuse.create_dataset_item(dataset_name="d", id="kept", input="old")
    gone = langfuse.create_dataset_item(dataset_name="d", id="gone", input="old")
    then = max(kept.updated_at, gone.updated_at)
    eventually(lambda: datetime.now(UTC) > then + timedelta(milliseconds=2))
    langfuse.create_dataset_item(dataset_name="d", id="kept", input="new")
    langfuse.api.dataset_items.delete("gone")
    langfuse.create_dataset_item(dataset_name="d", id="late", input="new")

    def inputs(version: datetime | None) -> dict[str, Any]:
        return {item.id: item.input for item in langfuse.get_dataset("d", version=version).items}

    assert inputs(then) == {"kept": "old", "gone": "old"}
    assert inputs(None) == {"kept": "new", "late": "new"}
    assert inputs(kept.updated_at - timedelta(seconds=1)) == {}


def test_a_version_needs_its_dataset(api: httpx.Client):
    assert api.get("/api/public/dataset-items", params={"version": "2026-11-20T08:00:00Z"}).status_code == 400


def test_an_item_stays_in_its_dataset(langfuse: Langfuse):
    for name in ("a", "b"):
        langfuse.create_dataset(name=name)
    langfuse.create_dataset_item(dataset_name="a", id="mine", input="old")

    with pytest.raises(ApiError) as caught:
        langfuse.create_dataset_item(dataset_name="b", id="mine", input="new")
    assert caught.value.status_code == 404


def test_a_model_of_the_project_prices_what_follows(langfuse: Langfuse, api: httpx.Client):
    model = {"modelName": "house", "matchPattern": "^house-.*$", "unit": "TOKENS", "inputPrice": 0.5, "outputPrice": 1}
    assert api.post("/api/public/models", json=model).status_code == 200
    generation = langfuse.start_observation(as_type="generation", name="g", model="house-1")
    generation.update(usage_details={"input": 2, "output": 3}).end()
    langfuse.flush()

    (found,) = api.get("/api/public/observations", params={"traceId": generation.trace_id}).json()["data"]
    assert (found["calculatedInputCost"], found["calculatedTotalCost"], found["inputPrice"]) == (1, 4, 0.5)


def test_a_model_that_nobody_prices_costs_nothing_that_is_known(langfuse: Langfuse, api: httpx.Client):
    generation = langfuse.start_observation(as_type="generation", name="g", model=f"unknown-{uuid4().hex}")
    generation.update(usage_details={"input": 2, "output": 3}).end()
    langfuse.flush()

    (found,) = api.get("/api/public/observations", params={"traceId": generation.trace_id}).json()["data"]
    assert (found["calculatedInputCost"], found["costDetails"], found["totalTokens"]) == (None, {}, 5)


def test_media_is_uploaded_and_read_back(langfuse: Langfuse, api: httpx.Client, server: LocalServer):
    picture = b"\x89PNG not really" + uuid4().bytes
    media = LangfuseMedia(content_bytes=picture, content_type="image/png")
    langfuse.start_observation(name="m", input={"img": media}).end()
    langfuse.flush()

    path = f"/api/public/media/{media._media_id}"
    eventually(lambda: api.get(path).status_code == 200)
    found = api.get(path).json()
    answer = httpx.get(found["url"])
    assert (answer.content, answer.headers["content-type"]) == (picture, "image/png")
    assert answer.headers["content-disposition"] == "attachment"


def test_media_in_a_dataset_item_is_resolved(langfuse: Langfuse, api: httpx.Client):
    picture = b"\x89PNG in a dataset" + uuid4().bytes
    langfuse.create_dataset(name="pictures")
    item = langfuse.create_dataset_item(
        dataset_name="pictures", input={"img": LangfuseMedia(content_bytes=picture, content_type="image/png")}
    )
    langfuse.flush()

    path = f"/api/public/dataset-items/{item.id}"
    eventually(lambda: api.get(path).json()["mediaReferences"])
    (reference,) = api.get(path).json()["mediaReferences"]
    assert (reference["field"], reference["jsonPath"]) == ("input", "$['img']")
    assert httpx.get(reference["media"]["url"]).content == picture


def test_a_changed_media_address_is_refused(langfuse: Langfuse, api: httpx.Client):
    body = {
        "traceId": "t",
        "contentType": "image/png",
        "contentLength": 1,
        "sha256Hash": "A" * 43 + "=",
        "field": "input",
    }
    url = api.post("/api/public/media", json=body).json()["uploadUrl"]

    assert httpx.put(url.replace("signature=", "signature=0"), content=b"x").status_code == 403
    assert httpx.put(url, content=b"not what was announced").status_code == 400


def test_a_score_config_that_contradicts_itself_is_refused(api: httpx.Client):
    for body in (
        {"name": "c", "dataType": "NUMERIC", "minValue": 1, "maxValue": 0},
        {"name": "c", "dataType": "CATEGORICAL"},
        {"name": "c", "dataType": "BOOLEAN", "minValue": 0},
    ):
        assert api.post("/api/public/score-configs", json=body).status_code == 400


def test_a_comment_comes_back_with_its_object(api: httpx.Client, server: LocalServer):
    body = {"projectId": server.project_id, "objectType": "TRACE", "objectId": "t", "content": "olá"}
    id_ = api.post("/api/public/comments", json=body).json()["id"]

    assert api.get(f"/api/public/comments/{id_}").json()["content"] == "olá"
    assert [found["id"] for found in api.get("/api/public/comments", params={"objectId": "t"}).json()["data"]] == [id_]


@pytest.mark.parametrize(
    ("config", "good", "bad"),
    [
        ({"dataType": "NUMERIC", "minValue": 0, "maxValue": 5}, 5, 6),
        ({"dataType": "CATEGORICAL", "categories": [{"label": "a", "value": 1}]}, "a", "b"),
        ({"dataType": "BOOLEAN"}, 1, 2),
    ],
)
def test_a_score_must_fit_its_config(api: httpx.Client, config: dict[str, Any], good: object, bad: object):
    id_ = api.post("/api/public/score-configs", json={"name": "c", **config}).json()["id"]
    score = {"name": "c", "traceId": "t", "configId": id_}

    assert api.post("/api/public/scores", json=score | {"value": bad}).status_code == 400
    assert api.post("/api/public/scores", json=score | {"value": good}).status_code == 200
    (found,) = api.get("/api/public/v3/scores", params={"traceId": "t"}).json()["data"]
    assert found["dataType"] == config["dataType"]


def test_a_score_with_a_config_that_does_not_exist_is_refused(api: httpx.Client):
    score = {"name": "c", "traceId": "t", "configId": "nothing", "value": 1}

    assert api.post("/api/public/scores", json=score).status_code == 400
