"""Media: a signed address to upload to, the bytes in the database, a signed address to read them from."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from typing import Any
from urllib.parse import quote

import duckdb
from starlette.requests import Request
from starlette.responses import Response

from calango.server import bodies
from calango.server.errors import ApiError, invalid, not_found, problem
from calango.server.http import Context, Json, context_of, object_of, project_of, reading, writing
from calango.server.intake import body_of
from calango.server.times import iso_ms, iso_ms_or_none, parse_iso
from calango.store import query, tables
from calango.store.tables import Row

PATH = "/api/calango/media"
VALID_S = 3600
MAX_MEDIA = 64 * 1024 * 1024
_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,80}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_FIELDS = ("input", "output", "metadata", "expectedOutput")


def media_id(sha256: str) -> str:
    """Langfuse's: the first 22 characters of the hash in URL-safe base64."""
    return sha256[:22].replace("+", "-").replace("/", "_")


def _signature(context: Context, method: str, project_id: str, id_: str, expires: int) -> str:
    message = f"{method}\n{project_id}\n{id_}\n{expires}".encode()
    return hmac.new(context.signing_key, message, hashlib.sha256).hexdigest()


def signed_url(request: Request, project_id: str, id_: str) -> tuple[str, str]:
    """Where the bytes can be read without keys, and until when (ISO)."""
    url, expires = _signed(request, "GET", project_id, id_)
    return url, iso_ms(expires * 1_000_000_000)


def _signed(request: Request, method: str, project_id: str, id_: str) -> tuple[str, int]:
    """The address, and when it stops to be valid (s)."""
    expires = int(time.time()) + VALID_S
    signature = _signature(context_of(request), method, project_id, id_, expires)
    base = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
    return f"{base}{PATH}/{quote(project_id)}/{quote(id_)}?expires={expires}&signature={signature}", expires


def _check(request: Request, method: str) -> tuple[str, str]:
    """Project and media id of a signed address; 403 when it was changed or is too old."""
    project_id, id_ = request.path_params["project_id"], request.path_params["media_id"]
    expires = request.query_params.get("expires", "")
    if not _SECONDS.fullmatch(expires) or int(expires) < time.time():
        raise ApiError(403, "This address is no longer valid.")
    signature = _signature(context_of(request), method, project_id, id_, int(expires))
    if not hmac.compare_digest(signature.encode(), request.query_params.get("signature", "").encode()):
        raise ApiError(403, "The signature of this address is wrong.")
    return project_id, id_


async def create(request: Request) -> Json:
    """Where to upload to; `uploadUrl` is null when the same bytes are here already."""
    body, project_id = await object_of(request), project_of(request)
    sha256, length = bodies.text(body, "sha256Hash"), bodies.number(body, "contentLength")
    kind = bodies.text(body, "contentType")
    if len(sha256) != 44 or not _is_base64(sha256):
        raise invalid(problem(["sha256Hash"], "Must be a base64-encoded SHA-256 hash of 44 characters"))
    if length is None or not 0 < length <= MAX_MEDIA:
        raise invalid(problem(["contentLength"], f"Must be a number from 1 to {MAX_MEDIA}"))
    if not _TYPE.fullmatch(kind):
        raise invalid(problem(["contentType"], "Not a media type"))
    id_ = media_id(sha256)
    use: Row = {
        "project_id": project_id,
        "media_id": id_,
        "trace_id": bodies.optional_text(body, "traceId"),
        "observation_id": bodies.optional_text(body, "observationId"),
        "dataset_id": bodies.optional_text(body, "datasetId"),
        "dataset_item_id": bodies.optional_text(body, "datasetItemId"),
        "field": bodies.choice(body, "field", _FIELDS),
    }
    row: Row = {
        "project_id": project_id,
        "id": id_,
        "sha256": sha256,
        "content_type": kind,
        "content_length": int(length),
        "content": None,
    }

    def write(db: duckdb.DuckDBPyConnection) -> bool:
        where = query.of_project(project_id).equal("id", id_)
        here = db.execute(
            "SELECT content IS NOT NULL FROM media WHERE project_id = ? AND id = ?", [project_id, id_]
        ).fetchone()
        if here is None:
            tables.insert(db, "media", row)
        elif not here[0]:
            tables.update(db, "media", where, {"content_type": kind, "content_length": int(length)})
        tables.add(db, "media_uses", use)
        return bool(here and here[0])

    stored = await writing(request, write)
    return Json({"mediaId": id_, "uploadUrl": None if stored else _signed(request, "PUT", project_id, id_)[0]}, 201)


