"""Projects and their keys over real HTTP."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import httpx
import pytest

from calango import local
from calango.local import LocalServer
from tests.support.projects import Project, new_project
from tests.support.servers import client_of, running_server

PROJECTS, KEYS, WHOSE = "/api/calango/projects", "/api/calango/keys", "/api/public/projects"
numbers = count()


@pytest.fixture
def project(shared: LocalServer) -> Project:
    return new_project(shared, f"project {next(numbers)}")


def test_the_key_of_a_new_project_opens_that_project(project: Project):
    with project.client() as client:
        assert [found["id"] for found in client.get(WHOSE).json()["data"]] == [project.id]


def test_a_list_of_projects_names_public_keys_and_no_secret(api: httpx.Client, project: Project):
    answer = api.get(PROJECTS)

    found = next(item for item in answer.json()["data"] if item["id"] == project.id)
    assert [key["publicKey"] for key in found["keys"]] == [project.public_key]
    assert "sk-lf" not in answer.text


def test_the_homes_own_key_is_marked_in_the_list(api: httpx.Client, shared: LocalServer):
    keys = [key for item in api.get(PROJECTS).json()["data"] for key in item["keys"]]

    assert [key["publicKey"] for key in keys if key["isHome"]] == [shared.public_key]


def test_a_second_pair_opens_the_same_project(api: httpx.Client, project: Project, shared: LocalServer):
    made = api.post(f"{PROJECTS}/{project.id}/keys").json()

    found = httpx.get(f"{shared.base_url}{WHOSE}", auth=(made["publicKey"], made["secretKey"])).json()
    assert found["data"][0]["id"] == project.id


def test_a_revoked_key_is_refused_at_once(api: httpx.Client, project: Project):
    with project.client() as client:
        assert client.get(WHOSE).status_code == 200
        assert api.delete(f"{KEYS}/{project.public_key}").status_code == 200
        assert client.get(WHOSE).status_code == 401


def test_a_revoked_key_leaves_the_others_of_its_project(api: httpx.Client, project: Project):
    made = api.post(f"{PROJECTS}/{project.id}/keys").json()
    api.delete(f"{KEYS}/{made['publicKey']}")

    with project.client() as client:
        assert client.get(WHOSE).status_code == 200


def test_the_homes_own_key_cannot_be_revoked(api: httpx.Client, shared: LocalServer):
    answer = api.delete(f"{KEYS}/{shared.public_key}")

    assert (answer.status_code, "keys.json" in answer.json()["message"]) == (400, True)
    assert api.get(PROJECTS).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", PROJECTS), ("POST", PROJECTS), ("POST", f"{PROJECTS}/x/keys"), ("DELETE", f"{KEYS}/x")],
)
def test_the_key_of_another_project_manages_nothing(project: Project, method: str, path: str):
    with project.client() as client:
        answer = client.request(method, path, json={"name": "mine"})

    assert (answer.status_code, answer.json()["error"]) == (403, "ForbiddenError")


def test_another_key_of_the_homes_project_manages_nothing(api: httpx.Client, shared: LocalServer):
    made = api.post(f"{PROJECTS}/{shared.project_id}/keys").json()

    answer = httpx.get(f"{shared.base_url}{PROJECTS}", auth=(made["publicKey"], made["secretKey"]))
    assert answer.status_code == 403


def test_only_the_homes_key_learns_where_and_how_large_the_file_is(api: httpx.Client, project: Project):
    with project.client() as client:
        assert "database" not in client.get("/api/calango/status").json()
    assert api.get("/api/calango/status").json()["database_bytes"] > 0


def test_of_many_that_create_a_name_at_once_one_succeeds(api: httpx.Client):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post(PROJECTS, json={"name": "wanted"}).status_code, range(8)))

    assert sorted(answers) == [201] + [409] * 7


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "two\nlines", "\u202eesrever"])
def test_a_name_that_can_not_be_shown_is_refused(api: httpx.Client, name: str):
    answer = api.post(PROJECTS, json={"name": name})

    assert answer.status_code == 400


def test_a_key_for_a_project_that_does_not_exist_is_refused(api: httpx.Client):
    assert api.post(f"{PROJECTS}/none/keys").status_code == 404


def test_keys_outlive_the_server_and_no_secret_is_on_disk(home: Path):
    with running_server(home) as server:
        project, gone = new_project(server, "stays"), new_project(server, "goes")
        with client_of(server) as client:
            client.delete(f"{KEYS}/{gone.public_key}")
    secrets = [project.secret_key, local.keys(home).secret_key]
    files = {path.name: path.read_bytes() for path in home.iterdir() if path.name != local.KEYS}
    assert [name for name, content in files.items() for secret in secrets if secret.encode() in content] == []

    with running_server(home) as server:
        assert httpx.get(f"{server.base_url}{WHOSE}", auth=project.auth).status_code == 200
        assert httpx.get(f"{server.base_url}{WHOSE}", auth=gone.auth).status_code == 401
