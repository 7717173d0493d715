"""Every route of a running server, asked as its OpenAPI document says and as it forbids (schemathesis)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from calango.local import LocalServer
from calango.server import openapi
from tests.fuzz import seeds

_CHECKS = [
    schemathesis.checks.not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
    content_type_conformance,
]
# Bad items of these are answered one by one; keys and signatures are not what is tried here.
_BY_ITEM = ("/ingestion", "/scores", "/otel/v1/traces", "/otel/v1/metrics")


class Found(AssertionError):
    """A request and what was wrong with its answer."""


def operations(server: LocalServer) -> list[APIOperation]:
    schema = schemathesis.openapi.from_dict(openapi.document("0"))
    schema.config.update(base_url=server.base_url)
    return [result.ok() for result in schema.get_all_operations()]


def run(
    server: LocalServer,
    operation: APIOperation,
    mode: GenerationMode,
    examples: int,
    number: int,
    counts: Counter[str] | None = None,
) -> None:
    """Send `examples` requests. Raises Found for the first answer that breaks a promise of the document."""
    counts = Counter() if counts is None else counts
    session = requests.Session()
    session.auth = (server.public_key, server.secret_key)
    positive = mode is GenerationMode.POSITIVE
    strict = not positive and operation.body and not operation.path.endswith(_BY_ITEM)

    names = [parameter.name for parameter in operation.path_parameters]
    # Any text is a name: a wrong request is wrong elsewhere.
    fixed = {"path_parameters": {name: seeds.KNOWN.get(name, "x") for name in names}} if names and not positive else {}

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
        print_blob=False,
    )
    @given(case=operation.as_strategy(generation_mode=mode, **fixed), data=st.data())
    def ask(case: schemathesis.Case, data: st.DataObject) -> None:
        counts[f"{operation.method.upper()} {operation.path}"] += 1
        for name in case.path_parameters or {}:
            if name in seeds.KNOWN and data.draw(st.booleans()):
                case.path_parameters[name] = seeds.KNOWN[name]
        answer = case.call(session=session, timeout=30)
        checks = [*_CHECKS, negative_data_rejection] if strict else _CHECKS
        try:
            case.validate_response(answer, checks=checks)
        except (FailureGroup, AssertionError) as error:
            reasons = getattr(error, "exceptions", [error])
            said = "; ".join(str(reason).replace("\n", " ")[:600] for reason in reasons)
            raise Found(
                f"{case.as_curl_command()[:1500]}\n  -> {answer.status_code} {answer.content[:300]!r}\n  {said}"
            ) from None

    ask()


def modes(operation: APIOperation) -> Iterator[GenerationMode]:
    yield GenerationMode.POSITIVE
    if operation.body or len(operation.query):
        yield GenerationMode.NEGATIVE


def seeded(client: Any) -> None:
    """Put rows in whose values lie at the ends of what there can be."""
    for method, path, body in seeds.REQUESTS:
        answer = client.request(method, path, json=body)
        assert answer.status_code < 300, (path, answer.text)
