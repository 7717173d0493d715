"""Sends recorded Langfuse traffic to a server and compares what it answers.

A recording is a folder with one JSON file per call (method, path, query, request_body, status, response_body).
Writes go out with the same ids and times. Values that a server chooses are not compared; keys that it adds
are allowed, keys that it lacks are not; lists whose items carry ids have no order.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from google.protobuf.json_format import ParseDict, ParseError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

VOLATILE = frozenset(
    [
        "createdAt",
        "updatedAt",
        "projectId",
        "cursor",
        "lastUsedAt",
        "queueId",
        "jobId",
        "organization",
        "latestVersionId",
        "uploadUrl",
        "mediaId",
        "internalModelId",
        "modelId",
        "lastUpdatedAt",
    ]
)
STATUS_ONLY = re.compile(r"/api/public/(otel/v1/traces|projects|media|health)|/models$")
GENERATED = re.compile(r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|c[a-z0-9]{24})(_tier_default)?$")
OTLP = "/otel/v1/traces"


@dataclass
class Replay:
    """`compared` maps each call's file to its differences; an empty list is a match."""

    folder: Path
    client: httpx.Client
    compared: dict[str, list[str]] = field(default_factory=dict)
    learned: dict[str, str] = field(default_factory=dict)  # an id the recorded server made -> this server's

    def run(self) -> Replay:
        for file in sorted(self.folder.glob("[0-9]*.json")):
            call = json.loads(file.read_text(encoding="utf-8"))
            if (request := self._request(call)) is not None:
                response = self.client.request(call["method"], self._translated(call["path"]), **request)
                self.compared[file.stem] = list(self._problems(call, response))
        return self

    def _request(self, call: dict[str, Any]) -> dict[str, Any] | None:
        """None for a call that is not sent: wrong keys, and what the recorded version could not read."""
        path, body = call["path"], self._translated(call.get("request_body"))
        if call["status"] == 401 or (path.endswith("/scores") and isinstance(body, list)):
            return None
        request: dict[str, Any] = {"params": [tuple(self._translated(pair)) for pair in call.get("query") or []]}
        if path.endswith(OTLP):
            headers = {k: v for k, v in (call.get("request_headers") or {}).items() if k.startswith("x-langfuse")}
            content = encoded(body) if isinstance(body, dict) else None
            if not content:
                return None
            return request | {"content": content, "headers": {"content-type": "application/x-protobuf", **headers}}
        if body is None or call["method"] == "GET":
            return request
        if path.endswith("/scores"):
            body.setdefault("timestamp", self._recorded_at())  # so that recorded time ranges still hold it
        return request | {"json": body}

    def _recorded_at(self) -> str:
        run = int(json.loads((self.folder / "ids.json").read_text(encoding="utf-8"))["run"]) / 1000
        return datetime.fromtimestamp(run + 60, UTC).isoformat()

    def _problems(self, call: dict[str, Any], response: httpx.Response) -> Iterator[str]:
        if response.status_code != call["status"]:
            yield f"status: wanted {call['status']}, got {response.status_code} {response.text[:160]}"
        elif STATUS_ONLY.search(call["path"]):
            return
        elif call["status"] >= 400:
            if "message" not in response.json():
                yield "an error answer needs a JSON object with a message"
        else:
            yield from self._differences(call["response_body"], response.json(), "$", times="score" not in call["path"])

    def _translated(self, node: Any) -> Any:
        if isinstance(node, str):
            for old, new in self.learned.items():
                node = node.replace(old, new)
            return node
        if isinstance(node, dict):
            return {key: self._translated(value) for key, value in node.items()}
        return [self._translated(item) for item in node] if isinstance(node, list) else node

    def _differences(self, want: Any, got: Any, path: str, *, times: bool) -> Iterator[str]:
        if isinstance(want, dict) and isinstance(got, dict):
            for key, value in want.items():
                if key in VOLATILE or (key == "timestamp" and not times):
                    continue
                if key not in got:
                    yield f"{path}.{key}: missing"
                else:
                    yield from self._differences(value, got[key], f"{path}.{key}", times=times)
        elif isinstance(want, list) and isinstance(got, list):
            if len(want) != len(got):
                yield f"{path}: wanted {len(want)} items, got {len(got)}"
                return
            for index, pair in enumerate(zip(want, self._aligned(want, got), strict=True)):
                yield from self._differences(*pair, f"{path}[{index}]", times=times)
        elif not self._same(want, got):
            yield f"{path}: wanted {json.dumps(want)[:100]}, got {json.dumps(got)[:100]}"

    def _same(self, want: Any, got: Any) -> bool:
        if isinstance(want, int | float) and not isinstance(want, bool) and not isinstance(got, bool):
            return isinstance(got, int | float) and abs(want - got) <= 1e-6 * max(1, abs(want))
        if isinstance(want, str) and want not in self.learned and GENERATED.match(want) and isinstance(got, str):
            self.learned[want] = got
        return want == got or (isinstance(want, str) and self.learned.get(want) == got)

    def _aligned(self, want: list[Any], got: list[Any]) -> list[Any]:
        if all(isinstance(item, str) for item in want + got):
            return sorted(got, key=lambda item: want.index(item) if item in want else len(want))
        if not all(isinstance(item, dict) and "id" in item for item in want + got):
            return got
        place = {self.learned.get(item["id"], item["id"]): index for index, item in enumerate(want)}
        return sorted(got, key=lambda item: place.get(item["id"], len(want)))


def encoded(body: dict[str, Any]) -> bytes | None:
    """A recorded OTLP body (proto-JSON with hex ids) as protobuf; None for one that was recorded because it is bad."""

    def binary(node: Any) -> Any:
        if isinstance(node, dict):
            return {
                key: base64.b64encode(binascii.unhexlify(value)).decode()
                if key in {"traceId", "spanId", "parentSpanId"} and isinstance(value, str)
                else binary(value)
                for key, value in node.items()
            }
        return [binary(item) for item in node] if isinstance(node, list) else node

    try:
        request = ParseDict(binary(body), ExportTraceServiceRequest(), ignore_unknown_fields=True)
    except (ParseError, binascii.Error):
        return None
    return request.SerializeToString()
