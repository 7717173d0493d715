"""Projects and their keys, for the home's own key alone. A secret key is in one answer, that to its creation."""

from __future__ import annotations

import unicodedata
from typing import Any
from uuid import uuid4

import duckdb
from starlette.requests import Request

from calango import local
from calango.server import bodies
from calango.server.auth import secret_hash
from calango.server.errors import ApiError, not_found, refused
from calango.server.http import Json, context_of, object_of, only_home, reading, writing
from calango.server.times import iso_ms
from calango.store import projects

PATH = "/api/calango/projects"
KEYS_PATH = "/api/calango/keys"
_NAME_LIMIT = 60


def _project(project: projects.Project, home_key: str) -> dict[str, Any]:
    keys = [
        {"publicKey": key.public_key, "createdAt": iso_ms(key.created_ns), "isHome": key.public_key == home_key}
        for key in project.keys
    ]
    return {"id": project.id, "name": project.name, "createdAt": iso_ms(project.created_ns), "keys": keys}


async def list_projects(request: Request) -> Json:
    only_home(request, "manage projects")
    found = await reading(request, projects.all_projects)
    return Json({"data": [_project(project, context_of(request).home_key) for project in found]})


async def create(request: Request) -> Json:
    """A project with its first key pair."""
    only_home(request, "manage projects")
    name = _checked(bodies.text(await object_of(request), "name").strip())
    project_id, pair = str(uuid4()), local.new_pair()
    key = {"project_id": project_id, "public_key": pair["public_key"], "secret_sha256": secret_hash(pair["secret_key"])}

    def write(db: duckdb.DuckDBPyConnection) -> None:
        if projects.is_name_taken(db, name):
            raise ApiError(409, f"There is a project '{name}' already.", "ConflictError")
        projects.put_project(db, name=name, **key)

    await writing(request, write)
    context_of(request).keyring.add(**key)
    return Json({"id": project_id, "name": name, **_shown(pair)}, 201)


def _checked(name: str) -> str:
    if not 1 <= len(name) <= _NAME_LIMIT or any(unicodedata.category(char)[0] == "C" for char in name):
        raise refused(f"A project's name has 1 to {_NAME_LIMIT} characters, none of them a control character.")
    return name


async def create_key(request: Request) -> Json:
    """One more key pair of a project."""
    only_home(request, "manage projects")
    project_id, pair = request.path_params["project_id"], local.new_pair()
    key = {"project_id": project_id, "public_key": pair["public_key"], "secret_sha256": secret_hash(pair["secret_key"])}
    if not await writing(request, lambda db: projects.add_key(db, **key)):
        raise not_found(f"There is no project {project_id}.")
    context_of(request).keyring.add(**key)
    return Json({"id": project_id, **_shown(pair)}, 201)


def _shown(pair: dict[str, str]) -> dict[str, str]:
    return {"publicKey": pair["public_key"], "secretKey": pair["secret_key"]}


async def revoke_key(request: Request) -> Json:
    """The key opens nothing from this answer on."""
    only_home(request, "manage projects")
    context, public_key = context_of(request), request.path_params["public_key"]
    if public_key == context.home_key:
        raise refused(
            "This is the key of this home: Calango itself uses it, so it can't be revoked. To change it, stop the"
            " server, move keys.json in CALANGO_HOME away, start again and revoke the old one."
        )
    if not await writing(request, lambda db: projects.revoke_key(db, public_key)):
        raise not_found(f"There is no key {public_key}.")
    context.keyring.forget(public_key)
    return Json({"message": "API key revoked"})
