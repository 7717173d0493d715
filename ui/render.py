"""Text that others wrote (models, tools, people with a shared link) as markdown that can do no harm.

Fenced code is cut out and shown by `st.code`, which interprets nothing. In the rest no image is left, because fetching
one tells its server what the address carries, and no `$` starts a formula. Streamlit itself drops raw HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(r"[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*(?P<language>[\w+#.-]*)[^`]*")
_WORD_JOINER = "\u2060"  # invisible; `!` and `[` with it between them are no image
# Dollars in code spans stay as they are: there a backslash would be shown. A span is bounded, so that no text is slow.
_DOLLAR = re.compile(r"\\[\s\S]|(?<!`)(?P<ticks>`+)(?!`)[\s\S]{0,500}?[^`](?P=ticks)(?!`)|(?P<dollar>\$)")
_SPACE = re.compile(r"[ \t\r\n]+")
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


@dataclass(frozen=True, slots=True)
class Prose:
    """Markdown that is safe to show."""

    markdown: str


@dataclass(frozen=True, slots=True)
class Code:
    text: str
    language: str | None


def segments(text: str) -> list[Prose | Code]:
    """`text` in the order in which it is shown. A fence that is still open (streaming) is code to the end."""
    found: list[Prose | Code] = []
    lines: list[str] = []
    fence: re.Match[str] | None = None

    def close() -> None:
        body = "\n".join(lines)
        lines.clear()
        if fence is not None:
            found.append(Code(body, fence["language"].lower() or None))
        elif body.strip():
            found.append(Prose(safe(body)))

    for line in text.split("\n"):
        match = _FENCE.fullmatch(line)
        if fence is None and match is not None:
            close()
            fence = match
        elif fence is not None and _closes(line, fence["mark"]):
            close()
            fence = None
        else:
            lines.append(line)
    if lines or fence is not None:
        close()
    return found


def safe(markdown: str) -> str:
    """Markdown without images and formulas."""
    escaped = _DOLLAR.sub(lambda match: r"\$" if match["dollar"] else match[0], markdown)
    return escaped.replace("![", f"!{_WORD_JOINER}[")


def plain(text: str) -> str:
    """`text` on one line, shown letter by letter where Streamlit takes markdown (labels, captions)."""
    return _PUNCTUATION.sub(r"\\\1", _SPACE.sub(" ", text).strip())


def _closes(line: str, mark: str) -> bool:
    rest = line.strip()
    return len(rest) >= len(mark) and set(rest) == {mark[0]}
