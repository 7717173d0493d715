"""The OpenAPI document: it is valid, names what the server serves, and the server keeps its promises."""

import re

import httpx
import pytest
from openapi_spec_validator import validate
from starlette.routing import Route

from calango import __version__
from calango.local import LocalServer
from calango.server import openapi
from calango.server.app import ROUTES
from tests.fuzz import routes
from tests.support.servers import client_of

DOCUMENT = openapi.document(__version__)
ASKED = sorted(f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods)


@pytest.fixture(scope="module")
def seeded(shared: LocalServer) -> LocalServer:
    with client_of(shared) as client:
        routes.seeded(client)
    return shared


@pytest.fixture(scope="module")
def operations(seeded: LocalServer):
    return {operation.label: operation for operation in routes.operations(seeded)}


def test_the_document_is_valid():
    validate(DOCUMENT)


def test_the_document_and_the_routes_name_the_same_paths_and_methods():
    served = {
        f"{method} {re.sub(r':[a-z]+}', '}', route.path)}"
        for route in ROUTES
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }

    assert served == set(ASKED)


def test_any_key_reads_the_document(api: httpx.Client, anyone: httpx.Client):
    assert api.get(openapi.PATH).json()["paths"].keys() == DOCUMENT["paths"].keys()
    assert anyone.get(openapi.PATH).status_code == 401


@pytest.mark.parametrize("label", ASKED)
def test_a_route_answers_as_the_document_says_whatever_is_asked(seeded: LocalServer, operations, label: str):
    for mode in routes.modes(operations[label]):
        routes.run(seeded, operations[label], mode, 3, 1)
