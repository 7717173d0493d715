"""What people add to a trace after the fact: remarks, and its place in a dataset.

Over Langfuse's public API, local or remote:

    with open_annotations(settings, tracing) as notes:
        notes.add_remark(trace_id, "The order number was wrong.")
        notes.add_to_dataset("regressions", trace_id, question, expected_answer)

Votes are not written here: they go through the outbox (`calango.rating`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from calango.errors import BackendUnreachable, InputError
from calango.reader import LangfuseReader
from calango.settings import Settings
from calango.tracing import Tracing

REMARK_LIMIT = 5000
_PAGE = 100


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
        )
    return Annotations(tracing, timeout_s=float(settings.timeout_s))
