"""The server's own OpenAPI document: `operations` says what each route takes and gives, this puts it together."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from calango.server.openapi import insights, schemas
from calango.server.openapi.operations import OPERATIONS, Operation

PATH = "/api/calango/openapi.json"
_REFUSALS = {
    "400": "What came makes no sense; the message says what",
    "401": "No valid key",
    "403": "This key, or this visitor, may not do that",
    "404": "There is no such thing",
    "413": "Too large, or too many things at once",
    "415": "An encoding or a type that is not understood",
    "503": "Busy or ending: the same request will do later (`Retry-After`)",
}
_BODIES = {"413", "415"}


@lru_cache(maxsize=2)
def document(version: str) -> dict[str, Any]:
    """The document as JSON values; `version` is Calango's."""
    paths: dict[str, Any] = {}
    for (method, path), operation in OPERATIONS.items():
        paths.setdefault(path, {})[method.lower()] = _described(path, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Calango's local server",
            "version": version,
            "description": "Langfuse's HTTP API over one DuckDB file, and what belongs to this server alone.",
        },
        "security": [{"keys": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "keys": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The public key of a project as user, its secret key as password",
                }
            },
            "schemas": {**schemas.COMPONENTS, **insights.COMPONENTS},
        },
    }


def _described(path: str, operation: Operation) -> dict[str, Any]:
    named = [part.partition("}")[0] for part in path.split("{")[1:]]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": operation.names.get(name, schemas.NAME)}
        for name in named
    ]
    found: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": [*parameters, *operation.parameters],
        "responses": {
            str(status): {"description": text} | ({"content": content} if content else {})
            for status, (text, content) in operation.answers.items()
        },
    }
    if operation.body is not None:
        found["requestBody"] = {"required": True, "content": operation.body}
    if operation.is_open:
        found["security"] = []
    for status, text in _REFUSALS.items():
        if operation.body is not None or status not in _BODIES:
            found["responses"].setdefault(status, {"description": text, "content": operation.refusal})
    return found
