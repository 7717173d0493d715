"""benchmarks/RESULTS.md: one section per benchmark, so that each can be run by itself."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"


def table(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def bars(found: Sequence[tuple[str, float, str, float]]) -> str:
    """Each bar: what is asked, what was measured, `≤` or `≥`, the bar. Says whether it holds."""
    head = [["what", "measured", "bar", "holds"], ["---", "---:", "---:", "---"]]
    body = [
        [what, _number(value), f"{sign} {bar:g}", "yes" if (value <= bar if sign == "≤" else value >= bar) else "NO"]
        for what, value, sign, bar in found
    ]
    return table([*head, *body])


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"


def measured(command: str) -> str:
    """When, where and how: stands below each title."""
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()} on {platform.machine()},"
        f" {os.cpu_count()} cores, by `{command}`. Machines differ; the ratios are what counts."
    )


def write(title: str, text: str) -> None:
    """Put `text` in the place of the section `title`, or at the end."""
    section = f"# {title}\n\n{text.strip()}\n"
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    sections = [part.strip() + "\n" for part in re.split(r"(?m)^(?=# )", old) if part.strip()]
    names = [part.partition("\n")[0].removeprefix("# ") for part in sections]
    if title in names:
        sections[names.index(title)] = section
    else:
        sections.append(section)
    RESULTS.write_text("\n".join(sections), encoding="utf-8")
    print(section)
