"""Datasets, their items and runs. Items keep their ids; a run is found by its name, and holds each pair once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

import orjson

from calango.errors import BackendRefused
from calango.mirror.patience import Patient

PUBLIC = "/api/public"
Row = Mapping[str, Any]


class Datasets:
    """`datasets` and `runs` are rows of those tables; `refuse` hears of what was not taken."""

    def __init__(
        self, remote: Patient, datasets: Sequence[Row], runs: Sequence[Row], refuse: Callable[[str], None]
    ) -> None:
        self._remote = remote
        self._datasets = {row["id"]: row for row in datasets}
        self._runs = {row["id"]: row for row in runs}
        self._refuse = refuse
        self._there: dict[str, dict[str, Any]] = {}

    def push(self) -> int:
        """How many were taken."""
        return sum(
            self._post("v2/datasets", f"dataset {row['name']}", _dataset(row)) for row in self._datasets.values()
        )

    def push_item(self, row: Row) -> None:
        dataset = self._datasets.get(row["dataset_id"])
        if dataset is None:
            return
        body = {
            "datasetName": dataset["name"], "id": row["id"], "status": row["status"],
            "sourceTraceId": row["source_trace_id"], "sourceObservationId": row["source_observation_id"],
            "input": _value(row["input_json"]), "expectedOutput": _value(row["expected_output_json"]),
            "metadata": _value(row["metadata_json"]),
        }  # fmt: skip
        self._post("dataset-items", f"dataset item {row['id']}", body)

    def push_run_item(self, row: Row) -> None:
        run = self._runs.get(row["run_id"])
        if run is None or (row["item_id"], row["trace_id"]) in self._pairs(run):
            return
        body = {
            "runName": run["name"], "runDescription": run["description"], "metadata": _value(run["metadata_json"]),
            "datasetItemId": row["item_id"], "traceId": row["trace_id"], "observationId": row["observation_id"],
        }  # fmt: skip
        self._post("dataset-run-items", f"dataset run item {row['id']}", body)
        self._pairs(run).add((row["item_id"], row["trace_id"]))

    def remote_run_id(self, run_id: str) -> str | None:
        """The id that the run has there; an experiment that is only in spans keeps its own."""
        run = self._runs.get(run_id)
        if run is None:
            return run_id
        if self._run_there(run)["id"] is None:
            del self._there[run_id]  # it came into being since
        return self._run_there(run)["id"]

    def _pairs(self, run: Row) -> set[tuple[str, str]]:
        return self._run_there(run)["pairs"]

    def _run_there(self, run: Row) -> dict[str, Any]:
        if run["id"] not in self._there:
            dataset = self._datasets[run["dataset_id"]]
            path = f"{PUBLIC}/datasets/{quote(dataset['name'], safe='')}/runs/{quote(run['name'], safe='')}"
            found = self._remote.ask("GET", path, may_lack=True)
            said = cast("dict[str, Any]", orjson.loads(found.content)) if found is not None else {}
            pairs = {(item["datasetItemId"], item["traceId"]) for item in said.get("datasetRunItems", [])}
            self._there[run["id"]] = {"id": said.get("id"), "pairs": pairs}
        return self._there[run["id"]]

    def _post(self, path: str, what: str, body: dict[str, Any]) -> bool:
        try:
            self._remote.ask("POST", f"{PUBLIC}/{path}", json=body)
        except BackendRefused as error:
            self._refuse(f"{what}: {error.message}")
            return False
        return True


def _dataset(row: Row) -> dict[str, Any]:
    return {
        "name": row["name"], "description": row["description"], "metadata": _value(row["metadata_json"]),
        "inputSchema": _value(row["input_schema_json"]),
        "expectedOutputSchema": _value(row["expected_output_schema_json"]),
    }  # fmt: skip


def _value(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
