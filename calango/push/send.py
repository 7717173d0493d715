"""A push with the settings of this home: where to, what is masked, and no two at once."""

from __future__ import annotations

import json
from hashlib import sha256

from filelock import FileLock, Timeout

from calango import local
from calango.errors import HomeError
from calango.local import LocalServer
from calango.mirror.copy import remote_client
from calango.push.run import Progress, Push, Pushed
from calango.settings import Settings
from calango.tracing.masking import Masker


def push_project(settings: Settings, server: LocalServer, project_id: str, progress: Progress) -> Pushed:
    """Send what is new in a local project to the remote one that the settings name.

    Raises BackendUnreachable, BackendRefused, ConfigError, and HomeError when another process is pushing.
    """
    key = json.dumps([settings.base_url, settings.public_key, project_id])
    state = local.prepare_home(settings.home) / f"push-{sha256(key.encode()).hexdigest()[:16]}.json"
    masker = Masker.of(settings) if settings.masks(is_remote=True) else None
    try:
        with remote_client(settings) as remote, FileLock(state.with_suffix(".lock"), timeout=0):
            return Push(server, project_id, remote, state, masker, progress).run()
    except Timeout:
        raise HomeError("Another process pushes this project just now.", "It will be done soon.") from None
