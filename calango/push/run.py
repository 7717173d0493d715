"""One project of the local server -> a remote Langfuse. Sent again it doubles nothing; interrupted it goes on.

Rows are read in the order in which they changed; how far that has come is noted after each batch that was taken. What
changed in the last `OVERLAP_NS` is sent again: rows are dated when they come and stored a moment later. Observations,
traces and scores keep their ids, so Langfuse replaces them; prompts and runs are compared with what is there.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import orjson

from calango import local_api
from calango.local import LocalServer, private_file, read_json
from calango.mirror.patience import Patient
from calango.push import events, spans
from calango.push.datasets import Datasets
from calango.push.prompts import push_prompts
from calango.tracing import otlp
from calango.tracing.masked_spans import masked_json, masked_span
from calango.tracing.masking import Masker

Row = Mapping[str, Any]
OVERLAP_NS = 60_000_000_000
SPANS, EVENTS = 200, 100  # in a request
REQUEST_BYTES = 3_000_000
_OTLP = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip", "x-langfuse-ingestion-version": "4"}
Progress = Callable[[str, int], None]


@dataclass
class Pushed:
    """How many of each were sent, and what was not taken, in words."""

    counts: dict[str, int] = field(default_factory=dict[str, int])
    refused: list[str] = field(default_factory=list[str])


class Push:
    """`masker`: the filter for what leaves, None when nothing is masked. `progress` hears a kind and a count."""

    def __init__(
        self, server: LocalServer, project_id: str, remote: httpx.Client, state: Path, masker: Masker | None,
        progress: Progress,
    ) -> None:  # fmt: skip
        self._local = local_api.client_of(server)
        self._project_id = project_id
        self._remote = Patient(remote, "Run `calango push` again: it goes on.")
        self._path = state
        self._state: dict[str, Any] = read_json(state) or {}
        self._masker = masker
        self._progress = progress
        self._done = Pushed()

    def run(self) -> Pushed:
        """Raises BackendUnreachable and BackendRefused; what is refused one by one is in the answer."""
        with self._local:
            refuse = self._done.refused.append
            self._done.counts["prompts"] = push_prompts(self._remote, list(self._all("prompts")), refuse)
            datasets = Datasets(self._remote, list(self._all("datasets")), list(self._all("dataset_runs")), refuse)
            self._done.counts["datasets"] = datasets.push()
            self._send("dataset_items", 1, lambda rows: datasets.push_item(self._masked(rows[0], "")))
            self._send("observations", SPANS, self._observations)
            self._send("traces", EVENTS, lambda rows: self._ingest(events.trace(row) for row in rows))
            self._send("dataset_run_items", 1, lambda rows: datasets.push_run_item(rows[0]))
            self._send("scores", EVENTS, lambda rows: self._ingest(_scores(rows, datasets, refuse)))
        return self._done

    def _send(self, table: str, most: int, send: Callable[[list[Row]], object]) -> None:
        count, settled_ns = 0, time.time_ns() - OVERLAP_NS
        for batch in _batches(self._changed(table, self._state.get(table)), most):
            send(batch)
            count += len(batch)
            self._state[table] = {"ns": batch[-1]["updated_ns"], "key": _key(table, batch[-1])}
            self._note()
            self._progress(table, count)
        if table in self._state and self._state[table]["ns"] > settled_ns:
            self._state[table] = {"ns": settled_ns, "key": ""}
            self._note()
        self._done.counts[table] = count

    def _note(self) -> None:
        private_file(self._path.parent, self._state).replace(self._path)

    def _all(self, table: str) -> Generator[Row]:
        return self._changed(table, None)

    def _changed(self, table: str, after: Mapping[str, Any] | None) -> Generator[Row]:
        params = {"project": self._project_id} | {f"after_{name}": value for name, value in (after or {}).items()}
        with local_api.streamed(self._local, f"{local_api.ROOT}/changes/{table}", params) as answer:
            for line in local_api.lines(answer):
                yield orjson.loads(line)

    def _observations(self, rows: list[Row]) -> None:
        whole = [spans.span(row) for row in rows if spans.is_span(row)]
        if whole:
            leaving = whole if self._masker is None else [masked_span(span, self._masker) for span in whole]
            answer = self._remote.ask(
                "POST", "/api/public/otel/v1/traces", content=gzip.compress(otlp.encode(leaving), 1), headers=_OTLP
            )
            self._note_partial(answer)
        self._ingest(events.observation(row) for row in rows if not spans.is_span(row))

    def _note_partial(self, answer: httpx.Response | None) -> None:
        if answer is None or "json" not in answer.headers.get("content-type", ""):
            return
        said = cast("dict[str, Any]", orjson.loads(answer.content or b"{}").get("partialSuccess") or {})
        if int(said.get("rejectedSpans") or 0):
            self._done.refused.append(f"{said['rejectedSpans']} spans: {said.get('errorMessage', '')}"[:300])

    def _ingest(self, made: Iterable[events.Event]) -> None:
        batch = [self._masked_event(event) for event in made]
        if not batch:
            return
        answer = self._remote.ask("POST", "/api/public/ingestion", json={"batch": batch})
        said = cast("dict[str, Any]", orjson.loads(answer.content)) if answer is not None else {}
        for error in said.get("errors", []):
            self._done.refused.append(f"{error.get('id')}: {error.get('message') or error.get('error')}"[:300])

    def _masked_event(self, event: events.Event) -> events.Event:
        body = event["body"]
        trace_id = str(body["id"] if event["type"] == "trace-create" else body.get("traceId") or "")
        return event | {"body": self._masked(body, trace_id)}

    def _masked(self, body: Row, trace_id: str) -> dict[str, Any]:
        return dict(body) if self._masker is None else masked_json(body, self._masker, trace_id)


def _scores(rows: Iterable[Row], datasets: Datasets, refuse: Callable[[str], None]) -> Generator[events.Event]:
    for row in rows:
        run_id = datasets.remote_run_id(row["dataset_run_id"]) if row["dataset_run_id"] else None
        if row["dataset_run_id"] and run_id is None:
            refuse(f"score {row['id']}: its dataset run is not there")
        else:
            yield events.score(row, run_id)


def _key(table: str, row: Row) -> str:
    return f"{row['trace_id']}/{row['id']}" if table == "observations" else row["id"]


def _batches(rows: Iterable[Row], most: int) -> Generator[list[Row]]:
    """Of so many rows at most, and not much larger than a request may be."""
    batch, size = list[Row](), 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(batch) >= most or size >= REQUEST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
