"""Where the copy of a remote Langfuse project lies: in a project of the local server that bears its name."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from calango import local
from calango.errors import BackendRefused, BackendUnreachable, NotFound
from calango.local import LocalServer
from calango.mirror.sync import state_name
from calango.settings import Settings

_ANSWER_S = 30.0


def name_of(settings: Settings) -> str:
    """The local project that holds the copy: named by address and public key."""
    parts = urlsplit(settings.base_url)
    return f"{parts.netloc[:40]} {str(settings.public_key)[-12:]}"


def is_begun(settings: Settings) -> bool:
    """Whether `calango sync` has ever run for the remote project of these settings. Asks nobody."""
    return (settings.home / state_name(settings.base_url, str(settings.public_key))).exists()


def mirrored(server: LocalServer, settings: Settings) -> str:
    """The id of the project that holds the copy.

    Raises NotFound when nothing was copied yet, BackendUnreachable and BackendRefused.
    """
    auth = (server.public_key, server.secret_key)
    try:
        answer = httpx.get(f"{server.base_url}/api/calango/projects", auth=auth, timeout=_ANSWER_S, trust_env=False)
    except httpx.HTTPError as error:
        raise BackendUnreachable(
            f"The local server does not answer ({type(error).__name__}).", f"See {local.LOG} in CALANGO_HOME."
        ) from error
    if not answer.is_success:
        raise BackendRefused(f"The local server answered {answer.status_code}.", status=answer.status_code)
    name = name_of(settings)
    found = next((str(item["id"]) for item in answer.json()["data"] if item["name"] == name), None)
    if found is None:
        raise NotFound(
            "Nothing was copied from the remote Langfuse yet.", "Run `calango sync`; it can be run again any time."
        )
    return found
