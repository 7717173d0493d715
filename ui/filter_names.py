"""What filters and outcomes are called."""

from __future__ import annotations

from .i18n import Texts


def filter_names(texts: Texts) -> dict[str, str]:
    return {
        "user": texts("User"),
        "model": texts("Model"),
        "tag": texts("Tag"),
        "outcome": texts("Outcome"),
        "tool": texts("Tool"),
        "prompt": texts("Prompt"),
        "release": texts("Release"),
        "environment": texts("Environment"),
        "name": texts("Name"),
        "session": texts("Conversation"),
    }


def outcome_names(texts: Texts) -> dict[str, str]:
    return {
        "ok": texts("answered"),
        "error": texts("failed"),
        "cancelled": texts("stopped"),
        "interrupted": texts("waiting"),
    }
