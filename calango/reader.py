"""Reads any Langfuse, remote or local, over its public API. Synchronous; errors as in `calango.errors`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import httpx

from calango.errors import BackendRefused, BackendUnreachable, NotFound
from calango.records import Level, Observation, Score

_FIELDS = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context"
_LIGHT_FIELDS = "core,basic,time,metadata,model,usage,metrics,trace_context"
_PAGE = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """A trace in a list. `latency_ms` and `cost_usd` are None where the server does not know them."""

    id: str
    name: str | None
    timestamp_ns: int
    session_id: str | None
    user_id: str | None
    tags: tuple[str, ...]
    input: Any
    output: Any
    latency_ms: float | None
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class SessionUsage:
    """What a session used so far. `cost_usd` is None when nothing in it has a price, `cost_estimated` as in a turn."""

    turns: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    latency_ms: float
    cost_estimated: bool = False


class LangfuseReader:
    """One project of one server. Use it as a context manager, or `close()` it."""

    def __init__(self, base_url: str, public_key: str, secret_key: str, *, timeout_s: float = 10.0) -> None:
        self._http = httpx.Client(base_url=base_url, auth=(public_key, secret_key), timeout=timeout_s)

    def __enter__(self) -> LangfuseReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def health(self) -> Mapping[str, Any]:
        return self._get("/api/public/health")

    def project(self) -> Mapping[str, Any]:
        """The project that the keys belong to."""
        found = self._get("/api/public/projects")["data"]
        if not found:
            raise NotFound("The keys belong to no project.")
        return cast("Mapping[str, Any]", found[0])

    def observations(self, trace_id: str) -> list[Observation]:
        """All observations of a trace, by start time; empty when there is no such trace (yet)."""
        rows = self._pages("/api/public/v2/observations", {"traceId": trace_id, "fields": _FIELDS})
        return sorted((_observation(row) for row in rows), key=lambda item: (item.start_ns, item.end_ns or 0))

    def session_usage(self, session_id: str) -> SessionUsage:
        """Tokens, cost and time of a session's turns, from the observations that have arrived."""
        condition = {"type": "string", "column": "sessionId", "operator": "=", "value": session_id}
        rows = self._pages("/api/public/v2/observations", {"filter": json.dumps([condition]), "fields": _LIGHT_FIELDS})
        found = [_observation(row) for row in rows]
        generations = [item for item in found if item.type == "GENERATION"]
        roots = [item for item in found if item.parent_id is None]
        costs = [item.cost_usd for item in generations if item.cost_usd]
        return SessionUsage(
            turns=len({item.trace_id for item in found}),
            input_tokens=sum(_sum(item.usage, "input") for item in generations),
            output_tokens=sum(_sum(item.usage, "output") for item in generations),
            cost_usd=sum(costs, Decimal(0)) if costs else None,
            latency_ms=sum(item.duration_ms or 0.0 for item in roots),
            cost_estimated=any(item.cost_estimated for item in generations),
        )

    def has_trace(self, trace_id: str) -> bool:
        query = {"traceId": trace_id, "fields": "core", "limit": 1}
        return bool(self._get("/api/public/v2/observations", query)["data"])

    def traces(
        self, *, limit: int = 20, session_id: str | None = None, user_id: str | None = None, tag: str | None = None
    ) -> list[TraceSummary]:
        """The newest traces first."""
        query = {"limit": limit, "sessionId": session_id, "userId": user_id, "tags": tag}
        rows = self._get("/api/public/traces", {key: value for key, value in query.items() if value is not None})
        return [_summary(row) for row in rows["data"]]

    def scores(self, trace_id: str) -> list[Score]:
        """The scores of a trace, oldest first, with their comments."""
        rows = self._get("/api/public/v2/scores", {"traceId": trace_id, "limit": _PAGE})["data"]
        return sorted((_score(row) for row in rows), key=lambda item: item.timestamp_ns or 0)

    def user_scores(self, user_id: str, names: Sequence[str]) -> list[Score]:
        """The newest scores of these names on a user's traces, at most 100 of each."""
        found: list[Score] = []
        for name in names:
            rows = self._get("/api/public/v2/scores", {"userId": user_id, "name": name, "limit": _PAGE})["data"]
            found += [_score(row) for row in rows]
        return found

    def delete_trace(self, trace_id: str) -> None:
        self._request("DELETE", f"/api/public/traces/{trace_id}")

    def _pages(self, path: str, query: Mapping[str, str | int]) -> list[Any]:
        rows: list[Any] = []
        cursor: str | None = None
        while True:
            answer = self._get(path, {**query, "limit": _PAGE, **({"cursor": cursor} if cursor else {})})
            rows += answer["data"]
            cursor = answer.get("meta", {}).get("cursor")
            if not cursor or not answer["data"]:
                return rows

    def _get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        return self._request("GET", path, query).json()

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        try:
            response = self._http.request(method, path, params=dict(query) if query else None, json=body)
        except httpx.HTTPError as error:
            where = f"{self._http.base_url}"
            raise BackendUnreachable(
                f"Langfuse at {where} does not answer ({type(error).__name__}).", "Check the address and the network."
            ).because("down", where=where) from error
        if response.status_code == 404:
            raise NotFound(f"Not found: {path}.")
        if response.status_code in {401, 403}:
            raise BackendRefused(
                f"Langfuse at {self._http.base_url} refused the keys ({response.status_code}).",
                "Check LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY and LANGFUSE_BASE_URL.",
                status=response.status_code,
            ).because("keys", where=self._http.base_url)
        if not response.is_success:
            raise BackendRefused(
                f"Langfuse answered {response.status_code} to {method} {path}.", status=response.status_code
            ).because("answered", status=response.status_code)
        return response


