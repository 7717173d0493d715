"""Experiments and evaluations that the SDK runs, and what of them can be read back."""

import json
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any
from uuid import uuid4

import httpx
import pytest
from langfuse import Evaluation, Langfuse
from langfuse.batch_evaluation import EvaluatorInputs

from tests.support.servers import eventually

SDK = int(version("langfuse").split(".")[0])
SINCE = {"fromStartTime": "2020-01-01T00:00:00Z"}


def double(*, item: Any, **_: Any) -> int:
    return 2 * (item["input"] if isinstance(item, dict) else item.input)


def right(*, output: Any, expected_output: Any, **_: Any) -> Evaluation:
    return Evaluation(name="right", value=int(output == expected_output), comment="compared")


def share(*, item_results: list[Any], **_: Any) -> Evaluation:
    found = [evaluation.value for result in item_results for evaluation in result.evaluations]
    return Evaluation(name="share", value=sum(found) / len(found))


def broken(**_: Any) -> Evaluation:
    raise ValueError("an evaluator that fails")


def scores(http: httpx.Client, **params: Any) -> list[dict[str, Any]]:
    return http.get("/api/public/v2/scores", params=params).raise_for_status().json()["data"]


@pytest.fixture
def dataset(sdk: Langfuse) -> str:
    """Three items, the last of which expects too much."""
    name = f"doubles/{uuid4().hex}"
    sdk.create_dataset(name=name)
    for number, expected in ((1, 2), (2, 4), (3, 7)):
        sdk.create_dataset_item(dataset_name=name, input=number, expected_output=expected, metadata={"n": number})
    return name


def test_an_experiment_over_a_dataset_keeps_scores_of_items_and_of_the_run(
    sdk: Langfuse, http: httpx.Client, dataset: str
):
    result = sdk.get_dataset(dataset).run_experiment(
        name="double", task=double, evaluators=[right, broken], run_evaluators=[share], metadata={"model": "m"}
    )
    sdk.flush()

    assert sorted(one.output for one in result.item_results) == [2, 4, 6]
    assert [one.value for one in result.run_evaluations] == [pytest.approx(2 / 3)]
    of_items = [score for one in result.item_results for score in scores(http, traceId=one.trace_id)]
    assert sorted((score["name"], score["value"]) for score in of_items) == [("right", 0), ("right", 1), ("right", 1)]
    of_run = eventually(lambda: scores(http, datasetRunId=result.experiment_id if SDK > 4 else result.dataset_run_id))
    assert [(score["name"], score["value"]) for score in of_run] == [("share", pytest.approx(2 / 3))]


def test_an_experiment_over_local_data_traces_every_item(sdk: Langfuse, http: httpx.Client):
    data: Any = [{"input": 1, "expected_output": 2}, {"input": 2, "expected_output": 4}]
    result = sdk.run_experiment(name="local", data=data, task=double, evaluators=[right], run_evaluators=[share])
    sdk.flush()

    outputs = [http.get(f"/api/public/traces/{one.trace_id}").json()["output"] for one in result.item_results]
    assert sorted(outputs) == [2, 4]
    assert all(scores(http, traceId=one.trace_id) for one in result.item_results)


def test_an_asynchronous_task_that_fails_leaves_the_other_items(sdk: Langfuse, dataset: str):
    async def fussy(*, item: Any, **_: Any) -> int:
        if item.input == 2:
            raise ValueError("not this one")
        return 2 * item.input

    result = sdk.get_dataset(dataset).run_experiment(name="fussy", task=fussy)
    sdk.flush()

    assert sorted(one.output for one in result.item_results) == [2, 6]


@pytest.mark.skipif(SDK < 5, reason="SDK 4 keeps no version with an experiment's items")
def test_an_experiment_over_a_version_says_which(sdk: Langfuse, http: httpx.Client, dataset: str):
    whole = sdk.get_dataset(dataset)
    then = max(item.updated_at for item in whole.items)
    eventually(lambda: datetime.now(UTC) > then + timedelta(milliseconds=2))
    sdk.create_dataset_item(dataset_name=dataset, input=100)
    result = sdk.get_dataset(dataset, version=then).run_experiment(name="then", task=double)
    sdk.flush()

    params = SINCE | {"experimentId": result.experiment_id, "fields": "core,dataset,io"}
    found = http.get("/api/public/experiment-items", params=params).json()["data"]
    assert sorted(item["output"] for item in found) == [2, 4, 6]
    assert {datetime.fromisoformat(item["experimentItemVersion"]) for item in found} == {then}


def test_an_experiment_is_read_through_the_typed_client(sdk: Langfuse, dataset: str):
    sdk.get_dataset(dataset).run_experiment(name="typed", task=double, evaluators=[right])
    sdk.flush()

    since = datetime(2020, 1, 1, tzinfo=UTC)
    found = [one for one in sdk.api.experiments.list(from_start_time=since).data if one.name.startswith("typed")]
    items = sdk.api.experiments.list_items(
        from_start_time=since, experiment_id=found[0].id, fields="core,dataset,io,scores,metadata"
    ).data
    assert sorted(item.expected_output for item in items) == [2, 4, 7]
    assert [score.name for item in items for score in item.scores or ()] == ["right"] * 3


def test_stored_observations_are_evaluated_in_batches(sdk: Langfuse, http: httpx.Client):
    run = f"batch-{uuid4().hex}"
    ids: list[str] = []
    for number in range(5):
        with sdk.start_as_current_observation(as_type="generation", name=run, input=number) as one:
            one.update(output=2 * number)
            ids.append(one.trace_id)
    sdk.flush()

    def mapper(*, item: Any) -> EvaluatorInputs:
        return EvaluatorInputs(input=item.input, output=item.output, expected_output=None, metadata={})

    def even(*, output: Any, **_: Any) -> Evaluation:
        return Evaluation(name="even", value=int(output) % 2 == 0, data_type="BOOLEAN")

    condition = [{"type": "string", "column": "name", "operator": "=", "value": run}]
    options: Any = {} if SDK > 4 else {"scope": "observations"}
    result = sdk.run_batched_evaluation(
        mapper=mapper, evaluators=[even], filter=json.dumps(condition), fetch_batch_size=2, **options
    )
    sdk.flush()

    assert (result.total_items_processed, result.total_items_failed, result.completed) == (5, 0, True)
    assert eventually(lambda: all(scores(http, traceId=id_) for id_ in ids))
