"""The copy of a remote project in the local store: which project holds it, and how what is new gets there."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
from filelock import FileLock, Timeout

from calango import local, local_api
from calango.errors import ConfigError, HomeError, NotFound
from calango.local import LocalServer
from calango.mirror.sync import Mirror, Progress, state_name
from calango.settings import Settings

ANSWER_S = 60.0


def name_of(settings: Settings) -> str:
    """The local project that holds the copy: named by address and public key."""
    end = state_name(settings.base_url, settings.public_key or "").removesuffix(".json")[-8:]
    return f"{(urlsplit(settings.base_url).hostname or 'remote')[:40]} {end}"


def remote_client(settings: Settings) -> httpx.Client:
    """With the keys of the remote project. Raises ConfigError in any other mode."""
    if settings.mode != "remote" or settings.secret_key is None or settings.public_key is None:
        raise ConfigError(
            f"The mode is {settings.mode}: there is no remote Langfuse.",
            "Set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY.",
        )
    auth = (settings.public_key, settings.secret_key.get_secret_value())
    return httpx.Client(base_url=settings.base_url, auth=auth, timeout=ANSWER_S)


def copy_new(settings: Settings, server: LocalServer, progress: Progress) -> dict[str, int]:
    """Copy what is new into the local project, which is made if need be; rows per table.

    Raises BackendUnreachable, BackendRefused, ConfigError, and HomeError when another process is copying.
    """
    with remote_client(settings) as remote:
        project_id = project_for(server, name_of(settings))
        state = local.prepare_home(settings.home) / state_name(settings.base_url, settings.public_key or "")

        def store(table: str, lines: bytes) -> None:
            params = {"format": "jsonl", "project": project_id}
            local_api.call(server, "POST", f"/import/{table}", params=params, content=iter((lines,)))

        try:
            with FileLock(state.with_suffix(".lock"), timeout=0):
                return Mirror(remote, store, state, progress=progress).run(datetime.now(UTC))
        except Timeout:
            raise HomeError("Another process copies this project just now.", "It will be done soon.") from None


def is_begun(settings: Settings) -> bool:
    """Whether the remote project of these settings was ever copied. Asks nobody."""
    return (settings.home / state_name(settings.base_url, settings.public_key or "")).exists()


def copied_until(settings: Settings) -> str | None:
    """Until when all of the remote project was copied, ISO 8601; None when it was not, or in another mode."""
    if settings.mode != "remote":
        return None
    state = local.read_json(settings.home / state_name(settings.base_url, settings.public_key or "")) or {}
    ends = [str(part["until"]) for part in state.values() if "until" in part]
    return min(ends, default=None)


def project_for(server: LocalServer, name: str) -> str:
    """The id of the project of that name, which is made if need be."""
    try:
        return str(local_api.project_named(server, name)["id"])
    except NotFound:
        return str(local_api.call(server, "POST", "/projects", {"name": name})["id"])


def mirrored(server: LocalServer, settings: Settings) -> str:
    """The id of the project that holds the copy.

    Raises NotFound when nothing was copied yet, BackendUnreachable and BackendRefused.
    """
    try:
        return str(local_api.project_named(server, name_of(settings))["id"])
    except NotFound:
        raise NotFound(
            "Nothing was copied from the remote Langfuse yet.", "Run `calango sync`; it can be run again any time."
        ).because("not_copied") from None
