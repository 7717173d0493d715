"""Why something was refused, in the language of the page."""

from __future__ import annotations

from calango.errors import CalangoError

from .i18n import Texts


def told(texts: Texts, error: CalangoError) -> str:
    del texts
    return str(error)
