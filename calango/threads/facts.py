"""What a conversation's checkpoints tell: its title and when it was last written. Names of our checkpoint metadata."""

from __future__ import annotations

import json

QUESTION = "calango_question"  # what the person asked in the turn, shortened
USER = "calango_user"
_UUID_EPOCH_100NS = 0x01B21DD213814000  # 1582-10-15, where UUID times start (RFC 9562)


def title_of(metadata: str | bytes) -> str:
    return str(json.loads(metadata).get(QUESTION) or "…")


def checkpoint_time_ns(checkpoint_id: str) -> int:
    """When a checkpoint was written: its id is a version 6 UUID (RFC 9562, 5.6), which carries the time."""
    digits = checkpoint_id.replace("-", "")
    ticks = (int(digits[:12], 16) << 12) | int(digits[13:16], 16)
    return (ticks - _UUID_EPOCH_100NS) * 100
