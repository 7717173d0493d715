"""The alerts of this home: its rules' file, its language and zone, its way to send."""

from __future__ import annotations

import os

from calango.alerts.rules import Rules, parse
from calango.alerts.sending import send
from calango.alerts.texts import Text
from calango.alerts.watch import Watch
from calango.budgets.setup import budgets_of
from calango.errors import ConfigError
from calango.settings import Settings
from calango.store import Store

NAME = "alerts.toml"


def rules_of(settings: Settings) -> Rules:
    """Reads the file that CALANGO_ALERTS names, else `alerts.toml` in CALANGO_HOME if there is one.

    Raises ConfigError, also for the budgets' file; a file that was named must be there.
    """
    path = settings.home / NAME if settings.alerts is None else settings.alerts.expanduser()
    if settings.alerts is None and not path.exists():
        return Rules(budgets=budgets_of(settings))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise ConfigError(f"The alert rules {path} can't be read: {said}.", "Check CALANGO_ALERTS.") from None
    return parse(text, os.environ, budgets_of(settings))


def watch_of(settings: Settings, store: Store, project_id: str) -> Watch:
    """Raises ConfigError when the rules are wrong."""

    def deliver(address: str, text: Text, severity: str) -> str | None:
        return send(address, text, severity, private_allowed=settings.alerts_private)

    return Watch(
        store,
        project_id,
        rules_of(settings),
        send=deliver,
        locale=settings.locale,
        ui_url=settings.ui_url or f"http://127.0.0.1:{settings.ui_port}",
        zone=settings.zone,
    )
