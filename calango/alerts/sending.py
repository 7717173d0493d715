"""Messages to Slack, Discord, Telegram, e-mail, webhooks and what else Apprise knows. Addresses are secrets."""

from __future__ import annotations

import logging
import socket
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from calango.alerts.texts import Text

log = logging.getLogger(__name__)
# Apprise's own log names addresses with their tokens.
logging.getLogger("apprise").setLevel(logging.CRITICAL)
NOT_INSTALLED = 'The package for messages is not installed: pip install "calango[alerts]".'
UNREADABLE = "The target is no address that Apprise can read."
FAILED = "The service failed."
NOT_TAKEN = "The service did not take the message."
PRIVATE = "The target is in a private network: CALANGO_ALERTS_PRIVATE=true allows that."
_TYPES = {"info": "info", "warning": "warning", "critical": "failure"}


def send(address: str, text: Text, severity: str, *, private_allowed: bool) -> str | None:
    """Deliver one message; None, or why it could not be delivered. Never says the address."""
    try:
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - an optional extra that takes a while to load
    except ImportError:
        return NOT_INSTALLED
    if not private_allowed and (refusal := _private(address)):
        return refusal
    sender: Any = Apprise(asset=AppriseAsset(app_id="Calango", app_desc="Calango", app_url="", secure_logging=True))
    if not sender.add(address):
        return UNREADABLE
    try:
        went = sender.notify(
            body=text.body,
            title=text.title,
            notify_type=_type(severity),
            body_format="text",
            attach=_chart(sender, text),
        )
    except Exception as error:  # noqa: BLE001 - plugins raise what they like, and texts may hold the address
        log.warning("a message could not be delivered: %s", type(error).__name__)
        return FAILED
    return None if went else NOT_TAKEN


def _chart(sender: Any, text: Text) -> Any:
    """The picture as an attachment, if there is one and the channel takes it; it is drawn only then."""
    from apprise.attachment.memory import AttachMemory  # noqa: PLC0415

    if text.chart is None or not sender[0].attachment_support:
        return None
    png = text.chart()
    return None if png is None else AttachMemory(content=png, name="calango.png", mimetype="image/png")


def _type(severity: str) -> Any:
    from apprise import NotifyType  # noqa: PLC0415

    return NotifyType(_TYPES[severity])


def _private(address: str) -> str | None:
    """Why an address is refused that leads into a private network; None for others.

    Of services with a fixed host (slack://token/…) the part that looks like a host is a token, which is no address.
    """
    host = urlsplit(address).hostname
    if not host:
        return None
    try:
        found = {ip_address(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except (OSError, ValueError):
        return None
    if any(not one.is_global for one in found):
        return PRIVATE
    return None
