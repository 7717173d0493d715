"""One page of the UI, run in this process: how long its script takes, and how long it waits for the server.

Prints JSON. CALANGO_HOME names the store.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

APP = Path(__file__).parents[2] / "ui" / "app.py"
ROUNDS = 5


def waited(spans: list[tuple[float, float]]) -> float:
    """Seconds in which at least one request ran."""
    total, until = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def main(page: str, query: str) -> None:
    spans: list[tuple[float, float]] = []
    send = httpx.Client.send

    def timed(self: httpx.Client, *arguments: Any, **options: Any) -> httpx.Response:
        started = time.perf_counter()
        try:
            return send(self, *arguments, **options)
        finally:
            spans.append((started, time.perf_counter()))

    httpx.Client.send = timed
    found: list[tuple[float, float]] = []
    for _ in range(ROUNDS + 1):
        st.cache_data.clear()  # each round asks anew
        spans.clear()
        app = AppTest.from_file(str(APP), default_timeout=60)
        app._page_hash = calc_hash(page)
        for pair in query.split("&"):
            name, _, value = pair.partition("=")
            app.query_params[name] = value
        started = time.perf_counter()
        app.run()
        found.append((time.perf_counter() - started, waited(spans)))
        assert not app.exception, app.exception
    script, server = (sorted(times)[ROUNDS // 2] * 1000 for times in zip(*found[1:], strict=True))
    print(json.dumps({"script_ms": script, "server_ms": server}))


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    import os

    os._exit(0)  # threads of the chat need no end of their own here
