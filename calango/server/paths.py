"""Names in paths may hold anything, a line break too: Starlette's own `path` ends at one."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class Text(Convertor[str]):
    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


def know_text() -> None:
    """From now on routes may say `{name:text}`."""
    register_url_convertor("text", Text())
