"""Where the copy of a remote Langfuse project lies: in a project of the local server that bears its name."""

from __future__ import annotations

from urllib.parse import urlsplit

from calango import local_api
from calango.errors import NotFound
from calango.local import LocalServer
from calango.mirror.sync import state_name
from calango.settings import Settings


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
    try:
        return str(local_api.project_named(server, name_of(settings))["id"])
    except NotFound:
        raise NotFound(
            "Nothing was copied from the remote Langfuse yet.", "Run `calango sync`; it can be run again any time."
        ) from None
