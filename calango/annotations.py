"""What people add to a trace after the fact: remarks, tags, and its place in a dataset.

Over Langfuse's public API, local or remote:

    with open_annotations(settings, tracing) as notes:
        notes.add_remark(trace_id, "The order number was wrong.")
        notes.add_tags(trace_id, ["billing"])
        notes.add_to_dataset("regressions", trace_id, question, expected_answer)

Votes are not written here: they go through the outbox (`calango.rating`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import uuid4

from calango.errors import BackendRefused, BackendUnreachable, InputError, NotFound
from calango.reader import LangfuseReader
from calango.settings import Settings
from calango.tracing import Tracing
from calango.tracing.attributes import check_tags

REMARK_LIMIT = 5000
_PAGE = 100
_KEPT = ("timestamp", "name", "userId", "sessionId", "environment", "release", "version")


@dataclass(frozen=True, slots=True)
class Remark:
    """`at` is an ISO time."""

    text: str
    author: str | None
    at: str


class Annotations(LangfuseReader):
    """A reader that also writes to where `tracing` sends. What must not leave is masked, as in all that is sent."""

    def __init__(self, tracing: Tracing, *, timeout_s: float = 10.0) -> None:
        address = tracing.destination.address()
        super().__init__(address.base_url, address.public_key, address.secret_key, timeout_s=timeout_s)
        self._tracing = tracing

    def __enter__(self) -> Self:
        return self

    def remarks(self, trace_id: str) -> list[Remark]:
        """Comments on the trace, oldest first; at most 100."""
        query = {"objectType": "TRACE", "objectId": trace_id, "limit": _PAGE}
        rows = self._get("/api/public/comments", query)["data"]
        found = [Remark(row["content"], row.get("authorUserId"), row["createdAt"]) for row in rows]
        return sorted(found, key=lambda remark: remark.at)

    def add_remark(self, trace_id: str, text: str, user_id: str | None = None) -> None:
        """Raises InputError for an empty or a too long text."""
        content = text.strip()
        if not content or len(content) > REMARK_LIMIT:
            raise InputError(f"A comment has 1 to {REMARK_LIMIT} characters, not {len(content)}.")
        if self._tracing.masker is not None:
            content = self._tracing.masker.text(content, trace_id)
        body = {"projectId": self.project()["id"], "objectType": "TRACE", "objectId": trace_id, "content": content}
        if user_id is not None:
            body["authorUserId"] = self._tracing.sent_user(user_id)
        self._request("POST", "/api/public/comments", body=body)

    def tags(self, trace_id: str) -> list[str]:
        """Of the trace as a whole, also those that were added later; empty when there is no such trace (yet)."""
        try:
            found = self._get(f"/api/public/traces/{trace_id}", {"fields": "core"})
        except NotFound:
            return []
        return list(found.get("tags") or ())

    def add_tags(self, trace_id: str, tags: Sequence[str]) -> None:
        """Beside those that it has. Langfuse takes none away, on no public way.

        An event of the legacy ingestion, which changes a trace that is there; what it says of time, name, user,
        session, environment and release is what the trace says already. Raises InputError for what is no tag, NotFound.
        """
        masker = self._tracing.masker
        given = [tag if masker is None else masker.text(tag, trace_id) for tag in check_tags(tags)]
        trace = self._get(f"/api/public/traces/{trace_id}", {"fields": "core"})
        body = {name: trace[name] for name in _KEPT if trace.get(name) is not None}
        event = {
            "id": str(uuid4()),
            "type": "trace-create",
            "timestamp": datetime.now(UTC).isoformat(),
            "body": body | {"id": trace_id, "tags": sorted({*(trace.get("tags") or ()), *given})},
        }
        answer = self._request("POST", "/api/public/ingestion", body={"batch": [event]}).json()
        if answer.get("errors"):
            error = answer["errors"][0]
            raise BackendRefused(f"Langfuse refused the tags: {error.get('message')}.", status=int(error["status"]))

    def dataset_names(self) -> list[str]:
        """At most 100."""
        return [str(row["name"]) for row in self._get("/api/public/v2/datasets", {"limit": _PAGE})["data"]]

    def add_to_dataset(self, name: str, trace_id: str, asked: Any, answered: Any) -> None:
        """Make the trace an item of the dataset, which is created when there is none. Given again, it is replaced.

        `asked` becomes the input, `answered` the expected output; both are JSON. Raises InputError.
        """
        name = name.strip()
        if not name:
            raise InputError("The dataset needs a name.")
        if name not in self.dataset_names():
            self._request("POST", "/api/public/v2/datasets", body={"name": name})
        item = {
            "id": f"{name}-{trace_id}",
            "datasetName": name,
            "input": asked,
            "expectedOutput": answered,
            "sourceTraceId": trace_id,
        }
        self._request("POST", "/api/public/dataset-items", body=item)


def open_annotations(settings: Settings, tracing: Tracing | None) -> Annotations:
    """Of the backend that is traced to; close it. May start the local server.

    Raises BackendUnreachable when tracing is off.
    """
    if tracing is None:
        raise BackendUnreachable(
            "Tracing is off, so there is nothing to read.", "Remove LANGFUSE_TRACING_ENABLED=false."
        ).because("tracing_off")
    return Annotations(tracing, timeout_s=float(settings.timeout_s))