def _is_base64(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except ValueError:
        return False


async def upload(request: Request) -> Response:
    """`PUT` to a signed address. The bytes must have the announced length and hash."""
    project_id, id_ = _check(request, "PUT")
    content = await body_of(request)
    sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
    where = query.of_project(project_id).equal("id", id_)

    def write(db: duckdb.DuckDBPyConnection) -> None:
        known = db.execute(
            "SELECT sha256, content_length FROM media WHERE project_id = ? AND id = ?", [project_id, id_]
        ).fetchone()
        if known is None:
            raise not_found("Media asset not found")
        if known != (sha256, len(content)):
            raise ApiError(400, "The bytes are not those that were announced.")
        tables.update(db, "media", where, {"content": content, "uploaded_ns": time.time_ns(), "upload_status": 200})

    await writing(request, write)
    return Response(status_code=200)


async def download(request: Request) -> Response:
    """Never shown as a page of this server: a download, without scripts."""
    project_id, id_ = _check(request, "GET")
    row = await reading(request, lambda db: tables.first(db, "media", query.of_project(project_id).equal("id", id_)))
    if row is None or row["content"] is None:
        raise not_found("Media asset not found")
    headers = {"content-disposition": "attachment", "content-security-policy": "default-src 'none'; sandbox"}
    return Response(row["content"], media_type=row["content_type"], headers=headers)


async def report(request: Request) -> Json:
    """How an upload went, by the one who uploaded."""
    body = await object_of(request)
    where = query.of_project(project_of(request)).equal("id", request.path_params["media_id"])
    status, uploaded = bodies.number(body, "uploadHttpStatus"), bodies.text(body, "uploadedAt")
    if status is not None and not 100 <= status <= 599:
        raise invalid(problem(["uploadHttpStatus"], "Not an HTTP status"))
    try:
        uploaded_ns = parse_iso(uploaded)
    except ValueError:
        raise invalid(problem(["uploadedAt"], "Invalid ISO datetime", "invalid_format")) from None
    values: Row = {
        "upload_status": None if status is None else int(status),
        "upload_error": bodies.optional_text(body, "uploadHttpError"),
        "uploaded_ns": uploaded_ns,
    }

    def write(db: duckdb.DuckDBPyConnection) -> None:
        if not query.count(db, "media", where):
            raise not_found("Media asset not found")
        tables.update(db, "media", where, values)

    await writing(request, write)
    return Json({"message": "OK"})


async def get(request: Request) -> Json:
    project_id, id_ = project_of(request), request.path_params["media_id"]

    def read(db: duckdb.DuckDBPyConnection) -> tuple[Any, ...] | None:
        return db.execute(
            "SELECT content_type, content_length, uploaded_ns FROM media"
            " WHERE project_id = ? AND id = ? AND content IS NOT NULL",
            [project_id, id_],
        ).fetchone()

    found = await reading(request, read)
    if found is None:
        raise not_found("Media asset not found")
    url, expires = signed_url(request, project_id, id_)
    return Json(
        {
            "mediaId": id_,
            "contentType": found[0],
            "contentLength": found[1],
            "uploadedAt": iso_ms_or_none(found[2]),
            "url": url,
            "urlExpiry": expires,
        }
    )