def parse_time(text: str) -> int:
    """An ISO 8601 time as nanoseconds since the epoch, exact to the microseconds that it can carry."""
    delta = datetime.fromisoformat(text) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1000


def _observation(row: Mapping[str, Any]) -> Observation:
    end, first = row.get("endTime"), row.get("timeToFirstToken")
    level: Level = row.get("level") or "DEFAULT"
    cost = row.get("totalCost")
    return Observation(
        id=row["id"],
        trace_id=row["traceId"],
        type=row["type"],
        name=row.get("name") or "",
        start_ns=parse_time(row["startTime"]),
        end_ns=parse_time(end) if end else None,
        parent_id=row.get("parentObservationId") or None,
        level=level,
        status_message=row.get("statusMessage") or None,
        model=row.get("model") or row.get("providedModelName") or None,
        usage=row.get("usageDetails") or {},
        cost_usd=Decimal(str(cost)) if cost else None,
        input=decoded(row.get("input")),
        output=decoded(row.get("output")),
        metadata=row.get("metadata") or {},
        session_id=row.get("sessionId") or None,
        user_id=row.get("userId") or None,
        tags=tuple(row.get("tags") or ()),
        trace_name=row.get("traceName") or None,
        time_to_first_token_ms=first * 1000 if first is not None else None,
        prompt_name=row.get("promptName") or None,
        prompt_version=row.get("promptVersion"),
    )


def _summary(row: Mapping[str, Any]) -> TraceSummary:
    latency, cost = row.get("latency"), row.get("totalCost")
    return TraceSummary(
        id=row["id"],
        name=row.get("name"),
        timestamp_ns=parse_time(row["timestamp"]),
        session_id=row.get("sessionId"),
        user_id=row.get("userId"),
        tags=tuple(row.get("tags") or ()),
        input=row.get("input"),
        output=row.get("output"),
        latency_ms=latency * 1000 if latency is not None else None,
        cost_usd=Decimal(str(cost)) if cost else None,
    )


def _score(row: Mapping[str, Any]) -> Score:
    value = row.get("value")
    return Score(
        id=row["id"],
        name=row["name"],
        data_type=row["dataType"],
        value=float(value) if isinstance(value, (int, float)) else None,
        string_value=row.get("stringValue"),
        trace_id=row.get("traceId"),
        observation_id=row.get("observationId"),
        session_id=row.get("sessionId"),
        comment=row.get("comment"),
        timestamp_ns=parse_time(row["timestamp"]),
        source=row.get("source") or "API",
        metadata=row.get("metadata") or {},
    )


def decoded(value: Any) -> Any:
    """JSON text as its value; other text as it is. The v2 API gives input and output as they were sent."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _sum(usage: Mapping[str, int], prefix: str) -> int:
    return sum(count for key, count in usage.items() if key == prefix or key.startswith(f"{prefix}_"))
